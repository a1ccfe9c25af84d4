"""Looks up what became of the create of an idempotency key whose answer was lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from postiz_async._concurrency import run_to_completion
from postiz_async._delivery import transitions
from postiz_async._delivery.handle import HOLD
from postiz_async._delivery.journal_file import Account, SentRequest
from postiz_async._delivery.key_call import WaitOverError, known_in
from postiz_async._delivery.lookup import HIDDEN, IN_DOUBT, Looks, LookUp
from postiz_async._delivery.matching import listed_ref, says
from postiz_async._delivery.pauses import Outage, trouble_of, why_lost
from postiz_async._delivery.record import DeliveryRecord, marked
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._resources.listing import list_posts
from postiz_async._wire import format_date, parse_date
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import IdempotencyError, PostizError, StoreError
from postiz_async.models.posts import Created

if TYPE_CHECKING:
    from postiz_async._delivery.key_call import KeyedCall
    from postiz_async._delivery.lookup import LookUpResult
    from postiz_async.models.posts import CreatePost


log = logging.getLogger("postiz_async")

STEP = 60.0
"""Seconds of a pause after which the claim is renewed."""


async def look_up_key(call: KeyedCall) -> list[Created] | None:
    """Find out what became of a lost request, unless somebody else does.

    Args:
        call: the call that looks; nobody is sending its request any more.

    Returns:
        The answer; None: the delivery has changed, and has to be looked at again.

    Raises:
        DeliveryUnknownError: it cannot be known yet, or not at all.
        StoreError: the delivery cannot be changed.
    """
    look_up: _KeyLookUp | None = None
    try:
        await call.handle.move(
            lambda was: transitions.claimed(was, call.name, now=call.handle.now(), seconds=HOLD)
        )
        look_up = _KeyLookUp(call)
        return await look_up.run()
    except OvertakenError:
        return None
    finally:
        if look_up is not None:
            await run_to_completion(look_up.release())


async def adopt_forgotten(call: KeyedCall, body: CreatePost) -> bool:
    """Write down what is stored of a call whose delivery was forgotten, if anything is.

    Args:
        call: the call; nothing is kept of it.
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
    marks = {place: call.marks.ref(place) for place in call.missing}
    found = {place: by_ref[mark] for place, mark in marks.items() if mark in by_ref}
    if not found:
        return False
    short = body.short_link
    others = [n for n, post in found.items() if not says(body.posts[n], post, short=short)]
    if others:
        raise IdempotencyError(call.handle.key, tuple(f"posts.{n}.content" for n in others))
    log.warning("the store forgot the idempotency key %r; Postiz has posts of it", call.handle.key)
    ids = {place: post.id for place, post in found.items()}

    def remembered(was: DeliveryRecord) -> DeliveryRecord:
        """As if it were sent now, because its rest may be on its way."""
        sent = transitions.left(
            was,
            call.name,
            posts=call.posts,
            fingerprint=call.fingerprint,
            date=format_date(date),
            now=call.handle.now(),
            served_at=scheduler.server_time(),
            seconds=0.0,
        )
        is_whole = len(ids) == len(marks)
        return transitions.answered(sent, call.name, ids) if is_whole else sent

    try:
        await call.handle.move(remembered)
    except OvertakenError:
        log.debug("another call with the idempotency key was quicker")
    return True


