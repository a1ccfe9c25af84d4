"""The command `channels`, for the connected channels."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.text import Text

from postiz_async._cli.help import COMMON
from postiz_async._cli.options import ApiOptions, Yes
from postiz_async._cli.output import Output, confirm, moment
from postiz_async.errors import InvalidInputError, Problem

app = App(
    name="channels", help="List, inspect, connect and delete channels.", group_parameters=COMMON
)

Channel = Annotated[
    str, Parameter(help="A channel: its id, its name, or its provider if it is the only one.")
]


@app.default
@app.command(name="list")
async def list_channels(*, group: str | None = None, api: ApiOptions = ApiOptions()) -> None:
    """List the channels with id, name and provider.

    Campaigns and options name a channel by any of these.

    Args:
        group: Only channels of the group with this id.
    """
    output = Output(as_json=api.json, says_results=True)
    async with api.client() as postiz:
        listed = await postiz.channels.list(group=group)
    channels = sorted(listed, key=lambda channel: (channel.provider, channel.name))
    if not channels and not api.json:
        output.say("There is no channel yet. Connect one in the web page of Postiz.")
        return
    disabled = Text("disabled", "red")
    rows = [(c.provider, c.name, c.id, disabled if c.disabled else "") for c in channels]
    output.listing(channels, ["provider", "name", "id", ""], rows)


@app.command
async def groups(*, api: ApiOptions = ApiOptions()) -> None:
    """List the groups of channels, called customers in the web page."""
    async with api.client() as postiz:
        listed = await postiz.channels.groups()
    rows = [(group.id, group.name) for group in listed]
    Output(as_json=api.json).listing(listed, ["id", "name"], rows)


@app.command
async def settings(channel: Channel, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Show rules, length limit, settings and tools of a channel."""
    output = Output(as_json=api.json, says_results=True)
    async with api.client() as postiz:
        found = await postiz.channels.settings(channel)
    if api.json:
        output.json(found)
        return
    output.say(f"at most {found.max_length:,} characters. {found.rules}".strip())
    schema = found.settings
    if isinstance(schema, str):
        output.say(schema)
    else:
        output.show(Text(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()))
    for tool in found.tools:
        keys = ", ".join(parameter.key for parameter in tool.data_schema) or "nothing"
        output.say(f"tool {tool.method_name} (takes {keys}): {tool.description}")


@app.command
async def trigger(
    channel: Channel,
    name: str,
    data: list[str] | None = None,
    /,
    *,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Use a tool of a channel, such as a look-up of its boards.

    Prints JSON, also without --json.

    Args:
        name: The name of a tool, see settings.
        data: Its arguments, as key=value.
    """
    values = dict(_pair(text) for text in data or [])
    async with api.client() as postiz:
        answer = await postiz.channels.trigger(channel, name, values)
    Output(as_json=True).json(answer)


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise InvalidInputError([Problem("data", f"{text!r} is not key=value")])
    return key, value


@app.command
async def connect(
    provider: str, /, *, refresh: str | None = None, api: ApiOptions = ApiOptions()
) -> None:
    """Print the URL where a person connects an account.

    It is valid for an hour.

    Args:
        provider: Identifier such as linkedin.
        refresh: The platform's own id of an account to connect again.
    """
    async with api.client() as postiz:
        url = await postiz.channels.connect_url(provider, refresh=refresh)
    if api.json:
        Output().json(url)
    else:
        Output().show(Text(url))


@app.command
async def delete(channel: str, /, *, yes: Yes = False, api: ApiOptions = ApiOptions()) -> None:
    """Delete a channel, and all its posts with it.

    Args:
        channel: The id of a channel; no name is taken.
    """
    confirm(f"Delete the channel {channel} and all its posts?", yes=yes)
    async with api.client() as postiz:
        deleted = await postiz.channels.delete(channel)
    Output(as_json=api.json).answer(deleted, f"{deleted} is deleted")


@app.command
async def find_slot(channel: Channel, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Print the next free posting time of a channel."""
    output = Output(as_json=api.json, says_results=True)
    async with api.client() as postiz:
        date = await postiz.channels.find_slot(channel)
    output.answer(date, moment(date, api.zone))
