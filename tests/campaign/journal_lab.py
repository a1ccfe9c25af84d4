"""What becomes of requests in a journal, step by step, without a server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts, Purpose, RowEnd
from postiz_async._campaign.journal.requests import RequestHandle
from postiz_async._campaign.journal.tables import Tables, in_milliseconds
from postiz_async._delivery import transitions
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, write_record
from postiz_async._wire import format_date, parse_date
from postiz_async.models.posts import PostRequest
from postiz_async.stores._deliveries import TakenError


async def leaves(
    journal: Journal,
    body: PostRequest,
    refs: tuple[str, ...],
    at: float = 1.0,
    *,
    purpose: Purpose | None = None,
    date: float | None = None,
) -> RequestHandle:
    """A request that is written down and on its way, with milliseconds that no other has."""
    try:
        return await _leaves(journal, purpose or NewPosts(), body, refs, at, date)
    except TakenError:
        later = format_date(parse_date(body.date) + timedelta(milliseconds=1))
        body = replace(body, date=later)
        return await leaves(journal, body, refs, at, purpose=purpose, date=date)


async def _leaves(
    journal: Journal,
    purpose: Purpose,
    body: PostRequest,
    refs: tuple[str, ...],
    at: float,
    date: float | None,
) -> RequestHandle:
    name = uuid.uuid4().hex
    request = RequestHandle(journal, purpose, name)
    request.body, request.refs, request.date = body, refs, date
    posts = tuple(
        DeliveryPost("c1" if not body.posts else body.posts[0].channel.id, ref=ref) for ref in refs
    )

    def event(was: DeliveryRecord) -> DeliveryRecord:
        return transitions.left(
            was,
            name,
            posts=posts,
            fingerprint={},
            date=body.date,
            now=request.now(),
            served_at=at,
            seconds=240.0,
            hold=journal.hold,
        )

    await request.move(event)
    return request


async def is_lost(request: RequestHandle, note: str = "") -> None:
    """Its answer does not come."""

    def event(was: DeliveryRecord) -> DeliveryRecord:
        return transitions.lost(was, was.attempt, now=request.now(), is_broken=False, note=note)

    await request.move(event)


async def ends(
    request: RequestHandle,
    stored: Mapping[str, str] | None = None,
    others: Mapping[str, RowEnd] | None = None,
) -> None:
    """It is answered, or a look-up found what became of it."""
    ids = {request.refs.index(ref): post_id for ref, post_id in (stored or {}).items()}
    request.ends = {request.refs.index(ref): end for ref, end in (others or {}).items()}
    if len(ids) == len(request.refs):
        await request.move(lambda was: transitions.answered(was, was.attempt, ids))
        return
    if request.record.state == "leaving":
        await is_lost(request)
    await request.move(lambda was: transitions.claimed(was, "me", now=request.now(), seconds=0.0))

    def event(was: DeliveryRecord) -> DeliveryRecord:
        known = transitions.found(was, "me", ids)
        return known if known.is_over else transitions.withdrawn(known)

    await request.move(event)


def write_request(t: Tables, sent: SentRequest, state: str) -> None:
    """A request with a number, as a run left it."""
    posts = tuple(
        DeliveryPost(item.channel.id, ref=ref)
        for item, ref in zip(sent.body.posts, sent.refs, strict=True)
    )
    record = DeliveryRecord(state=state, posts=posts, date=sent.body.date)  # type: ignore[arg-type]
    t.execute(
        "INSERT INTO campaign_requests (campaign, number, id, version, kind, state, posts, sent_at,"
        " moment, value, body) VALUES (:campaign, :number, :id, 1, 'create', :state, :posts, 0,"
        " :moment, :value, :body)",
        number=sent.id,
        id=str(sent.id),
        state=state,
        posts=len(posts),
        moment=in_milliseconds(parse_date(sent.body.date)),
        value=write_record(record),
        body=msgspec.json.encode(sent.body),
    )
