"""Profiles: servers and keys by name, in a file that only the user may read."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from postiz_async import Secret
from postiz_async._campaign.read.dates import find_zone
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import ConfigurationError

KEY_TIMEOUT = 60.0
"""Time limit in seconds of a command that prints the key; a person may type a passphrase."""

_SETTINGS = ("url", "key", "key_command", "timezone")
_OTHERS = 0o077
"""The permission bits of group and others."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile: a server and its key, as far as given."""

    name: str
    url: str | None = None
    key: Secret | None = None
    key_command: Secret | None = None
    zone: ZoneInfo | None = None

    @property
    def has_key(self) -> bool:
        """Whether the profile has a key, or a command that prints one."""
        return self.key is not None or self.key_command is not None

    def find_key(self) -> Secret | None:
        """The key, from the profile or from its command; None if it has neither.

        Raises:
            ConfigurationError: the command does not print a key.
        """
        if self.key_command is None:
            return self.key
        return _said_by(self.key_command, f"The key_command of the profile {self.name!r}")


def profiles_path() -> Path:
    """The file of the profiles, in the user's folder for settings.

    Raises:
        ConfigurationError: this user has no home folder.
    """
    return user_folder("APPDATA", "Roaming", "XDG_CONFIG_HOME", ".config") / "profiles.toml"


def user_folder(windows: str, app_data: str, xdg: str, *below_home: str) -> Path:
    """The folder of this program below the system's folder for a purpose, such as settings.

    Args:
        windows: the variable with the system's folder on Windows.
        app_data: its place on Windows without the variable.
        xdg: the variable on other systems; a relative path is ignored, as XDG specifies.
        below_home: its place below the home folder without that variable.

    Raises:
        ConfigurationError: this user has no home folder.
    """
    if sys.platform == "win32":
        base = os.environ.get(windows) or at_home("AppData", app_data)
    elif sys.platform == "darwin":
        base = at_home("Library", "Application Support")
    else:
        named = os.environ.get(xdg, "")
        base = named if Path(named).is_absolute() else at_home(*below_home)
    return Path(base) / "postiz-async"


def at_home(*parts: str) -> Path:
    """A path below the user's home.

    Raises:
        ConfigurationError: there is no home folder, for example in a container.
    """
    try:
        return Path.home().joinpath(*parts)
    except RuntimeError:
        said = repr(os.environ["HOME"]) if "HOME" in os.environ else "not set"
        raise ConfigurationError(
            f"This user has no home folder: HOME is {said}, and the system does not know one. "
            "Then: export HOME=/a/folder"
        ) from None


def find_profile(name: str) -> Profile:
    """The profile with this name.

    Raises:
        ConfigurationError: there is no such profile, it is invalid, or the file cannot be used.
    """
    path = profiles_path()
    tables = _tables(path)
    if name not in tables:
        has = f"has {', '.join(tables)}" if tables else "has none or is not there"
        meant = _meant(name, tables)
        raise ConfigurationError(f"There is no profile {name!r}{meant}. {path} {has}.")
    return _profile(name, tables[name], f"{path}, profile {name!r}")


def _tables(path: Path) -> dict[str, object]:
    """The tables of the file, with keys as secrets."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigurationError(
                    f"Others may read or change {path}, which is for keys. Then: "
                    f"chmod 600 {shlex.quote(str(path))}"
                )
            content = Secret(file.read().decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not text in UTF-8.") from None
    tables, why = _parsed(content)
    if why:
        raise ConfigurationError(f"{path} is not TOML: {why}.")
    return tables


def _parsed(content: Secret) -> tuple[dict[str, object], str]:
    """The tables with secrets hidden, and the error if the text is not TOML."""
    try:
        tables = tomllib.loads(content.reveal())
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        return {}, str(error)
    for table in tables.values():
        if isinstance(table, dict):
            said = cast("dict[str, object]", table)
            for name, value in said.items():
                said[name] = Secret(value) if isinstance(value, str) else value
    return tables, ""


def _profile(name: str, table: object, where: str) -> Profile:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is not a table; write it like [{name}].")
    said = cast("Mapping[str, object]", table)
    for setting, value in said.items():
        if setting not in _SETTINGS:
            known = f"the settings are {', '.join(_SETTINGS)}"
            raise ConfigurationError(
                f"{where}: {setting!r} is unknown{_meant(setting, _SETTINGS) or f': {known}'}."
            )
        if not isinstance(value, Secret) or not value.reveal().strip():
            raise ConfigurationError(
                f'{where}: {setting} is not text; write it like {setting} = "...".'
            )
    settings = cast("Mapping[str, Secret]", said)
    if {"key", "key_command"} <= set(settings):
        raise ConfigurationError(f"{where} has both key and key_command; leave one out.")
    url, zone = settings.get("url"), settings.get("timezone")
    found = find_zone(zone.reveal()) if zone is not None else None
    if zone is not None and found is None:
        raise ConfigurationError(
            f"{where}: there is no time zone {zone.reveal()!r}. Write it like Europe/Berlin."
        )
    return Profile(
        name,
        url=None if url is None else url.reveal(),
        key=settings.get("key"),
        key_command=settings.get("key_command"),
        zone=found,
    )


def _meant(typed: str, known: Collection[str]) -> str:
    return did_you_mean(typed, known, " (did you mean {!r}?)")


def _said_by(command: Secret, whose: str) -> Secret:
    """The first line of a command's output, which is not shown anywhere."""
    by_hand = "Run it by hand to see why."
    try:
        words = shlex.split(command.reveal())
    except ValueError as error:
        raise ConfigurationError(f"{whose} cannot be read: {error}.") from None
    program = repr(words[0]) if words else "nothing"
    try:
        done = subprocess.run(  # noqa: S603  (the user's own, from a file that is theirs alone)
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=KEY_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{whose} said nothing for {KEY_TIMEOUT:g} s. {by_hand}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not a command"
        raise ConfigurationError(f"{whose} cannot be started: {program}: {why}.") from None
    if done.returncode != 0:
        raise ConfigurationError(f"{whose} ended with code {done.returncode}. {by_hand}")
    first = Secret(done.stdout.decode(errors="replace").partition("\n")[0].strip())
    if not first:
        raise ConfigurationError(f"{whose} printed no key in its first line. {by_hand}")
    return first
