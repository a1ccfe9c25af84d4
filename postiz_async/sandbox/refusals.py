"""Answers that say no, one constructor for each shape that the server uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.sandbox.exchange import Response, empty_response, json_response

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Refusal",
    "bad_request",
    "internal_error",
    "invalid",
    "key_lookup_failed",
    "not_found",
    "plain",
    "plan_limit",
    "post_refused",
    "status_only",
    "unknown_route",
]

_REASONS = {400: "Bad Request", 404: "Not Found"}


class Refusal(Exception):  # noqa: N818 - most refusals are the client's fault, not an error here
    """Ends the handling of a request with an answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def plain(status: int, text: str) -> Refusal:
    """Shape E1, of authentication and most hand-written errors."""
    return Refusal(json_response(status, {"msg": text}))


def _reasoned(status: int, message: str | Sequence[str]) -> Refusal:
    body = {"message": message, "error": _REASONS[status], "statusCode": status}
    return Refusal(json_response(status, body))


def bad_request(message: str) -> Refusal:
    """Shape E2 with status 400."""
    return _reasoned(400, message)


def not_found(message: str) -> Refusal:
    """Shape E2 with status 404."""
    return _reasoned(404, message)


def invalid(messages: Sequence[str]) -> Refusal:
    """Shape E3: every violation of the field rules at once."""
    return _reasoned(400, messages)


def status_only(status: int, message: str) -> Refusal:
    """Shape E4: a status and a text, without a reason."""
    return Refusal(json_response(status, {"statusCode": status, "message": message}))


def post_refused(provider: str, name: str, message: str) -> Refusal:
    """Shape E5: a rule of the provider is broken; `name` is the channel's."""
    body = {"statusCode": 400, "provider": provider, "name": name, "message": message}
    return Refusal(json_response(400, body))


def plan_limit(what: str, deed: str, host: str) -> Refusal:
    """Shape E6: the plan is used up."""
    message = (
        f"You have reached the maximum number of {what} for your subscription. "
        f"Please upgrade your subscription to {deed}."
    )
    body = {"statusCode": 402, "message": message, "url": f"{host}/billing"}
    return Refusal(json_response(402, body))


def key_lookup_failed() -> Refusal:
    """Shape E7: the look-up of the key failed, and the server says 401 without a body."""
    cookie = "auth=; Max-Age=-1; Path=/; HttpOnly; Secure; SameSite=None"
    return Refusal(empty_response(401, ("Set-Cookie", cookie), ("logout", "true")))


def internal_error() -> Refusal:
    """Shape E8: an exception that nobody handled."""
    return status_only(500, "Internal server error")


def unknown_route(method: str, target: str) -> Refusal:
    """Shape E9."""
    return _reasoned(404, f"Cannot {method} {target}")
