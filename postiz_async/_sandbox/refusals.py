"""The errors of the server, by the shape of their bodies."""

from __future__ import annotations

from collections.abc import Sequence

from postiz_async._sandbox.messages import Response, empty_response, json_response
from postiz_async.models.channels import Channel


class HttpError(Exception):
    """An exception that ends the handling of a request with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _error(status: int, **body: object) -> HttpError:
    return HttpError(json_response(status, body))


def plain(status: int, text: str) -> HttpError:
    """An error of shape E1, of authentication and most hand-written errors."""
    return _error(status, msg=text)


def bad_request(message: str | Sequence[str]) -> HttpError:
    """An error of shape E2 with status 400."""
    return _error(400, message=message, error="Bad Request", statusCode=400)


def not_found(message: str) -> HttpError:
    """An error of shape E2 with status 404, as for a route that there is not (E9)."""
    return _error(404, message=message, error="Not Found", statusCode=404)


def invalid(messages: Sequence[str]) -> HttpError:
    """An error of shape E3: every violation of the field rules at once."""
    return bad_request(messages)


def status_only(status: int, message: str) -> HttpError:
    """An error of shape E4: a status and a text, without a reason."""
    return _error(status, statusCode=status, message=message)


def post_refused(channel: Channel, message: str) -> HttpError:
    """An error of shape E5: a rule of the provider is broken."""
    provider, name = channel.provider, channel.name
    return _error(400, statusCode=400, provider=provider, name=name, message=message)


def plan_limit(what: str, deed: str, host: str) -> HttpError:
    """An error of shape E6: the plan is used up."""
    message = (
        f"You have reached the maximum number of {what} for your subscription. "
        f"Please upgrade your subscription to {deed}."
    )
    return _error(402, statusCode=402, message=message, url=f"{host}/billing")


def key_lookup_failed() -> HttpError:
    """An error of shape E7: the look-up of the key failed; 401 without a body."""
    cookie = "auth=; Max-Age=-1; Path=/; HttpOnly; Secure; SameSite=None"
    return HttpError(empty_response(401, ("Set-Cookie", cookie), ("logout", "true")))


def internal_error() -> HttpError:
    """An error of shape E8: an unhandled exception."""
    return status_only(500, "Internal server error")


def of_oauth(status: int, error: str, **more: str) -> HttpError:
    """An error of OAuth, where `more` may be its description."""
    return _error(status, error=error, **more)
