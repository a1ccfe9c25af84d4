"""What happens in the lives of processes that share a store: faults, and time that passes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock

PROCESSES = 3
FAULTS = st.sampled_from(
    [
        ("drop_answer", {}),
        ("reset", {}),
        ("late_work", {"delay": 45.0}),
        ("late_work", {"delay": 600.0}),
        ("hang", {"delay": 100.0}),
        ("stop", {"after_items": 0}),
        ("stop", {"after_items": 1}),
        *(("stop", {"after_items": items, "half": True}) for items in (0, 1)),
        ("error_before", {}),
        *(("error_after", {"status": status}) for status in (200, 302, 403, 502)),
        ("empty_401", {}),
        ("reset", {"route": "list_posts"}),
        ("drop_answer", {"route": "delete_post_group"}),
        ("reset", {"route": "change_post_status"}),
    ]
)
SECONDS = st.sampled_from([0.05, 1.0, 12.0, 60.0, 400.0, 900.0, 4_000.0])


class Lab(Protocol):
    sandbox: MemoryServer
    clock: JumpingClock


class DeliveryMachine(RuleBasedStateMachine):
    """Processes of one lab, in an event loop that goes on between the rules."""

    lab: Lab

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule(fault=FAULTS)
    def something_goes_wrong(self, fault: tuple[Any, dict[str, Any]]) -> None:
        kind, options = fault
        where: dict[str, Any] = {"route": "create_post"}
        self.lab.sandbox.faults.add(Fault(kind, **(where | options)))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.do(self.lab.clock.sleep(seconds))
