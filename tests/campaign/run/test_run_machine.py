"""What the machine does to a job: its disk, its clock, its sleep; and two of them at work."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from campaign_lab import WITH_DOUBLES, Lab, Watched, counted, rows
from spread import spread

from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.run.job import Outcome
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and folders of POSIX")

COUNT = 12
TEXTS = [f"post {n}" for n in range(COUNT)]


def after(seconds: float) -> Callable[[Watched, Callable[[], None]], None]:
    def arm(transport: Watched, die: Callable[[], None]) -> None:
        clock = transport._sandbox.clock
        clock.call_at(clock.monotonic() + seconds, die)

    return arm


# ------------------------------------------------------------------ the disk


LONG = [f"post {n} " + "x" * 400 for n in range(60)]


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As on a full disk: whoever writes further gets an error from the system."""
    import resource  # noqa: PLC0415  (not everywhere)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@on_posix
@pytest.mark.parametrize("size", [0, 8_192, 40_000, 70_000, 100_000])
async def test_a_full_disk_stops_it_and_nothing_is_sent_that_is_not_written_down(
    lab: Lab, channels: list[str], size: int, caplog: pytest.LogCaptureFixture
) -> None:
    lab.write(row | {"content": text} for row, text in zip(rows(channels, 60), LONG, strict=True))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with (
            no_file_grows_beyond(size),
            pytest.raises(
                CampaignError, match=r"cannot be used.*othing (more is|was) sent"
            ) as caught,
        ):
            await campaign.run()
    assert "damaged" not in str(caught.value)
    assert not any(record.exc_info for record in caplog.records)  # no traceback for a full disk
    if lab.sandbox.posts:
        states = Counter(row.state for row in read_summary(lab.journal).rows)
        assert len(lab.sandbox.posts) <= 60 - states[RowState.PLANNED]
    assert (await lab.run()).complete
    lab.assert_each_once(LONG)


@on_posix
async def test_a_disk_that_is_full_when_a_killed_job_goes_on(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, COUNT))
    assert await lab.killed(after(0.5))
    sent = len(lab.sandbox.creates)
    with no_file_grows_beyond(0), pytest.raises(CampaignError, match="nothing was sent"):
        await lab.run()
    assert len(lab.sandbox.creates) == sent
    assert (await lab.run()).complete
    lab.assert_each_once(TEXTS)


@pytest.mark.parametrize("folder", ["/sys", "/no/such/folder"])
@on_posix
async def test_a_journal_on_a_disk_that_cannot_be_written(
    lab: Lab, channels: list[str], folder: str
) -> None:
    lab.write(rows(channels, COUNT))
    lab.journal = Path(folder) / "campaign.journal"
    with pytest.raises(CampaignError, match=r"campaign\.journal\S* cannot be written: "):
        await lab.run()
    assert lab.sandbox.posts == ()


@on_posix
async def test_a_journal_that_is_removed_while_a_job_runs_is_told(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, COUNT))
    journals = [lab.journal.with_name(f"campaign.journal{end}") for end in ("", "-wal", "-shm")]

    async def remove(_: Outcome) -> None:
        for path in journals:
            path.unlink(missing_ok=True)

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(CampaignError, match=r"was removed or moved.*existing=.adopt"):
            await campaign.run(remove)
    assert (await lab.run(existing="adopt")).complete
    lab.assert_each_once(TEXTS)


async def test_a_journal_that_somebody_else_writes_is_waited_for(
    lab: Lab, channels: list[str]
) -> None:
    """A backup program, an inspection with sqlite3: SQLite's own lock is held for a moment."""
    lab.write(rows(channels, COUNT))
    assert await lab.killed(after(0.5))
    other = sqlite3.connect(lab.journal, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    asyncio.get_running_loop().call_later(0.2, other.rollback)
    assert (await lab.run()).complete
    other.close()
    lab.assert_each_once(TEXTS)


# ------------------------------------------------------------------ the clock


@pytest.mark.parametrize("step", spread([-7_200.0, -86_400.0, 600.0, -600.0, 7_200.0], every=2))
@pytest.mark.parametrize("kind", ["drop_answer", "late_work"])
async def test_a_clock_that_is_set_while_an_answer_is_lost(
    lab: Lab, channels: list[str], kind: str, step: float
) -> None:
    lab.write(rows(channels, COUNT, hours=72))
    lab.sandbox.faults.add(Fault(kind, route="create_post", delay=500.0))  # type: ignore[arg-type]
    lab.clock.call_at(lab.clock.monotonic() + 20, lambda: setattr(lab.own_clock, "ahead", step))
    assert (await lab.run()).complete
    await lab.clock.sleep(3_600)
    lab.assert_each_once(TEXTS)


@pytest.mark.parametrize("step", [-86_400.0, -600.0, 600.0, 7_200.0])
async def test_a_clock_that_is_set_between_two_runs(tmp_path: Path, step: float) -> None:
    """Ours, not the server's: how old a lost request is, is counted on the server's clock."""
    lab = Lab(tmp_path)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write(rows(channels, COUNT, hours=72))
        lab.sandbox.faults.add(Fault("late_work", route="create_post", delay=600.0))
        assert await lab.killed(after(5.0))
        lab.own_clock.ahead = step
        assert (await lab.run()).complete
        await lab.clock.sleep(3_600)
        lab.assert_each_once(TEXTS)


async def test_a_clock_that_is_set_opens_no_window_for_the_next_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=4)

    async def run() -> bool:
        async with lab.client(reserve=0) as postiz, lab.campaign(postiz) as campaign:
            return (await campaign.run()).complete

    async with lab.sandbox:
        lab.write(rows([lab.channel("mastodon")], 20, hours=72))
        first = asyncio.create_task(run())
        await lab.clock.sleep(600)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert lab.creates == [201] * 4
        lab.own_clock.ahead = 86_400.0
        assert await run()
    assert lab.sandbox.refusals == 0


