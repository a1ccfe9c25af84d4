"""`sandbox`, `demo`: a Postiz on this machine."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.text import Text

from postiz_async.cli.campaigns import Json, run_batch, show_report
from postiz_async.cli.output import Output, moment, short_moment
from postiz_async.client import Postiz
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.sandbox import Sandbox
from postiz_async.sandbox.http import serve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from postiz_async.sandbox.http import Served

__all__ = ["demo", "sandbox"]

SAMPLE_START = datetime(2027, 1, 14, 9, tzinfo=UTC)
"""The day before the sample campaign."""

DEMO_SPEED = 600.0
DEMO_LIMIT = 30


class _Channel(msgspec.Struct):
    id: str
    provider: str
    name: str


@asynccontextmanager
async def _sample_sandbox(
    clock: AcceleratedClock, *, limit: int, api_key: str, port: int
) -> AsyncGenerator[tuple[Sandbox, Served]]:
    """A sandbox with the channels and tags of the sample campaign, served on loopback."""
    sample = files("postiz_async.sandbox") / "sample"
    tags = msgspec.json.decode((sample / "tags.json").read_bytes(), type=list[str])
    channels = msgspec.json.decode((sample / "channels.json").read_bytes(), type=list[_Channel])
    async with Sandbox(api_key=api_key, clock=clock, limit=limit, tags=tags) as box:
        for channel in channels:
            box.add_integration(channel.provider, id=channel.id, name=channel.name)
        async with serve(box, port=port) as served:
            yield box, served


async def sandbox(
    *,
    port: Annotated[int, Parameter(help="The port; 0 takes a free one.")] = 4007,
    speed: Annotated[float, Parameter(help="How many times as fast its clock runs.")] = 1.0,
    limit: Annotated[int, Parameter(help="Create requests an hour.")] = DEMO_LIMIT,
    api_key: Annotated[str, Parameter(help="The key that it accepts.")] = "sandbox",
    sample: Annotated[
        Path | None, Parameter(help="Also copy the sample campaign into this folder.")
    ] = None,
    start: Annotated[
        datetime | None, Parameter(help="What its clock shows at the start (UTC).")
    ] = None,
) -> int:
    """Serve a local Postiz with the channels of the sample campaign. Ctrl-C ends it."""
    output = Output()
    shown = start.replace(tzinfo=start.tzinfo or UTC).timestamp() if start else time.time()
    clock = AcceleratedClock(speed, anchor=Anchor(time.time(), shown))
    async with _sample_sandbox(clock, limit=limit, api_key=api_key, port=port) as (box, served):
        if sample is not None:
            _copy_sample(sample)
        output.say(
            f"A Postiz sandbox with {len(box.organization.integrations)} channels and {limit} "
            f"creates an hour. Its clock shows {moment(clock.time())}, {speed:g} times as fast."
        )
        output.say(
            f"export POSTIZ_API_URL={served.url} POSTIZ_API_KEY={api_key} POSTIZ_SANDBOX_CLOCK=1",
            "bold",
        )
        await asyncio.Event().wait()
    return 0


def _copy_sample(folder: Path) -> None:
    with as_file(files("postiz_async.sandbox") / "sample") as source:
        shutil.copytree(
            source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )


async def demo(
    *,
    speed: Annotated[float, Parameter(help="How many times as fast the clock runs.")] = DEMO_SPEED,
    json: Json = False,
) -> int:
    """Run the sample campaign against a sandbox; an hour takes a few seconds."""
    output = Output(as_json=json)
    clock = AcceleratedClock(speed, anchor=Anchor(time.time(), SAMPLE_START.timestamp()))
    started = time.monotonic()
    output.say(
        f"The sample campaign against a Postiz sandbox that allows {DEMO_LIMIT} creates an hour; "
        f"an hour takes {3600 / speed:.0f} s here.",
        "bold",
    )
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="postiz-async-demo-")))
        _copy_sample(folder)
        box, served = await stack.enter_async_context(
            _sample_sandbox(clock, limit=DEMO_LIMIT, api_key="demo", port=0)
        )
        postiz = await stack.enter_async_context(
            Postiz(api_key="demo", base_url=served.url, clock=clock)
        )
        batch = await stack.enter_async_context(postiz.batch(folder / "campaign.csv"))
        report = await run_batch(output, postiz, batch)
        took = time.monotonic() - started
        refusals, posts, uploads = box.refusals, len(box.posts), len(box.uploads)
        span = box.creates[-1].at - box.creates[0].at
        per_channel = _posts_by_channel(box)
    if not json:
        output.table(["channel", "provider", "posts", "first", "last"], per_channel)
    show_report(output, report)
    output.say(
        f"The sandbox holds {posts} posts and {uploads} files; it refused {refusals} requests "
        f"(429). {span / 3600:.2f} hours of the campaign's clock in {took:.0f} s."
    )
    return 0 if report.complete and posts == len(report.rows) and refusals == 0 else 1


def _posts_by_channel(box: Sandbox) -> list[tuple[str | Text, ...]]:
    rows: list[tuple[str | Text, ...]] = []
    for channel in box.organization.integrations.values():
        dates = [post.date for post in box.posts if post.integration_id == channel.id]
        span = (short_moment(min(dates)), short_moment(max(dates))) if dates else ("-", "-")
        rows.append((channel.name, channel.provider, Text(str(len(dates)), "green"), *span))
    return rows
