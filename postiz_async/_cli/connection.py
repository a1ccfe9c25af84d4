"""The connection of commands to Postiz: server, key, headers, proxy, clock."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
import warnings
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cyclopts import Parameter
from tzlocal import reload_localzone

from postiz_async import AdvancedOptions, OutboxOptions, Postiz, Secret
from postiz_async._campaign.read.dates import find_zone, zone_named
from postiz_async._cli.help import CONNECTION_IN_BRIEF
from postiz_async._cli.profiles import Profile, at_home, find_profile, user_folder
from postiz_async._transport import ConnectionSettings, make_transport
from postiz_async._wire import (
    CLOUD_URL,
    Allowed,
    api_root,
    clean_key,
)
from postiz_async.clock import AcceleratedClock, Anchor, Clock, SystemClock
from postiz_async.contrib.web import open_store
from postiz_async.errors import ConfigurationError
from postiz_async.stores._files import tighten
from postiz_async.types import AttemptHook

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@Parameter(name="*", group=CONNECTION_IN_BRIEF)
@dataclass(frozen=True, kw_only=True)
class Connection:
    """Options for the connection to Postiz.

    Args:
        profile: The name of a table in profiles.toml with server, key and time zone; else
            POSTIZ_PROFILE.
        api_key: The API key; else POSTIZ_API_KEY or a profile, where other users of this machine do
            not see it, else the official CLI's login.
        timezone: The time zone of dates without one, and of the dates that are shown, like
            Europe/Berlin; else what is saved with a campaign, the profile's, the machine's.
    """

    profile: str | None = None
    api_key: Annotated[Secret | None, Parameter(accepts_keys=False)] = None
    url: Annotated[
        str | None,
        Parameter(help=f"The server; else POSTIZ_API_URL, else {CLOUD_URL}."),
    ] = None
    timezone: str | None = None

    def client(self, on_attempt: AttemptHook | None = None) -> AbstractAsyncContextManager[Postiz]:
        """An open client of the server.

        Raises:
            ConfigurationError: there is no key, or something cannot be used.
        """
        return open_client(find_target(self), on_attempt)


@dataclass(frozen=True, slots=True)
class Target:
    """Resolved settings. `source` says where the key came from, `given` is how it was written."""

    root: str
    key: Secret
    given: Secret
    source: str
    clock: Clock
    times_out_on_it: bool = False
    """Whether time-outs are measured by `clock`, not by the machine's clock."""
    connection: ConnectionSettings = field(default_factory=ConnectionSettings.checked)

    def __repr__(self) -> str:
        return f"<Target {self.root}, key from {self.source}>"


class _KeyFile(msgspec.Struct, rename="camel"):
    """The login file of the official command line."""

    access_token: str | None = None
    api_url: str | None = None


def find_target(connection: Connection) -> Target:
    """Resolve key and server: arguments, environment, profile, the official CLI's login file.

    A profile given as an argument takes precedence over the environment.

    Raises:
        ConfigurationError: there is no key, or something cannot be used.
    """
    profile = profile_of(connection)
    key, source, its_server = _find_key(connection, profile)
    urls = [os.environ.get("POSTIZ_API_URL"), its_server if profile is None else profile.url]
    if connection.profile is not None:
        urls.reverse()
    url = next(filter(None, [connection.url, *urls]), CLOUD_URL)
    if not key:
        lacks = f" The profile {profile.name!r} has none." if profile is not None else ""
        raise ConfigurationError(
            f"There is no API key.{lacks} You find it in Postiz under Settings > Developers > "
            "Public API. Then: export POSTIZ_API_KEY=... (or a profile, or --api-key)"
        )
    root = api_root(url)
    wanted = os.environ.get("POSTIZ_SANDBOX_CLOCK")
    clock = _sandbox_clock(root) if wanted in {"1", "timeouts"} else SystemClock()
    return Target(
        root,
        clean_key(key),
        key,
        source,
        clock,
        times_out_on_it=wanted == "timeouts",
    )


def profile_of(connection: Connection) -> Profile | None:
    """The profile that is named by an option or by the environment, if any.

    Raises:
        ConfigurationError: it does not exist or cannot be used.
    """
    if connection.profile is not None:
        return find_profile(connection.profile)
    name = os.environ.get("POSTIZ_PROFILE")
    return find_profile(name) if name else None


