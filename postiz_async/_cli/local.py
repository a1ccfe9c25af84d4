"""The commands `sandbox` and `demo`, which run a Postiz on this machine."""

from __future__ import annotations

import asyncio
import errno
import math
import shutil
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.text import Text

from postiz_async import AdvancedOptions, Postiz
from postiz_async._cli.after_run import show_report
from postiz_async._cli.connection import quiet_fast_clock_warnings
from postiz_async._cli.options import Json
from postiz_async._cli.output import Output, moment
from postiz_async._cli.progress import RunDisplay
from postiz_async._cli.results import Result, report_result
from postiz_async._cli.sending import Sending, run_campaign
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from postiz_async._sandbox.http import MemoryServer, Served
    from postiz_async.testing import Fault, OAuthApp, Organization


SAMPLE_START = datetime(2027, 1, 14, 9, tzinfo=UTC)
"""The day before the sample campaign."""

DEMO_SPEED = 600.0
DEMO_LIMIT = 30


@asynccontextmanager
async def _served_sample(
    box: MemoryServer, *, port: int, host: str = "127.0.0.1"
) -> AsyncGenerator[Served]:
    """Serve a sandbox with the channels and tags of the sample campaign."""
    from postiz_async._sandbox.http import serve  # noqa: PLC0415  (the other commands need none)

    fill_with_sample(box)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(box)
        try:
            served = await stack.enter_async_context(serve(box, host, port))
        except OSError as error:
            no_address = {errno.EADDRNOTAVAIL, None}  # None: asyncio of Python 3.13
            if isinstance(error, socket.gaierror) or error.errno in no_address:
                raise ConfigurationError(f"--host {host} is no address of this machine.") from error
            why = "is in use" if error.errno == errno.EADDRINUSE else "cannot be used"
            raise ConfigurationError(f"Port {port} {why}. Take another --port.") from error
        yield served


def fill_with_sample(box: MemoryServer) -> None:
    """Give each organisation the channels and tags of the sample; their ids are always the same."""
    sample = files("postiz_async._sandbox") / "sample"
    tags = msgspec.json.decode((sample / "tags.json").read_bytes(), type=list[str])
    channels = msgspec.json.decode(
        (sample / "channels.json").read_bytes(), type=list[dict[str, str]]
    )
    for owner in box.organizations:
        for channel in channels:
            its_id = channel["id"]
            if owner is not box.organization:
                mark = sha256(f"{owner.name} {its_id}".encode()).hexdigest()[:8]
                its_id = f"{its_id[:-8]}{mark}"
            provider, name = channel["provider"], channel["name"]
            box.add_channel(provider, id=its_id, name=name, organization=owner)
        for tag in tags:
            box.add_tag(tag, organization=owner)


Speed = Annotated[
    float,
    Parameter(help="How many times as fast its clock runs.", validator=Number(gt=0, lt=math.inf)),
]


