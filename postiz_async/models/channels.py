"""Channels. The API calls a connected social account an *integration*."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from postiz_async.models._base import Model


class Group(Model, frozen=True, kw_only=True):
    """A group of channels; the web page calls it a customer."""

    id: str
    name: str = ""


class Channel(Model, frozen=True, kw_only=True):
    """A connected social account."""

    id: str
    name: str
    provider: str = field(name="identifier", default="")
    """Provider identifier such as `x` or `linkedin-page`; new ones may appear at any time."""
    picture: str | None = None
    disabled: bool = False
    profile: str | None = None
    group: Group | None = field(name="customer", default=None)


class Connected(Model, frozen=True, kw_only=True):
    """Answer of `GET /is-connected`."""

    connected: bool = False


class FreeSlot(Model, frozen=True, kw_only=True):
    """Answer of `GET /find-slot`: a date without zone, which means UTC."""

    date: str


class ToolParameter(Model, frozen=True, kw_only=True):
    """An argument of a tool; its value is always sent as a text."""

    key: str
    type: str = ""
    description: str = ""


class ChannelTool(Model, frozen=True, kw_only=True):
    """Something that a provider can look up, such as its boards or subreddits."""

    method_name: str
    description: str = ""
    data_schema: list[ToolParameter] = []


class ChannelSettings(Model, frozen=True, kw_only=True):
    """The rules of the running server for the posts of a channel.

    `settings` is a JSON schema, or a text if there are no settings. `max_length` is in characters;
    for X it says whether the channel is verified.
    """

    rules: str = ""
    max_length: int = 0
    settings: Mapping[str, object] | str = ""
    tools: list[ChannelTool] = []


class SettingsOutput(Model, frozen=True, kw_only=True):
    """Answer of `GET /integration-settings/{id}`."""

    output: ChannelSettings


class ToolOutput(Model, frozen=True, kw_only=True):
    """Answer of `POST /integration-trigger/{id}`; without output it is an empty object."""

    output: object = None


class ToolCall(Model, frozen=True, kw_only=True):
    """The body of `POST /integration-trigger/{id}`."""

    method_name: str
    data: Mapping[str, str] = {}


class ConnectUrl(Model, frozen=True, kw_only=True):
    """Answer of `GET /social/{provider}`."""

    url: str


class DeletedChannel(Model, frozen=True, kw_only=True):
    """Answer of `DELETE /integrations/{id}`. The server also sends the tokens: they are dropped."""

    id: str
