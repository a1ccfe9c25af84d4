"""Look up requests of a campaign whose answers were lost, and write down the outcome."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from postiz_async._campaign.journal.purposes import Purpose, RowEnd
from postiz_async._campaign.journal.requests import RequestHandle, open_request, open_requests
from postiz_async._campaign.run.job import JobContext, task_group
from postiz_async._delivery import transitions
from postiz_async._delivery.delivery import DeliveryLookUp, FoundPosts
from postiz_async._delivery.lookup import LookUp
from postiz_async._delivery.options import OnDoubt
from postiz_async._delivery.outcomes import Account, RowState, SentRequest
from postiz_async._delivery.record import DeliveryRecord
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.errors import APIConnectionError, ServerError
from postiz_async.models.posts import Post

UNREACHED = "its answer was lost, and Postiz could not be reached until its date"

_STEP = 60.0
"""Seconds between two renewals of a look-up in a journal that one process uses alone."""


class LookUps:
    """The look-ups of a job; its journal says which posts are accounted for (`outcomes.Accounts`).

    Args:
        job: what the parts of the job have in common.
        purpose: the purpose of the requests.
        on_doubt: how to treat a request whose outcome is not certain by its date.
    """

    def __init__(self, job: JobContext, purpose: Purpose, on_doubt: OnDoubt = "skip") -> None:
        self._clock = job.postiz.clock
        self._journal = job.journal
        self._purpose = purpose
        self._held: dict[int, DeliveryLookUp] = {}
        self._look_up = LookUp(
            job.postiz, self, job.fence, job.outage, on_doubt=on_doubt, doubts=job.doubts
        )

    @property
    def taken(self) -> set[str]:
        """Ids of posts known to belong to something other than a lost request."""
        return self._look_up.taken

    async def find_out(
        self, request: RequestHandle, end_of: Callable[[str, str], RowEnd]
    ) -> FoundPosts:
        """Find out what became of a request, and write it down.

        Args:
            request: a request whose outcome is unknown.
            end_of: the end of a row that is not stored, given its ref and the reason for doubt
                (empty: certain).

        Returns:
            The posts that are stored.

        Raises:
            OvertakenError: another process looks the request up, or has done so.
        """
        held = DeliveryLookUp(request, uuid.uuid4().hex, self._journal.hold)
        await held.claim()
        self._held[request.number] = held
        sent = request.sent
        try:
            found = await self._find(held, sent)
        except (APIConnectionError, ServerError):
            if self._look_up.is_in_doubt(sent):
                doubts = dict.fromkeys(range(len(sent.refs)), UNREACHED)
                await self._end(request, held, FoundPosts({}, {}, doubts), end_of)
            raise
        finally:
            del self._held[request.number]
        await self._end(request, held, found, end_of)
        return found

    async def claim(self, number: int) -> float:
        """Hold the look-up of a request, if its outcome is unknown.

        Returns:
            Seconds since it was sent, at least.

        Raises:
            OvertakenError: another process looks the request up.
        """
        request = await open_request(self._journal, number)
        if request is None:
            return 0.0
        held = DeliveryLookUp(request, uuid.uuid4().hex, self._journal.hold)
        await held.claim()
        self._held[number] = held
        return request.now() - request.record.left_at

    async def _end(
        self,
        request: RequestHandle,
        held: DeliveryLookUp,
        found: FoundPosts,
        end_of: Callable[[str, str], RowEnd],
    ) -> None:
        def event(was: DeliveryRecord) -> DeliveryRecord:
            known = transitions.found(was, held.holder, found.ids, found.note, doubt=found.doubt)
            return known if known.is_over else transitions.withdrawn(known)

        request.notes = found.notes
        request.ends = {
            place: end_of(ref, found.doubts.get(place, ""))
            for place, ref in enumerate(request.refs)
            if place not in found.ids
        }
        await request.move(event)

    async def _find(self, held: DeliveryLookUp, sent: SentRequest) -> FoundPosts:
        """Look until the outcome is certain, and renew the hold meanwhile."""
        async with task_group() as group:
            group.start_soon(self._go_on_holding, held)
            found = await held.find(self._look_up, sent)
            group.cancel_scope.cancel()
        return found

    async def _go_on_holding(self, held: DeliveryLookUp) -> None:
        while True:
            await self._clock.sleep(self._journal.hold / 3 or _STEP)
            await held.handle.move(held.held)

    # ---------- what the journal accounts for; see `_delivery.outcomes.Accounts`

    async def account(self, posts: Iterable[Post]) -> Account:
        del posts
        return await self._journal.account()

    async def has_stored(self, post_id: str) -> bool:
        return await self._journal.knows(self._purpose, post_id)

    async def mends(self, request: int, wall: float) -> None:
        """Note a repair, timed by the clock of the journal, if the request is still looked up."""
        del wall
        if request in self._held:
            await self._held[request].mended()


def end_without_campaign(ref: str, doubt: str) -> RowEnd:
    """The end of a row that is not stored, decided without the campaign."""
    del ref
    return RowEnd(RowState.UNDECIDED, doubt) if doubt else RowEnd()


async def look_up_lost(job: JobContext, purpose: Purpose, refs: Collection[str]) -> bool:
    """Look up requests of these rows whose answers were lost. Sends no post.

    Posts that are proved not to be stored are planned again. Returns whether there were such
    requests.
    """
    lost = [
        each
        for each in await open_requests(job.journal, purpose)
        if not set(refs).isdisjoint(each.refs)
    ]
    look_ups = LookUps(job, purpose)

    async def find_out(request: RequestHandle) -> None:
        with suppress(OvertakenError):  # another host looks it up
            await look_ups.find_out(request, end_without_campaign)

    async with task_group() as group:
        for request in lost:
            group.start_soon(find_out, request)
    return bool(lost)
