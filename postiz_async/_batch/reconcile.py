"""The sweep: what people did to the posts of a job since they were stored.

What they deleted, moved or edited is reported and left as it is. Nothing is sent; what turns up
without its publishing job gets one. Of a post that was stored twice by us the double is deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from postiz_async._concurrency import in_thread
from postiz_async._delivery.findings import with_findings
from postiz_async._delivery.journal import Journal, RowState, read_summary
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.pauses import PAUSES, Outage
from postiz_async._delivery.repair import Repair, delete_whole
from postiz_async._delivery.sweep import SweepState, intents, lacking_tags, suspects, sweep
from postiz_async._resources.listing import SEARCHED
from postiz_async.errors import APIConnectionError, NotFoundError, ServerError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from postiz_async._delivery.client import BatchClient
    from postiz_async._delivery.journal import RowRecord, SentRequest
    from postiz_async._delivery.sweep import Intent, Suspect, SweepResult
    from postiz_async.models.posts import Post

__all__ = ["Reconciled", "open_existing", "reconcile", "sweep_journal"]

log = logging.getLogger("postiz_async.batch")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a sweep saw.

    `counts` tells how many rows and posts have which state, `hidden` names the channels (ids)
    that are gone from Postiz: it lists none of their posts, so nothing is known of them.
    `lacking_tags` are those that posts were sent with and do not have, by the number of posts.
    `doubles` tells how many posts were left that are one too many and may be deleted.
    """

    counts: Mapping[str, int]
    hidden: tuple[str, ...]
    lacking_tags: Mapping[str, int] = field(default_factory=dict[str, int])
    doubles: int = 0

    @property
    def remarks(self) -> list[str]:
        """What is to be said beside the rows."""
        return [
            f"{number:,} post{' has' if number == 1 else 's have'} the tag {tag!r}, which Postiz "
            "does not seem to know: stored without it. Make the tag in Postiz and add it to them."
            for tag, number in sorted(self.lacking_tags.items())
        ]

    @property
    def is_fine(self) -> bool:
        """Whether all that was stored is where it was put, once."""
        return set(self.counts) <= {SweepState.FINE.value, SweepState.ADOPTED.value}


async def reconcile(
    postiz: BatchClient, journal_path: Path, *, delete_doubles: bool = True
) -> Reconciled:
    """Hold a journal against the server and write down what is found. Sends no post.

    Costs no quota since v2.19.0; where the server counts reads, they wait for their slots.

    Args:
        postiz: an open client.
        journal_path: of the campaign.
        delete_doubles: whether a post that was stored twice by us loses the one too many, if
            nobody edited that one and it is not due within ten minutes.

    Raises:
        BatchError: there is no journal, another run holds it, or it belongs to another server.
        PostizError: the server could not be asked.
    """
    async with await open_existing(postiz, journal_path) as journal:
        return await sweep_journal(postiz, journal, delete_doubles=delete_doubles)


async def open_existing(postiz: BatchClient, path: Path) -> Journal:
    """Open the journal of a campaign that was run.

    Raises:
        BatchError: there is no journal, another run holds it, or it belongs to another server.
    """
    summary = await in_thread(partial(read_summary, path))
    return await Journal.open(path, campaign=summary.campaign, base_url=postiz.base_url)


