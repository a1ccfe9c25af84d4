"""No test judges by the clock: on a busy machine all takes longer, and nothing is wrong.

Work is counted (`work.py`), timings are printed by `benchmarks/`, and a wait has minutes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
MINUTE = 60

STOPWATCHES = {"perf_counter", "process_time", "thread_time", "timeit", "default_timer"}
READS_THE_CLOCK = {
    "processes.py": "waits for processes, and tells the time of another's clock",
    "kill_lab.py": "prints how long it took, and waits for processes",
    "campaign_kills.py": "prints how long it took",
    "celery_worker_kills.py": "sends again what has no result for seconds",
}
"""Files that may take the difference of two readings, and why."""

WAITS = {"wait_for": 1, "timeout": 0, "fail_after": 0, "communicate": 1, "join": 0, "wait": 0}
"""Calls that give up, and the place of their seconds among their arguments."""
OTHER_WAITS = {"ClientTimeout", "create_connection", "run", "open", "urlopen"}
LIMITS = {"timeout", "total", "connect", "sock_read"}
ON_A_JUMPING_CLOCK = {"outbox", "clock", "posts"}
"""`postiz.outbox.wait(timeout=5)` waits on the clock of the test."""


def misuses(source: str, *, may_read: bool = False) -> Iterator[str]:
    """What a file does with the time of the machine that a verdict may hang on."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = _last_name(node).removesuffix("_ns")
            if name in STOPWATCHES or (name == "monotonic" and _is_times(node) and not may_read):
                yield f"line {node.lineno}: {name}"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and not may_read:
            for side in (node.left, node.right):
                if isinstance(side, ast.Call) and ast.unparse(side.func) == "time.time":
                    yield f"line {node.lineno}: a difference of times"
        elif isinstance(node, ast.Call):
            yield from _short_waits(node)


def _short_waits(call: ast.Call) -> Iterator[str]:
    name, place = _last_name(call.func), f"line {call.lineno}"
    given = {each.arg: each.value for each in call.keywords if each.arg}
    if name == "settings" and not _is_constant(given.get("deadline", ast.Constant(None)), None):
        yield f"{place}: a deadline of hypothesis"
    of = _last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if of in ON_A_JUMPING_CLOCK:
        return
    limits = [value for limit, value in given.items() if limit in LIMITS]
    if name in WAITS:
        limits += call.args[WAITS[name] : WAITS[name] + 1]
    elif name not in OTHER_WAITS:
        return
    for limit in limits:
        value = limit.value if isinstance(limit, ast.Constant) else None
        if isinstance(value, int | float) and value < MINUTE:
            yield f"{place}: {name} gives up after {value} s"


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return str(
        getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", "")
    )


def _is_times(node: ast.AST) -> bool:
    """Whether it is the machine's, and not that of a clock of a test."""
    return not isinstance(node, ast.Attribute) or _last_name(node.value) == "time"


def _is_constant(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_no_verdict_hangs_on_the_time_of_the_machine() -> None:
    found = {
        str(path.relative_to(TESTS)): list(
            misuses(path.read_text(encoding="utf-8"), may_read=path.name in READS_THE_CLOCK)
        )
        for path in sorted(TESTS.rglob("*.py"))
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import time; assert time.perf_counter() - began < 5",
        "from time import perf_counter",
        "from time import monotonic",
        "began = time.monotonic()",
        "assert time.time() - began < 5",
        "@settings(max_examples=5, deadline=200)\ndef test(): ...",
        "await asyncio.wait_for(event.wait(), 5)",
        "await asyncio.wait_for(event.wait(), timeout=5)",
        "asyncio.timeout(5)",
        "anyio.fail_after(0.5)",
        "process.communicate(timeout=30)",
        "thread.join(10)",
        "pytest.mark.timeout(10)",
        "subprocess.run(command, timeout=20)",
        "aiohttp.ClientTimeout(total=0.03)",
    ],
)
def test_such_a_line_is_found(line: str) -> None:
    assert len(list(misuses(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "assert clock.monotonic() - began == 60",
        "await postiz.outbox.wait(ticket.id, timeout=5)",
        "await asyncio.wait_for(event.wait(), PATIENCE)",
        "@settings(deadline=None)\ndef test(): ...",
        "', '.join(names)",
        "now = datetime.fromtimestamp(time.time(), UTC)",
    ],
)
def test_such_a_line_is_not(line: str) -> None:
    assert list(misuses(line)) == []


def test_hypothesis_judges_by_no_clock() -> None:
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
