"""Words that messages share. PURE, and below the errors."""

from __future__ import annotations

from contextvars import ContextVar

IS_COMMAND: ContextVar[bool] = ContextVar("IS_COMMAND", default=False)
"""Whether messages are shown by a command of the command line, not by a program."""


def by_reader(command: str, python: str) -> str:
    """Advice for the command line or for Python, whichever the reader of a message uses."""
    return command if IS_COMMAND.get() else python


def describe_json_error(error: Exception) -> str:
    """The reason why a value is not valid JSON, in the form of the end of a sentence."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def describe_seconds(seconds: float) -> str:
    """A duration for people: `4 s`, `20 min 13 s`, `30 min`, `3 h 05 min`, `2 d 4 h`."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, secs = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {secs:02d} s" if secs else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
