"""Random requests that seek the edges of the windows."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trace:
    seed: int
    limit: float
    """Not a number: no limit."""
    ttl: int
    """Length of a window and of a block, in milliseconds."""
    requests: tuple[tuple[int, str], ...]
    """Milliseconds since the start, and the key."""


def make_trace(seed: int, *, ttl: tuple[int, int], length: float, most: int) -> Trace:
    """A trace over ``length`` milliseconds, but not more than ``most`` requests.

    Some requests come in bursts, some at a rate between far below and far above the limit, some
    after a silence, and many where an earlier one has just a window, or whole seconds of its
    header, behind it: give or take a millisecond, and to the very millisecond.
    """
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    span = dice.randint(*ttl)
    limit = dice.choice([1, 2, 3, 3, 5, 8, 13, 30, 0, float("nan")])
    quota = 5 if math.isnan(limit) else max(limit, 1)
    keys = "ab"[: dice.randint(1, 2)]
    requests = [(0, keys[0])]
    pace = 1.0
    while len(requests) < most:
        now = requests[-1][0]
        what = dice.random()
        if what < 0.05:
            pace = dice.choice([0.3, 0.8, 1.0, 1.2, 2.0, 5.0])
        if what < 0.01:
            at = now + dice.randint(span // 2, span * 5 // 2)
        elif what < 0.2:
            at = now
        elif what < 0.5:
            at = _edge(dice, requests, span)
        else:
            at = now + round(dice.expovariate(pace * quota / span))
        if at > length:
            break
        requests.append((max(now, at), dice.choice(keys)))
    return Trace(seed, limit, span, tuple(requests))


def _edge(dice: random.Random, requests: list[tuple[int, str]], span: int) -> int:
    """A moment still to come at which an earlier request expires or a header of it changes."""
    now = requests[-1][0]
    soon = range(now, now + span // 2)
    ends = [at + span for at, _ in requests[-40:]]
    edges = [end for end in ends if end in soon]
    if not edges or dice.random() < 0.5:
        seconds = [end - 1000 * dice.randint(1, 1 + span // 1000) for end in ends]
        edges = [edge for edge in seconds if edge in soon] or edges or [now]
    return dice.choice(edges) + dice.choice([-1, 0, 0, 0, 1])
