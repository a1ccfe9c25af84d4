"""A request as the server would read it, or what keeps it from being read or stored. PURE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from postiz_async._validation.formats import crashes, is_iso_date
from postiz_async.errors import Problem, describe_json_error
from postiz_async.models.posts import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postiz_async._validation.request import Body


_MOST_VALUES = 100_000
"""Values that are looked at to find those that cannot be sent."""
_DEEPEST_VALUE = 100
"""How deep is looked for them."""

_HALF = re.compile(r"[\ud800-\udfff]")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def read(request: object) -> tuple[object, list[Problem]]:
    """The request as it arrives, in plain JSON types, or why it cannot arrive."""
    if isinstance(request, Mapping):  # of which the encoder takes a dict only
        request = dict(cast("Mapping[object, object]", request))
    try:
        raw = _encoder.encode(request)
        if len(raw) > MAX_BODY:
            return None, [_too_large(request, len(raw))]
        return _decoder.decode(raw), []  # fails if a `msgspec.Raw` in it is not JSON
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError) as error:
        return None, list(_unsendable(request)) or [_not_json(error)]


def _not_json(error: Exception) -> Problem:
    return Problem("body", f"cannot be written as JSON: {describe_json_error(error)}")


def _too_large(request: object, size: int) -> Problem:
    return Problem(
        "body",
        "request entity too large",
        hint=f"has {size:,} bytes, the server reads {MAX_BODY:,}; {_largest(request, size)}",
        stage="size",
    )


def _largest(request: object, size: int) -> str:
    """What to shorten: a text that is most of a request, else the longest list."""
    text, longest, items, most = "", 0, "", 1
    for path, value in _values(request):
        if isinstance(value, str) and len(value) > longest:
            text, longest = path, len(value)
        elif isinstance(value, list | tuple):
            count = len(cast("Sequence[object]", value))
            items, most = (path, count) if count > most else (items, most)
    if items and longest < size // 2:
        return f"{items} is a list of {most:,}"
    return f"{text} has {longest:,} characters"


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
    return text.isascii() or _HALF.search(text) is None


def _is_writable(value: object) -> bool:
    """Whether a value can be written, or is a container whose parts are checked one by one."""
    if isinstance(value, Mapping | list | tuple | msgspec.Struct):
        return True
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def _values(request: object) -> Iterator[tuple[str, object]]:
    """Every value of a request and its path; no recursion, and an end to it."""
    waiting: list[tuple[str, object, int]] = [("", request, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        path, value, depth = waiting.pop()
        yield path or "body", value
        if depth < _DEEPEST_VALUE:
            before = f"{path}." if path else ""
            parts = reversed(_parts(value))
            waiting += [(f"{before}{name}", inner, depth + 1) for name, inner in parts]


def _parts(value: object) -> list[tuple[object, object]]:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        parts = [(field.encode_name, getattr(value, field.name)) for field in fields]
        return [part for part in parts if part[1] is not msgspec.UNSET]
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).items())
    if isinstance(value, list | tuple):
        return list(enumerate(cast("Sequence[object]", value)))
    return []


_GOOD_DATE = "write it as 2030-03-01T10:00:00Z"


def failures(body: Body) -> Iterator[Problem]:
    """Dates that are none, characters that no database stores."""
    date = body.values.get("date")
    if isinstance(date, str) and crashes(date) and is_iso_date(date):
        message = f"{date[:40]!r} makes the server fail"
        yield Problem("date", message, hint=_GOOD_DATE, stage="failure")
    for post in body.posts:
        for place, entry in enumerate(post.entries):
            content = entry["content"]
            if isinstance(content, str) and "\0" in content:
                message = "has a NUL character, which no database stores"
                yield Problem(f"{post.path}value.{place}.content", message, stage="failure")
