"""What a channel's network wants to be told, and its look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.networks import Network, network_in
from postiz_async.sandbox.post_rules import longest_text
from postiz_async.sandbox.refusals import internal_error, plain
from postiz_async.sandbox.rules import as_mapping
from postiz_async.sandbox.schemas import schema_of

if TYPE_CHECKING:
    from postiz_async.sandbox.releases import Release
    from postiz_async.sandbox.rows import IntegrationRow
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["get_integration_settings", "trigger_integration_tool"]

_SINCE_NOT_FOUND = (2, 21, 9)


async def get_integration_settings(state: SandboxState, call: ReceivedCall) -> Response:
    """Longest text, settings and look-ups of the channel's network."""
    integration = call.organization.live_integration(call.params["id"])
    if integration is None:
        if not state.settings.release.since(_SINCE_NOT_FOUND):
            raise internal_error()
        raise plain(404, "Integration not found")
    network = network_in(state.settings.release, integration.provider)
    if network is None:
        output: dict[str, object] = {"rules": "", "maxLength": 0, "settings": {}, "tools": []}
    else:
        output = _describe(integration, network, state.settings.release)
    return json_response(200, {"output": output})


def _describe(integration: IntegrationRow, network: Network, release: Release) -> dict[str, object]:
    tools = [
        {
            "methodName": name,
            "description": f"Look-up {name}",
            "dataSchema": [
                {"key": key, "type": "string", "description": f"Text for {key}"} for key in keys
            ],
        }
        for name, keys in network.tools.items()
    ]
    return {
        "rules": network.advice,
        "maxLength": longest_text(network, integration, {}, release),
        "settings": schema_of(network.fields_in(release))
        if network.describes_settings
        else "No additional settings required",
        "tools": tools,
    }


async def trigger_integration_tool(state: SandboxState, call: ReceivedCall) -> Response:
    """Look something up at the channel's network."""
    integration = call.organization.live_integration(call.params["id"])
    if call.body is None:
        raise internal_error()
    if integration is None:
        raise plain(404, "Integration not found")
    network = network_in(state.settings.release, integration.provider)
    if network is None:
        raise plain(404, "Integration provider not found")
    name = as_mapping(call.body).get("methodName")
    if not isinstance(name, str) or name not in network.tools:
        raise plain(404, "Tool not found")
    if integration.refresh_needed:
        raise plain(401, "Channel disconnected due to expired token")
    if integration.failure is not None:
        raise plain(500, "Unexpected error")
    found = [{"id": str(number), "name": f"{name} {number}"} for number in (1, 2)]
    return json_response(201, {"output": found})