async def sandbox(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 4007,
    host: Annotated[str, Parameter(env_var="POSTIZ_SANDBOX_HOST")] = "127.0.0.1",
    speed: Speed = 1.0,
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = (DEMO_LIMIT),
    window: Annotated[float, Parameter(validator=Number(gte=1, lte=86_400))] = 3600.0,
    organization: list[str] | None = None,
    api_key: str | None = None,
    oauth_app: str | None = None,
    sample: Path | None = None,
    start: datetime | None = None,
    release: str = "HEAD",
    fault: list[str] | None = None,
    seed: int = 0,
    json: Json = False,
) -> None:
    """Serve a Postiz on this machine to try things with.

    It has the channels of the sample campaign. Ctrl-C ends it. With --json, it prints one document
    with its address when it is ready.

    Args:
        port: The port; 0: any free one.
        host: The address that it listens on; 0.0.0.0 in a container, for other containers.
        limit: Create requests per window.
        window: Seconds that a window and a lock-out last: few, to see waits end without --speed.
        organization: The name of an organisation with its own channels, quota and key, which is
            printed; can be repeated.
        api_key: The key that it accepts without --organization; by default `sandbox`.
        oauth_app: The callback of an application that asks users for access, such as
            http://localhost:8000/postiz/callback; its id and secret are printed.
        sample: Also copy the sample campaign into this folder.
        start: The time that its clock shows at first, like 2027-01-15T09:00 (UTC).
        release: The release to imitate: v2.20.0, v2.23.0, HEAD or next.
        fault: What goes wrong, as drop_answer:20%:route=create_post; as often as you like. Kinds:
            drop_answer, hang, late_work, late_answer, reset, error_before, error_after, stop,
            empty_401, html, strip_headers. Further: times=, delay= (seconds), status=,
            after_items=, half.
        seed: The seed of ids and random faults.
    """
    from postiz_async._sandbox.http import MemoryServer  # noqa: PLC0415  (the other commands need none)

    output = Output(as_json=json)
    names = organization or []
    if names and api_key is not None:
        raise ConfigurationError(
            "--api-key is for a sandbox without --organization: each of these has a key of its own."
        )
    faults = _read_faults(fault or (), release=release, names=names)
    if sample is not None:
        _copy_sample(sample)
    shown = start.replace(tzinfo=start.tzinfo or UTC).timestamp() if start else time.time()
    clock = AcceleratedClock(speed, anchor=Anchor(time.time(), shown))
    box = MemoryServer(
        api_key=api_key,
        clock=clock,
        limit=limit,
        window=window,
        release=release,
        seed=seed,
        organizations=names,
    )
    for each in faults:
        box.faults.add(each)
    app = None if oauth_app is None else box.add_oauth_app("Your application", oauth_app)
    async with _served_sample(box, port=port, host=host) as served:
        started: Result = {
            "url": served.url,
            "now": datetime.fromtimestamp(clock.time(), UTC),
            "speed": speed,
            "limit": limit,
            "window": window,
            "organizations": [_described(each, served.url, app) for each in box.organizations],
        }
        if json:
            output.json(started)
        else:
            _show_started(output, started, named=bool(names))
        await asyncio.Event().wait()


def _show_started(output: Output, started: Result, *, named: bool) -> None:
    organizations, speed = started["organizations"], started["speed"]
    of = f"{len(organizations)} organisations, each with " if len(organizations) > 1 else ""
    fast = "" if speed == 1 else f", {speed:g} times as fast"
    output.say(
        f"A Postiz sandbox with {of}{len(organizations[0]['channels'])} channels and "
        f"{started['limit']} creates {_every(started['window'])}. Its clock shows "
        f"{moment(started['now'], UTC)}{fast}."
    )
    if speed != 1 or abs(started["now"].timestamp() - time.time()) > 60:
        output.say(
            "Commands go by this clock. For programs, which go by the machine's, start one without "
            "--speed and --start."
        )
    _show_keys(output, organizations, named=named)


def _every(window: float) -> str:
    return "an hour" if window == 3600 else f"every {window:g} s"


def _described(organization: Organization, url: str, app: OAuthApp | None) -> Result:
    environment = {
        "POSTIZ_API_URL": url,
        "POSTIZ_API_KEY": organization.api_key,
        "POSTIZ_SANDBOX_CLOCK": "1",
    }
    if app is not None:
        environment["POSTIZ_CLIENT_ID"] = app.client_id
        environment["POSTIZ_CLIENT_SECRET"] = app.client_secret or ""
    return {
        "name": organization.name,
        "environment": environment,
        "channels": [
            {"id": each.id, "name": each.name, "provider": each.provider}
            for each in organization.live_channels()
        ],
    }


def _show_keys(output: Output, organizations: list[Result], *, named: bool) -> None:
    """Show a line for the shell for each organisation."""
    for each in organizations:
        if named:
            output.result(f"# {each['name']}")
        said = " ".join(f"{name}={quote(value)}" for name, value in each["environment"].items())
        output.show(Text(f"export {said}", style="bold"))


def _read_faults(texts: Sequence[str], *, release: str, names: Sequence[str]) -> list[Fault]:
    """Read the faults of a sandbox, and check its release and organisations too."""
    from postiz_async._sandbox.http import MemoryServer  # noqa: PLC0415  (the other commands need none)
    from postiz_async.testing import Fault  # noqa: PLC0415  (the other commands need none)

    with _said_of("--release", release):
        MemoryServer(release=release)
    if not all(map(str.strip, names)):
        raise ConfigurationError("--organization: an organisation needs a name.")
    with _said_of("--organization"):
        MemoryServer(organizations=names)
    faults: list[Fault] = []
    for text in texts:
        with _said_of("--fault", text):
            faults.append(Fault.parse(text))
    return faults


