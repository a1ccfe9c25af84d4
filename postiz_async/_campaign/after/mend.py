"""The sweep: find out what became of the posts of a job since they were stored.

Published and failed posts are noted. Deleted, moved and edited posts are reported and left as they
are. No post is sent; a post without its publishing job gets one. If our runs stored a post twice,
the second one is deleted.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postiz_async._campaign.after.look import ended_today, look_at, suspects_of
from postiz_async._campaign.after.sweep import with_findings
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.tables import read_rows
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.look_ups import LookUps
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import PAUSES
from postiz_async._delivery.repair import Repair, delete_whole
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._logs import log_of
from postiz_async.errors import APIConnectionError, NotFoundError, ServerError
from postiz_async.stores import in_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postiz_async._campaign.after.sweep import Suspect
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post


log = logging.getLogger("postiz_async.campaign")

_IS_DUE = f"AND state = '{RowState.STORED}' AND date <= :now"


async def sweep_journal(postiz: OpenClient, journal: Journal) -> None:
    """Compare a journal with the server, mend what is not as it was put, write down the findings.

    Costs no quota. Rows of requests that a run will look up are left out.

    Raises:
        PostizError: the posts could not be listed.
    """
    look = await look_at(postiz, journal.read)
    deletable = look.deletable
    if deletable:  # another host may delete too, so a single look is not enough
        look = await look_at(postiz, journal.read)
        deletable &= look.deletable
    rows = look.rows
    unsure = await _repair_adopted(postiz, journal, await suspects_of(postiz, journal.read, look))
    results = look.keeping_own(unsure)
    doubles = {
        result.post.id: result.post
        for result in results
        if result.post is not None and result.post.id in deletable and result.ref not in unsure
    }
    removed = await _remove(postiz, doubles.values())
    now = in_micros(postiz.scheduler.server_time())
    due = await journal.read(lambda t: list(read_rows(t, _IS_DUE, now=now)))
    ended = await ended_today(postiz, due)
    rows = {**rows, **ended}
    changed = with_findings(rows, results, removed=removed, unsure=unsure)
    found = await _still_there(postiz, journal, rows, changed)
    await journal.found({**ended, **{row.ref: row for row in found}}.values())


async def _still_there(
    postiz: OpenClient,
    journal: Journal,
    rows: Mapping[str, RowRecord],
    changed: Sequence[RowRecord],
) -> list[RowRecord]:
    """The changed rows without those whose adopted post another host has deleted meanwhile.

    The list of posts is older than the rows that were read.
    """
    adopted = {row.ref: row for row in changed if row.post_id != rows[row.ref].post_id}
    if not adopted or not journal.is_shared:
        return list(changed)
    calendar = Calendar(postiz.posts.list)
    await calendar.look(datetime.fromtimestamp(row.seconds, UTC) for row in adopted.values())
    return [row for row in changed if row.ref not in adopted or row.post_id in calendar.posts]


async def _repair_adopted(
    postiz: OpenClient, journal: Journal, found: Iterable[Suspect]
) -> set[str]:
    """Repair adopted posts; returns refs of rows whose posts may still be incomplete."""
    job = JobContext.of(postiz, journal)
    look_ups = LookUps(job, NewPosts())
    repair = Repair(postiz, look_ups, job.outage)
    unsure: set[str] = set()
    for each in found:
        try:
            age = await look_ups.claim(each.sent.id)
        except OvertakenError:  # the process that looks it up repairs it
            unsure.add(each.ref)
            continue
        end = await repair.complete(each.sent, each.place, each.post, age=age, has_ended=False)
        if end != "whole":
            unsure.add(each.ref)
    return unsure


async def _remove(postiz: OpenClient, doubles: Iterable[Post]) -> set[str]:
    """Delete second posts by their own groups. Returns the ids of those that are gone.

    A post that another host has deleted, or whose answer was lost, counts as gone.
    """
    removed: set[str] = set()
    for post in doubles:
        for pause in (*PAUSES[1:3], None):
            try:
                await delete_whole(postiz.posts, post)
            except NotFoundError:
                removed.add(post.id)
                break
            except (APIConnectionError, ServerError) as error:
                whose = log_of(log, postiz.organization)
                whose.warning("the double %s could not be deleted: %s", post.id, error)
                if pause is not None:
                    await postiz.clock.sleep(pause)
            else:
                removed.add(post.id)
                break
    return removed
