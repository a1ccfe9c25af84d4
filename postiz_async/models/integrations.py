"""Channels. The API calls a connected social account an *integration*."""

from __future__ import annotations

from msgspec import field

from postiz_async.models._base import Model

__all__ = ["Customer", "Integration"]


class Customer(Model, frozen=True, kw_only=True):
    """A group of channels; the web page calls it a customer."""

    id: str
    name: str = ""


class Integration(Model, frozen=True, kw_only=True):
    """A connected social account."""

    id: str
    name: str
    provider: str = field(name="identifier", default="")
    """Provider identifier such as `x` or `linkedin-page`; new ones may appear at any time."""
    picture: str | None = None
    disabled: bool = False
    profile: str | None = None
    customer: Customer | None = None


class Connected(Model, frozen=True, kw_only=True):
    """Answer of `GET /is-connected`."""

    connected: bool = False


class FreeSlot(Model, frozen=True, kw_only=True):
    """Answer of `GET /find-slot`: a date without zone, which means UTC."""

    date: str
