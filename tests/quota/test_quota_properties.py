"""Random lives of a ledger against two small servers of our own, over a network with delays."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, event, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledgers import ledger_of
from msgspec.structs import astuple
from throttles import HOUR, FixedWindow, SlidingLog

from postiz_async import _quota as quota
from postiz_async._quota import SILENT, Grant, RateHeaders, Wait, WaitReason, shared_state
from postiz_async._quota.shared_state import SharedState
from postiz_async._quota.snapshot import Snapshot, restore_snapshot, take_snapshot

SLOWEST = 28.0
"""Seconds that a request is on its way at most, also after its sender gave up or died."""

HELD = 700.0
"""The same where nothing but silence was met."""

LIFETIME = 900.0
"""Seconds after which a holder in a shared state, not heard of again, is taken for dead."""

LOOK = 10.0
"""Seconds after which a request is looked up that was not answered."""

STEPS = 50
"""Rules in one life."""

quick = st.sampled_from([0.0, 0.05, 0.4])
delays = st.one_of(quick, st.floats(0, 3), st.floats(0, SLOWEST))
long_delays = st.one_of(delays, delays, st.floats(0, HELD))
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
    st.floats(0, 60 * HOUR),
)
fates = st.sampled_from(
    [
        "answer",
        "answer",
        "never arrives",
        "answer lost",
        "arrives late",
        "silent",
        "stripped",
        "free",
        "unsent",
        "proxy refuses",
    ]
)
backlogs = st.sampled_from([None, 1, 3, 50])


@dataclass(frozen=True)
class Kind:
    """What a life is like: whose calls come, and what the answers say."""

    storages: tuple[type[FixedWindow | SlidingLog], ...] = (FixedWindow, SlidingLog)
    others: bool = False
    headers: str = "all"
    limits: str = "raised"

    @property
    def alone(self) -> bool:
        """Whether all can be known, so that no call is refused."""
        return not self.others and self.headers != "some" and self.limits == "raised"


KINDS = {
    "by window": Kind((FixedWindow,)),
    "by log": Kind((SlidingLog,)),
    "without headers": Kind(headers="none"),
    "beside others, by window": Kind((FixedWindow,), others=True),
    "beside others, by log": Kind((SlidingLog,), others=True),
    "beside others, headers come and go": Kind(headers="some", others=True),
    "headers come and go": Kind(headers="some"),
    "limits change": Kind(limits="changed"),
    "two limits in turn": Kind(limits="in turn"),
}


class Life(RuleBasedStateMachine):
    """One key, one client that may die, and, in some lives, other clients."""

    kind: Kind
    steps = 0

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        draw = data.draw
        limit = draw(st.sampled_from([1, 2, 3, 5, 30, 90]))
        self.server = draw(st.sampled_from(self.kind.storages))(limit)
        self.limits = itertools.cycle([limit])
        if self.kind.limits == "in turn":
            pattern = st.lists(st.sampled_from([limit, limit + 1, 2 * limit]), min_size=2)
            self.limits = itertools.cycle(draw(pattern))
        self.held = draw(st.sampled_from([None, 0, 2]))
        believed = min(limit, draw(st.integers(1, 30)))
        self.ledger = ledger_of(limit=believed, reserve=self.held)
        self.store = draw(st.sampled_from(["", "of this host", "with its own clock"]))
        self.shared = bool(self.store)
        self.drift = draw(st.sampled_from([0.0, 4e-4, -4e-4]))
        self.now = 1000.0
        self.set_back_by = 0.0
        self.ahead = 0.0  # the client's monotonic clock less ours
        self.wall = 1e9  # the client's wall clock less ours
        self.stepped = 0.0
        self.forgot_at = -math.inf
        self.life = self.boots = 0
        self.events: list[tuple[float, int, int, int, object]] = []
        self.ids = itertools.count()
        self.under_way: dict[tuple[int, int], float] = {}  # until when a call may yet arrive
        self.sent: dict[tuple[int, int], float] = {}
        self.listed: list[tuple[int, int, float]] = []  # what no answer told of, and when it left
        self.block_known = -1.0
        self.turn = 0
        self.keep()

    @property
    def mine(self) -> float:
        return self.now * (1 + self.drift) + self.ahead

    @property
    def alone(self) -> bool:
        """Whether no call may be refused."""
        return self.kind.alone and self.now > self.forgot_at + 2 * HOUR

    def ours(self, moment: float) -> float:
        return (moment - self.ahead) / (1 + self.drift) + 1e-6

    # ---------------------------------------------------------- what happens

    @rule(urgent=st.booleans(), backlog=backlogs, up=long_delays, down=long_delays, fate=fates)
    def call(self, *, urgent: bool, backlog: int | None, up: float, down: float, fate: str) -> None:
        self.try_call(urgent=urgent, backlog=backlog, up=up, down=down, fate=fate)

    @rule(urgent=st.booleans(), ways=ways)
    def burst(self, *, urgent: bool, ways: list[tuple[float, float]]) -> None:
        """Many callers at once; each goes as soon as it may within a few seconds."""
        for up, down in ways:
            if not self.try_call(urgent=urgent, up=up, down=down):
                self.run_until(min([self.now + SLOWEST, *(at for at, *_ in self.events)]))

    @rule(
        urgent=st.booleans(),
        most=st.sampled_from([1, 4, 29, 89]),
        trip=quick,
        losses=st.lists(st.sampled_from(["answer", "answer lost", "never arrives"]), max_size=3),
    )
    def fill(self, *, urgent: bool, most: int, trip: float, losses: list[str]) -> None:
        """Calls go as long as they may."""
        for number in range(most):
            fate = losses[number] if number < len(losses) else "answer"
            while not self.try_call(urgent=urgent, up=trip, down=trip, fate=fate):
                if not self.events or self.events[0][0] > self.now + 5:
                    return
                self.run_until(self.events[0][0])

    @rule(pause=pauses)
    def advance(self, *, pause: float) -> None:
        self.run_until(self.now + pause)

    @rule(urgent=st.booleans(), backlog=backlogs, late=st.sampled_from([0.0, 0.0, 0.3]))
    def wait_as_told(self, *, urgent: bool, backlog: int | None, late: float) -> None:
        verdict = self.ask(urgent=urgent, backlog=backlog)
        if isinstance(verdict, Grant):
            return
        self.run_until(self.next_moment(verdict) + late)

    @rule(
        down_for=st.one_of(st.floats(0, 5), pauses),
        step=st.one_of(st.floats(-SLOWEST, SLOWEST), st.floats(-2 * HOUR, 0)),
        boot=st.sampled_from(["same", "another", ""]),
    )
    def crash(self, *, down_for: float, step: float, boot: str) -> None:
        """The process dies and another one takes over; meanwhile the wall clock may be set."""
        event("crash")
        self.life += 1
        goes_on = self.store == "with its own clock" or (self.shared and boot == "same")
        if not goes_on:  # what was under way arrives by itself, and soon
            last = self.kept_at + SLOWEST
            self.events = [e for e in self.events if e[0] <= last]
            heapq.heapify(self.events)
            self.under_way = {key: min(at, last) for key, at in self.under_way.items()}
        self.run_until(self.now + down_for)
        self.wall += step - self.stepped  # the clock is wrong by so much since the keeping
        self.stepped = step
        if not goes_on:
            # of a window that seems to be a fixed one no snapshot keeps the log
            if isinstance(self.server, SlidingLog) and not self.ledger.log.rules:
                self.forgot_at = self.now
            self.boots += 1
            self.ahead += 12_345.0
        wall = self.now + self.wall
        if self.shared:
            state = shared_state.decode("quota", self.stored)
            if self.store == "of this host":
                now_boot = boot and str(self.boots)
                state = shared_state.on_this_clock(state, now_boot, self.mine, wall)
            self.ledger = state.ledger
        else:
            kept = msgspec.json.decode(self.snapshot, type=Snapshot)
            self.ledger = restore_snapshot(kept, self.mine, wall, reserve_slots=self.held)

    @rule()
    def look(self) -> None:
        """Calls whose sender is gone, or has given them up, are looked up after a while."""
        open_tokens = {flight.token for flight in self.ledger.flights.open}
        for each in tuple(self.listed):
            life, token, sent = each
            is_sent = life == self.life and token in open_tokens
            if is_sent or self.now < sent + LOOK:
                continue
            event("found")
            self.listed.remove(each)
            left = self.mine - (self.now - sent) * (1 + self.drift)
            self.ledger = quota.found(self.ledger, left, self.mine)
            self.keep()

    @precondition(lambda self: self.store == "with its own clock")
    @rule(by=st.one_of(st.floats(0, 30), st.floats(0, 3 * HOUR)))
    def set_clock_back(self, *, by: float) -> None:
        """The clock of a store is set back; who looks next sees it."""
        event("set back")
        self.ahead -= by
        self.set_back_by += by
        state = SharedState(ledger=self.ledger, lineage=1)
        self.ledger = shared_state.not_ahead(state, self.mine).ledger
        self.keep()

    @precondition(lambda self: self.kind.others)
    @rule(hits=st.sampled_from([1, 1, 2, 9, 40]))
    def somebody_else(self, *, hits: int) -> None:
        for _ in range(hits):
            self.hit()

    @precondition(lambda self: self.kind.storages != (FixedWindow,))
    @rule()
    def server_starts_again(self) -> None:
        if isinstance(self.server, SlidingLog):
            self.server.empty()

    @precondition(lambda self: self.kind.limits == "raised" and not self.events)
    @rule(more=st.integers(1, 2))
    def raise_limit(self, *, more: int) -> None:
        self.limits = itertools.cycle([next(self.limits) + more])

    @precondition(lambda self: self.kind.limits == "changed")
    @rule(limit=st.sampled_from([1, 2, 5, 30]))
    def change_limit(self, *, limit: int) -> None:
        self.limits = itertools.cycle([limit])

    @rule(urgent=st.booleans())
    def comes_to_rest(self, *, urgent: bool) -> None:
        """With nothing under way a call goes soon enough, and reads the truth."""
        start = self.now
        while self.events:
            self.run_until(self.events[0][0])
            start = self.now
        flights = self.ledger.flights
        self.run_until(self.ours(max([self.mine, *(flight.expires for flight in flights.open)])))
        self.ask(urgent=urgent, backlog=None)
        self.run_until(self.ours(max([self.mine, *self.ledger.flights.unseen])) + 1)
        while not isinstance(verdict := self.ask(urgent=urgent, backlog=None), Grant):
            self.run_until(self.next_moment(verdict))
        known = HOUR + SILENT + 120 + (LIFETIME if self.shared else 0) + self.set_back_by
        assert self.now <= start + known, "a slot was lost for long"
        self.try_call(urgent=urgent, up=0.2, down=0.2)
        self.run_until(self.now + 1)
        if self.ledger.log.headerless or self.ledger.window.blocked_until > self.mine:
            return
        free = self.ledger.free_slots(self.mine)
        if self.kind.limits != "raised" or self.ledger.window.is_doubted:
            assert free <= self.reading.remaining
        else:
            assert free == self.reading.remaining, "a slot was lost, or invented"
        event("read the truth")

    # ---------------------------------------------------------- what holds

    @invariant()
    def nothing_is_absurd(self) -> None:
        type(self).steps += 1
        ledger, now = self.ledger, self.mine
        assert ledger.window.remaining >= 0
        assert ledger.free_slots(now) >= 0
        moments = quota.forecasts(ledger, now, [0, 1, 2, 5, 29, 40, 95])
        assert moments == sorted(moments)
        assert moments[0] >= now
        assert math.isfinite(moments[-1])
        window, hits = ledger.window, ledger.neighbours
        assert math.isfinite(window.ends_after) == math.isfinite(window.ends_before)
        assert math.isfinite(window.blocked_until) or window.blocked_until < 0
        learnt = (*astuple(hits)[:8], hits.asked, ledger.flights.latency)
        assert all(math.isfinite(value) and value >= 0 for value in learnt)
        state = SharedState(ledger=ledger, lineage=1, monotonic=now, wall=self.wall)
        assert shared_state.decode("quota", shared_state.encode(state)) == state

    @invariant()
    def decisions_are_sound(self) -> None:
        self.turn += 1
        backlog = (None, 1, 3, 50)[self.turn % 4]
        bulk = self.ask(urgent=False, backlog=backlog)
        urgent = self.ask(urgent=True, backlog=backlog)
        if isinstance(bulk, Grant):
            assert urgent == bulk
        elif isinstance(urgent, Wait) and urgent.why is not WaitReason.IN_FLIGHT:
            assert urgent.until <= bulk.until
        self.is_asked_in_time(urgent=self.turn % 3 == 0, backlog=backlog)

    def is_asked_in_time(self, *, urgent: bool, backlog: int | None) -> None:
        """Who asks when told does not miss the moment, nor ask in vain again and again."""
        ledger, now, quickly = self.ledger, self.mine, 0
        for asks in itertools.count():
            verdict = quota.decide(ledger, now, urgent=urgent, backlog=backlog)
            if isinstance(verdict, Grant):
                return
            until = verdict.until
            assert until > now
            if until == math.inf:
                self.may_wait_for_ever(verdict)
                return
            for share in (0.5, 0.999):
                sooner = now + share * (until - now)
                if sooner >= until:
                    continue
                between = quota.decide(ledger, sooner, urgent=urgent, backlog=backlog)
                assert isinstance(between, Wait), "could have gone before"
                assert between.until >= until - 1e-6, "must ask sooner"
            quickly = quickly + 1 if until < now + 1e-3 else 0
            assert quickly <= 3
            now = until
            if asks > 8:
                break
        for asks in itertools.count():
            verdict = quota.decide(ledger, now, urgent=urgent, backlog=backlog)
            if isinstance(verdict, Grant) or verdict.until == math.inf:
                return
            assert asks < 200, "asks again and again"
            now = verdict.until

    def may_wait_for_ever(self, verdict: Wait) -> None:
        assert self.ledger.flights.open, f"waits for an answer that nobody awaits: {verdict}"
        whose = verdict.why is WaitReason.PROBE or self.ledger.log.headerless
        assert whose, "nobody is waited for without end but a probe"

    # ---------------------------------------------------------- machinery

    def ask(self, *, urgent: bool, backlog: int | None) -> Grant | Wait:
        if self.shared:
            self.ledger = quota.expire(self.ledger, self.mine)
        verdict = quota.decide(self.ledger, self.mine, urgent=urgent, backlog=backlog)
        if isinstance(verdict, Wait):
            assert verdict.until > self.mine
            if verdict.until == math.inf:
                self.may_wait_for_ever(verdict)
        return verdict

    def next_moment(self, verdict: Wait) -> float:
        """When to ask again: as told, after the next event, or when a holder is taken for dead."""
        moments = [self.ours(verdict.until), *(at for at, *_ in self.events[:1])]
        moments += [self.ours(flight.expires) for flight in self.ledger.flights.open]
        moment = max(self.now, min(moments))
        assert moment < math.inf, "waits for an answer that nobody awaits"
        return moment

    def try_call(
        self,
        *,
        urgent: bool,
        up: float,
        down: float,
        backlog: int | None = None,
        fate: str = "answer",
    ) -> bool:
        if not isinstance(self.ask(urgent=urgent, backlog=backlog), Grant):
            return False
        assert self.now > self.block_known, "sent into a block that it knew of"
        expires = self.mine + LIFETIME if self.shared else math.inf
        self.ledger, token = quota.acquired(self.ledger, self.mine, expires=expires, urgent=urgent)
        self.keep()
        trip = up + down
        slowest = max(SLOWEST, up)
        if fate in {"never arrives", "arrives late", "answer lost", "proxy refuses"}:
            trip, up = min(trip, SLOWEST), min(up, SLOWEST)
            slowest = SLOWEST
        self.under_way[self.life, token] = self.now + slowest
        self.sent[self.life, token] = self.now
        self.send(token, fate, up, trip)
        self.at_most_all_arrive()
        return True

    def send(self, token: int, fate: str, up: float, trip: float) -> None:
        if self.kind.headers == "none" and fate == "answer":
            fate = "stripped"
        if self.kind.headers == "all" and fate == "stripped":
            fate = "answer"
        if fate == "unsent":
            self.ledger = quota.released(self.ledger, token)
            del self.under_way[self.life, token]
        elif fate == "free":
            self.later(trip, token, "released")
        elif fate == "proxy refuses":
            self.later(trip, token, "refused", None)
        elif fate == "never arrives":
            self.later(trip, token, "lost")
        elif fate == "arrives late":
            self.later(min(up, trip - up), token, "lost")
            self.later(up, token, "arrive", None)
        elif fate == "silent":
            self.under_way[self.life, token] = self.now + up
            self.later(min(up, 60.0), token, "silent")
            self.later(up, token, "arrive", None)
        else:
            self.later(up, token, "arrive", (fate, trip - up))

    def at_most_all_arrive(self) -> None:
        """Whatever of what is under way arrives now, nothing is refused."""
        if self.alone:
            calls = sum(until >= self.now for until in self.under_way.values())
            limit = next(self.limits)
            assert self.server.used(self.now) + calls <= limit, "may be refused"

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

    def hit(self) -> RateHeaders | float:
        self.server.limit = next(self.limits)
        return self.server.hit(self.now)

    def arrive(self, life: int, token: int, what: object) -> None:
        answer = self.hit()
        self.under_way.pop((life, token), None)
        if not isinstance(answer, RateHeaders) and self.alone:
            raise AssertionError("429, and nobody else uses the key")
        is_stored = isinstance(answer, RateHeaders)
        if is_stored and (what is None or life != self.life or what[0] == "answer lost"):
            self.listed.append((life, token, self.sent[life, token]))
        if what is None or life != self.life:
            return
        fate, down = what
        if not is_stored:
            self.later(down, token, "refused", answer)
        elif fate == "answer lost":
            self.later(down, token, "lost")
        else:
            self.later(down, token, "unread" if fate == "stripped" else "answered", answer)

    def land(self, token: int, kind: str, what: object) -> None:
        ledger, now = self.ledger, self.mine
        is_open = any(flight.token == token for flight in ledger.flights.open)
        if kind == "released":
            self.under_way.pop((self.life, token), None)
        if kind == "refused":
            if not is_open:  # as `_scheduler.scheduler` does
                ledger, token = quota.acquired(ledger, now)
            self.ledger = quota.refused(ledger, token, now, what)
            if what is not None:
                self.block_known = max(self.block_known, self.now + what - 1)
        elif not is_open:
            return
        elif kind == "released":
            self.ledger = quota.released(ledger, token)
        elif kind in {"lost", "silent"}:
            self.ledger = quota.lost(ledger, token, now, silent=kind == "silent")
        elif kind == "unread":
            self.ledger = quota.unread(ledger, token, now)
        else:
            self.reading = what
            self.ledger = quota.answered(ledger, token, now, what)

    def keep(self) -> None:
        self.stepped = 0.0
        self.kept_at = self.now
        wall = self.now + self.wall
        if self.shared:
            state = SharedState(
                ledger=self.ledger,
                lineage=1,
                boot=str(self.boots),
                monotonic=self.mine,
                wall=wall,
            )
            self.stored = shared_state.encode(state)
        else:
            kept = take_snapshot(self.ledger, self.mine, wall)
            self.snapshot = msgspec.json.encode(kept)


def lives_of_profile() -> int:
    """Of each kind; with `--hypothesis-profile=long` there are over a million steps in all."""
    examples = settings().max_examples
    return 2_500 if examples >= 3_000 else max(5, 2 * examples // 5)


@pytest.mark.parametrize("name", KINDS)
def test_a_ledger_keeps_the_laws_through_any_life(name: str) -> None:
    class Lives(Life):
        kind = KINDS[name]

    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=lives_of_profile(),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Lives.steps > lives_of_profile() * STEPS // 2
