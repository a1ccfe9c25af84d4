"""Who answered a create, and whether that proves that nothing of it is stored. PURE.

Only the word of Postiz proves anything. A proxy or firewall may answer in its place long before
the server is done, or after it has stored everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async._wire.requests import WireResponse


JSON = frozenset({b"[", b"{"})
"""How the body of each answer of Postiz begins, unless it is empty."""

_REFUSALS = frozenset({400, 401, 402, 403, 404})


def proves_nothing_stored(response: WireResponse) -> bool:
    """Whether an answer to a create proves that nothing of it is stored: S4 of docs/exactness."""
    status, body = response.status, response.body
    if status == 413 or (status == 401 and not body):  # before the server looks at the request
        return True
    if status == 429:
        return is_refusal(status, body) and b"ThrottlerException" in body
    return status in _REFUSALS and is_refusal(status, body)


def is_answer(response: WireResponse) -> bool:
    """Whether it is Postiz that answered."""
    if 200 <= response.status < 300:
        return response.body[:1] in JSON
    return proves_nothing_stored(response) or is_refusal(response.status, response.body)


def is_refusal(status: int, body: bytes) -> bool:
    """Whether a body has one of the shapes in which Postiz refuses with this status."""
    said = json_object(body)
    if said is None:
        return False
    if set(said) == {"msg"}:
        return isinstance(said["msg"], str)
    return said.get("statusCode") == status and isinstance(said.get("message"), str | list)


def json_object(body: bytes) -> Mapping[str, object] | None:
    """A body as a JSON object; None: it is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
