"""The same requests at the same times, judged by the sandbox's counters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from throttle_in_memory import MemoryThrottle
from throttle_traces import Trace

from postiz_async._sandbox.throttle import Throttle, ThrottleDecision

KINDS: dict[str, type[Throttle]] = {"memory": MemoryThrottle, "redis": Throttle}

_HALT = 10
"""Milliseconds for one request after which the real counter stood still, as on a busy machine."""

# earliest and latest millisecond at which it can have been judged, admitted or not, headers
Answer = tuple[int, int, bool, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One trace until its first difference, or until nobody can follow it."""

    requests: int
    refused: int
    ambiguous: int
    """Requests during which a millisecond ended."""
    difference: str | None


def compare(kind: str, trace: Trace, answers: list[Answer], *, skew: int = 0) -> Comparison:
    """Replay a trace.

    Where a millisecond ended while the real counter worked, nobody can tell which of the two it
    used, and later answers depend on it. Then both are followed, each by a model of its own, and
    those that an answer contradicts are dropped. There is a difference when none is left. Where
    the real one stood still, there are too many to follow, and the trace ends before.

    Args:
        kind: A key of KINDS.
        trace: What was asked.
        answers: What the real one said.
        skew: Makes the model's window longer than the real one, in milliseconds: to see that
            this comparison would notice.
    """
    models = [KINDS[kind](trace.limit, (trace.ttl + skew) / 1000)]
    start = answers[0][0]
    refused = ambiguous = 0
    for number, ((_, key), answer) in enumerate(zip(trace.requests, answers, strict=True)):
        earliest, latest, admitted, headers = answer
        if latest - earliest > _HALT:
            return Comparison(number, refused, ambiguous, None)
        refused += not admitted
        ambiguous += earliest != latest
        moments = range(earliest - start, latest - start + 1)
        judged = [pair for model in models for pair in _judge(model, key, moments)]
        real = ThrottleDecision(admitted, tuple(headers.items()))
        models = [model for model, verdict in judged if verdict == real]
        if len(models) > 1:
            models = list({repr(vars(model)): model for model in models}.values())
        if not models:
            said = sorted({str(verdict) for _, verdict in judged})
            difference = _describe(kind, trace, answers[: number + 1], said)
            return Comparison(number + 1, refused, ambiguous, difference)
    return Comparison(len(answers), refused, ambiguous, None)


def _judge(
    model: Throttle, key: str, moments: range
) -> Iterator[tuple[Throttle, ThrottleDecision]]:
    """All that can follow when a request is judged at some time during these milliseconds."""
    for moment in moments:
        after = copy.deepcopy(model) if len(moments) > 1 else model
        verdict = after.hit(key, moment / 1000)
        yield after, verdict
        if isinstance(after, Throttle):
            for later in range(moment + 1, moments.stop):
                yield from ((slow, verdict) for slow in _slow(after, key, moment, later))


def _slow(model: Throttle, key: str, moment: int, later: int) -> Iterator[Throttle]:
    """A script of an old server (before 7) over which a millisecond ends.

    It looks up its entries as of the moment it began, yet a new life counts from the time of the
    command that gives it: the block's, which comes last, or that of the hits as well.
    """
    for names in (("block_ends",), ("ends", "block_ends")):
        slow = copy.deepcopy(model)
        window = slow._windows[key]
        for name in names:
            if getattr(window, name) == moment + slow.span:
                setattr(window, name, later + slow.span)
        yield slow


def _describe(kind: str, trace: Trace, answers: list[Answer], said: list[str]) -> str:
    start = answers[0][0]
    lines = [f"{kind}, seed {trace.seed}, limit {trace.limit}, window {trace.ttl} ms:"]
    for (_, key), (earliest, latest, admitted, headers) in zip(
        trace.requests, answers, strict=False
    ):
        at = f"{earliest - start}..{latest - start}"
        lines.append(f"  {at} {key}: {'admitted' if admitted else 'refused'} {headers}")
    return "\n".join([*lines, f"  the sandbox says: {' or '.join(said)}"])
