"""Hand-overs that leave late, on a server that refuses dates in the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from outbox_lab import PLACES, SHORT, START, OutboxLab

from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postiz_async import Postiz, Ticket

LIMIT = 2


@pytest.fixture(params=PLACES)
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    database = request.getfixturevalue("place") if request.param == "postgres" else None
    made = OutboxLab(tmp_path, database=database, release="next", limit=LIMIT, window=SHORT)
    async with made.sandbox:
        yield made


async def put(lab: OutboxLab, postiz: Postiz) -> list[Ticket]:
    """Two that leave in time, and two that wait for a slot beyond their date."""
    return await lab.put(postiz, 2 * LIMIT, hours=0.1)


def sent_at(post_id: str) -> datetime:
    """An id begins with the moment at which it was made."""
    return datetime.fromtimestamp(int(post_id[1:9], 36) / 1000, UTC)


@pytest.mark.parametrize("loses", [False, True])
async def test_they_bear_the_moment_of_sending_and_a_mark(lab: OutboxLab, *, loses: bool) -> None:
    async with lab.client(late="send", store=MemoryStore()) as postiz:
        tickets = await put(lab, postiz)
        for ticket in tickets[:LIMIT]:
            await postiz.outbox.wait(ticket.id)
        if loses:
            lab.lose()
        ended = [await postiz.outbox.wait(ticket.id) for ticket in tickets]
    assert [each.state for each in ended] == ["stored"] * len(tickets)
    lab.assert_each_once(range(len(tickets)))
    assert lab.statuses == [201] * len(tickets)
    for post in sorted(lab.sandbox.posts, key=lambda post: post.id)[LIMIT:]:
        assert post.date - START > timedelta(seconds=SHORT / 2)
        assert abs(post.date - sent_at(post.id)) < timedelta(seconds=5)
        assert post.date.microsecond


async def test_what_is_skipped_and_shifted_stays_so(lab: OutboxLab) -> None:
    async with lab.client(late=timedelta(hours=1), store=MemoryStore()) as postiz:
        tickets = await put(lab, postiz)
        ended = [await postiz.outbox.wait(ticket.id) for ticket in tickets]
    assert [each.state for each in ended] == ["stored"] * len(tickets)
    dates = sorted(post.date.replace(microsecond=0) for post in lab.sandbox.posts)
    assert dates[-1] - START > timedelta(hours=1)
    assert sorted(each.at for each in ended if each.at) == dates


async def test_a_key_has_its_ticket_though_it_left_late(lab: OutboxLab) -> None:
    at = lab.at(0.1)
    async with lab.client(late="send", store=MemoryStore()) as postiz:
        for ticket in await lab.put(postiz, LIMIT):
            await postiz.outbox.wait(ticket.id)
        first = await postiz.outbox.put(lab.post("k"), at=at, idempotency_key="k")
        ended = await postiz.outbox.wait(first.id)
        again = await postiz.outbox.put(lab.post("k"), at=at, idempotency_key="k")
    assert (ended.state, again.id, again.state) == ("stored", first.id, "stored")