@pytest.mark.parametrize("ahead", [7_200.0, -7_200.0])
@pytest.mark.parametrize("uptime", [60.0, 1e9])
async def test_after_another_start_of_the_machine_certainty_waits_anew(
    tmp_path: Path, ahead: float, uptime: float
) -> None:
    lab = Lab(tmp_path)
    async with lab.sandbox:
        lab.write(rows([lab.channel("mastodon")], 1, hours=72))
        lab.sandbox.faults.add(Fault("late_work", route="create_post", delay=1_000.0))
        assert await lab.killed(after(5.0))
        await lab.clock.sleep(300)
        lab.own_clock.start_again(uptime)
        lab.own_clock.ahead = ahead
        assert (await lab.run()).complete
        assert lab.clock.monotonic() > 1_000
        lab.assert_each_once(["post 0"])


@pytest.mark.parametrize("minutes", [1, 13])
async def test_a_request_is_as_old_as_its_last_attempt(
    lab: Lab, channels: list[str], minutes: int
) -> None:
    """Refused without being carried out for a while, then sent and carried out late."""
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(Fault("empty_401", route="create_post", times=None))

    def late() -> None:
        lab.sandbox.faults.clear()
        lab.sandbox.faults.add(Fault("late_work", route="create_post", delay=600.0))

    lab.clock.call_at(lab.clock.monotonic() + 60 * minutes, late)

    def when_it_is_sent(transport: Watched, die: Callable[[], None]) -> None:
        def look() -> None:
            if late_is_on_its_way():
                lab.clock.call_at(lab.clock.monotonic() + 5, die)
            else:
                lab.clock.call_at(lab.clock.monotonic() + 5, look)

        def late_is_on_its_way() -> bool:
            return lab.sandbox.faults.struck["late_work"] > 0

        look()

    assert await lab.killed(when_it_is_sent)
    assert (await lab.run()).complete
    await lab.clock.sleep(3_600)
    lab.assert_each_once(f"post {n}" for n in range(6))


@pytest.mark.parametrize(
    ("release", "asleep"), [("HEAD", 86_400.0), ("v2.20.0", 86_400.0), ("HEAD", 7_200.0)]
)
async def test_a_machine_that_sleeps_in_the_middle_of_a_window(
    tmp_path: Path, release: str, asleep: float
) -> None:
    """Nothing runs meanwhile; then all timers ring at once, and rows are late."""
    lab = Lab(tmp_path, limit=5, release=release)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write(rows(channels, 120, hours=1, step=0.5))
        running = asyncio.create_task(lab.run())
        await lab.clock.sleep(1_800)
        lab.clock.advance(asleep)
        report = await running
        assert report.open == 0
        assert counted(report).keys() == {"stored", "late"}
        stored = [f"post {row.number - 1}" for row in report.rows if row.post_id is not None]
        lab.assert_each_once(stored)
        dates = [create.at for create in lab.sandbox.creates]
        assert all(
            sum(first <= moment < first + 3_600 for moment in dates) <= 10 for first in dates
        )


# ------------------------------------------------------------------ releases


async def test_old_servers_with_lost_answers_and_a_kill(tmp_path: Path) -> None:
    """No settings are listed."""
    lab = Lab(tmp_path, release="v2.23.0", limit=20)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        records = rows(channels, 18)
        records[4]["content"] = records[1]["content"]
        lab.write(records)
        lab.sandbox.faults.add(Fault("drop_answer", route="create_post"))
        lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=2))
        assert await lab.killed(after(0.7), reading=WITH_DOUBLES)
        assert (await lab.run(reading=WITH_DOUBLES)).complete
        lab.assert_each_once(record["content"] for record in records)


# ------------------------------------------------------------------ two at work


async def test_a_second_runner_on_a_journal_is_refused(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, COUNT))
    lab.sandbox.faults.add(Fault("late_answer", route="create_post", delay=20.0))
    first = asyncio.create_task(lab.run())
    await lab.clock.sleep(1)
    with pytest.raises(CampaignError, match=r"Another process is working on this journal"):
        await lab.run()
    assert (await first).complete
    lab.assert_each_once(TEXTS)


async def test_the_same_campaign_on_another_host_without_its_journal_is_stopped(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, COUNT))
    assert (await lab.run()).complete
    lab.journal = lab.folder / "elsewhere.journal"
    with pytest.raises(CampaignError, match=r"^12 rows .*existing=.adopt., .*existing=.again"):
        await lab.run()
    assert (await lab.run(existing="adopt")).complete
    lab.assert_each_once(TEXTS)


async def test_the_same_campaign_on_two_hosts_at_once_is_stored_once(
    lab: Lab, channels: list[str]
) -> None:
    """What both have sent before they knew of each other is removed again, and told."""
    lab.write(rows(channels, COUNT))
    first = asyncio.create_task(lab.run())
    await asyncio.sleep(0)
    lab.journal = lab.folder / "elsewhere.journal"
    reports = await asyncio.gather(first, lab.run())
    assert all(report.complete and not report.doubled for report in reports)
    lab.assert_each_once(TEXTS)
    ids = {post.id for post in lab.sandbox.posts}
    assert all({row.post_id for row in report.rows} == ids for report in reports)
    told = [row for report in reports for row in report.troubles()]
    assert told
    assert {row.finding for row in told} == {Finding.DEDUPLICATED}
    assert all("was stored twice" in row.remark for row in told)
