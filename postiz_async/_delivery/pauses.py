"""A circuit breaker: the whole job pauses while Postiz is away.

| state   | what may leave                     | what ends it                              |
|---------|------------------------------------|-------------------------------------------|
| `UP`    | everything                         | a call that fails: `DOWN`                 |
| `DOWN`  | one free question after each pause | its answer: `TRIAL`; none: a longer pause |
| `TRIAL` | reads, and creates one at a time   | an answer: `UP`; a failure: `DOWN`        |

A create costs one of few slots whatever comes of it, so it is never sent to see whether Postiz is
back. But a server that answers reads may still fail at creates: while creates have failed, only a
create that is answered, or found to have been carried out, ends the outage, and pauses grow until
then. What left before the outage says nothing of it, and what left together and fails counts as one
failure. Everybody waits in one place, where one of them asks; if that one is cancelled, the next.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import ParamSpec, TypeVar

import anyio

from postiz_async._logs import Log, log_of
from postiz_async._resources.api import OpenClient
from postiz_async._wire import is_refusal
from postiz_async.clock import Clock
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    DeliveryUnknownError,
    PostizError,
    QuotaError,
    ServerError,
    StoreError,
)
from postiz_async.models._durations import describe_seconds

P = ParamSpec("P")
T = TypeVar("T")

PAUSES = (1.0, 4.0, 15.0, 60.0, 120.0, 300.0, 300.0, 300.0, 300.0)
"""Seconds between attempts while Postiz is away; after them a campaign stops, resumable."""

LONGEST_PAUSE = 3_600.0
"""Seconds between attempts while the cause needs a person."""

REFUSED_PAUSE = 60.0
"""Seconds between attempts, at least, while Postiz answers with 429."""

_PASSING = (APIConnectionError, ServerError, StoreError, APIResponseValidationError)


async def ask(postiz: OpenClient) -> None:
    """Make a call that costs no quota and whose answer brings the server's time.

    Raises:
        APIConnectionError: Postiz is away.
        APIStatusError: Postiz reports an error, or refuses the key.
    """
    try:
        await postiz.channels.is_connected()
    except APIStatusError as error:
        if isinstance(error, ServerError) or error.status_code in {401, 402, 403, 429}:
            raise


def is_away(error: PostizError) -> bool:
    """Whether an error shows that Postiz is away: no connection, 5xx, a failed key look-up."""
    return isinstance(error, APIConnectionError | ServerError)


def _never(_: PostizError) -> bool:
    return False


def has_crashed(error: DeliveryUnknownError) -> bool:
    """Whether Postiz itself reported that a create failed, so that it no longer works on it."""
    cause = error.__cause__
    return (
        isinstance(cause, ServerError) and cause.status_code == 500 and is_refusal(500, cause.body)
    )


def pause_after(error: PostizError, failures: int) -> float:
    """Seconds to wait after this many failures in a row; longer if the cause needs a person."""
    place = min(failures, len(PAUSES)) - 1
    if isinstance(error, QuotaError):
        return max(REFUSED_PAUSE, error.retry_after)
    if isinstance(error, _PASSING):
        return PAUSES[place]
    return min(LONGEST_PAUSE, PAUSES[-1] * 2.0**place)


def trouble_of(error: PostizError) -> str:
    """An error in one line, with advice unless it passes by itself."""
    return str(error).partition("\n")[0] if isinstance(error, _PASSING) else _in_one_line(error)


def why_lost(error: DeliveryUnknownError | None) -> str:
    """One line that says that an answer was lost, and what came instead."""
    cause = None if error is None else error.__cause__
    seen = f" ({trouble_of(cause)})" if isinstance(cause, PostizError) else ""
    return f"its answer was lost{seen}"


def _in_one_line(error: PostizError) -> str:
    sentences = (line.strip() for line in str(error).splitlines())
    return " ".join(s if s.endswith((".", ":", "?")) else f"{s}." for s in sentences)


class PausedError(Exception):
    """A create must not leave now; its slot is returned."""


class _AgainError(Exception):
    """The call is to be repeated when the outage is over."""


class _PauseState(Enum):
    UP = "up"
    DOWN = "down"
    TRIAL = "trial"


class Departure:
    """One attempt at a create, from the wait for its slot to its first byte."""

    def __init__(self, outage: Outage, *, is_trial: bool) -> None:
        self.turn = outage.turn
        self.has_left = False
        self._outage = outage
        self._is_trial = is_trial

    def check(self) -> None:
        """Raise `PausedError` if the create must not leave now."""
        if not self._outage.admits(is_trial=self._is_trial):
            raise PausedError

    def leave(self) -> None:
        """Note that the first byte leaves now; raises `PausedError` as `check` does."""
        self.check()
        self.turn = self._outage.turn
        self.has_left = True


class Outage:
    """Pauses the calls of one job while Postiz is away.

    Args:
        clock: the clock of the client.
        ask: a call that costs no quota; an error not in `waits_for` counts as an answer, too.
        log: gets one line when the job pauses and one when it goes on.
        waits_for: whether an error is waited out; others are raised. None: no error is.
        gives_up: whether to raise the error when the longest pause did not help.
        on_change: called when the pause begins or ends.
        is_trial: whether an outage before is over only when a create is answered.
    """

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[], Awaitable[object]],
        *,
        log: Log,
        waits_for: Callable[[PostizError], bool] | None = is_away,
        gives_up: bool = True,
        on_change: Callable[[], object] = lambda: None,
        is_trial: bool = False,
    ) -> None:
        self.turn: int = 0
        """Counts the changes of state."""
        self.error: PostizError | None = None
        """The error that caused the pause; None while there is no pause."""
        self._clock = clock
        self._ask = ask
        self.log: Log = log
        self._pauses = waits_for is not None
        self._waits_for: Callable[[PostizError], bool] = waits_for or _never
        self._gives_up = gives_up
        self._on_change = on_change
        self._state = _PauseState.TRIAL if is_trial else _PauseState.UP
        self._failures = 0
        self._creates_fail = is_trial
        self._began = self._until = clock.monotonic()
        self._first_turn = -1
        self._changed = anyio.Event()
        self._asking = anyio.Lock()
        self._trial = anyio.Lock()

    @classmethod
    def of(
        cls,
        postiz: OpenClient,
        *,
        log: logging.Logger | None = None,
        waits_for: Callable[[PostizError], bool] | None = is_away,
        gives_up: bool = True,
        on_change: Callable[[], object] = lambda: None,
        is_trial: bool = False,
    ) -> Outage:
        """The outage of a client, which probes the cheapest route that checks the key."""
        return cls(
            postiz.clock,
            postiz.once.channels.is_connected,
            log=log_of(log or logging.getLogger("postiz_async.campaign"), postiz.organization),
            waits_for=waits_for,
            gives_up=gives_up,
            on_change=on_change,
            is_trial=is_trial,
        )

    @property
    def trouble(self) -> str:
        """The cause of the pause in one line; empty while there is none."""
        return "" if self.error is None else trouble_of(self.error)

    @property
    def pauses_for(self) -> float:
        """Seconds during which nothing is sent for certain."""
        left = self._until - self._clock.monotonic()
        return max(0.0, left) if self._state is _PauseState.DOWN else 0.0

    @property
    def is_lasting(self) -> bool:
        """Whether Postiz was still away after the longest pause, so that the job has to stop."""
        return self._gives_up and self._failures > len(PAUSES)

    def admits(self, *, is_trial: bool) -> bool:
        """Whether a create may leave now."""
        return self._state is _PauseState.UP or (self._state is _PauseState.TRIAL and is_trial)

    def repeats(self, error: Exception) -> bool:
        """Whether a create with this error is repeated when the outage is over."""
        return isinstance(error, PausedError) or (
            isinstance(error, PostizError) and self._waits_for(error)
        )

    # -------------------------------------------------------------- calls

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call that costs no quota, and repeat it after each outage.

        Raises:
            PostizError: the job has to stop, only this call fails, or its error is not waited out.
        """
        for failures in itertools.count(1):
            await self._passable()
            turn = self.turn
            try:
                value = await call()
            except PostizError as error:
                if not self._waits_for(error):
                    raise
                self._failed(error, turn, is_create=False)
                if self.is_lasting or (self._gives_up and failures > len(PAUSES)):
                    raise
                again_at = self._clock.monotonic() + pause_after(error, failures)
            else:
                self._answered(turn, is_create=False)
                return value
            await self._clock.sleep_until(again_at)
        raise AssertionError("itertools.count ended")

    def wrap(self, call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Wrap a call so that it is repeated after each outage; see `read`."""

        async def until_answered(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self.read(lambda: call(*args, **kwargs))

        return until_answered

    async def create(self, call: Callable[[Departure], Awaitable[T]]) -> T:
        """Make a create, and repeat it as long as it was proved not carried out.

        Args:
            call: makes one attempt, and calls `leave()` right before the first byte.

        Raises:
            DeliveryUnknownError: the answer was lost, which counts as a failure.
            PostizError: the job has to stop, or the error is not waited out.
        """
        while True:
            await self._passable()
            try:
                if self._state is _PauseState.UP:
                    return await self._attempt(call, Departure(self, is_trial=False))
                async with self._trial:
                    if self._state is _PauseState.TRIAL:
                        return await self._attempt(call, Departure(self, is_trial=True))
            except _AgainError:
                continue

    async def _attempt(self, call: Callable[[Departure], Awaitable[T]], it: Departure) -> T:
        try:
            value = await call(it)
        except PausedError as error:
            raise _AgainError from error
        except DeliveryUnknownError as error:
            cause = error.__cause__
            if isinstance(cause, PostizError) and (
                self._waits_for(cause)
                or (self._pauses and isinstance(cause, APIResponseValidationError))
            ):
                self._failed(cause, it.turn, is_create=True)
            raise
        except PostizError as error:
            if self._waits_for(error):
                self._failed(error, it.turn, is_create=True)
                raise _AgainError from error
            if it.has_left and isinstance(error, APIStatusError) and not error.may_be_stored:
                self._answered(it.turn, is_create=True)
            raise
        if it.has_left:
            self._answered(it.turn, is_create=True)
        return value

    def failed(self, error: PostizError) -> None:
        """Note the failure of another call, which pauses the whole job."""
        if self._state is not _PauseState.DOWN:
            self._failed(error, self.turn, is_create=False)

    def carried_out(self) -> None:
        """Note that a create with a lost answer was carried out: Postiz did not fail at it."""
        self._creates_fail = False
        if self._state is _PauseState.TRIAL:
            self._up()

    # -------------------------------------------------------------- states

    async def _passable(self) -> None:
        """Wait until calls may leave; one of the waiting tasks probes Postiz."""
        while self._state is _PauseState.DOWN:
            async with self._asking:
                if self._state is _PauseState.DOWN:
                    await self._look()

    async def _look(self) -> None:
        """Probe Postiz once, when the pause is over.

        Raises:
            PostizError: Postiz was still away after the longest pause.
        """
        if self.is_lasting and self.error is not None:
            raise self.error
        turn = self.turn
        with self._clock.move_on_after(self.pauses_for) as pause:
            await self._changed.wait()
        if not pause.cancelled_caught:
            return
        try:
            await self._ask()
        except PostizError as error:
            if self._waits_for(error):
                self._failed(error, turn, is_create=False)
                return
        if turn == self.turn:
            self._change(_PauseState.TRIAL)

    def _failed(self, error: PostizError, turn: int, *, is_create: bool) -> None:
        if turn == self.turn or self._state is not _PauseState.UP:
            self._creates_fail |= is_create
        if turn != self.turn:
            return
        now = self._clock.monotonic()
        self._failures += 1
        self._until = now + pause_after(error, self._failures)
        self.error = error
        left = describe_seconds(self._until - now)
        if self._state is _PauseState.UP:
            self._began, self._first_turn = now, self.turn + 1
            said = _in_one_line(error)  # with its hint
            if is_away(error):
                self.log.warning("paused until Postiz is back: %s", said)
            else:
                self.log.warning("paused: %s Next look in %s.", said, left)
        else:
            self.log.info("not back yet, next look in %s: %s", left, self.trouble)
        self._change(_PauseState.DOWN)

    def _answered(self, turn: int, *, is_create: bool) -> None:
        has_left_since = self._state is not _PauseState.UP and turn > self._first_turn
        if has_left_since and (is_create or not self._creates_fail):
            self._up()

    def _up(self) -> None:
        if self._first_turn < 0:
            self.log.warning("goes on")
        else:
            lasted = describe_seconds(self._clock.monotonic() - self._began)
            self.log.warning("goes on after a pause of %s", lasted)
        self._failures, self._creates_fail = 0, False
        self.error = None
        self._change(_PauseState.UP)

    def _change(self, state: _PauseState) -> None:
        self._state = state
        self.turn += 1
        self._changed.set()
        self._changed = anyio.Event()
        self._on_change()
