"""A request to what the server would read of it, or what keeps it from being sent. PURE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from postiz_async.errors import Problem
from postiz_async.models.posts import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["read"]

_MOST_VALUES = 100_000
"""Values that are looked at to find those that cannot be sent."""
_DEEPEST = 100
"""How deep is looked for them."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def read(request: object) -> tuple[object, list[Problem]]:
    """The request as it arrives, in plain JSON types, or why it cannot arrive."""
    try:
        raw = _encoder.encode(request)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return None, list(_unsendable(request)) or [_not_json(error)]
    if len(raw) > MAX_BODY:
        return None, [_too_large(request, len(raw))]
    return _decoder.decode(raw), []


def _not_json(error: Exception) -> Problem:
    reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return Problem("body", f"cannot be written as JSON: {reason}")


def _too_large(request: object, size: int) -> Problem:
    texts = ((len(value), path) for path, value in _values(request) if isinstance(value, str))
    longest, path = max(texts, default=(0, ""))
    return Problem(
        "body",
        "request entity too large",
        hint=f"has {size:,} bytes, the server reads {MAX_BODY:,}; "
        f"the longest text is {path} with {longest:,} characters",
        stage="size",
    )


def _unsendable(request: object) -> Iterator[Problem]:
    for path, value in _values(request):
        if isinstance(value, str):
            if not _is_unicode(value):
                yield Problem(
                    path,
                    "is not valid Unicode text",
                    hint="it has half of a surrogate pair",
                    stage="failure",
                )
        elif not _is_writable(value):
            yield Problem(path, f"is a {type(value).__name__}, which JSON has no word for")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_writable(value: object) -> bool:
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return isinstance(value, Mapping | list | tuple | msgspec.Struct)
    return True


def _values(request: object) -> Iterator[tuple[str, object]]:
    """Every value of a request and its path; no recursion, and an end to it."""
    waiting: list[tuple[str, object, int]] = [("", request, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        path, value, depth = waiting.pop()
        yield path or "body", value
        if depth < _DEEPEST:
            before = f"{path}." if path else ""
            parts = reversed(_parts(value))
            waiting += [(f"{before}{name}", inner, depth + 1) for name, inner in parts]


def _parts(value: object) -> list[tuple[object, object]]:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return [(field.encode_name, getattr(value, field.name)) for field in fields]
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).items())
    if isinstance(value, list | tuple):
        return list(enumerate(cast("Sequence[object]", value)))
    return []
