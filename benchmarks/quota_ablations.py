"""Rules and statistics of the policy, each with a switch that turns it off to see what it brings.

A switch patches what the modules of `postiz_async._quota` (and for what they export, its users)
look up when they are called: a constant,
what a function returns, or some words of its source. `SCENES` says where a rule could matter.
"""

from __future__ import annotations
import __future__

import inspect
import math
import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from postiz_async import _quota as quota
from postiz_async._quota import (
    Flights,
    Ledger,
    Log,
    Neighbours,
    Window,
    decisions,
    log as log_module,
    neighbours,
    transitions,
    window as window_module,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Switch = Callable[[], AbstractContextManager[object]]


def _returns(owner: Any, name: str, value: object) -> Switch:
    """A function or method: it returns this value whatever it is given."""
    return partial(patch.object, owner, name, lambda *_, **__: value)


def _property(owner: type, name: str, value: object) -> Switch:
    return partial(patch.object, owner, name, property(lambda _: value))


def _constant(module: Any, name: str, value: float) -> Switch:
    return partial(patch.object, module, name, value)


def _words(owner: Any, name: str, old: str, new: str) -> Switch:
    """A function or method without some words of its source.

    Raises:
        LookupError: they are not there, or not once.
    """

    def switch() -> AbstractContextManager[object]:
        found: Any = inspect.getattr_static(owner, name)
        function: Any = found.fget if isinstance(found, property) else found
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(old) != 1:
            raise LookupError(f"{old!r} is {source.count(old)} times in {name}")
        made: dict[str, Any] = {}
        flags = __future__.annotations.compiler_flag
        code = compile(source.replace(old, new), name, "exec", flags, dont_inherit=True)
        exec(code, function.__globals__, made)  # noqa: S102  (our own source)
        return patch.object(owner, name, made[function.__name__])

    return switch


OTHERS: dict[str, Switch] = {
    "the rate of others": _returns(Neighbours, "rate", 0.0),
    "others before any was seen": _constant(neighbours, "PRIOR", 0.0),
    "others in earlier windows": _words(
        Neighbours, "closed", "self.past_foreign * MEMORY + self.steady", "0.0"
    ),
    "hits that are no steady traffic": _words(
        Neighbours,
        "steady",
        "self.foreign - self.ignored if self.foreign > self.ignored else 0",
        "self.foreign",
    ),
    "rivals that burst as we do": _property(Neighbours, "rivals", 0),
    "rivals of the window before": _words(
        Neighbours, "rivals", "max(self.past_rivals, self.bursting)", "self.bursting"
    ),
    "the last slot beside others": _words(
        decisions, "held_of_window", "1 if hits.are_there or", "1 if False and"
    ),
    "the edge: the last slots in the last second": _returns(decisions, "_edge", math.inf),
    "no edge where others went over": _words(decisions, "_edge", "or now < hits.over_until", ""),
    "surge: any": _returns(Neighbours, "surge_at", 0),
    "surge: after a used first window": _words(
        Neighbours, "first_seen", "self.with_surge(math.ceil(SURGE * limit), now)", "self"
    ),
    "surge: after a block": _words(
        Neighbours, "went_over", "self.with_surge(limit // 2, now)", "self"
    ),
    "surge: none after a cut of the limit": _words(
        transitions, "_open_window", "neighbours = neighbours.without_overrun()", "pass"
    ),
    "heir": _constant(neighbours, "PREDECESSOR_SECONDS", 0.0),
    "our own count": _words(Neighbours, "opened", "accounted=True", "accounted=False"),
    "a reading in time": _constant(decisions, "IN_TIME", math.inf),
}
ASKED: dict[str, Switch] = {
    "a tenth for interactive calls": _words(
        Ledger, "least_reserve", "max(1, math.ceil(self.window.limit / 10))", "0"
    ),
    "surge of interactive calls": _returns(Neighbours, "asked_surge", 0),
    "rate of interactive calls": _returns(Neighbours, "asked_rate", 0.0),
    "later release where interactive calls come": _constant(decisions, "ASKED_RELEASE", 38.0),
    "what is announced": _words(
        decisions,
        "held_of_window",
        "backlog is not None and backlog <= ledger.free + len(ledger.flights.unseen)",
        "False",
    ),
}
END: dict[str, Switch] = {
    "nobody who was never seen, at the end": _constant(decisions, "NOBODY", 0.0),
    "the release of what is held": _words(
        decisions, "_drain", "for moment in (reader, closing)", "for moment in (window.reopens,)"
    ),
    "earlier release alone": _constant(decisions, "SETTLE", 0.0),
    "earlier release where answers are slow": _words(
        decisions, "_release", "max(least, needed)", "least"
    ),
    "one by one at the end": _words(
        decisions, "_drain", "if flights.awaited(now):  #", "if False:  #"
    ),
    "no call in the last moments": _words(
        decisions, "_by_window", "if now >= window.ends_after - (", "if False and ("
    ),
}
FLIGHTS: dict[str, Switch] = {
    "a burst that doubles": _words(Flights, "answered", "min(limit, _MOST, self.cap + 1)", "limit"),
    "a careful start after a pause": _constant(log_module, "BURST_PAUSE", math.inf),
    "patience with calls in flight": _property(Flights, "patience", math.inf),
    "the last slots wait for lost calls": _words(
        decisions, "_by_window", "if settled > now:", "if False:"
    ),
    "answers that may leave one more": _words(
        decisions, "_by_window", "if awaited and ledger.unclaimed > spared:", "if False:"
    ),
}
LOG: dict[str, Switch] = {
    "doubt before a sliding log is given up": _property(Log, "doubted", value=True),
    "in a log: room for others": _words(
        decisions, "_by_log", "free > likely.quantile", "True or likely.quantile"
    ),
    "in a log: room for what comes": _words(
        decisions,
        "_by_log",
        "_enough_at(window, now, free - reserved, others + asked, moments, likely)",
        "now",
    ),
    "in a log: certainty where people wait": _constant(decisions, "ASKED_LOCK_OUT", 10.0),
    "in a log: what is announced": _words(
        decisions,
        "_by_log",
        "if is_clear and backlog is not None and backlog <= free:",
        "if False:",
    ),
}
LIARS: dict[str, Switch] = {
    "the lower of two limits in turn": _words(
        Window, "agreed", "if sent < self.read_at or not self.limit_read:", "if True:"
    ),
    "a raise after three answers": _constant(window_module, "RAISED_BY", math.inf),
    "a raise after a quarter of a window": _words(
        Window, "agreed", "now > self.lowered_at + self.length / 4", "False"
    ),
    "pauses that grow": _words(
        Window, "pause", "told if self.refusals <= 1 else max(told, guess)", "told"
    ),
    "no pause beyond a window": _words(
        Window, "pause", "min(retry_after, self.length)", "retry_after"
    ),
    "doubt after a 429 against the reading": _words(
        quota, "refused", "is_doubted=True", "is_doubted=False"
    ),
    "a remaining that stands still": _returns(transitions, "_tells_nothing", value=False),
    "others behind a lock-out without headers": _words(
        quota, "refused", "if is_news and ledger.log.headerless:", "if False:"
    ),
    "a longer window after a long lock-out": _words(
        Window, "refused", "if not headerless or lasted <= self.length:", "if True:"
    ),
    "a shorter window when a call is let in": _words(
        Window, "let_in_again", "if self.usual_length:", "if False:"
    ),
    "a lock-out that cannot be is a pause": _returns(transitions, "_is_impossible", value=False),
}

ABLATIONS = OTHERS | ASKED | END | FLIGHTS | LOG | LIARS

SCENES = (
    dict.fromkeys(
        OTHERS,
        "^another client, (5/h, N 300|10/h|1/h)|rude|12 at once|crash loop, without|% lost|"
        "in-memory, another|moments, another|no gate|answers of two",
    )
    | dict.fromkeys(ASKED, "interactive|N 305|gateway|^another client, 5/h, N 300")
    | dict.fromkeys(
        END,
        "% lost|5 interactive|4/h, against|slow answers|takes 20 s|gateway|deploys|clock stands|"
        "killed four|limit 5, N 50|^another client, 5/h, N 300|no gate|90 -> 30 -> 60",
    )
    | dict.fromkeys(
        FLIGHTS,
        "% lost|slow answers|takes 20 s|gateway|deploys|killed four|30 of 30|no gate|crash loop|"
        "^another client, (5/h, N 300|1/h)|alone, N 300, limit 30|stands still",
    )
    | dict.fromkeys(LOG, "in-memory, [^N]|in-memory, N 300|no rate headers, (redis, N 300|int)")
    | dict.fromkeys(
        LIARS,
        "Retry-After|Remaining|headers, ano|moments|limit changes|two limits|window of 3|gateway",
    )
)
"""For each rule, a pattern of the scenes in which it could matter."""
