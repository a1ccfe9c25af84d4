"""The web front end, as far as a client with a wrong address meets it."""

from __future__ import annotations

from postiz_async.sandbox.exchange import Response

__all__ = ["redirect_to_login"]

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>/auth</body></html>"


def redirect_to_login() -> Response:
    """What the front end says to anybody without a session."""
    headers = (("Location", "/auth"), ("Content-Type", "text/html; charset=utf-8"))
    return Response(307, headers, _PAGE)
