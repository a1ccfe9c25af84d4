"""Statistics of the policy, each with a switch that turns it off to see what it brings.

A switch patches what the modules of `postiz_async._quota` look up when they are called.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from msgspec.structs import replace

from postiz_async._quota import (
    Flights,
    Log,
    Neighbours,
    RateHeaders,
    Window,
    decisions,
    neighbours,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def _method(owner: type, name: str, value: object) -> Callable[[], AbstractContextManager[object]]:
    """Replaces a method: it returns this value whatever it is given."""
    return partial(patch.object, owner, name, lambda *_, **__: value)


def _property(
    owner: type, name: str, *, value: object
) -> Callable[[], AbstractContextManager[object]]:
    return partial(patch.object, owner, name, property(lambda _: value))


def _constant(module: Any, name: str, value: float) -> Callable[[], AbstractContextManager[object]]:
    return partial(patch.object, module, name, value)


def _held_without_last() -> AbstractContextManager[object]:
    held = decisions.held_of_window
    return patch.object(decisions, "held_of_window", lambda *given: held(*given)._replace(last=0))


def _read_plainly() -> AbstractContextManager[object]:
    """A jump between two readings is no sign of bursts to come."""
    return patch.object(neighbours, "JUMP", math.inf)


def _nobody_went_over() -> AbstractContextManager[object]:
    return patch.object(
        Neighbours,
        "went_over",
        lambda self, *_: replace(self, foreign=self.foreign + 1),
    )


def _no_memory_of_others() -> AbstractContextManager[object]:
    closed = Neighbours.closed

    def forget(self: Neighbours, hours: float) -> Neighbours:
        return replace(closed(self, hours), past_foreign=0.0, past_hours=0.0)

    return patch.object(Neighbours, "closed", forget)


def _heir_alone(self: Neighbours, found: int, now: float, limit: int) -> Neighbours:
    del limit
    return replace(self, heir_until=now + neighbours.HEIR_SECONDS) if found > 1 else self


def _believe_all(
    self: Window, sent: float, now: float, reading: RateHeaders
) -> tuple[Window, RateHeaders]:
    del sent, now
    return self, reading


def _unaccounted(self: Neighbours, own: int, found: int, ignored: int) -> Neighbours:
    return replace(self, own=own, foreign=found, ignored=ignored, accounted=False)


ABLATIONS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "others before any was seen (prior)": _constant(neighbours, "PRIOR", 0.0),
    "others in earlier windows": _no_memory_of_others,
    "hits that are no steady traffic (ignored)": partial(
        patch.object, Neighbours, "steady", property(lambda self: self.foreign)
    ),
    "rivals that burst as we do": _property(Neighbours, "rivals", value=0),
    "rivals of the window before": partial(
        patch.object, Neighbours, "rivals", property(lambda self: self.bursting)
    ),
    "the last slot beside others": _held_without_last,
    "surge: any": _method(Neighbours, "surge_at", 0),
    "surge: after a used first window": partial(
        patch.object, Neighbours, "first_seen", _heir_alone
    ),
    "surge: after a jump": _read_plainly,
    "surge: after a block": _nobody_went_over,
    "surge of interactive calls": _method(Neighbours, "asked_surge", 0),
    "rate of interactive calls": _method(Neighbours, "asked_rate", 0.0),
    "heir": _constant(neighbours, "HEIR_SECONDS", 0.0),
    "our own count (accounted)": partial(patch.object, Neighbours, "opened", _unaccounted),
    "the lower of two limits in turn": partial(patch.object, Window, "agreed", _believe_all),
    "doubt before a sliding log is given up": _property(Log, "doubted", value=True),
    "patience with calls in flight": _property(Flights, "patience", value=math.inf),
    "one reader before the release": _constant(decisions, "READER", 0.0),
    "a reading in time": _constant(decisions, "IN_TIME", math.inf),
    "later release where interactive calls come": _constant(decisions, "ASKED_RELEASE", 38.0),
    "no earlier release alone": _constant(decisions, "SETTLE", 0.0),
}
