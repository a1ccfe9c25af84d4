"""The sandbox's counters beside the packages that they imitate.

The real guard with its real storages judges random traces; the sandbox replays them at the times
the real ones saw and has to say the same, header by header. In-memory storage runs in virtual
time, Redis storage on a real server in real time.

    POSTIZ_CONFORMANCE=1 python -m pytest tests/conformance

POSTIZ_CONFORMANCE_SEED repeats the traces of an earlier run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import PATIENCE
from redis_server import redis_server, why_no_redis
from throttle_replay import Answer, compare
from throttle_traces import Trace, make_trace

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("POSTIZ_CONFORMANCE") != "1", reason="set POSTIZ_CONFORMANCE=1"
    ),
]

_DRIVER = Path(__file__).with_name("driver.mjs")


def test_memory_throttle(packages: Path, first_seed: int, tell: Callable[[str], None]) -> None:
    traces = [
        make_trace(first_seed + number, ttl=(1000, 3_600_000), length=float("inf"), most=250)
        for number in range(300)
    ]
    check("memory", traces, drive(packages, traces, "memory"), tell)


def test_redis_throttle(packages: Path, first_seed: int, tell: Callable[[str], None]) -> None:
    if why_no_redis():
        pytest.skip(why_no_redis())
    traces = [
        make_trace(first_seed + number, ttl=(300, 2300), length=8000, most=300)
        for number in range(200)
    ]
    with redis_server() as server:
        answers = drive(packages, traces, "redis", str(server.port))
        tell(f"Redis {server.version}")
    check("redis", traces, answers, tell)


def drive(packages: Path, traces: list[Trace], *arguments: str) -> list[list[Answer]]:
    """What the real packages say."""
    asked = [
        {"limit": str(trace.limit), "ttl": trace.ttl, "requests": trace.requests}
        for trace in traces
    ]
    run = subprocess.run(
        ["node", _DRIVER, *arguments],
        cwd=packages,
        input="".join(f"{json.dumps(line)}\n" for line in asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def check(
    kind: str, traces: list[Trace], answers: list[list[Answer]], tell: Callable[[str], None]
) -> None:
    pairs = list(zip(traces, answers, strict=True))
    compared = [compare(kind, *pair) for pair in pairs]
    differences = [one.difference for one in compared if one.difference is not None]
    requests = sum(one.requests for one in compared)
    tell(
        f"{kind} throttle: {len(traces)} traces from seed {traces[0].seed}, {requests} requests, "
        f"{sum(one.refused for one in compared)} refused, "
        f"{sum(one.ambiguous for one in compared)} over the end of a millisecond, "
        f"{len(differences)} differences"
    )
    assert not differences, min(differences, key=len)
    assert requests > 5000
    for skew in (-1, 1):
        noticed = sum(compare(kind, *pair, skew=skew).difference is not None for pair in pairs)
        # a busy machine is seldom on time to the millisecond
        assert noticed > len(pairs) / 100, f"a window {skew:+} ms wrong is noticed"
