"""What the display of a run says of the quota, and of a server that is away."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from cli_lab import Cli, write_campaign
from processes import until
from rich.console import Console

from postiz_async._campaign.run.job import Outcome
from postiz_async._cli.output import Output
from postiz_async._cli.progress import CountDisplay, RunDisplay
from postiz_async._cli.waiting import held_for, quota_text
from postiz_async._delivery.outcomes import RowState
from postiz_async._quota.view import Queued, Quota
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import AcceleratedClock, JumpingClock
from postiz_async.testing import Fault, Sandbox, WireRequest, WireResponse
from postiz_async.testing._transport import SandboxTransport, sandbox_client

AWAY = "Postiz is away; the run goes on by itself when it is back: "
TROUBLE = "401: (HTTP 401 without a text)"


def quota(**changes: object) -> Quota:
    values: dict[str, object] = {
        "limit": 30,
        "remaining": 13,
        "resets_in": 600.0,
        "next_in": 0.0,
        "bulk_waits_for": None,
        "bulk_in": 0.0,
        "in_flight": 0,
        "queued": Queued(bulk=40),
        "blocked": False,
        "blocked_for": 0.0,
        "as_of": 0.0,
    }
    return Quota(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "text", "held"),
    [
        (quota(), "13 of 30 left, next window in 10:00", ""),
        (
            quota(bulk_waits_for="reserved", bulk_in=2_433.0),
            "13 of 30 left, next window in 10:00",
            "kept free for single posts for 40 min",
        ),
        (
            quota(bulk_waits_for="others", bulk_in=20.0),
            "13 of 30 left, next window in 10:00",
            "kept free for other clients for 1 min",
        ),
        (
            quota(bulk_waits_for="others", bulk_in=510.0, queued=Queued()),
            "13 of 30 left, next window in 10:00",
            "",
        ),
        (
            quota(bulk_waits_for="used up", bulk_in=602.0, remaining=0),
            "0 of 30 left, next window in 10:00",
            "",
        ),
        (quota(resets_in=None), "13 of 30 left", ""),
        (quota(limit=None, remaining=None), "not read yet", ""),
        (
            quota(blocked=True, blocked_for=60.0, bulk_waits_for="reserved", bulk_in=510.0),
            "locked out, next request in 01:00",
            "",
        ),
    ],
)
def test_it_says_for_whom_slots_are_left(seen: Quota, text: str, held: str) -> None:
    """Both fit beside a bar on a line of 80 characters."""
    assert quota_text(seen) == text
    assert held_for(seen) == held
    assert max(len(text), len(held)) <= 48


def output_to(window: io.StringIO, width: int = 200, *, is_terminal: bool = True) -> Output:
    output = Output()
    output.out = output.notes = Console(
        file=window, force_terminal=is_terminal, width=width, color_system=None
    )
    return output


def plain(window: io.StringIO) -> str:
    """What a terminal was told, without the signs that move its cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", window.getvalue())


async def run_through_outage(
    folder: Path, output: Output, said: Callable[[], str], line_every: float
) -> None:
    """Run a campaign whose server fails until the display has said so."""
    file = write_campaign(folder / "c.csv", ("mastodon", "2100-02-10 09:00Z", "Hello"))
    async with MemoryServer(clock=AcceleratedClock(100)) as sandbox:
        sandbox.add_channel("mastodon")
        sandbox.faults.add(Fault("empty_401", route="create_post", times=10_000))
        async with sandbox_client(sandbox) as postiz, postiz.campaign(file) as campaign:
            display = RunDisplay(
                output, postiz, campaign, open_rows=1, zone=UTC, line_every=line_every
            )
            async with display, anyio.create_task_group() as group:
                group.start_soon(campaign.run, display.saw)
                await until(lambda: AWAY in said())
                assert campaign.progress.trouble == TROUBLE
                sandbox.faults.clear()
            assert campaign.progress.trouble == ""
            assert (await campaign.report()).complete


