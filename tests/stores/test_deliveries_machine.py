"""Stores of deliveries against a simple model: two holders, and a clock that jumps."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from deliveries_lab import (
    NOISE,
    DeliveriesLab,
    columns_of,
    new,
    postgres_deliveries,
    sqlite_deliveries,
)
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from postgres_server import shared_server, why_no_postgres

from postiz_async.stores._deliveries import DeliveryColumns, TakenError

if TYPE_CHECKING:
    from collections.abc import Coroutine

STEP = 1_000.0
"""Seconds beside which those that a test takes are nothing."""

SCOPES = st.sampled_from(["a", "b", "c"])
IDS = st.sampled_from("123456789")
HOLDERS = st.sampled_from(["one", "two"])
STEPS = st.integers(0, 3).map(lambda steps: steps * STEP)
LIMITS = st.integers(0, 3)
NOBODY = ""


@dataclass
class ModelScope:
    ready_at: float = -math.inf
    holder: str = NOBODY
    served_at: tuple[float, int] = (-math.inf, 0)
    seen: int = 0
    failures: int = 0
    trouble: str = ""
    removed: int = 0


@dataclass
class ModelDelivery:
    id: str
    scope: str
    number: int
    version: int
    value: bytes
    columns: DeliveryColumns
    ended_at: float | None = None
    ending: int | None = None

    @property
    def is_planned(self) -> bool:
        return self.columns.state == "planned"


class DeliveriesMachine(RuleBasedStateMachine):
    is_real = False
    """Whether the store has a clock of its own, which no two statements see at one moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.served = 0
        self.scopes: dict[str, ModelScope] = {}
        self.deliveries: dict[str, ModelDelivery] = {}
        self.gone: list[ModelDelivery] = []
        self.highest = 0
        self.last = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        raise NotImplementedError

    def opened(self, lab: DeliveriesLab) -> None:
        self.lab, self.store = lab, lab.store
        for name in "abc":
            self.do(self.store.register(name, name if name != "c" else "", "url"))
            self.scopes[name] = ModelScope()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.do(self.store.aclose())
        self.loop.close()

    # -------------------------------------------------------------- the model

    def open_in(self, scope: str) -> list[ModelDelivery]:
        return [
            each
            for each in self.deliveries.values()
            if each.scope == scope and not each.columns.is_over
        ]

    def planned_in(self, scope: str) -> list[ModelDelivery]:
        planned = [each for each in self.open_in(scope) if each.is_planned]
        return sorted(planned, key=lambda each: (each.columns.due, each.number))

    def work_at(self, name: str) -> float:
        scope = self.scopes[name]
        is_fresh = any(each.number > scope.seen for each in self.planned_in(name))
        is_roused = scope.holder == NOBODY and not scope.failures and is_fresh
        ready_at = -math.inf if is_roused else scope.ready_at
        return max(ready_at, min((e.columns.until for e in self.open_in(name)), default=math.inf))

    def whose(self, only: str | None) -> list[str]:
        return ["a", "b"] if only is None else [only]

    def take_hold(self, name: str, holder: str, seconds: float) -> None:
        scope = self.scopes[name]
        scope.holder, scope.ready_at, scope.seen = holder, self.now + seconds, self.highest

    def is_held_by_another(self, name: str, holder: str) -> bool:
        scope = self.scopes[name]
        return scope.holder not in {NOBODY, holder} and scope.ready_at > self.now

    # -------------------------------------------------------------- one delivery

    @rule(scope=SCOPES, name=IDS, due=st.integers(0, 3), waits=STEPS)
    def put(self, scope: str, name: str, due: int, waits: float) -> None:
        until = self.do(self.lab.now()) + waits if waits else 0.0
        kept, ahead = self.do(self.store.put(scope, new(name, due=float(due), until=until)))
        if name not in self.deliveries:
            assert kept.number > self.highest
            columns = columns_of(due=float(due), until=self.now + waits if waits else -math.inf)
            self.deliveries[name] = ModelDelivery(
                name, scope, kept.number, kept.version, b"value", columns
            )
            self.highest = kept.number
        known = self.deliveries[name]
        self.check(kept, known)
        self.check_ahead(ahead, known)

    @rule(
        name=IDS,
        is_stale=st.booleans(),
        state=st.sampled_from(["planned", "leaving", "lost", "stored"]),
        due=st.integers(0, 3),
        waits=STEPS,
        mark=st.none() | st.integers(0, 3),
        post_ids=st.lists(st.sampled_from("xyz"), max_size=2),
    )
    def swap(
        self,
        name: str,
        is_stale: bool,  # noqa: FBT001
        state: str,
        due: int,
        waits: float,
        mark: int | None,
        post_ids: list[str],
    ) -> None:
        known = self.deliveries.get(name)
        if known is None:
            for gone in self.gone:
                swap = self.store.swap(gone.number, gone.version, b"gone", columns_of())
                assert self.do(swap) == (False, None)
            return
        posts = (*known.columns.post_ids, *post_ids)
        columns = columns_of(
            state, is_over=state == "stored", due=float(due), mark=mark, post_ids=posts
        )
        others = [e for e in self.deliveries.values() if e.scope == known.scope and e is not known]
        is_taken = any(
            (mark is not None and each.columns.mark == mark) or {*posts} & {*each.columns.post_ids}
            for each in others
        )
        version = known.version + is_stale
        until = self.do(self.lab.now()) + waits if waits else 0.0
        swap = self.store.swap(known.number, version, b"new", columns._replace(until=until))
        if is_taken and not is_stale:
            with pytest.raises(TakenError):
                self.do(swap)
            self.check(self.do(self.store.get(name)), known)
            return
        done, kept = self.do(swap)
        assert done is not is_stale
        if done:
            assert kept.version != known.version
            known.version, known.value = kept.version, b"new"
            known.columns = columns._replace(until=self.now + waits if waits else -math.inf)
            if not columns.is_over:
                known.ended_at = known.ending = None
            elif known.ended_at is None:
                self.last += 1
                known.ended_at, known.ending = self.now, self.last
        self.check(kept, known)

    def check(self, kept: Any, known: ModelDelivery) -> None:
        assert (kept.id, kept.scope, kept.number) == (known.id, known.scope, known.number)
        assert (kept.version, kept.value, kept.body) == (known.version, known.value, b"body")

    def check_ahead(self, ahead: Any, known: ModelDelivery) -> None:
        place = (known.columns.due, known.number)
        planned = self.planned_in(known.scope)
        assert ahead.before == sum((e.columns.due, e.number) < place for e in planned)
        assert ahead.planned == len(planned)
        scope = self.scopes[known.scope]
        assert ahead.trouble == scope.trouble
        is_resting = scope.holder == NOBODY and scope.failures > 0
        self.check_seconds(ahead.rests, scope.ready_at if is_resting else -math.inf)

    def check_seconds(self, seconds: float, at: float) -> None:
        wanted = max(0.0, at - self.now)
        assert seconds == wanted or wanted - NOISE <= seconds <= wanted

    # -------------------------------------------------------------- scopes

    @rule(holder=HOLDERS, seconds=STEPS, limit=LIMITS, only=st.none() | SCOPES)
    def line(self, holder: str, seconds: float, limit: int, only: str | None) -> None:
        ready = [name for name in self.whose(only) if self.work_at(name) <= self.now]
        ready.sort(key=lambda name: (self.scopes[name].served_at, name))
        found = self.do(self.store.line(holder, seconds, limit, only))
        assert [scope.name for scope in found] == ready[:limit]
        self.served += self.is_real
        for each in found:
            scope = self.scopes[each.name]
            assert (each.failures, each.trouble) == (scope.failures, scope.trouble)
            assert each.was_left is (scope.holder != NOBODY)
            self.take_hold(each.name, holder, seconds)
            scope.served_at = (self.now, self.served)

    @rule(holder=HOLDERS, seconds=STEPS, names=st.sets(SCOPES))
    def hold(self, holder: str, seconds: float, names: set[str]) -> None:
        mine = {name for name in names if self.scopes[name].holder == holder}
        assert self.do(self.store.hold(names, holder, seconds)) == mine
        for name in mine:
            self.scopes[name].ready_at = self.now + seconds

    @rule(name=SCOPES, holder=HOLDERS, seconds=STEPS, limit=LIMITS, besides=st.sets(IDS))
    def take(self, name: str, holder: str, seconds: float, limit: int, besides: set[str]) -> None:
        numbers = [self.deliveries[each].number for each in besides if each in self.deliveries]
        taken = self.do(self.store.take(name, holder, seconds, limit, numbers))
        if self.scopes[name].holder != holder:
            assert taken is None
            return
        self.take_hold(name, holder, seconds)
        due = [
            each
            for each in self.open_in(name)
            if each.columns.until <= self.now and each.id not in besides
        ]
        due.sort(key=lambda each: (each.columns.due, each.number))
        in_doubt = {each.id for each in due if not each.is_planned}
        planned = [each.id for each in due if each.is_planned][:limit]
        found = [each.id for each in taken.deliveries]
        assert {*found[: len(in_doubt)]} == in_doubt
        assert found[len(in_doubt) :] == planned
        assert taken.planned == len(self.planned_in(name))
        for each in taken.deliveries:
            self.check(each, self.deliveries[each.id])

    @rule(
        name=SCOPES,
        holder=HOLDERS,
        seconds=STEPS,
        failures=st.integers(0, 2),
        trouble=st.sampled_from(["", "away"]),
    )
    def rest(self, name: str, holder: str, seconds: float, failures: int, trouble: str) -> None:
        rest = self.store.rest(name, holder, seconds, failures=failures, trouble=trouble)
        self.do(rest)
        scope = self.scopes[name]
        if scope.holder == holder:
            scope.holder, scope.ready_at = NOBODY, self.now + seconds
            scope.failures, scope.trouble = failures, trouble

    @rule(name=SCOPES)
    def rouse(self, name: str) -> None:
        self.do(self.store.rouse(name))
        scope = self.scopes[name]
        if scope.holder == NOBODY and not scope.failures:
            scope.ready_at = min(scope.ready_at, self.now)

    # -------------------------------------------------------------- time, and all of it

    @rule(seconds=STEPS)
    def time_goes_on(self, seconds: float) -> None:
        self.do(self.lab.advance(seconds))
        self.now += seconds

    @rule(keep=STEPS)
    def prune(self, keep: float) -> None:
        old = [
            each
            for each in self.deliveries.values()
            if each.ended_at is not None and each.ended_at < self.now - keep - STEP / 2
        ]
        assert self.do(self.store.prune(timedelta(seconds=keep + STEP / 2))) == len(old)
        self.gone += old
        for each in old:
            scope = self.scopes[each.scope]
            scope.removed = max(scope.removed, each.ending or 0)
            del self.deliveries[each.id]

    @rule(first=st.integers(0, 9), limit=LIMITS, only=st.none() | SCOPES)
    def what_has_ended(self, first: int, limit: int, only: str | None) -> None:
        whose = self.whose(only)
        ended = {
            each.ending: each
            for each in self.deliveries.values()
            if each.scope in whose and each.ending is not None and each.ending >= first
        }
        found = self.do(self.store.endings(first, limit, only))
        removed = max(self.scopes[name].removed for name in whose)
        assert (found.last, found.removed) == (self.last, removed)
        assert [each.number for each in found.endings] == sorted(ended)[:limit]
        for each in found.endings:
            self.check(each.delivery, ended[each.number])
            assert each.organization == (each.delivery.scope if only != "c" else "")

    @rule(holder=HOLDERS, only=st.none() | SCOPES, besides=st.sets(IDS))
    def what_is_left(self, holder: str, only: str | None, besides: set[str]) -> None:
        numbers = [self.deliveries[each].number for each in besides if each in self.deliveries]
        left = [
            each
            for name in self.whose(only)
            if not self.is_held_by_another(name, holder)
            for each in self.open_in(name)
            if each.id not in besides and (not each.is_planned or each.columns.until <= self.now)
        ]
        assert self.do(self.store.has_work(holder, only, numbers)) is bool(left)

    @rule(name=IDS)
    def ahead(self, name: str) -> None:
        if name in self.deliveries:
            kept, known = self.do(self.store.get(name)), self.deliveries[name]
            self.check(kept, known)
            self.check_ahead(
                self.do(self.store.ahead(kept.scope, kept.number, known.columns.due)), known
            )
        else:
            assert self.do(self.store.get(name)) is None

    @invariant()
    def all_agree(self) -> None:
        for only in (None, *self.scopes):
            self.what_has_ended(0, 100, only)
            self.what_is_left("one", only, set())
            at = min(map(self.work_at, self.whose(only)))
            self.check_seconds(self.do(self.store.next_in(only)), at)
        counts: dict[str, int] = {}
        for each in self.deliveries.values():
            counts[each.columns.state] = counts.get(each.columns.state, 0) + 1
        assert self.do(self.store.counts()) == counts
        overview = self.do(self.store.overview())
        held = [
            name
            for name, scope in self.scopes.items()
            if scope.holder != NOBODY and scope.ready_at > self.now
        ]
        waiting = [name for name in self.scopes if name not in held and self.open_in(name)]
        assert sum(each.is_held for each in overview) == len(held)
        assert sum(bool(each.states) and not each.is_held for each in overview) == len(waiting)
        for scope in self.scopes:
            mine = [each.columns for each in self.deliveries.values() if each.scope == scope]
            assert self.do(self.store.known(scope, "xyz", range(4))) == (
                {post_id for columns in mine for post_id in columns.post_ids},
                {columns.mark for columns in mine if columns.mark is not None},
            )


class SqliteMachine(DeliveriesMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.opened(DeliveriesLab(sqlite_deliveries(Path(self.folder.name) / "outbox.sqlite")))

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class PostgresMachine(DeliveriesMachine):
    is_real = True

    @initialize()
    def begin(self) -> None:
        self.opened(DeliveriesLab(postgres_deliveries(shared_server())))


@pytest.mark.parametrize("machine", [SqliteMachine, PostgresMachine])
def test_stores_do_as_the_model(machine: type[DeliveriesMachine]) -> None:
    if machine is PostgresMachine and why_no_postgres():
        pytest.skip(why_no_postgres())
    run_state_machine_as_test(machine, settings=settings(max_examples=settings().max_examples // 2))
