"""How a delivery goes from state to state. PURE: a delivery, and what happened, give the next one.

| from                     | event                                             | to              |
|--------------------------|---------------------------------------------------|-----------------|
| planned                  | `left`, of the posts that are missing             | leaving         |
| leaving                  | `left` again (own attempt)                        | leaving         |
| leaving, lost            | `set_aside` (own attempt, proved not carried out) | planned         |
| leaving, lost            | `answered`, `refused` (own attempt)               | stored, refused |
| leaving, lost            | `lost` (own attempt)                              | lost            |
| leaving once gone, lost  | `claimed` (nobody's, or own)                      | lost, held      |
| lost                     | `held`, `mended`, `released` (holder)             | lost            |
| lost                     | `found` (holder): all, else a part or nothing     | stored, planned |

An event that does not fit raises `OvertakenError`: somebody else was quicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._delivery.record import BARE, DeliveryRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async._delivery.record import DeliveryPost, Refusal


class OvertakenError(Exception):
    """Somebody else changed the delivery, so that the event does not fit. Stays in `delivery`."""


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
) -> DeliveryRecord:
    """It leaves now, as the posts that are missing; in `seconds` nobody sends it any more."""
    stored = {place: post.id for place, post in enumerate(posts) if post.id}
    is_planned = was.state == "planned" and was.stored == stored
    if not (is_planned or (was.state == "leaving" and was.attempt == attempt)):
        raise OvertakenError
    return DeliveryRecord(
        state="leaving",
        posts=posts,
        fingerprint=dict(fingerprint),
        date=date,
        attempt=attempt,
        left_at=now,
        served_at=served_at,
        gone_at=now + seconds,
    )


def set_aside(was: DeliveryRecord, attempt: str) -> DeliveryRecord:
    """It was proved not carried out."""
    return _planned(_own(was, attempt), was.stored)


def answered(was: DeliveryRecord, attempt: str, ids: Mapping[int, str]) -> DeliveryRecord:
    """All its posts are stored, with these ids by place."""
    return _stored(_own(was, attempt), ids)


def refused(was: DeliveryRecord, attempt: str, refusal: Refusal) -> DeliveryRecord:
    """The server refused it, and would again."""
    fingerprint = _own(was, attempt).fingerprint
    return DeliveryRecord(state="refused", fingerprint=fingerprint, refusal=refusal)


def lost(was: DeliveryRecord, attempt: str, *, now: float, is_broken: bool) -> DeliveryRecord:
    """Its answer was lost; with `is_broken` the server said that it failed."""
    gone_at = min(now, _own(was, attempt).gone_at)
    return replace(was, state="lost", gone_at=gone_at, is_broken=was.is_broken or is_broken)


def claimed(was: DeliveryRecord, holder: str, *, now: float, seconds: float) -> DeliveryRecord:
    """Somebody looks it up, and is the only one."""
    is_gone = was.state == "lost" or (was.state == "leaving" and now >= was.gone_at)
    if not is_gone or (was.holder not in {"", holder} and now < was.until):
        raise OvertakenError
    return replace(was, state="lost", holder=holder, until=now + seconds)


def held(
    was: DeliveryRecord,
    holder: str,
    seen: Mapping[int, str] | None,
    *,
    seen_at: float,
    until: float,
) -> DeliveryRecord:
    """Its holder goes on; the last look that counts showed these posts, None: there was none."""
    if seen is None:
        return replace(_held(was, holder), until=until)
    return replace(_held(was, holder), seen=dict(seen), seen_at=seen_at, until=until)


def mended(was: DeliveryRecord, holder: str, *, now: float, until: float) -> DeliveryRecord:
    """A post of it is about to be repaired: what was seen before does not count any more."""
    return replace(_held(was, holder), seen=None, mended_at=now, until=until)


def released(was: DeliveryRecord, holder: str) -> DeliveryRecord:
    """Its holder looks no more; others go on where it stopped."""
    return replace(_held(was, holder), holder="", until=0.0)


def found(was: DeliveryRecord, holder: str, ids: Mapping[int, str]) -> DeliveryRecord:
    """It is certain that these of its posts are stored, by place, and no others."""
    stored = _held(was, holder).stored | dict(ids)
    return _stored(was, stored) if len(stored) == len(was.posts) else _planned(was, stored)


def _own(was: DeliveryRecord, attempt: str) -> DeliveryRecord:
    if was.attempt != attempt or was.state not in {"leaving", "lost"}:
        raise OvertakenError
    return was


def _held(was: DeliveryRecord, holder: str) -> DeliveryRecord:
    if was.holder != holder or was.state != "lost":
        raise OvertakenError
    return was


def _stored(was: DeliveryRecord, ids: Mapping[int, str]) -> DeliveryRecord:
    return DeliveryRecord(state="stored", posts=was.with_stored(ids), fingerprint=was.fingerprint)


def _planned(was: DeliveryRecord, ids: Mapping[int, str]) -> DeliveryRecord:
    if not ids:
        return BARE
    return DeliveryRecord(
        state="planned", posts=was.with_stored(ids), fingerprint=was.fingerprint, date=was.date
    )
