"""The server's own text for a problem. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postiz_async.errors import Problem

__all__ = ["server_message"]


def server_message(problem: Problem) -> str:
    """What the server would say; empty for our own advice.

    The request classes put the path before their words: that of the field before a standard
    text, that of the object around it before any other.
    """
    if problem.stage == "failure":
        return "Internal server error"
    if problem.stage != "body":
        return problem.message if problem.stage else ""
    if problem.message.startswith(("must ", "should ")):
        return f"{problem.where} {problem.message}"
    parent = problem.where.rpartition(".")[0]
    return f"{parent}.{problem.message}" if parent else problem.message
