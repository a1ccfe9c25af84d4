"""Looks up what became of the create of an idempotency key whose answer was lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._concurrency import run_to_completion
from postiz_async._delivery.journal_file import Account, SentRequest
from postiz_async._delivery.key_call import WaitOverError, known_in
from postiz_async._delivery.key_handle import Claim, ClaimLostError
from postiz_async._delivery.key_record import FREE, KeyRecord, marked
from postiz_async._delivery.lookup import HIDDEN, IN_DOUBT, LookUp
from postiz_async._delivery.matching import listed_ref, says
from postiz_async._delivery.pauses import Outage, trouble_of, why_lost
from postiz_async._resources.listing import list_posts
from postiz_async._wire import format_date, parse_date
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import IdempotencyError, PostizError, StoreError
from postiz_async.models.posts import Created

if TYPE_CHECKING:
    from postiz_async._delivery.key_call import KeyedCall
    from postiz_async._delivery.key_handle import SeenRecord
    from postiz_async._delivery.lookup import LookUpResult
    from postiz_async.models.posts import CreatePost

__all__ = ["adopt_forgotten", "look_up_key"]

log = logging.getLogger("postiz_async")

STEP = 60.0
"""Seconds of a pause after which the claim is renewed."""


async def look_up_key(call: KeyedCall, seen: SeenRecord) -> list[Created] | None:
    """Find out what became of a lost request, unless somebody else does.

    Args:
        call: the call that looks.
        seen: the record; nobody is sending its request any more.

    Returns:
        The answer; None: the record has changed, and has to be looked at again.

    Raises:
        DeliveryUnknownError: it cannot be known yet, or not at all.
        StoreError: the record cannot be changed.
    """
    claim = Claim(call.handle, seen, call.name)
    try:
        await claim.renew()
        return await _KeyLookUp(call, claim).run()
    except ClaimLostError:
        return None
    finally:
        await run_to_completion(claim.release())


async def adopt_forgotten(call: KeyedCall, body: CreatePost) -> bool:
    """Write down what is stored of a call whose record was forgotten, if anything is.

    Args:
        call: the call; there is no record.
        body: its request. What is published at once has no date by which it could be found.

    Raises:
        IdempotencyError: what is stored says something else.
    """
    scheduler = call.client.scheduler
    if body.type == "now" or scheduler.is_counted(LIST_POSTS.name):
        return False
    date = parse_date(call.marks.date(parse_date(body.date)))
    listed = await list_posts(call.keyed.call.bound, start=date, end=date)
    by_ref = {listed_ref(post.settings): post for post in listed}
    marks = {place: call.marks.ref(place) for place in call.missing(())}
    found = {place: by_ref[mark] for place, mark in marks.items() if mark in by_ref}
    if not found:
        return False
    short = body.short_link
    others = [n for n, post in found.items() if not says(body.posts[n], post, short=short)]
    if others:
        raise IdempotencyError(call.handle.key, tuple(f"posts.{n}.content" for n in others))
    log.warning("the store forgot the idempotency key %r; Postiz has posts of it", call.handle.key)
    known = KeyRecord(state="answered", fingerprint=dict(call.fingerprint))
    if len(found) == len(marks):
        channels = enumerate(call.keyed.channels)
        record = replace(known, answer=tuple((found[n].id, channel) for n, channel in channels))
    else:  # as if it were sent now: its rest may be on its way
        now = call.handle.now()
        times = {"sent_at": now, "ends_at": now, "served_at": scheduler.server_time()}
        record = replace(known, state="sending", date=format_date(date), **times)
    await call.handle.swap(0, record)
    return True


class _KeyLookUp:
    """One look-up, by the kernel of all look-ups."""

    def __init__(self, call: KeyedCall, claim: Claim) -> None:
        self._call = call
        self._claim = claim
        self._places = call.missing(claim.record.stored)
        self._pauses = 0
        self._sent: CreatePost | None = None

    async def run(self) -> list[Created] | None:
        try:
            found, is_late = await self._found()
        except WaitOverError as error:
            why = f"{why_lost(self._call.lost)}, and it is too early to be certain"
            raise self._unknown(why, retry_after=self._worth_in(error)) from None
        except StoreError:
            raise
        except PostizError as error:
            trouble = trouble_of(error).rstrip(".")
            why = f"{why_lost(self._call.lost)}, and it cannot be looked up ({trouble})"
            raise self._unknown(why, retry_after=known_in(self._age)) from error
        return await self._settled(found, is_late=is_late)

    async def _found(self) -> tuple[LookUpResult, bool]:
        call, record = self._call, self._claim.record
        body = await call.keyed.rebuild()
        self._sent = marked(body, call.marks, record.date, self._places)
        mended_after = record.mended_at - record.sent_at
        sent = SentRequest(
            id=0,
            body=self._sent,
            refs=tuple(call.marks.ref(place) for place in self._places),
            sent_at=record.served_at,
            mended_at=record.served_at + mended_after if record.mended_at else 0.0,
        )
        look_up = LookUp(
            call.client,
            _Accounts(self._claim),
            call.fence,
            Outage.of(call.client, log=log, waits_for=lambda _: False),
            on_doubt="skip",
            is_one_of_many=True,
        )
        look_up.taken.update(record.stored.values())
        found = await look_up.find(
            sent,
            age=self._age,
            is_broken=record.is_broken,
            looks=self._claim.looks,
            sleep=self._sleep,
        )
        return found, call.keyed.kind != "now" and look_up.is_in_doubt(sent)

    async def _sleep(self, seconds: float) -> None:
        """Pause, and keep the claim meanwhile."""
        if seconds > self._call.wait.left:
            raise WaitOverError(seconds)
        self._pauses += 1
        while seconds > 0:
            step = min(STEP, seconds)
            await self._claim.renew(step)
            await self._call.wait.sleep(step)
            seconds -= step

    async def _settled(self, found: LookUpResult, *, is_late: bool) -> list[Created] | None:
        call, record = self._call, self._claim.record
        for note in found.notes.values():
            log.warning("the create with the idempotency key %r: %s", call.handle.key, note)
        stored = dict(record.stored)
        stored |= {self._places[place]: post_id for place, post_id in found.stored.items()}
        known = KeyRecord(
            state="free", fingerprint=record.fingerprint, stored=stored, date=record.date
        )
        if not call.missing(stored):
            channels = call.keyed.channels
            answer = tuple((stored[place], channel) for place, channel in enumerate(channels))
            ended = replace(known, state="answered", stored={}, date="", answer=answer)
            await self._claim.settle(ended)
            return [Created(post_id=post, integration=channel) for post, channel in answer]
        if found.gone or is_late:
            why = HIDDEN if found.gone else IN_DOUBT
            raise self._unknown(why, retry_after=None)
        await self._claim.settle(known if stored else FREE)
        return None

    @property
    def _age(self) -> float:
        """Seconds since it was sent."""
        return max(0.0, self._call.handle.now() - self._claim.record.sent_at)

    def _worth_in(self, error: WaitOverError) -> float:
        """Seconds until a look is worthwhile: those of the pause, or until it has settled."""
        return max(error.seconds, known_in(self._age) if self._pauses else 0.0)

    def _unknown(self, why: str, *, retry_after: float | None) -> PostizError:
        return self._call.unknown(self._claim.record, why, retry_after=retry_after, sent=self._sent)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """What is known to be stored of the create; see `delivery.lookup.Accounts`.

    It is asked before something is taken as moved, or mended: then the claim has to hold.
    """

    claim: Claim

    async def account(self) -> Account:
        """What is at its own moment was matched there."""
        await self.claim.renew()
        record = self.claim.record
        return Account(frozenset(record.stored.values()), frozenset({parse_date(record.date)}))

    async def has_stored(self, post_id: str) -> bool:
        await self.claim.renew()
        return post_id in self.claim.record.stored.values()

    async def mends(self, request: int, wall: float) -> None:
        """By the clock of the store."""
        del request, wall
        await self.claim.mend()
