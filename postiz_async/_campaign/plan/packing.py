"""Pack sizes into the fewest requests. PURE.

`fewest` gives a lower bound. The problem is NP-hard, so two heuristics are tried: the largest first
into the fullest request that has room, then an even distribution.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request: bytes of its body, and posts (which take time to store)."""

    body: int = 100_000
    """Bytes of a body; the server accepts 102,400, the rest is a margin."""
    posts: int = 300


_room = itemgetter(0)

_DEALS = 4
"""Numbers of requests, from the lower bound on, that are tried with an even distribution."""


def fewest(sizes: Sequence[int], limits: Limits) -> int:
    """A lower bound for the number of requests; posts that are too large go alone."""
    body = max(1, limits.body)
    total = sum(min(size, body) for size in sizes)
    halves = sum(1 for size in sizes if size * 2 > body)
    most = max(1, min(limits.posts, body // max(1, min(sizes))))
    return max(math.ceil(total / body), math.ceil(len(sizes) / most), halves)


def pack(sizes: Sequence[int], limits: Limits) -> list[list[int]]:
    """Pack sizes: the places of each request, ascending."""
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
    """Best fit: put each of the falling sizes into the fullest request that has room."""
    full: list[list[int]] = []
    packs: list[tuple[int, list[int]]] = []
    """Free bytes and places of requests that are not full, the fullest first."""
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
    """Put each of the falling sizes into the emptiest of `count` requests; None: no fit."""
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
