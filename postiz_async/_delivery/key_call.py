"""One call with an idempotency key: its state, its remaining wait, and its errors."""

from __future__ import annotations

import math
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import UNSET

from postiz_async._delivery import transitions
from postiz_async._delivery.lookup import SHORTEST_LOOK_PAUSE, Fence
from postiz_async._delivery.pauses import Outage, trouble_of
from postiz_async._delivery.record import (
    DeliveryPost,
    KeyMarks,
    differing,
    fingerprint_of,
    marked,
)
from postiz_async._quota import SILENT
from postiz_async._resources.create_body import encode_create, marks_of
from postiz_async._wire import parse_date
from postiz_async.errors import (
    DeliveryUnknownError,
    IdempotencyError,
    Marks,
    PostizError,
    QuotaWaitError,
    by_reader,
)
from postiz_async.models._durations import describe_seconds
from postiz_async.models.posts import Created, PostRequest

if TYPE_CHECKING:
    from collections.abc import Generator

    from postiz_async._delivery.handle import KeyHandle
    from postiz_async._delivery.record import DeliveryRecord
    from postiz_async._resources.api import OpenClient
    from postiz_async._resources.keyed import KeyedCreate


LEAST_WAIT = 0.001
"""Shortest wait in seconds; a shorter one is a rounding error and would not advance a clock."""


