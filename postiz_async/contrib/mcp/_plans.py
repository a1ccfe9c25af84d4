"""Plans: what a tool would do, kept until it is confirmed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from msgspec import structs

if TYPE_CHECKING:
    from postiz_async.contrib.mcp._inputs import Input, PlannedArgs

KEEP = 600.0
"""Seconds for which a plan can be confirmed, and asked what became of it."""
_MOST = 1_000
"""Plans that are kept; the oldest give way."""

Answer = Mapping[str, object]
"""What a tool says: a sentence as `message`, and facts."""


class ToolError(Exception):
    """A call that is refused; the text says what to do next, `facts` are more to return."""

    def __init__(self, message: str, **facts: object) -> None:
        self.facts = facts
        super().__init__(message)


@dataclass(slots=True)
class Plan:
    """Work that waits to be confirmed."""

    tool: str
    args: Input
    said: Input
    """The arguments as they were given."""
    until: float
    begun: bool = False
    """Whether it was found to be within the limits, and begun."""
    answer: Answer | None = None
    """What became of it, for work without a key, which must not be repeated."""
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class Plans:
    """The plans of one process, in its memory."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    def add(self, plan: Plan, now: float) -> str:
        """Keep a plan; return its id.

        Args:
            plan: the plan.
            now: the time on the clock of `until`.
        """
        for key in [key for key, kept in self._plans.items() if kept.until <= now]:
            del self._plans[key]
        while len(self._plans) >= _MOST:
            del self._plans[next(iter(self._plans))]
        key = secrets.token_hex(4)
        self._plans[key] = plan
        return key

    def find(self, tool: str, said: PlannedArgs, now: float) -> Plan:
        """The plan that a call confirms.

        Args:
            tool: the name of the tool.
            said: the arguments of the call.
            now: the time on the clock of `until`.

        Raises:
            ToolError: there is no such plan, or it is another one.
        """
        plan = self._plans.get(said.confirm)
        if plan is None or plan.until <= now:
            raise ToolError(
                f"There is no plan {said.confirm!r} in this process, or it is older than ten "
                "minutes; nothing was sent. Plan again: a plan with the same content has the same "
                "key, so nothing is doubled."
            )
        if plan.tool != tool:
            raise ToolError(f"{said.confirm!r} is a plan of {plan.tool}: confirm it there.")
        same = structs.replace(plan.said, confirm=said.confirm)
        if said not in (type(said)(confirm=said.confirm), same):
            raise ToolError(
                f"The arguments differ from the plan {said.confirm!r}; nothing was sent. Give only "
                "confirm, or plan again."
            )
        return plan
