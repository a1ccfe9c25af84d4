"""One call with an idempotency key: what it works with, how long it may wait, what it raises."""

from __future__ import annotations

import math
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postiz_async._delivery.lookup import SHORTEST_LOOK_PAUSE
from postiz_async._delivery.pauses import trouble_of
from postiz_async._delivery.record import DeliveryPost, KeyMarks, differing, fingerprint_of
from postiz_async._quota import SILENT
from postiz_async._resources.create_body import encode_create, marks_of
from postiz_async._wire import parse_date
from postiz_async.errors import (
    DeliveryUnknownError,
    IdempotencyError,
    Marks,
    by_reader,
    describe_seconds,
)
from postiz_async.models.posts import Created

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from postiz_async._delivery.client import KeyClient
    from postiz_async._delivery.handle import Handle
    from postiz_async._delivery.lookup import Fence
    from postiz_async._resources.keyed import KeyedCreate
    from postiz_async.errors import PostizError
    from postiz_async.models.posts import CreatePost


LEAST_WAIT = 0.001
"""Seconds below which nobody waits: what rounding leaves of a wait moves no clock on."""


class WaitOverError(Exception):
    """A caller may not wait this many seconds more. Never leaves `delivery`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class AllowedWait:
    """How long a call may wait: for the quota, for others with its key, and between looks.

    All of that is one wait, the `max_wait` of the call, and no part of its `timeout`.
    """

    def __init__(self, keyed: KeyedCreate) -> None:
        call = keyed.call
        self._time = call.bound.time
        self._clock = call.bound.scheduler.clock
        most = call.bound.options.max_wait if call.max_wait is None else call.max_wait
        self._most = math.inf if most is None else most
        deadline = call.bound.options.deadline
        self._deadline = math.inf if deadline is None else deadline

    @property
    def left(self) -> float:
        """Seconds: 0, or `LEAST_WAIT` and more."""
        until_deadline = self._deadline - self._clock.monotonic()
        left = min(self._most - self._time.waited, until_deadline)
        return left if left >= LEAST_WAIT else 0.0

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            WaitOverError: that is longer than the call may wait.
        """
        if seconds > self.left:
            raise WaitOverError(seconds)
        with self.counted():
            await self._clock.sleep(seconds)

    @contextmanager
    def counted(self) -> Generator[None]:
        """The time inside is waiting."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            waited = self._clock.monotonic() - began
            self._time.waited += waited
            self._time.until += waited


@dataclass(slots=True, kw_only=True)
class KeyedCall:
    """A call on its way.

    `name` tells it from all others, `lost` is the error of its own request whose answer was lost.
    """

    client: KeyClient
    fence: Fence
    keyed: KeyedCreate
    handle: Handle
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    lost: DeliveryUnknownError | None = None
    marks: KeyMarks = field(init=False)
    fingerprint: Mapping[str, str] = field(init=False)
    wait: AllowedWait = field(init=False)

    def __post_init__(self) -> None:
        self.marks = KeyMarks(self.handle.scope, self.handle.key)
        self.fingerprint = fingerprint_of(self.keyed.said)
        self.wait = AllowedWait(self.keyed)

    async def look(self) -> list[Created] | None:
        """Read what is kept; the answer, if there is one.

        Raises:
            IdempotencyError: it is of another call.
            BadRequestError: it was refused.
            StoreError: it cannot be read.
        """
        kept = await self.handle.read()
        if kept.is_bare:
            return None
        differs = differing(kept.fingerprint, self.fingerprint)
        if differs:
            raise IdempotencyError(self.handle.key, differs)
        if kept.refusal is not None:
            raise kept.refusal.error()
        if kept.state != "stored":
            return None
        return [Created(post_id=post.id, integration=post.channel) for post in kept.posts]

    @property
    def posts(self) -> tuple[DeliveryPost, ...]:
        """Its posts, with the ids of those that are known to be stored."""
        known = self.handle.record.stored
        channels = enumerate(self.keyed.channels)
        return tuple(DeliveryPost(channel, known.get(place, "")) for place, channel in channels)

    @property
    def missing(self) -> list[int]:
        """The places of its posts that are not known to be stored."""
        return [place for place, post in enumerate(self.posts) if not post.id]

    def unknown(
        self,
        why: str,
        *,
        retry_after: float | None,
        sent: CreatePost | None = None,
    ) -> DeliveryUnknownError:
        """What is raised while it is not known whether the posts are stored.

        Args:
            why: the end of a sentence.
            retry_after: seconds until a look is worthwhile; None: a person has to look.
            sent: the request, where it was built.
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
        """The marks of a request that was not built: without its texts."""
        return Marks(
            parse_date(self.handle.record.date),
            channels=self.keyed.channels,
            kind="draft" if self.keyed.kind == "draft" else "schedule",
            short_link=self.keyed.short_link,
        )

    def lost_for_now(self, error: PostizError) -> DeliveryUnknownError:
        """Its own answer was lost, and cannot be looked up: store or client are away."""
        assert self.lost is not None  # noqa: S101  (else the error of the store is raised)
        why = trouble_of(error).rstrip(".")
        text = f"{self.lost}\n  What became of it cannot be looked up now ({why})."
        return DeliveryUnknownError(text, marks=self.lost.marks, retry_after=known_in(0.0))


def known_in(age: float) -> float:
    """Seconds until a look at a request is worthwhile that was sent `age` seconds ago and lost.

    What is stored is listed after the first pause, and what is not can be known when it settled.
    """
    if age < SHORTEST_LOOK_PAUSE:
        return SHORTEST_LOOK_PAUSE - age
    return max(SHORTEST_LOOK_PAUSE, SILENT - age)
