"""Channels: listing them, and finding a time on them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from postiz_async.sandbox.dates import naive_iso
from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.refusals import internal_error

if TYPE_CHECKING:
    from postiz_async.sandbox.rows import IntegrationRow
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["find_slot", "is_connected", "list_groups", "list_integrations"]

_DAY = 86_400_000
_MINUTE = 60_000
_SINCE_GROUP_FILTER = (2, 21, 9)


async def is_connected(state: SandboxState, call: ReceivedCall) -> Response:  # noqa: ARG001 - one shape for all
    """Says that the key works, nothing else."""
    return json_response(200, {"connected": True})


async def list_integrations(state: SandboxState, call: ReceivedCall) -> Response:
    """The channels, or those of one group."""
    group = call.request.query_value("group")
    if not state.settings.release.since(_SINCE_GROUP_FILTER):
        group = None
    if isinstance(group, list):  # which is nothing that the database can look for
        raise internal_error()
    integrations = call.organization.live_integrations()
    return json_response(200, [_entry(each) for each in integrations if _is_in(each, group)])


def _is_in(integration: IntegrationRow, group: str | None) -> bool:
    return not group or (integration.customer is not None and integration.customer.id == group)


def _entry(integration: IntegrationRow) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": integration.id,
        "name": integration.name,
        "identifier": integration.provider,
        "picture": integration.picture,
        "disabled": integration.disabled,
        "profile": integration.profile,
    }
    if integration.customer is not None:
        entry["customer"] = {"id": integration.customer.id, "name": integration.customer.name}
    return entry


async def list_groups(state: SandboxState, call: ReceivedCall) -> Response:  # noqa: ARG001 - one shape for all
    """The groups of channels."""
    groups = call.organization.customers.values()
    return json_response(200, [{"id": each.id, "name": each.name} for each in groups])


async def find_slot(state: SandboxState, call: ReceivedCall) -> Response:
    """The earliest posting time of the channel at which nobody has a post."""
    integration = call.organization.live_integration(call.params["id"])
    if integration is None or integration.disabled or not integration.posting_times:
        # the server searches day after day without an end
        await asyncio.get_running_loop().create_future()
        raise AssertionError
    day = state.now // _DAY * _DAY
    while True:
        for minutes in sorted(integration.posting_times):
            slot = day + minutes * _MINUTE
            if slot > state.now and not call.organization.posts.live_at(slot):
                return json_response(200, {"date": naive_iso(slot)})
        day += _DAY
