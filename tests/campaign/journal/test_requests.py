"""Requests in a journal: deliveries in their store."""

from __future__ import annotations

from pathlib import Path

from journal_lab import is_lost, leaves

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._delivery import transitions
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import PostRequest

HOUR = 3_600.0


def body(milliseconds: int) -> PostRequest:
    return PostRequest(type="schedule", date=f"2033-01-01T00:00:00.{milliseconds}Z", posts=[])


async def test_the_clock_of_a_file_goes_on_after_another_start_of_the_host(tmp_path: Path) -> None:
    """A run that waits for its first slot is as old to the next one as it was to itself."""

    async def opened(clock: JumpingClock) -> Journal:
        path = tmp_path / "c.journal"
        return await Journal.open(path, campaign="c", base_url="http://x", clock=clock)

    async with await opened(JumpingClock()) as journal:
        await journal.put([RowRecord(ref, 1, "f", "c1", 2e9) for ref in ("a", "b")])
        await leaves(journal, body(101), ("a",))
    clock = JumpingClock()  # it has its own run
    async with await opened(clock) as journal:
        first, _ = await open_requests(journal, NewPosts()), clock.advance(HOUR)
        assert first[0].now() - first[0].record.left_at == HOUR  # it stood still between the runs
        request = await leaves(journal, body(202), ("b",))
        await is_lost(request)
        await request.move(
            lambda was: transitions.claimed(was, "me", now=request.now(), seconds=0.0)
        )
        clock.advance(800)
        await request.move(lambda was: transitions.mended(was, "me", now=request.now(), until=0.0))
    async with await opened(clock) as journal:  # it was killed, and the repair is under way
        _, left = await open_requests(journal, NewPosts())
        assert left.now() - left.record.left_at == 800
        assert left.sent.mended_at - left.sent.sent_at == 800
