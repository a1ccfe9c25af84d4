"""The state machine of a delivery: pure functions from a record and an event to a record. PURE.

| from                    | event                                               | to               |
|-------------------------|-----------------------------------------------------|------------------|
| planned                 | `left`, of the posts that are missing               | leaving          |
| planned                 | `withdrawn`, `late`                                 | withdrawn, late  |
| planned                 | `rests`; `adopted`: all, else a part                | planned, stored  |
| planned, leaving        | `shifted` (own attempt)                             | planned          |
| leaving                 | `left` again (own attempt)                          | leaving          |
| leaving, lost           | `set_aside` (own attempt, proved not carried out)   | planned          |
| leaving, lost           | `answered`, `refused` (own attempt)                 | stored, refused  |
| leaving, lost           | `lost` (own attempt)                                | lost             |
| leaving after its       | `claimed` (nobody's, or own)                        | lost, held       |
| `until`, lost           |                                                     |                  |
| lost                    | `held`, `mended`, `released` (holder)               | lost             |
| lost                    | `found` (holder): all; in doubt; a part or nothing  | stored;          |
|                         |                                                     | undecided;       |
|                         |                                                     | planned          |

An event that does not fit raises `OvertakenError`: somebody else was quicker.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, Refusal, State


class OvertakenError(Exception):
    """Another process changed the delivery: the event does not fit. Stays in `_delivery`."""


def left(
    was: DeliveryRecord,
    attempt: str,
    *,
    posts: tuple[DeliveryPost, ...],
    fingerprint: Mapping[str, str],
    date: str,
    now: float,
    served_at: float,
    seconds: float,
    hold: float | None = None,
) -> DeliveryRecord:
    """The missing posts leave now; after `seconds` the request is no longer being sent.

    Until then, or for the seconds of `hold`, nobody looks the request up; with 0 others may.
    """
    stored = {place: post.id for place, post in enumerate(posts) if post.id}
    is_planned = was.state == "planned" and was.stored == stored
    if not (is_planned or (was.state == "leaving" and was.attempt == attempt)):
        raise OvertakenError
    return replace(
        _at_rest(was, "leaving"),
        posts=posts,
        fingerprint=dict(fingerprint),
        date=date,
        attempt=attempt,
        left_at=now,
        served_at=served_at,
        gone_at=now + seconds,
        until=_until(now, seconds if hold is None else hold),
    )


def withdrawn(was: DeliveryRecord) -> DeliveryRecord:
    """The caller withdrew the posts."""
    return replace(_at_rest(_waiting(was), "withdrawn"), note="withdrawn")


def late(was: DeliveryRecord, note: str) -> DeliveryRecord:
    """The date passed before the posts could leave."""
    return replace(_at_rest(_waiting(was), "late"), note=note)


def rests(was: DeliveryRecord, until: float, note: str) -> DeliveryRecord:
    """The posts wait until a given time, because a gateway refused them once more."""
    forbidden = _waiting(was).forbidden + 1
    return replace(was, until=until, note=note, forbidden=forbidden)


def adopted(was: DeliveryRecord, ids: Mapping[int, str], note: str) -> DeliveryRecord:
    """Some posts are stored, by place, though the record does not say that they left."""
    return _known(replace(_waiting(was), date=""), was.stored | dict(ids), note)


def shifted(was: DeliveryRecord, attempt: str, due: float) -> DeliveryRecord:
    """The posts have a later date, and the request does not leave."""
    planned = _planned(_own(was, attempt), was.stored) if was.state == "leaving" else _waiting(was)
    return replace(planned, due=due)


def set_aside(was: DeliveryRecord, attempt: str) -> DeliveryRecord:
    """The request was proved not carried out."""
    return _planned(_own(was, attempt), was.stored)


def answered(was: DeliveryRecord, attempt: str, ids: Mapping[int, str]) -> DeliveryRecord:
    """All posts are stored, with these ids by place."""
    return _stored(_own(was, attempt), ids)


def refused(
    was: DeliveryRecord, attempt: str, refusal: Refusal | None, note: str = ""
) -> DeliveryRecord:
    """The server refused the request, and would refuse it again."""
    return replace(_at_rest(_own(was, attempt), "refused"), refusal=refusal, note=note)


def lost(
    was: DeliveryRecord, attempt: str, *, now: float, is_broken: bool, note: str = ""
) -> DeliveryRecord:
    """The answer was lost; with `is_broken` the server reported a failure."""
    gone_at = min(now, _own(was, attempt).gone_at)
    is_broken = was.is_broken or is_broken
    until = was.until if was.holder else 0.0
    return replace(was, state="lost", gone_at=gone_at, is_broken=is_broken, until=until, note=note)


def claimed(was: DeliveryRecord, holder: str, *, now: float, seconds: float) -> DeliveryRecord:
    """A look-up begins and holds the delivery for some seconds; with 0 others may join."""
    is_gone = was.state == "lost" or (was.state == "leaving" and now >= was.until)
    if not is_gone or (was.holder not in {"", holder} and now < was.until):
        raise OvertakenError
    return replace(was, state="lost", holder=holder, until=_until(now, seconds))


def held(
    was: DeliveryRecord,
    holder: str,
    seen: Mapping[int, str] | None,
    *,
    seen_at: float,
    until: float,
) -> DeliveryRecord:
    """The look-up goes on; the last look that counts showed these posts, None: there was none."""
    if seen is None:
        return replace(_held(was, holder), until=until)
    return replace(_held(was, holder), seen=dict(seen), seen_at=seen_at, until=until)


def mended(was: DeliveryRecord, holder: str, *, now: float, until: float) -> DeliveryRecord:
    """A post is about to be repaired: earlier looks do not count any more."""
    return replace(_held(was, holder), seen=None, mended_at=now, until=until)


def released(was: DeliveryRecord, holder: str) -> DeliveryRecord:
    """The holder ends its look-up; others go on from there."""
    return replace(_held(was, holder), holder="", until=0.0)


def found(
    was: DeliveryRecord,
    holder: str,
    ids: Mapping[int, str],
    note: str = "",
    *,
    doubt: str = "",
) -> DeliveryRecord:
    """The look-up found that these posts are stored, by place, and no others.

    With `doubt`, a reason, it will never be certain whether the others are stored.
    """
    known = _known(_held(was, holder), was.stored | dict(ids), note)
    if known.is_over or not doubt:
        return known
    return replace(_at_rest(was, "undecided"), posts=known.posts, note=doubt)


def _until(now: float, seconds: float) -> float:
    return now + seconds if seconds else 0.0


def _waiting(was: DeliveryRecord) -> DeliveryRecord:
    if was.state != "planned":
        raise OvertakenError
    return was


def _own(was: DeliveryRecord, attempt: str) -> DeliveryRecord:
    if was.attempt != attempt or was.state not in {"leaving", "lost"}:
        raise OvertakenError
    return was


def _held(was: DeliveryRecord, holder: str) -> DeliveryRecord:
    if was.holder != holder or was.state != "lost":
        raise OvertakenError
    return was


def _known(was: DeliveryRecord, stored: Mapping[int, str], note: str) -> DeliveryRecord:
    is_whole = len(stored) == len(was.posts)
    return _stored(was, stored, note) if is_whole else _planned(was, stored)


def _stored(was: DeliveryRecord, ids: Mapping[int, str], note: str = "") -> DeliveryRecord:
    return replace(_at_rest(was, "stored"), posts=was.with_stored(ids), note=note)


def _planned(was: DeliveryRecord, ids: Mapping[int, str]) -> DeliveryRecord:
    return replace(_at_rest(was, "planned"), posts=was.with_stored(ids))


def _at_rest(was: DeliveryRecord, state: State) -> DeliveryRecord:
    """The record with a new state, without the fields of the ended sending."""
    return DeliveryRecord(
        state=state,
        posts=was.posts,
        fingerprint=was.fingerprint,
        due=was.due,
        is_dated=was.is_dated,
        date=was.date,
        forbidden=was.forbidden,
    )
