"""The server's message for a problem, and the hints that are added to it. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from postiz_async._validation.constraints import characters
from postiz_async._validation.javascript import ABSENT, NotANumber, is_list, is_object
from postiz_async.errors import Problem

MISSING = "is missing"
"""The hint about a missing value."""
_LONGEST = 40
_UPLOADED_ONLY = frozenset({"avif", "bmp", "tif", "tiff"})
_NO_WORDS = frozenset({"false", "no", "off", "0", "none", "null"})


def shown(value: object) -> str:
    """A value in the form for a message, cut to the length of a line."""
    if isinstance(value, NotANumber):
        value = value.given
    if isinstance(value, str):
        cut = value if len(value) <= _LONGEST else value[:_LONGEST] + "..."
        return ascii(cut) if not cut.isprintable() else repr(cut)
    if is_object(value):
        return "an object"
    if is_list(value):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)[:_LONGEST]


def did_you_mean(
    text: object, known: Iterable[str], form: str = "did you mean {!r}?", *, cutoff: float = 0.6
) -> str:
    """A hint that names the known word most like a misspelt one; empty if none is like it."""
    words = {word[:_LONGEST].casefold(): word for word in known}
    found = get_close_matches(str(text)[:_LONGEST].casefold(), words, 1, cutoff)
    return form.format(words[found[0]]) if found else ""


def hint_for(kind: str, value: object, known: Iterable[str] = ()) -> str:
    """A hint that names the value that was given in place of a valid one."""
    if value is ABSENT:
        return MISSING
    if kind in {"min_length", "max_length"} and isinstance(value, str):
        return f"has {characters(value):,}"
    if kind in {"min_items", "max_items"} and is_list(value):
        return f"has {len(value):,}"
    if kind == "extension" and isinstance(value, str):
        return _extension_hint(value)
    return f"{shown(value)} was given{did_you_mean(value, known, '; did you mean {!r}?')}"


def _extension_hint(path: str) -> str:
    extension = path.partition("?")[0].rpartition(".")[2]
    if extension.lower() in _UPLOADED_ONLY:
        return f"{extension} can be uploaded, but not posted: make it png, jpg or webp"
    if extension != extension.lower():
        return f"{shown(path)} was given; lower case is expected"
    return f"{shown(path)} was given"


def server_message(problem: Problem) -> str:
    """The server's message for a problem; empty for our own advice.

    The request classes put a path before their texts: that of the field before a standard
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


def warning(where: str, message: str, hint: str = "") -> Problem:
    """A problem of severity `warning`."""
    return Problem(where, message, hint=hint, severity="warning")


def read_as_true(value: object, where: str) -> Iterator[Problem]:
    """A warning about a text such as "no", which the server reads as true."""
    if isinstance(value, str) and value.strip().casefold() in _NO_WORDS:
        yield warning(where, f"{shown(value)} is a text, which the server reads as true")