async def sweep_journal(
    postiz: BatchClient, journal: Journal, *, with_open: bool = True, delete_doubles: bool = True
) -> Reconciled:
    """The same for a journal that is open.

    Args:
        postiz: the client.
        journal: of the job.
        with_open: False leaves rows of requests alone that are to be looked up anyway. Those that
            may be half made are left to the look-up in any case, as far as only it can repair them.
        delete_doubles: see `reconcile`.
    """
    look = await _look(postiz, journal, with_open=with_open)
    deletable = look.deletable
    if deletable:  # another host may delete too, so a single look is not enough
        look = await _look(postiz, journal, with_open=with_open)
        deletable &= look.deletable
    rows, listed = look.rows, look.listed.posts
    found = suspects(look.results, look.requests, rows, listed.values())
    unsure = await _repair_adopted(postiz, found)
    left = {r for each in look.in_doubt if not unsure.isdisjoint(each.refs) for r in each.refs}
    results = [each for each in look.keeping_own(unsure) if each.ref not in left]
    doubles = {
        result.post.id: result.post
        for result in results
        if result.post is not None and result.post.id in deletable and result.ref not in unsure
    }
    removed = await _remove(postiz, doubles.values()) if delete_doubles else set[str]()
    await journal.found(with_findings(rows, results, removed=removed, unsure=unsure))
    summed = _summed(results, rows, lacking_tags(results, intents(look.requests)))
    return replace(summed, doubles=len(doubles.keys() - removed))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What a journal says, what the server lists, and what is to be said of both."""

    rows: Mapping[str, RowRecord]
    in_doubt: Sequence[SentRequest]
    requests: Sequence[SentRequest]
    listed: Calendar
    results: Sequence[SweepResult]

    @property
    def deletable(self) -> set[str]:
        """Ids of the doubles that may be deleted."""
        return {v.post.id for v in self.results if v.may_delete and v.post is not None}

    def keeping_own(self, unsure: Collection[str]) -> list[SweepResult]:
        """The results, where a row's own post stays beside one that may be half made.

        Args:
            unsure: refs of rows whose adopted post may be half made.
        """
        firsts = {v.ref: v.post for v in self.results if v.state is SweepState.ADOPTED}
        return [self._keeping_own(each, firsts, unsure) for each in self.results]

    def _keeping_own(
        self, result: SweepResult, firsts: Mapping[str, Post | None], unsure: Collection[str]
    ) -> SweepResult:
        own = self.listed.posts.get(self.rows[result.ref].post_id or "")
        if own is None or result.ref not in unsure or result.ref not in firsts:
            return result
        if result.state is SweepState.ADOPTED:
            return replace(result, state=SweepState.FINE, post=own)
        if result.post is not None and result.post.id == own.id:
            return replace(result, post=firsts[result.ref], may_delete=False)
        return result


_WITHDRAWN = {RowState.WITHDRAWING, RowState.WITHDRAWN}
"""Rows whose posts are not there on purpose; whoever deletes them looks at them."""


async def _look(postiz: BatchClient, journal: Journal, *, with_open: bool) -> _Comparison:
    rows, in_doubt = await journal.rows(), await journal.open_requests()
    if not with_open:
        held = {ref for request in in_doubt for ref in request.refs}
        rows = {ref: row for ref, row in rows.items() if ref not in held}
    changing = {ref for request in await journal.open_changes() for ref in request.refs}
    apart = {ref: row for ref, row in rows.items() if row.state in _WITHDRAWN or ref in changing}
    rows = {ref: row for ref, row in rows.items() if ref not in apart}
    requests = await journal.requests()
    sent = intents(requests)
    channels = {channel.id for channel in await postiz.integrations.list()}
    listed = await _listed(postiz, rows, sent, channels)
    results = sweep(
        rows.values(),
        sent,
        listed.posts.values(),
        channels=channels,
        now=datetime.fromtimestamp(postiz.scheduler.server_time(), UTC),
        copies={copy.post_id for copy in await journal.copies()}
        | {row.post_id for row in apart.values() if row.post_id is not None},
    )
    return _Comparison(rows, in_doubt, requests, listed, results)


async def _listed(
    postiz: BatchClient,
    rows: Mapping[str, RowRecord],
    sent: Sequence[Intent],
    channels: set[str],
) -> Calendar:
    """The days on which something was put, and where else what is missing there may be."""
    calendar = Calendar(postiz.posts.list)
    ours = [intent for intent in sent if intent.item.integration.id in channels]
    moments = [intent.moment for intent in ours]
    here = [rows[intent.ref] for intent in ours if intent.ref in rows]
    dates = {row.date for row in here} | {row.moved_from for row in here} - {None}
    moved = [datetime.fromtimestamp(date, UTC) for date in dates if date is not None]
    await calendar.look([*moments, *moved])
    ids = [row.post_id for row in here if row.post_id is not None]
    if ids:
        await calendar.search(ids, min(moments) - SEARCHED, max(moments) + SEARCHED)
    return calendar


async def _repair_adopted(postiz: BatchClient, found: Iterable[Suspect]) -> set[str]:
    """Give adopted posts what they may lack; the refs of those of which that is not sure."""
    repair = Repair(postiz, Outage.of(postiz))
    return {
        each.ref
        for each in found
        if await repair.complete(each.sent, each.place, each.post, has_ended=False) == "unsure"
    }


async def _remove(postiz: BatchClient, doubles: Iterable[Post]) -> set[str]:
    """Delete doubles, by their own groups. Returns the ids of those that are gone.

    What is deleted twice, as when another host does it too or an answer is lost, is gone once.
    """
    removed: set[str] = set()
    for post in doubles:
        for pause in (*PAUSES[:2], None):
            try:
                await delete_whole(postiz.posts, post)
            except NotFoundError:
                removed.add(post.id)
                break
            except (APIConnectionError, ServerError) as error:
                log.warning("the double %s could not be deleted: %s", post.id, error)
                if pause is not None:
                    await postiz.clock.sleep(pause)
            else:
                removed.add(post.id)
                break
    return removed


def _summed(
    results: Sequence[SweepResult], rows: Mapping[str, RowRecord], lacking: Mapping[str, int]
) -> Reconciled:
    counts = {
        state.value: number
        for state in SweepState
        if (number := sum(result.state is state for result in results))
    }
    hidden = {rows[result.ref].channel for result in results if result.state is SweepState.HIDDEN}
    return Reconciled(counts, tuple(sorted(hidden)), lacking)
