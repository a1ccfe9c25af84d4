"""Sizes into the fewest requests. PURE.

What is known beforehand is the bound of `fewest`. Packing itself is a hard problem in general, so
it is tried twice: the largest first into the fullest request that has room, then dealt evenly.
"""

from __future__ import annotations

import bisect
import heapq
import math
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may carry: bytes of its body, and posts (the time it takes)."""

    body: int = 100_000
    """The server reads 102,400; the rest is a margin."""
    posts: int = 300


_room = itemgetter(0)

_DEALS = 4
"""Numbers of requests, from the fewest on, that are tried when packing took more."""


def fewest(sizes: Sequence[int], limits: Limits) -> int:
    """Requests below which posts of these sizes do not fit; what is too large goes alone."""
    body = max(1, limits.body)
    total = sum(min(size, body) for size in sizes)
    halves = sum(1 for size in sizes if size * 2 > body)
    most = max(1, min(limits.posts, body // max(1, min(sizes))))
    return max(math.ceil(total / body), math.ceil(len(sizes) / most), halves)


def pack(sizes: Sequence[int], limits: Limits) -> list[list[int]]:
    """Places of `sizes` by request, ascending in each."""
    if len(sizes) <= limits.posts and sum(sizes) <= limits.body:
        return [list(range(len(sizes)))]
    order = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)
    falling = [sizes[place] for place in order]
    packs = _best_fit(falling, limits)
    least = fewest(sizes, limits)
    for count in range(least, min(len(packs), least + _DEALS)):
        dealt = _deal(falling, limits, count)
        if dealt is not None:
            packs = dealt
            break
    return [sorted(order[place] for place in places) for places in packs]


def _best_fit(sizes: Sequence[int], limits: Limits) -> list[list[int]]:
    """Places of `sizes`, which fall, each into the fullest request that has room for it."""
    full: list[list[int]] = []
    packs: list[tuple[int, list[int]]] = []
    """Room left and places of those that can take more, the fullest first."""
    for place, size in enumerate(sizes):
        n = bisect.bisect_left(packs, size, key=_room)
        room, places = packs.pop(n) if n < len(packs) else (limits.body, [])
        places.append(place)
        if len(places) < limits.posts and room - size >= sizes[-1]:
            bisect.insort(packs, (room - size, places), key=_room)
        else:
            full.append(places)
    return full + [places for _, places in packs]


def _deal(sizes: Sequence[int], limits: Limits, count: int) -> list[list[int]] | None:
    """Places of `sizes`, which fall, each into the emptiest of `count` requests, if all fit."""
    packs: list[list[int]] = [[] for _ in range(count)]
    emptiest = [(0, n) for n in range(count)]
    for place, size in enumerate(sizes):
        used, n = emptiest[0]
        if used + size > limits.body:
            return None
        packs[n].append(place)
        if len(packs[n]) < limits.posts:
            heapq.heapreplace(emptiest, (used + size, n))
            continue
        heapq.heappop(emptiest)
        if not emptiest:
            return packs if place == len(sizes) - 1 else None
    return packs
