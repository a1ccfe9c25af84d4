"""Random lives of a ledger against two small servers of our own, over a network with delays."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, RateHeaders, WaitReason, snapshot

HOUR = 3600.0
SLOWEST = 28.0
"""Seconds that a request is on its way at most, also after its sender gave up or died."""


@dataclass
class FixedWindow:
    """Counts in windows that begin with their first hit; one hit too many blocks for an hour.

    Hits during a block count on. A deadline is over only after its very moment.
    """

    limit: int
    hits: int = 0
    ends: float = -1.0
    block_ends: float = -1.0

    def hit(self, at: float) -> RateHeaders | float:
        """What the answer says: a reading, or after how many seconds to come again."""
        if at > self.ends:
            self.hits, self.ends = 0, at + HOUR
        self.hits += 1
        if at > self.block_ends and self.hits > self.limit:
            self.block_ends = at + HOUR
        if at <= self.block_ends:
            return _whole(self.block_ends - at)
        return RateHeaders(self.limit, self.limit - self.hits, _whole(self.ends - at))


@dataclass
class SlidingLog:
    """Each hit counts for an hour; the reset header belongs to a mark of its own."""

    limit: int
    log: list[float] = field(default_factory=list)
    mark: float = -1.0
    block_ends: float = -1.0

    def hit(self, at: float) -> RateHeaders | float:
        if at > self.mark:
            self.mark = at + HOUR
        if at <= self.block_ends:
            return _whole(self.block_ends - at)
        if self.block_ends >= 0:
            self.log, self.block_ends = [], -1.0
        self.log = [moment for moment in self.log if at <= moment + HOUR]
        self.log.append(at)
        if len(self.log) > self.limit:
            self.block_ends = at + HOUR
            return HOUR
        return RateHeaders(self.limit, self.limit - len(self.log), _whole(self.mark - at))


def _whole(seconds: float) -> float:
    return float(-(-seconds // 1))


quick = st.sampled_from([0.0, 0.05, 0.4])
delays = st.one_of(quick, st.floats(0, 3), st.floats(0, SLOWEST))
ways = st.one_of(
    st.lists(st.tuples(quick, quick), min_size=5, max_size=12),
    st.lists(st.tuples(delays, delays), min_size=2, max_size=12),
)
pauses = st.one_of(
    st.floats(0, 1),
    st.floats(0, 60),
    st.floats(0, HOUR),
    st.floats(HOUR - 15, HOUR + 15),
    st.floats(HOUR, 2 * HOUR),
)
fates = st.sampled_from(
    ["answer", "never arrives", "answer lost", "arrives late", "stripped", "free", "unsent"]
)


class Life(RuleBasedStateMachine):
    """One key, one client that may die, and, in some lives, other clients."""

    @initialize(
        sliding=st.booleans(),
        limit=st.integers(1, 3),
        held=st.sampled_from([None, 0, 2]),
        belief=st.integers(1, 3),
        drift=st.sampled_from([0.0, 4e-4, -4e-4]),
        others=st.sampled_from([False, False, False, True]),
        stripped=st.sampled_from([False, False, False, True]),
    )
    def begin(
        self,
        *,
        sliding: bool,
        limit: int,
        held: int | None,
        belief: int,
        drift: float,
        others: bool,
        stripped: bool,
    ) -> None:
        self.server = SlidingLog(limit) if sliding else FixedWindow(limit)
        self.ledger = Ledger(limit=min(limit, belief), reserve=held)
        self.held = held
        self.others = others
        self.stripped = stripped
        self.now = 1000.0
        self.drift = drift
        self.ahead = 0.0  # the client's monotonic clock less ours
        self.wall = 1e9  # the client's wall clock less ours
        self.stepped = 0.0
        self.kept = snapshot.take_snapshot(self.ledger, self.mine, self.now + self.wall)
        self.life = 0
        self.events: list[tuple[float, int, int, int, object]] = []
        self.ids = itertools.count()
        self.block_known = -1.0

    @property
    def mine(self) -> float:
        return self.now * (1 + self.drift) + self.ahead

    def ours(self, moment: float) -> float:
        return (moment - self.ahead) / (1 + self.drift) + 1e-6

    # ---------------------------------------------------------- what happens

    @rule(
        urgent=st.booleans(),
        backlog=st.sampled_from([None, 1, 3, 50]),
        up=delays,
        down=delays,
        fate=fates,
    )
    def call(self, *, urgent: bool, backlog: int | None, up: float, down: float, fate: str) -> None:
        self.try_call(urgent=urgent, backlog=backlog, up=up, down=down, fate=fate)

    @rule(urgent=st.booleans(), ways=ways)
    def burst(self, *, urgent: bool, ways: list[tuple[float, float]]) -> None:
        """Many callers at once; each goes as soon as it may within a few seconds."""
        for up, down in ways:
            if not self.try_call(urgent=urgent, backlog=None, up=up, down=down, fate="answer"):
                self.run_until(min([self.now + SLOWEST, *(at for at, *_ in self.events)]))

    def try_call(
        self, *, urgent: bool, backlog: int | None, up: float, down: float, fate: str
    ) -> bool:
        verdict = quota.decide(self.ledger, self.mine, urgent=urgent, backlog=backlog)
        if not isinstance(verdict, Grant):
            assert verdict.until > self.mine
            return False
        assert self.now > self.block_known, "sent into a block that it knew of"
        self.ledger, token = quota.reserve(self.ledger, self.mine)
        self.keep()
        trip = up + down
        if self.stripped and fate == "answer":
            fate = "stripped"
        if fate == "unsent":
            self.ledger = quota.released(self.ledger, token)
        elif fate == "free":
            self.later(trip, token, "released")
        elif fate == "never arrives":
            self.later(trip, token, "lost")
        elif fate == "arrives late":
            self.later(min(up, down), token, "lost")
            self.later(up, token, "arrive", None)
        else:
            self.later(up, token, "arrive", (fate, down))
        return True

    @rule(pause=pauses)
    def advance(self, *, pause: float) -> None:
        self.run_until(self.now + pause)

    @rule(urgent=st.booleans(), late=st.sampled_from([0.0, 0.0, 0.3]))
    def wait_as_told(self, *, urgent: bool, late: float) -> None:
        verdict = quota.decide(self.ledger, self.mine, urgent=urgent)
        if isinstance(verdict, Grant):
            return
        until = self.ours(verdict.until)
        if self.events:
            until = min(until, self.events[0][0])
        assert until < float("inf"), "waits for an answer that nobody awaits"
        self.run_until(until + late)
        self.now = max(self.now, until)

    @rule(
        down_for=st.one_of(st.floats(0, 5), pauses),
        step=st.one_of(st.floats(-SLOWEST, SLOWEST), st.floats(-2 * HOUR, 0)),
    )
    def crash(self, *, down_for: float, step: float) -> None:
        """The process dies and another one takes over; meanwhile the wall clock may be set."""
        event("crash")
        self.life += 1
        self.run_until(self.now + down_for)
        self.wall += step - self.stepped  # the clock is wrong by so much since the keeping
        self.stepped = step
        self.ahead += 12_345.0
        wall = self.now + self.wall
        self.ledger = snapshot.restore_snapshot(self.kept, self.mine, wall, reserve_slots=self.held)
        self.block_known = -1.0

    @precondition(lambda self: self.others)
    @rule(hits=st.sampled_from([1, 1, 2, 9]))
    def somebody_else(self, *, hits: int) -> None:
        for _ in range(hits):
            self.server.hit(self.now)

    @precondition(lambda self: self.server.limit < 4)
    @rule(more=st.integers(1, 2))
    def raise_limit(self, *, more: int) -> None:
        self.server.limit += more

    @rule(urgent=st.booleans())
    def comes_to_rest(self, *, urgent: bool) -> None:
        """With nothing under way the ledger reads the truth again, and soon enough."""
        self.run_until(self.now + 4 * SLOWEST)
        assert not self.events
        start = self.now
        for _ in range(20):
            verdict = quota.decide(self.ledger, self.mine, urgent=urgent)
            if isinstance(verdict, Grant):
                break
            assert self.mine < verdict.until < float("inf"), f"never asked again: {verdict}"
            self.now = max(self.ours(verdict.until), self.now + 1e-6)
        else:
            raise AssertionError("asks again and again")
        assert self.now <= start + HOUR + 120 or self.others, "a slot was lost for long"
        self.try_call(urgent=urgent, backlog=None, up=0.2, down=0.2, fate="answer")
        self.run_until(self.now + 1)
        if not (self.stripped or self.ledger.blocked_until > self.mine):
            free = quota.free_slots(self.ledger, self.mine)
            assert free == self.reading.remaining, "a slot was lost, or invented"
            event("read the truth")

    # ---------------------------------------------------------- what holds

    @invariant()
    def nothing_is_negative(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.remaining >= 0
        assert quota.free_slots(self.ledger, self.mine) >= 0
        for ahead in (0, 1, 40):
            assert quota.forecast(self.ledger, self.mine, ahead) >= self.mine

    # ---------------------------------------------------------- machinery

    def later(self, seconds: float, token: int, kind: str, what: object = None) -> None:
        moment = self.now + seconds
        heapq.heappush(self.events, (moment, next(self.ids), self.life, token, (kind, what)))

    def run_until(self, moment: float) -> None:
        while self.events and self.events[0][0] <= moment:
            at, _, life, token, (kind, what) = heapq.heappop(self.events)
            self.now = max(self.now, at)
            if kind == "arrive":
                self.arrive(life, token, what)
            elif life == self.life:
                self.land(token, kind, what)
                self.keep()
        self.now = max(self.now, moment)

    def arrive(self, life: int, token: int, what: object) -> None:
        answer = self.server.hit(self.now)
        if not isinstance(answer, RateHeaders) and not self.others:
            raise AssertionError("429, and nobody else uses the key")
        if what is None or life != self.life:
            return
        fate, down = what
        if not isinstance(answer, RateHeaders):
            self.later(down, token, "refused", answer)
        elif fate == "answer lost":
            self.later(down, token, "lost")
        else:
            self.later(down, token, "unread" if fate == "stripped" else "answered", answer)

    def land(self, token: int, kind: str, what: object) -> None:
        ledger, now = self.ledger, self.mine
        if kind == "released":
            self.ledger = quota.released(ledger, token)
        elif kind == "lost":
            self.ledger = quota.lost(ledger, token, now)
        elif kind == "unread":
            self.ledger = quota.unread(ledger, token, now)
        elif kind == "refused":
            self.ledger = quota.refused(ledger, token, now, what)
            self.block_known = max(self.block_known, self.server.block_ends)
        else:
            self.reading = what
            self.ledger = quota.answered(ledger, token, now, what)

    def keep(self) -> None:
        self.stepped = 0.0
        self.kept = snapshot.take_snapshot(self.ledger, self.mine, self.now + self.wall)


def test_a_ledger_keeps_the_laws_through_any_life() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


moves = st.tuples(st.sampled_from(["ask", "ask", "arrive", "answer"]), st.integers(0, 9))


def after_first_answer(server: FixedWindow, ledger: Ledger, now: float) -> Ledger:
    """One call went alone and read the counter."""
    ledger, first = quota.reserve(ledger, now)
    reading = server.hit(now)
    assert isinstance(reading, RateHeaders)
    return quota.answered(ledger, first, now, reading)


@given(
    limit=st.integers(2, 12),
    used=st.integers(0, 5),
    steps=st.lists(moves, min_size=20, max_size=60),
)
def test_nobody_is_told_that_a_window_is_used_up_while_a_slot_is_left(
    limit: int, used: int, steps: list[tuple[str, int]]
) -> None:
    """Requests and answers overtake each other; all arrive, and nobody else uses the key."""
    server, ledger, now = FixedWindow(limit), Ledger(limit=limit), 1000.0
    for _ in range(min(used, limit - 1)):
        server.hit(now)
    ledger = after_first_answer(server, ledger, now)
    under_way: list[int] = []
    answers: list[tuple[int, RateHeaders]] = []
    # at the end all that is under way comes back, and whoever waited asks again
    rest = [("arrive", 0), ("answer", 0), ("ask", 0)] * len(steps)
    for what, place in [*steps, *rest]:
        now += 0.01
        if what == "ask":
            verdict = quota.decide(ledger, now, urgent=True)
            taken = server.hits + len(under_way)
            soon = quota.forecast(ledger, now, 0) <= now + 1
            if isinstance(verdict, Grant):
                ledger, token = quota.reserve(ledger, now)
                under_way.append(token)
                assert taken < limit
            elif taken < limit:
                assert verdict.why is WaitReason.IN_FLIGHT
                assert soon, "or callers who do not wait long would be refused"
                assert ledger.flights
            elif not answers:
                assert verdict.why is WaitReason.WINDOW
                assert not soon
        elif what == "arrive" and under_way:
            token = under_way.pop(place % len(under_way))
            reading = server.hit(now)
            assert isinstance(reading, RateHeaders)
            answers.append((token, reading))
        elif what == "answer" and answers:
            token, reading = answers.pop(place % len(answers))
            ledger = quota.answered(ledger, token, now, reading)


losses = st.tuples(st.sampled_from(["ask", "ask", "arrive", "answer", "lose"]), st.integers(0, 9))


@given(limit=st.integers(2, 12), steps=st.lists(losses, min_size=10, max_size=60))
def test_alone_what_was_never_sent_is_free_however_many_answers_are_lost(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    server, ledger, now = FixedWindow(limit), Ledger(limit=limit, reserve=0), 1000.0
    ledger = after_first_answer(server, ledger, now)
    under_way: list[int] = []
    answers: list[tuple[int, RateHeaders]] = []
    stray, sent = 0, 1
    rest = [("arrive", 0), ("answer", 0)] * len(steps)
    for what, place in [*steps, *rest]:
        now += 0.01
        if what == "ask":
            if isinstance(quota.decide(ledger, now, urgent=True), Grant):
                ledger, token = quota.reserve(ledger, now)
                under_way.append(token)
                sent += 1
                assert sent <= limit
        elif what == "arrive" and under_way:
            reading = server.hit(now)
            assert isinstance(reading, RateHeaders), "429, and nobody else uses the key"
            answers.append((under_way.pop(place % len(under_way)), reading))
        elif what == "lose" and under_way:  # it may arrive yet
            ledger = quota.lost(ledger, under_way.pop(place % len(under_way)), now)
            stray += 1
        elif what == "lose" and answers:  # it did
            ledger = quota.lost(ledger, answers.pop(place % len(answers))[0], now)
        elif what == "answer" and answers:
            token, reading = answers.pop(place % len(answers))
            ledger = quota.answered(ledger, token, now, reading)
    assert not ledger.flights
    assert limit - sent <= quota.free_slots(ledger, now) <= limit - server.hits - stray