@contextmanager
def _said_of(*option: str) -> Generator[None]:
    """Turn a ValueError of the sandbox into an error that names the option."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(f"{' '.join(option)}: {error}.") from error


def _copy_sample(folder: Path) -> None:
    """Copy the sample campaign, unless there is a campaign already."""
    if (folder / "campaign.csv").exists():
        return
    try:
        with as_file(files("postiz_async._sandbox") / "sample") as source:
            hidden = shutil.ignore_patterns("*.py", "__pycache__")
            shutil.copytree(source, folder, dirs_exist_ok=True, ignore=hidden)
    except (OSError, shutil.Error) as error:
        raise ConfigurationError(f"The sample cannot be copied to {folder}: {error}.") from error


async def demo(*, speed: Speed = DEMO_SPEED, json: Json = False) -> int:
    """Run the sample campaign in a sandbox with a fast clock."""
    from postiz_async._sandbox.http import MemoryServer  # noqa: PLC0415

    clock = AcceleratedClock(speed, anchor=Anchor(time.time(), SAMPLE_START.timestamp()))
    box = MemoryServer(api_key="demo", clock=clock, limit=DEMO_LIMIT)
    async with _served_sample(box, port=0) as served:
        advanced = AdvancedOptions(clock=clock)
        postiz = Postiz(api_key="demo", base_url=served.url, advanced=advanced)
        with quiet_fast_clock_warnings(clock):
            return await run_sample(Output(as_json=json), box, postiz, speed)


async def run_sample(
    output: Output,
    box: MemoryServer,
    client: Postiz,
    speed: float,
    display_type: type[RunDisplay] = RunDisplay,
) -> int:
    """Run the sample campaign, and show what the sandbox has then.

    Args:
        output: where to show it.
        box: the sandbox, which has the channels of the sample.
        client: a client of the sandbox, not open yet.
        speed: how many times as fast as real time the clock of both runs.
        display_type: what shows the progress.
    """
    output.say(
        f"Sample campaign, sandbox with {DEMO_LIMIT} creates an hour; "
        f"an hour takes {3600 / speed:.3g} s here.",
        "bold",
    )
    began = box.clock.time()
    with TemporaryDirectory(prefix="postiz-async-demo-") as folder:
        _copy_sample(Path(folder))
        async with client as postiz, postiz.campaign(Path(folder, "campaign.csv")) as campaign:
            rows = len(campaign.rows)
            display = display_type(output, postiz, campaign, open_rows=rows, zone=UTC)
            await run_campaign(output, postiz, campaign, display, UTC, Sending())
            report = await campaign.report()
    creates = box.creates
    hours, seconds = (creates[-1].at - creates[0].at) / 3600, (box.clock.time() - began) / speed
    seen = {
        "posts": len(box.posts),
        "uploads": len(box.uploads),
        "creates": len(creates),
        "refusals": box.refusals,
        "hours": hours,
        "seconds": seconds,
    }
    if output.as_json:
        output.json({**report_result(report), "sandbox": seen})
    else:
        _show_channels(output, box)
        show_report(output, report, zone=UTC)
        output.result(
            f"The sandbox holds {len(box.posts)} posts and {len(box.uploads)} files; "
            f"it refused {box.refusals} requests (429)."
        )
        output.say(f"{hours:.2f} hours of its clock passed in {seconds:.0f} s.")
    is_fine = report.complete and len(box.posts) == len(report.rows) and box.refusals == 0
    return 0 if is_fine else 1


def _show_channels(output: Output, box: MemoryServer) -> None:
    rows: list[tuple[str, ...]] = []
    for channel in box.organization.channels.values():
        dates = [post.date for post in box.posts if post.channel_id == channel.id]
        span = [f"{when.day:2} {when:%b %H:%M}" for when in (min(dates), max(dates))]
        rows.append((channel.name, channel.provider, str(len(dates)), *span))
    output.table(["channel", "provider", "posts", "first", "last"], rows, numbers=["posts"])