def zone_of(connection: Connection, kept: str | None = None) -> ZoneInfo:
    """The time zone of dates without one, and of the dates that are shown.

    It is that of `--timezone`, else the one saved next to the file, the profile's, the machine's.

    Raises:
        ConfigurationError: there is no such zone, or the machine's is not known.
    """
    name = connection.timezone or kept
    if name is not None:
        return zone_named(name, ConfigurationError)
    profile = profile_of(connection)
    said = None if profile is None else profile.zone
    return said or _machine_zone()


def _machine_zone() -> ZoneInfo:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a machine that has none: that is UTC
            found = reload_localzone()
    except (ZoneInfoNotFoundError, ValueError):
        found = None
    zone = find_zone("UTC" if str(found) == "Etc/UTC" else str(found))
    if zone is None:
        raise ConfigurationError(
            "The time zone of this machine is not known. Say --timezone Europe/Berlin, or set TZ."
        )
    return zone


def _find_key(connection: Connection, profile: Profile | None) -> tuple[Secret, str, str | None]:
    """The key as given, its source, and the server that was stored with it, if any."""
    if connection.api_key:
        return connection.api_key, "--api-key", None
    is_meant = connection.profile is not None and profile is not None and profile.has_key
    key = Secret(os.environ.get("POSTIZ_API_KEY", ""))
    if key and not is_meant:
        return key, "POSTIZ_API_KEY", None
    if profile is not None:
        return profile.find_key() or Secret(""), f"the profile {profile.name!r}", None
    login = _official_login()
    return Secret(login.access_token or ""), "~/.postiz/credentials.json", login.api_url


@asynccontextmanager
async def open_client(
    target: Target,
    on_attempt: AttemptHook | None = None,
    *,
    store: Secret | None = None,
    schema: str = "postiz_async",
    outbox: OutboxOptions | None = None,
    allowed: Allowed | None = None,
) -> AsyncGenerator[Postiz]:
    """Open a client that shares the quota with all others that use the store.

    Args:
        target: the server and the key.
        on_attempt: see `AdvancedOptions`.
        store: the address of the store; None: that of this user's commands.
        schema: the schema of the tables in PostgreSQL.
        outbox: the outbox of the client; None: it has none.
        allowed: its scopes; None: all.
    """
    folder = state_folder()
    tighten(folder)
    speed = target.clock.speed if target.times_out_on_it else 1.0
    own = folder / "quota.sqlite"
    shared = open_store(store or own, clock=target.clock, schema=schema)
    transport = make_transport(replace(target.connection, speed=speed))
    try:
        with quiet_fast_clock_warnings(target.clock):
            async with Postiz(
                api_key=target.key,
                base_url=target.root,
                store=shared,
                outbox=outbox,
                allow=allowed,
                advanced=AdvancedOptions(
                    clock=target.clock, transport=transport, on_attempt=on_attempt
                ),
            ) as postiz:
                yield postiz
    finally:
        await transport.aclose()
        await shared.aclose()


@contextmanager
def quiet_fast_clock_warnings(clock: Clock) -> Generator[None]:
    """Suppress warnings about late requests on a fast clock, where a busy machine is often late."""
    log = logging.getLogger("postiz_async.quota")
    before = log.level
    if clock.speed > 1:
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def state_folder() -> Path:
    """The user's folder for state that programs keep between runs.

    Raises:
        ConfigurationError: this user has no home folder.
    """
    return user_folder("LOCALAPPDATA", "Local", "XDG_STATE_HOME", ".local", "state")


def _official_login() -> _KeyFile:
    try:
        path = at_home(".postiz", "credentials.json")
        return msgspec.json.decode(path.read_bytes(), type=_KeyFile)
    except (OSError, ConfigurationError, msgspec.DecodeError):
        return _KeyFile()


def _sandbox_clock(root: str) -> Clock:
    """The clock of the sandbox at `root`, for a client with the same time.

    Refused for other machines: with a faster clock a client would exceed a real server's quota.
    """
    parts = urlsplit(root)
    if parts.hostname not in LOOPBACK:
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