async def test_an_outage_is_one_line_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    parts: list[str] = []

    def said() -> str:
        parts.append(capsys.readouterr().out)
        return "".join(parts)

    await run_through_outage(tmp_path, Output(), said, 0.01)
    about = [line for line in said().splitlines() if TROUBLE in line]
    assert about == [f"{AWAY}{TROUBLE}"]
    assert not [each for each in caplog.records if TROUBLE in each.getMessage()]


async def test_a_terminal_shows_an_outage_while_it_lasts_and_tells_it_once(tmp_path: Path) -> None:
    file = io.StringIO()
    await run_through_outage(tmp_path, output_to(file), file.getvalue, 10.0)
    shown = plain(file)
    assert len(re.findall(rf"Postiz was unavailable for [\w ]+: {re.escape(TROUBLE)}", shown)) == 1
    assert AWAY not in shown[shown.rindex("uploads") :], "not when it is over"


async def test_a_narrow_terminal_shows_words_and_no_bars(tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2100-02-10 09:00Z", "Hello"))
    shown = io.StringIO()
    output = output_to(shown, width=40)
    async with MemoryServer(clock=AcceleratedClock(4)) as sandbox:
        sandbox.add_channel("mastodon")
        async with (
            sandbox_client(sandbox) as postiz,
            postiz.campaign(file) as campaign,
            RunDisplay(output, postiz, campaign, open_rows=1, zone=UTC) as display,
        ):
            await campaign.run(display.saw)
    end = plain(shown)[plain(shown).rindex("uploads") :]
    lines = [line.rstrip() for line in end.splitlines()]
    assert lines[:4] == [
        "uploads   0/0 files",
        "requests  1/1   all sent",
        "posts     1 stored",
        "quota     89 of 90 left, next window in",
    ]
    assert re.fullmatch(r" {10}[\d:]{5,7}", lines[4])


class Halting(SandboxTransport):
    """Its clock jumps, but stands still from the third create on, so that a display can show it."""

    def __init__(self, sandbox: MemoryServer, clock: JumpingClock) -> None:
        super().__init__(sandbox)
        self.clock = clock
        self.creates = 0
        self.halt = ExitStack()

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST":
            self.creates += 1
            if self.creates == 3:
                self.halt.enter_context(self.clock.hold())
        return await super().send(request)


@asynccontextmanager
async def one_in_doubt(folder: Path) -> AsyncGenerator[tuple[MemoryServer, Path, Halting]]:
    """A campaign of three rows; the first create that is sent loses its answer.

    It ends with a thread, so that nobody knows for twelve minutes that it is whole.
    """
    file = folder / "c.jsonl"
    rows = [
        {"ref": f"{n}", "channel": "mastodon", "date": f"2100-02-1{n} 09:00Z", "content": "x"}
        for n in range(3)
    ]
    file.write_text("\n".join(json.dumps(row | {"thread": ["more"]}) for row in rows))
    clock = JumpingClock(start=time.time())
    async with MemoryServer(clock=clock, work_per_post=0.0) as sandbox:
        sandbox.add_channel("mastodon")
        sandbox.faults.add(Fault("drop_answer", route="create_post"))
        yield sandbox, file, Halting(sandbox, clock)


DOUBT = re.compile(r"1 post, answer lost; certain (about \w+ \d+ \w+ \d\d:\d\d|once a later)")


@pytest.mark.parametrize("kind", ["bars", "lines"])
async def test_a_run_says_how_much_is_in_doubt_why_and_until_when(
    tmp_path: Path, kind: str, cli: Cli
) -> None:
    window = io.StringIO()
    output = output_to(window, is_terminal=kind == "bars")
    async with one_in_doubt(tmp_path) as (sandbox, file, way):
        client = partial(sandbox_client, sandbox, transport=way)
        for kept in (3, 1):
            window.truncate(0)
            async with client() as postiz, postiz.campaign(file) as campaign:
                display = RunDisplay(
                    output, postiz, campaign, open_rows=kept, zone=UTC, line_every=0.01
                )
                work = asyncio.create_task(campaign.run(on_outcome=display.saw))
                async with display:
                    await until(lambda: DOUBT.search(plain(window)))
                    if kept == 3:
                        await until(lambda: "2/3" in plain(window) and "all sent" in plain(window))
                    else:
                        await until(lambda: "nothing new to send" in plain(window))
                        assert "0/0" not in plain(window).replace("0/0 files", "")
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
            said = await anyio.to_thread.run_sync(partial(cli, "status", file, "--json"))
            doubt = said.document["in_doubt"]
            assert (doubt["requests"], doubt["posts"]) == (1, 1)
            assert datetime.fromisoformat(doubt["certain_at"]).tzinfo is not None
            words = await anyio.to_thread.run_sync(partial(cli, "status", file))
            assert DOUBT.search(" ".join(words.out.split()))
        way.halt.close()
        async with client() as postiz, postiz.campaign(file) as campaign:
            assert (await campaign.run()).complete
        said = await anyio.to_thread.run_sync(partial(cli, "status", file, "--json"))
        assert said.document["in_doubt"] is None


@pytest.mark.parametrize("kind", ["bars", "lines"])
async def test_so_does_a_count(tmp_path: Path, kind: str) -> None:
    window = io.StringIO()
    output = output_to(window, is_terminal=kind == "bars")
    async with one_in_doubt(tmp_path) as (sandbox, file, way):
        client = partial(sandbox_client, sandbox, transport=way)
        sandbox.faults.clear()
        async with sandbox_client(sandbox) as postiz, postiz.campaign(file) as campaign:
            assert (await campaign.run()).complete
        file.write_text(file.read_text().replace("more", "other"))
        sandbox.faults.add(Fault("drop_answer", route="create_post"))
        async with client() as postiz, postiz.campaign(file) as campaign:
            display = CountDisplay(
                output, "done", 3, UTC, campaign.doubts, postiz.clock, line_every=0.01
            )
            async with display:
                work = asyncio.create_task(campaign.run(on_outcome=display.saw))
                await until(lambda: DOUBT.search(plain(window)))
                await until(lambda: "2 of 3 done; in doubt: 1 post" in plain(window))
                way.halt.close()
                await work
        assert len(sandbox.posts) == 3


class Window(io.StringIO):
    """A terminal whose window is closed."""

    is_closed = False

    def write(self, text: str) -> int:
        if self.is_closed:
            raise OSError(5, "Input/output error")
        return super().write(text)


@pytest.mark.parametrize("kind", ["bars", "lines"])
async def test_a_display_that_fails_is_told_once_and_the_run_goes_on(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_campaign(
        tmp_path / "c.csv", *(("mastodon", f"2027-02-1{n} 09:00Z", "Hello") for n in range(9))
    )
    local = Sandbox()
    local.add_channel("mastodon")
    window = Window()
    output = output_to(window, is_terminal=kind == "bars")
    async with local.client() as postiz, postiz.campaign(file) as campaign:
        display = RunDisplay(output, postiz, campaign, open_rows=9, zone=UTC, line_every=0.01)
        async with display:
            window.is_closed = True
            local.add_fault(Fault("empty_401", route="list_posts", times=1))
            report = await campaign.run(on_outcome=display.saw)
            display.stopping()
            await until(lambda: bool(caplog.messages))
    assert report.counts == {"stored": 9}
    told = [each for each in caplog.messages if each.startswith("progress is not shown")]
    assert told == [
        "progress is not shown any more (OSError: [Errno 5] Input/output error); the work goes on"
    ]


async def test_of_a_count_too(caplog: pytest.LogCaptureFixture) -> None:
    window = Window()
    window.is_closed = True
    output = output_to(window, is_terminal=False)
    async with CountDisplay(output, "deleted", 2, UTC) as display:
        display.stopping()
        for number in range(2):
            await display.saw(Outcome(number, "a", RowState.WITHDRAWN))
    assert display.done == 2
    assert len(caplog.messages) == 1
