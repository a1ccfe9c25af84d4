"""The result of an OAuth exchange."""

from __future__ import annotations

from postiz_async.models._base import Model


class Token(Model, frozen=True, kw_only=True, rename=None):
    """An access token; it works wherever an API key does, and lasts until it is revoked.

    `id` is the organisation. A new approval by the same user invalidates the previous token.
    """

    access_token: str
    id: str = ""
    cus: str | None = None
    token_type: str = ""
    scope: str | None = None

    def __repr__(self) -> str:
        return f"Token(id={self.id!r}, access_token='...')"
