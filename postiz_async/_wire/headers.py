"""Check the user's own headers, for example for a gateway. PURE.

They are refused when they are given, not when the first request is sent. Their values are never
shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar, cast

from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError

Headers: TypeAlias = "tuple[tuple[str, Secret], ...]"
"""Headers: names as they are sent, and values."""

T = TypeVar("T")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")

_BODY = "it follows from what is sent"
_CONNECTION = "it is between the client and the next server on the way"
_OURS = {
    "accept": "the client reads JSON only",
    "accept-encoding": "it says what the client can unpack",
    "authorization": (
        "Postiz takes the API key from it. If a gateway wants it too, let the gateway know you by "
        "another header or by a client certificate (ssl=)"
    ),
    "connection": _CONNECTION,
    "content-encoding": _BODY,
    "content-length": _BODY,
    "content-type": _BODY,
    "expect": _CONNECTION,
    "host": "it follows from base_url",
    "keep-alive": _CONNECTION,
    "proxy-authorization": "it is for the proxy: proxy='http://user:password@host:port'",
    "proxy-connection": _CONNECTION,
    "te": _CONNECTION,
    "trailer": _CONNECTION,
    "transfer-encoding": _CONNECTION,
    "upgrade": _CONNECTION,
    "user-agent": "it says which client this is",
}
"""The headers that users may not set, and why."""


class HiddenText(Secret):
    """The value of a header that was given as a `str`, and so may or may not be secret.

    It is never shown either. But it may be a common word, so it is only looked for in answers that
    people read: in those that report a failure, and in web pages.
    """

    __slots__ = ()


def hidden_values(headers: T) -> T:
    """The same headers with hidden values, as tracebacks may show the variables of a caller.

    What is not a `dict` is returned as it is.
    """
    if type(headers) is not dict:
        return headers
    given = cast("dict[object, object]", headers)
    hidden = {
        name: HiddenText(value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    return cast("T", hidden)


def checked_headers(headers: object) -> Headers:
    """Check the headers that a user wants on each request, and return them as they are sent.

    Raises:
        ConfigurationError: one of them is the client's own, is there twice, or cannot be sent.
    """
    if not isinstance(headers, Mapping):
        raise ConfigurationError(
            f"headers must be a mapping from names to values, not {type(headers).__name__}."
        )
    found: dict[str, tuple[str, Secret]] = {}
    for name, value in cast("Mapping[object, object]", headers).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} cannot be the name of a header: names have letters, digits and -_ only."
            )
        lower = name.lower()
        if lower in _OURS:
            raise ConfigurationError(f"The header {name} is the client's own: {_OURS[lower]}.")
        if lower in found:
            raise ConfigurationError(f"The header {name} is given twice.")
        found[lower] = name, _checked_value(name, value)
    return tuple(found.values())


def _checked_value(name: str, value: object) -> Secret:
    if isinstance(value, Secret):
        hidden = value
    elif isinstance(value, str):
        hidden = HiddenText(value)
    else:
        raise ConfigurationError(
            f"The value of the header {name} must be a string or a Secret, not "
            f"{type(value).__name__}."
        )
    fault = _fault(hidden)
    if fault:
        raise ConfigurationError(f"The value of the header {name} cannot be sent: {fault}.")
    return hidden


def _fault(value: Secret) -> str:
    """The problem of a header's value, without quoting it; empty if there is none."""
    if _VALUE.fullmatch(value.reveal()):
        stripped = value.reveal().strip(" \t")
        if len(stripped) == len(value):
            return "" if stripped else "it is empty"
        return "it begins or ends with white space"
    if value.reveal().rstrip("\r\n") != value.reveal():
        return "it ends with a line break, which is often in the file that it was read from"
    if any(character in value.reveal() for character in "\r\n"):
        return "it has a line break"
    return "it has characters that are not printable ASCII"


def headers_in(text: Secret, where: str) -> dict[str, Secret]:
    """Read headers from a text: `Name: value`, one per line.

    Args:
        text: the text, which may contain secrets.
        where: its name in messages.

    Raises:
        ConfigurationError: it cannot be read.
    """
    found: dict[str, Secret] = {}
    for line in (HiddenText(each) for each in text.reveal().splitlines() if each.strip()):
        if ":" not in line.reveal():
            raise ConfigurationError(
                f"{where} has no header but something without a colon. Write it like 'Name: value'."
            )
        name = line.reveal().partition(":")[0].strip()
        if name.lower() in {each.lower() for each in found}:
            raise ConfigurationError(f"The header {name} is given twice in {where}.")
        if not line.reveal().partition(":")[2].strip():
            raise ConfigurationError(
                f"The header {name} has no value in {where}. "
                "Write it like 'Name: value', in quotes."
            )
        found[name] = HiddenText(line.reveal().partition(":")[2].strip())
    return found


def merged_headers(before: Headers, later: Iterable[tuple[str, Secret]]) -> Headers:
    """Merge headers; of two with the same name, in upper or lower case, the later one wins."""
    merged = {name.lower(): (name, value) for name, value in before}
    merged |= {name.lower(): (name, value) for name, value in later}
    return tuple(merged.values())
