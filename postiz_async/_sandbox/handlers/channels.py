"""Channels: list, connect, delete, find a posting time, settings and tools."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import msgspec

from postiz_async._sandbox import refusals
from postiz_async._sandbox.dates import DAY_MS, MINUTE_MS, iso, naive_iso
from postiz_async._sandbox.json import write_json
from postiz_async._sandbox.rows import ChannelRow, Release, is_in_group
from postiz_async._sandbox.schemas import schema_of
from postiz_async._sandbox.state import Organization, ReceivedCall
from postiz_async._sandbox.verdicts import longest_text
from postiz_async._validation.javascript import as_object
from postiz_async.providers import PROVIDERS
from postiz_async.providers._schema import Provider, fields_of


async def is_connected(_: ReceivedCall) -> object:
    """Confirm that the key works."""
    return {"connected": True}


async def list_channels(call: ReceivedCall) -> object:
    """List the channels, or those of one group."""
    group = call.request.query_values.get("group")
    if call.release < Release.NEWEST:
        group = None
    if isinstance(group, list):  # the database cannot query a list
        raise refusals.internal_error()
    channels = call.organization.live_channels()
    return [_entry(each) for each in channels if is_in_group(each, group)]


def _entry(channel: ChannelRow) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": channel.id,
        "name": channel.name,
        "identifier": channel.provider,
        "picture": channel.picture,
        "disabled": channel.disabled,
        "profile": channel.profile,
    }
    if channel.group is not None:
        entry["customer"] = {"id": channel.group.id, "name": channel.group.name}
    return entry


async def list_groups(call: ReceivedCall) -> object:
    """List the groups of channels."""
    groups = call.organization.groups.values()
    return [{"id": each.id, "name": each.name} for each in groups]


async def find_slot(call: ReceivedCall) -> object:
    """Find the earliest posting time of the channel at which there is no post."""
    channel = call.organization.live_channel(call.params["id"])
    if channel is None or channel.disabled or not channel.posting_times:
        # the server searches day after day without an end
        await asyncio.get_running_loop().create_future()
        raise AssertionError
    taken = {post.date for post in call.organization.posts if post.deleted_at is None}
    day = call.state.now // DAY_MS * DAY_MS
    while True:
        for minutes in sorted(channel.posting_times):
            slot = day + minutes * MINUTE_MS
            if slot > call.state.now and slot not in taken:
                return {"date": naive_iso(slot)}
        day += DAY_MS


_STATE_LENGTH = 6
_TOKEN_LIFE = 10 * 365 * DAY_MS


async def get_connect_url(call: ReceivedCall) -> object:
    """The address where a user connects a channel; for some networks a state without address."""
    _check_plan(call)
    provider = call.params["provider"]
    known = PROVIDERS.get(provider)
    if known is None:
        raise refusals.plain(400, "Integration not allowed")
    token = call.state.ids.letters(_STATE_LENGTH)
    if provider == "wrapcast":
        return {"url": f"sandbox||{token}"}
    if known.connected_by == "form":
        return {"url": token}
    back = quote(f"{call.state.host}/integrations/social/{provider}", safe="")
    url = f"https://{provider}.example/oauth?client_id=sandbox&redirect_uri={back}&state={token}"
    return {"url": url}


def _check_plan(call: ReceivedCall) -> None:
    allowed = call.organization.channels_allowed
    refreshed = call.request.query_values.get("refresh")
    if allowed is None or (isinstance(refreshed, str) and refreshed in call.organization.channels):
        return
    if len(call.organization.live_channels()) >= allowed:
        raise refusals.plan_limit("channels", "add more channels", call.state.host)


async def delete(call: ReceivedCall) -> object:
    """Delete a channel and its posts; may be repeated."""
    channel = call.organization.channels.get(call.params["id"])
    if channel is None:
        raise refusals.internal_error()
    deleted = msgspec.structs.replace(channel, deleted_at=call.state.now, updated_at=call.state.now)
    call.organization.channels[channel.id] = deleted
    for post in list(call.organization.posts):
        if post.channel_id == channel.id and post.deleted_at is None:
            gone = msgspec.structs.replace(post, deleted_at=call.state.now, has_job=False)
            call.organization.posts.put(gone)
    return _row(call.organization, deleted)


def _posting_times(channel: ChannelRow) -> str:
    times = ", ".join(write_json({"time": time}) for time in channel.posting_times)
    return f"[{times}]"


def _row(organization: Organization, channel: ChannelRow) -> dict[str, object]:
    """The whole row of a channel as in the database, including secrets."""
    group = channel.group
    deleted_at = channel.deleted_at
    return {
        "id": channel.id,
        "internalId": channel.internal_id,
        "organizationId": organization.id,
        "name": channel.name,
        "picture": channel.picture,
        "providerIdentifier": channel.provider,
        "type": "social",
        "token": f"token-of-{channel.id}",
        "disabled": channel.disabled,
        "tokenExpiration": iso(channel.created_at + _TOKEN_LIFE),
        "refreshToken": f"refresh-token-of-{channel.id}",
        "profile": channel.profile,
        "deletedAt": None if deleted_at is None else iso(deleted_at),
        "createdAt": iso(channel.created_at),
        "updatedAt": iso(channel.updated_at),
        "inBetweenSteps": False,
        "refreshNeeded": channel.refresh_needed,
        "postingTimes": _posting_times(channel),
        "customInstanceDetails": None,
        "customerId": None if group is None else group.id,
        "rootInternalId": None,
        "additionalSettings": channel.additional_settings,
    }


async def settings(call: ReceivedCall) -> object:
    """The longest text, settings and tools of the channel's network."""
    channel = call.organization.live_channel(call.params["id"])
    if channel is None:
        if call.release < Release.NEWEST:
            raise refusals.internal_error()
        raise refusals.plain(404, "Integration not found")
    provider = PROVIDERS.get(channel.provider)
    if provider is None:
        output: dict[str, object] = {"rules": "", "maxLength": 0, "settings": {}, "tools": []}
    else:
        output = _describe(channel, provider, call.release)
    return {"output": output}


