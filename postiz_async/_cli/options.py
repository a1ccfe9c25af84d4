"""Options that commands share: server, key and clock; how a file is read; from when to when."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import anyio.to_thread
import msgspec
from cyclopts import Parameter

from postiz_async._batch.file_options import kept_options, merged_reading
from postiz_async._batch.read_options import Advice, ReadOptions
from postiz_async._cli.profiles import Profile, find_profile
from postiz_async._client import Postiz, make_transport
from postiz_async._wire import CLOUD_URL, api_root, clean_key
from postiz_async._wire.secrets import Secret
from postiz_async.clock import AcceleratedClock, Anchor, SystemClock
from postiz_async.errors import ConfigurationError, InvalidPostError, Problem
from postiz_async.stores._files import tighten
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from postiz_async.clock import Clock

__all__ = [
    "Connection",
    "EndOption",
    "Json",
    "ReadAs",
    "Save",
    "Start",
    "StateOption",
    "Target",
    "aware",
    "day_range",
    "find_reading",
    "find_target",
    "open_client",
    "zone_of",
]


_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


Json = Annotated[bool, Parameter(name="--json", help="Print JSON for programs.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach Postiz."""

    profile: Annotated[
        str | None,
        Parameter(
            help="Take server, key and time zone from this profile, see postiz-async profiles; "
            "else POSTIZ_PROFILE."
        ),
    ] = None
    api_key: Annotated[
        Secret | None,
        Parameter(
            help="The API key; else POSTIZ_API_KEY, else the official CLI's login.",
            accepts_keys=False,
        ),
    ] = None
    url: Annotated[
        str | None,
        Parameter(help=f"The server; else POSTIZ_API_URL, else {CLOUD_URL}."),
    ] = None
    sandbox_clock: Annotated[
        bool,
        Parameter(
            help="Run on the clock of a local sandbox (or set POSTIZ_SANDBOX_CLOCK=1; with "
            "POSTIZ_SANDBOX_CLOCK=timeouts requests time out on that clock, too).",
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class Target:
    """Resolved settings. `source` says where the key came from, `given` is how it was written."""

    root: str
    key: Secret
    given: Secret
    source: str
    clock: Clock
    times_out_on_it: bool = False
    """Whether time-outs are meant on the clock, and not on the machine's."""

    def __repr__(self) -> str:
        return f"<Target {self.root}, key from {self.source}>"


class _KeyFile(msgspec.Struct, rename="camel"):
    """What the official command line keeps after its login."""

    access_token: str | None = None
    api_url: str | None = None


def find_target(connection: Connection) -> Target:
    """Resolve key and server: arguments, environment, profile, the official CLI's login file.

    A profile that is an argument comes before the environment: who names one means its server.

    Raises:
        ConfigurationError: there is no key, or something cannot be used.
    """
    profile = _profile(connection)
    key, source, its_server = _find_key(connection, profile)
    urls = [os.environ.get("POSTIZ_API_URL"), profile.url if profile is not None else its_server]
    if connection.profile is not None:
        urls.reverse()
    url = next((url for url in [connection.url, *urls] if url), CLOUD_URL)
    if not key:
        lacks = f" The profile {profile.name!r} has none." if profile is not None else ""
        raise ConfigurationError(
            f"There is no API key.{lacks} You find it in Postiz under Settings > Developers > "
            "Public API. Then: export POSTIZ_API_KEY=... (or --api-key)"
        )
    root = api_root(url)
    wanted = os.environ.get("POSTIZ_SANDBOX_CLOCK")
    wants_sandbox = connection.sandbox_clock or wanted in {"1", "timeouts"}
    clock = _sandbox_clock(root) if wants_sandbox else SystemClock()
    return Target(root, clean_key(key), key, source, clock, wanted == "timeouts")


def _profile(connection: Connection) -> Profile | None:
    if connection.profile is not None:
        return find_profile(connection.profile)
    name = os.environ.get("POSTIZ_PROFILE")
    return find_profile(name) if name else None


def zone_of(connection: Connection) -> ZoneInfo | None:
    """The time zone of the profile in use, if there is one."""
    profile = _profile(connection)
    return None if profile is None else profile.zone


def _find_key(connection: Connection, profile: Profile | None) -> tuple[Secret, str, str | None]:
    """The key as it was given, where it came from, and the server that it was kept with, if any."""
    if connection.api_key:
        return connection.api_key, "--api-key", None
    is_meant = connection.profile is not None and profile is not None and profile.key_from
    key = Secret(os.environ.get("POSTIZ_API_KEY", ""))
    if key and not is_meant:
        return key, "POSTIZ_API_KEY", None
    if profile is not None:
        return profile.find_key() or Secret(""), f"the profile {profile.name!r}", None
    login = _official_login()
    return Secret(login.access_token or ""), "~/.postiz/credentials.json", login.api_url


def json_object(name: str, text: str) -> dict[str, object]:
    """An argument that is a JSON object.

    Raises:
        InvalidPostError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise InvalidPostError([Problem(name, f"is not a JSON object: {error}")]) from error


@asynccontextmanager
async def open_client(target: Target) -> AsyncGenerator[Postiz]:
    """A client that shares the quota with the other commands of this user, now and later."""
    transport = make_transport(speed=target.clock.speed if target.times_out_on_it else 1.0)
    tighten(state_folder())
    store = SqliteStore(state_folder() / "quota.sqlite")
    try:
        async with Postiz(
            api_key=target.key,
            base_url=target.root,
            quota=store,
            clock=target.clock,
            transport=transport,
        ) as postiz:
            yield postiz
    finally:
        await transport.aclose()
        await store.aclose()


def state_folder() -> Path:
    """The user's folder for state that programs keep between runs."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "postiz-async"


def _official_login() -> _KeyFile:
    try:
        path = Path.home() / ".postiz" / "credentials.json"
        return msgspec.json.decode(path.read_bytes(), type=_KeyFile)
    except (OSError, RuntimeError, msgspec.DecodeError):
        return _KeyFile()


def _sandbox_clock(root: str) -> Clock:
    """The clock of the sandbox at `root`, so that its hours are ours.

    Only a sandbox on this machine has one: a faster clock would overrun a real server.
    """
    parts = urlsplit(root)
    if parts.hostname not in _LOOPBACK:
        raise ConfigurationError(
            f"{root} is not a sandbox on this machine, so its clock cannot be taken over."
        )
    url = f"{parts.scheme}://{parts.netloc}/sandbox/clock"
    try:
        with _direct.open(url, timeout=5) as answer:
            said = json.load(answer)
        return AcceleratedClock(
            float(said["speed"]), anchor=Anchor(float(said["real"]), float(said["shown"]))
        )
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        what = "Start one with: postiz-async sandbox"
        if parts.scheme == "https":
            what = f"A sandbox has no TLS: is it http://{parts.netloc}?"
        raise ConfigurationError(
            f"There is no sandbox at {parts.scheme}://{parts.netloc}. {what}"
        ) from error


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """Where a campaign file is not as the columns have it."""

    timezone: Annotated[
        str | None,
        Parameter(help="The time zone of dates that have none, like Europe/Berlin."),
    ] = None
    zone: Annotated[
        list[str] | None,
        Parameter(help="The same for one channel, like mastodon=Asia/Tokyo; may be repeated."),
    ] = None
    date_format: Annotated[
        str | None,
        Parameter(help="How dates are written, like '%d.%m.%Y %H:%M' (as strptime has it)."),
    ] = None
    column: Annotated[
        list[str] | None,
        Parameter(
            help="A column of the file that has another name: Text=content. Notes= leaves a "
            "column out. May be repeated: When=date, Hour=time."
        ),
    ] = None
    encoding: Annotated[
        str | None,
        Parameter(
            help="The encoding of a text file, like cp1250; UTF-8 or recognised if not said."
        ),
    ] = None
    sheet: Annotated[
        str | None, Parameter(help="The sheet of a spreadsheet that has several, by its name.")
    ] = None
    default: Annotated[
        list[str] | None,
        Parameter(help="What empty cells of a column say: tags=news; may be repeated."),
    ] = None
    template: Annotated[
        bool | None,
        Parameter(help="Fill {name} in texts and settings with the row's column of that name."),
    ] = None
    ignore: Annotated[
        list[Advice] | None,
        Parameter(help="A kind of warning that is not wanted; may be repeated."),
    ] = None


Save = Annotated[
    bool,
    Parameter(
        negative="",
        help="Keep what describes the file beside it, as campaign.toml, which every command reads.",
    ),
]


async def find_reading(file: Path, said: ReadAs, connection: Connection) -> ReadOptions:
    """How a campaign is read: as was said, else as is kept beside it, else in the profile's zone.

    Raises:
        ConfigurationError: something has no `=`, or is said twice.
        BatchError: what is kept beside it cannot be read.
    """
    kept = await anyio.to_thread.run_sync(kept_options, file)
    reading = merged_reading(_as_said(said), kept)
    zone = zone_of(connection)
    if reading.timezone is None and zone is not None:
        reading = msgspec.structs.replace(reading, timezone=zone.key)
    return reading


def _as_said(said: ReadAs) -> ReadOptions:
    return ReadOptions(
        columns=_pairs("--column", said.column, "Text=content", str.rpartition),
        defaults=_pairs("--default", said.default, "tags=news", str.partition),
        date_format=said.date_format,
        timezone=said.timezone,
        timezones=_pairs("--zone", said.zone, "mastodon=Asia/Tokyo", str.rpartition),
        encoding=said.encoding,
        sheet=said.sheet,
        template=said.template,
        ignore=tuple(said.ignore or ()),
    )


def _pairs(
    option: str,
    said: Iterable[str] | None,
    example: str,
    cut: Callable[[str, str], tuple[str, str, str]],
) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in said or ():
        name, sign, value = cut(text, "=")
        if not sign or not name.strip():
            raise ConfigurationError(f"{option} is {text!r}; write it like {option} {example}")
        if name in pairs:
            raise ConfigurationError(f"{option} names {name!r} twice.")
        pairs[name] = value
    return pairs


Start = Annotated[
    datetime | None, Parameter(help="First moment (UTC unless it has a zone); today.")
]
EndOption = Annotated[datetime | None, Parameter(help="Last moment; 30 days after the first.")]
StateOption = Annotated[
    Literal["QUEUE", "PUBLISHED", "ERROR", "DRAFT"] | None, Parameter(help="Only in this state.")
]


def day_range(
    postiz: Postiz, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """The moments that are meant; from today on if nothing is said.

    Raises:
        ConfigurationError: the end is before the start.
    """
    today = datetime.fromtimestamp(postiz.clock.time(), UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    first = aware(start) if start is not None else today
    last = aware(end) if end is not None else first + timedelta(days=30)
    if last < first:
        began = "--start" if start is not None else "today, which is taken without --start"
        raise ConfigurationError(f"--end ({last:%Y-%m-%d}) is before {began} ({first:%Y-%m-%d}).")
    return first, last


def aware(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment, in the zone if it says nothing else; that is UTC if it is None."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone or UTC)
