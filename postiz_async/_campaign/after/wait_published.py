"""Wait until stored posts are published, or are known not to be.

| the list shows      | the row becomes                                                     |
|---------------------|---------------------------------------------------------------------|
| `PUBLISHED`         | published, with its link                                            |
| `ERROR`             | failed, with the reason that a notification gives                   |
| `QUEUE`             | waited for until `patience` after its date, then named as stuck     |
| `DRAFT`             | not waited for: nobody publishes it                                 |
| nothing             | looked for by a sweep: moved, then waited for there; else gone      |

So the wait ends `patience` after the last date at the latest. The journal is updated after each
look, so an interrupted wait goes on where it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from postiz_async._campaign.after.look import ended_rows
from postiz_async._campaign.after.mend import sweep_journal
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._campaign.run.job import Outcome
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient
from postiz_async._resources.watch import FIRST_POLL, LOOK_SHARE, next_pause

_GONE = {Finding.DELETED, Finding.HIDDEN}


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The progress of a wait, and its result at the end.

    `waiting` are rows whose date is to come or just over, `stuck` those that the server should have
    published, `gone` those that the server does not list any more. `next_look` and `ends` are
    None when the wait is over.
    """

    published: int = 0
    failed: int = 0
    stuck: int = 0
    gone: int = 0
    waiting: int = 0
    next_look: datetime | None = None
    ends: datetime | None = None

    @property
    def is_fine(self) -> bool:
        """Whether every post that was waited for is published."""
        return not (self.failed or self.stuck or self.gone)


async def wait_published(
    postiz: OpenClient,
    journal: Journal,
    *,
    patience: float,
    on_outcome: Callable[[Outcome], Awaitable[None]],
    on_look: Callable[[WaitResult], Awaitable[None]],
) -> WaitResult:
    """Wait until each stored post of a journal is published, failed or stuck.

    Costs no quota.

    Raises:
        CampaignError: the journal cannot be written.
        PostizError: the posts could not be listed for half an hour; call again to go on.
    """
    wait = _Wait(postiz, journal, patience)
    await wait.begin()
    while (next_look := wait.next_look()) is not None:
        await on_look(wait.standing(next_look))
        await postiz.clock.sleep(max(0.0, next_look - wait.now()))
        for outcome in await wait.look():
            await on_outcome(outcome)
    done = wait.standing(None)
    await on_look(done)
    return done


class _Wait:
    def __init__(self, postiz: OpenClient, journal: Journal, patience: float) -> None:
        self._postiz = postiz
        self._journal = journal
        self._patience = patience
        self._waiting: dict[str, RowRecord] = {}
        self._ended: dict[str, int] = dict.fromkeys(("published", "failed", "stuck", "gone"), 0)
        self._calendar = Calendar(Outage.of(postiz).wrap(postiz.posts.list))
        self._swept: set[tuple[str, float]] = set()
        self._pause = 0.0
        self._looked_at = 0.0

    async def begin(self) -> None:
        """Read the rows to wait for."""
        rows = await self._journal.rows()
        for ref, row in rows.items():
            if row.state is RowState.PUBLISHED:
                self._ended["published"] += 1
            elif row.state is RowState.FAILED:
                self._ended["failed"] += 1
            elif row.state is RowState.STORED and SaidRow.read(row.said).type != "draft":
                if row.finding in _GONE:
                    self._ended["gone"] += 1
                else:
                    self._waiting[ref] = row

    def now(self) -> float:
        return self._postiz.scheduler.server_time()

    def standing(self, next_look: float | None) -> WaitResult:
        ends = max((row.seconds for row in self._waiting.values()), default=0.0) + self._patience
        return WaitResult(
            **self._ended,
            waiting=len(self._waiting),
            next_look=None if next_look is None else datetime.fromtimestamp(next_look, UTC),
            ends=None if next_look is None else datetime.fromtimestamp(ends, UTC),
        )

    def next_look(self) -> float | None:
        """The time of the next look; None if there is nothing to wait for."""
        if not self._waiting:
            return None
        dates = [row.seconds for row in self._waiting.values()]
        return max(min(dates), self._looked_at + self._pause)

    async def look(self) -> list[Outcome]:
        """Check posts that are due and write down their state."""
        began = self._postiz.clock.monotonic()
        self._looked_at = self.now()
        due = [row for row in self._waiting.values() if row.seconds <= self._looked_at]
        if not due:
            return []
        self._calendar.forget()
        await self._calendar.look([datetime.fromtimestamp(row.seconds, UTC) for row in due])
        listed = self._calendar.posts
        ended = await ended_rows(self._postiz, due, listed, self._looked_at - self._patience)
        await self._journal.found(ended)
        for row in due:
            if row.post_id in listed and listed[row.post_id].state == "DRAFT":
                del self._waiting[row.ref]
        outcomes = [self._end(row) for row in ended]
        await self._find([row for row in due if row.post_id not in listed])
        lasted = self._postiz.clock.monotonic() - began
        pause = FIRST_POLL if outcomes else next_pause(self._pause)
        self._pause = max(pause, FIRST_POLL, LOOK_SHARE * lasted)
        return outcomes

    def _end(self, row: RowRecord) -> Outcome:
        del self._waiting[row.ref]
        self._ended["stuck" if row.finding is Finding.STUCK else row.state.value] += 1
        note = row.note or row.remark
        return Outcome(row.number, row.ref, row.state, row.post_id, note, row.link)

    async def _find(self, missing: Sequence[RowRecord]) -> None:
        """Search for posts that are not listed on their day, once for each day."""
        lost = [row for row in missing if (row.ref, row.seconds) in self._swept]
        for row in lost:
            self._leave(row.ref)
        if len(lost) == len(missing):
            return
        self._swept.update((row.ref, row.seconds) for row in missing)
        await sweep_journal(self._postiz, self._journal)
        rows = await self._journal.rows()
        for ref in list(self._waiting):
            self._waiting[ref] = rows[ref]
            if rows[ref].finding in _GONE:
                self._leave(ref)

    def _leave(self, ref: str) -> None:
        """Stop waiting for a post that is not listed."""
        del self._waiting[ref]
        self._ended["gone"] += 1