def _describe(channel: ChannelRow, provider: Provider, release: Release) -> dict[str, object]:
    tools = [
        {
            "methodName": name,
            "description": f"Look-up {name}",
            "dataSchema": [
                {"key": key, "type": "string", "description": f"Text for {key}"} for key in keys
            ],
        }
        for name, keys in provider.tools.items()
    ]
    rules = [rule.message for rule in provider.rules] if "rules" in provider.described else []
    fields = [
        each
        for each in fields_of(provider.settings)
        if release >= Release.HEAD or not each.unreleased
    ]
    return {
        "rules": " ".join(dict.fromkeys(rules)),
        "maxLength": longest_text(channel),
        "settings": schema_of(fields)
        if "settings" in provider.described
        else "No additional settings required",
        "tools": tools,
    }


async def use_tool(call: ReceivedCall) -> object:
    """Use a tool of the channel's network."""
    channel = call.organization.live_channel(call.params["id"])
    if call.body is None:
        raise refusals.internal_error()
    if channel is None:
        raise refusals.plain(404, "Integration not found")
    provider = PROVIDERS.get(channel.provider)
    if provider is None:
        raise refusals.plain(404, "Integration provider not found")
    name = as_object(call.body).get("methodName")
    if not isinstance(name, str) or name not in provider.tools:
        raise refusals.plain(404, "Tool not found")
    if channel.refresh_needed:
        raise refusals.plain(401, "Channel disconnected due to expired token")
    if channel.failure is not None:
        raise refusals.plain(500, "Unexpected error")
    found = [{"id": str(number), "name": f"{name} {number}"} for number in (1, 2)]
    return {"output": found}