class _KeyLookUp:
    """One look-up, by the kernel of all look-ups.

    Its hold is renewed before each pause and before anything is mended. A dead caller does not
    renew it, and a slow one notices that somebody else has it, because the delivery has changed.
    """

    def __init__(self, call: KeyedCall) -> None:
        self._call = call
        self._handle = call.handle
        self._places = call.missing
        self._pauses = 0
        self._sent: CreatePost | None = None
        kept, now = self._handle.record, self._handle.now()
        self._looks = Looks(
            max(0.0, now - kept.gone_at),
            kept.seen,
            self._handle.clock.monotonic() - (now - kept.seen_at),
        )

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
        call, kept = self._call, self._handle.record
        body = await call.keyed.rebuild()
        self._sent = marked(body, call.marks, kept.date, self._places)
        mended_after = kept.mended_at - kept.left_at
        sent = SentRequest(
            id=0,
            body=self._sent,
            refs=tuple(call.marks.ref(place) for place in self._places),
            sent_at=kept.served_at,
            mended_at=kept.served_at + mended_after if kept.mended_at else 0.0,
        )
        look_up = LookUp(
            call.client,
            self,
            call.fence,
            Outage.of(call.client, log=log, waits_for=lambda _: False),
            on_doubt="skip",
            is_one_of_many=True,
        )
        look_up.taken.update(kept.stored.values())
        found = await look_up.find(
            sent,
            age=self._age,
            is_broken=kept.is_broken,
            looks=self._looks,
            sleep=self._sleep,
        )
        return found, call.keyed.kind != "now" and look_up.is_in_doubt(sent)

    async def _sleep(self, seconds: float) -> None:
        """Pause, and keep the hold meanwhile."""
        if seconds > self._call.wait.left:
            raise WaitOverError(seconds)
        self._pauses += 1
        while seconds > 0:
            step = min(STEP, seconds)
            await self.hold(step)
            await self._call.wait.sleep(step)
            seconds -= step

    async def _settled(self, found: LookUpResult, *, is_late: bool) -> list[Created] | None:
        for note in found.notes.values():
            log.warning("the create with the idempotency key %r: %s", self._handle.key, note)
        ids = {self._places[place]: post_id for place, post_id in found.stored.items()}
        if len(ids) < len(self._places) and (found.gone or is_late):
            why = HIDDEN if found.gone else IN_DOUBT
            raise self._unknown(why, retry_after=None)
        kept = await self._handle.move(lambda was: transitions.found(was, self._call.name, ids))
        if kept.state != "stored":
            return None
        return [Created(post_id=post.id, integration=post.channel) for post in kept.posts]

    @property
    def _age(self) -> float:
        """Seconds since it was sent."""
        return max(0.0, self._handle.now() - self._handle.record.left_at)

    def _worth_in(self, error: WaitOverError) -> float:
        """Seconds until a look is worthwhile: those of the pause, or until it has settled."""
        return max(error.seconds, known_in(self._age) if self._pauses else 0.0)

    def _unknown(self, why: str, *, retry_after: float | None) -> PostizError:
        return self._call.unknown(why, retry_after=retry_after, sent=self._sent)

    # -------------------------------------------------------------- the hold

    async def hold(self, seconds: float = 0.0) -> None:
        """Go on as the only one who looks it up, for so many seconds and some more.

        Raises:
            OvertakenError: somebody else does.
            StoreError: that cannot be written.
        """
        await self._handle.move(lambda was: self._held(was, seconds))

    def _held(self, was: DeliveryRecord, seconds: float) -> DeliveryRecord:
        now = self._handle.now()
        seen_at = now - (self._handle.clock.monotonic() - self._looks.seen_at)
        until = now + seconds + HOLD
        return transitions.held(
            was, self._call.name, self._looks.seen, seen_at=seen_at, until=until
        )

    async def release(self) -> None:
        """Let others look, who go on where this caller stopped."""
        if self._handle.record.holder != self._call.name:
            return
        try:
            await self._handle.move(
                lambda was: transitions.released(self._held(was, 0.0), self._call.name)
            )
        except OvertakenError:
            log.debug("an idempotency key was looked up by somebody else meanwhile")
        except StoreError as error:
            log.warning("nobody looks an idempotency key up for %g s: %s", HOLD, error)

    # ---------- what is known to be stored; see `lookup.Accounts`. The hold has to last.

    async def account(self) -> Account:
        """What is at its own moment was matched there."""
        await self.hold()
        kept = self._handle.record
        return Account(frozenset(kept.stored.values()), frozenset({parse_date(kept.date)}))

    async def has_stored(self, post_id: str) -> bool:
        await self.hold()
        return post_id in self._handle.record.stored.values()

    async def mends(self, request: int, wall: float) -> None:
        """By the clock of the store. What was seen before does not count any more."""
        del request, wall
        self._looks.seen = None

        def mended(was: DeliveryRecord) -> DeliveryRecord:
            now = self._handle.now()
            return transitions.mended(was, self._call.name, now=now, until=now + HOLD)

        await self._handle.move(mended)