class AllowedWait:
    """How long a call may wait: for the quota, for others with its key, and between looks.

    Together these waits may last for the `max_wait` of the call; its `timeout` does not include
    them.
    """

    def __init__(self, keyed: KeyedCreate) -> None:
        call, options = keyed.call, keyed.call.bound.options
        self._time = call.bound.time
        self._clock = call.bound.scheduler.clock
        self._most = options.max_wait if call.max_wait is UNSET else call.max_wait
        self._deadline = math.inf if options.deadline is None else options.deadline

    @property
    def left(self) -> float:
        """Seconds left: 0, or at least `LEAST_WAIT`."""
        until_deadline = self._deadline - self._clock.monotonic()
        left = min(self._most - self._time.waited, until_deadline)
        return left if left >= LEAST_WAIT else 0.0

    async def sleep(self, seconds: float) -> None:
        """Sleep, and count the time as waiting."""
        with self.counted():
            await self._clock.sleep(seconds)

    @contextmanager
    def counted(self) -> Generator[None]:
        """Count the time in the block as waiting."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            waited = self._clock.monotonic() - began
            self._time.waited += waited
            self._time.until += waited


@dataclass(slots=True)
class KeyedCall:
    """A call with an idempotency key.

    `name` is unique to the call, `lost` is the error of its own request if the answer was lost.
    """

    client: OpenClient
    fence: Fence
    outage: Outage
    keyed: KeyedCreate
    handle: KeyHandle
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    lost: DeliveryUnknownError | None = None
    marks: KeyMarks = field(init=False)
    fingerprint: dict[str, str] = field(init=False)
    wait: AllowedWait = field(init=False)
    body: PostRequest = field(init=False)
    """The request with all its posts, once built."""

    def __post_init__(self) -> None:
        self.marks = KeyMarks(self.handle.scope, self.handle.key)
        self.fingerprint = fingerprint_of(self.keyed.said)
        self.wait = AllowedWait(self.keyed)

    async def look(self) -> list[Created] | None:
        """Read the record of the key; return the answer if the record has it.

        Raises:
            IdempotencyError: the record has other arguments.
            BadRequestError: the request was refused.
            StoreError: the record cannot be read.
        """
        kept = await self.handle.read()
        if kept.is_bare:
            return None
        differs = differing(kept.fingerprint, self.fingerprint)
        if differs:
            raise IdempotencyError(self.handle.key, differs)
        if kept.refusal is not None:
            raise kept.refusal.error()
        return self.answer

    @property
    def answer(self) -> list[Created] | None:
        """The result of the call, once all posts are stored."""
        kept = self.handle.record
        if kept.state != "stored":
            return None
        return [Created(post_id=post.id, channel=post.channel) for post in kept.posts]

    @property
    def posts(self) -> tuple[DeliveryPost, ...]:
        """The posts of the call, with the ids of those known to be stored."""
        kept = self.handle.record  # a bare record may have been made with other arguments
        return tuple(map(DeliveryPost, self.keyed.channels)) if kept.is_bare else kept.posts

    @property
    def missing(self) -> list[int]:
        """The places of the posts that are not known to be stored."""
        return [place for place, post in enumerate(self.posts) if not post.id]

    @property
    def age(self) -> float:
        """Seconds since the request was sent."""
        return max(0.0, self.handle.now() - self.handle.record.left_at)

    def request(self, date: str) -> PostRequest:
        """The request with a marked date, for the posts that are sent."""
        return marked(self.body, self.marks, date, self.missing)

    def left(
        self,
        was: DeliveryRecord,
        posts: tuple[DeliveryPost, ...],
        date: str,
        served_at: float,
        seconds: float,
    ) -> DeliveryRecord:
        """The record of the delivery as it leaves; see `transitions.left`."""
        return transitions.left(
            was,
            self.name,
            posts=posts,
            fingerprint=self.fingerprint,
            date=date,
            now=self.handle.now(),
            served_at=served_at,
            seconds=seconds,
        )

    # -------------------------------------------------------------- what is raised

    def busy(self) -> PostizError:
        """The error for a key that another call holds for longer than this one may wait."""
        kept, now = self.handle.record, self.handle.now()
        if kept.state not in {"leaving", "lost"}:
            wait = max(1.0, self.client.scheduler.leaves_in(1))
            return QuotaWaitError(
                f"another call with the idempotency key {self.handle.key!r} waits for the quota, "
                f"and this one has waited as long as it may; nothing was sent.\n"
                f"  Make it again in {describe_seconds(wait)} for the answer of the other.",
                retry_after=wait,
            )
        if kept.is_leaving_at(now):  # usually it is answered soon
            wait = min(self.age, kept.gone_at - now)
            return self.unknown("another call is sending it", retry_after=wait)
        return self.unknown("another call is looking it up", retry_after=known_in(self.age))

    def unknown(
        self, why: str, *, retry_after: float | None, sent: PostRequest | None = None
    ) -> DeliveryUnknownError:
        """The error for an unknown outcome.

        Args:
            why: the reason, as the end of a sentence.
            retry_after: seconds until a look is worthwhile; None: a person has to look.
            sent: the request, if it was built.
        """
        look = by_reader("Look", "Look with posts.find(error.marks)")
        advice = f"{look} before sending with another key."
        if retry_after is not None:
            retry_after = max(1.0, retry_after)
            again = describe_seconds(retry_after)
            advice = f"Make the same call again in {again}: it never sends a second post."
        key = self.handle.key
        text = f"What became of the create with the idempotency key {key!r} is not known: {why}."
        marks = self._marks() if sent is None else marks_of(encode_create(sent), 0.0)
        return DeliveryUnknownError(f"{text}\n  {advice}", marks=marks, retry_after=retry_after)

    def _marks(self) -> Marks:
        """The marks of a request that was not built; they lack its texts."""
        return Marks(
            parse_date(self.handle.record.date),
            channels=self.keyed.channels,
            kind="draft" if self.keyed.kind == "draft" else "schedule",
            short_link=self.keyed.short_link,
        )

    def lost_for_now(self, error: PostizError) -> DeliveryUnknownError:
        """The error for a lost answer that cannot be looked up now, as store or client are away."""
        assert self.lost is not None  # noqa: S101  (else the error of the store is raised)
        why = trouble_of(error).rstrip(".")
        text = f"{self.lost}\n  What became of it cannot be looked up now ({why})."
        return DeliveryUnknownError(text, marks=self.lost.marks, retry_after=known_in(0.0))


def known_in(age: float) -> float:
    """Seconds until it is worthwhile to look up a request that was sent `age` seconds ago.

    A stored post is listed after the first pause; absence can be proved only after `SILENT`.
    """
    if age < SHORTEST_LOOK_PAUSE:
        return SHORTEST_LOOK_PAUSE - age
    return max(SHORTEST_LOOK_PAUSE, SILENT - age)
