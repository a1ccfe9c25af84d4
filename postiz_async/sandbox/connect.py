"""Connecting channels and taking them away."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from postiz_async.sandbox.dates import iso
from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.json_text import write_json
from postiz_async.sandbox.networks import network_in
from postiz_async.sandbox.refusals import internal_error, plain, plan_limit

if TYPE_CHECKING:
    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.rows import IntegrationRow
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["delete_integration", "get_connect_url"]

_STATE_LENGTH = 6
_TOKEN_LIFE = 10 * 365 * 86_400_000


async def get_connect_url(state: SandboxState, call: ReceivedCall) -> Response:
    """Where a user goes to connect a channel; for some networks a state and no address."""
    _check_plan(state, call)
    provider = call.params["integration"]
    network = network_in(state.settings.release, provider)
    if network is None:
        raise plain(400, "Integration not allowed")
    token = state.ids.letters(_STATE_LENGTH)
    if provider == "wrapcast":
        return json_response(200, {"url": f"sandbox||{token}"})
    if not network.is_oauth:
        return json_response(200, {"url": token})
    back = quote(f"{state.settings.host}/integrations/social/{provider}", safe="")
    url = f"https://{provider}.example/oauth?client_id=sandbox&redirect_uri={back}&state={token}"
    return json_response(200, {"url": url})


def _check_plan(state: SandboxState, call: ReceivedCall) -> None:
    allowed = call.organization.channels_allowed
    refreshed = call.request.query_value("refresh")
    if allowed is None or (
        isinstance(refreshed, str) and refreshed in call.organization.integrations
    ):
        return
    if len(call.organization.live_integrations()) >= allowed:
        raise plan_limit("channels", "add more channels", state.settings.host)


async def delete_integration(state: SandboxState, call: ReceivedCall) -> Response:
    """Delete a channel and its posts; doing it again is fine."""
    integration = call.organization.integrations.get(call.params["id"])
    if integration is None:
        raise internal_error()
    deleted = msgspec.structs.replace(integration, deleted_at=state.now, updated_at=state.now)
    call.organization.integrations[integration.id] = deleted
    for post in list(call.organization.posts):
        if post.integration_id == integration.id and post.deleted_at is None:
            gone = msgspec.structs.replace(post, deleted_at=state.now, has_job=False)
            call.organization.posts.put(gone)
    return json_response(200, _row(call.organization, deleted))


def _posting_times(integration: IntegrationRow) -> str:
    times = ", ".join(write_json({"time": time}) for time in integration.posting_times)
    return f"[{times}]"


def _row(organization: Organization, integration: IntegrationRow) -> dict[str, object]:
    """The whole row, secrets included, as the database has it."""
    customer = integration.customer
    deleted_at = integration.deleted_at
    return {
        "id": integration.id,
        "internalId": integration.internal_id,
        "organizationId": organization.id,
        "name": integration.name,
        "picture": integration.picture,
        "providerIdentifier": integration.provider,
        "type": "social",
        "token": f"token-of-{integration.id}",
        "disabled": integration.disabled,
        "tokenExpiration": iso(integration.created_at + _TOKEN_LIFE),
        "refreshToken": f"refresh-token-of-{integration.id}",
        "profile": integration.profile,
        "deletedAt": None if deleted_at is None else iso(deleted_at),
        "createdAt": iso(integration.created_at),
        "updatedAt": iso(integration.updated_at),
        "inBetweenSteps": False,
        "refreshNeeded": integration.refresh_needed,
        "postingTimes": _posting_times(integration),
        "customInstanceDetails": None,
        "customerId": None if customer is None else customer.id,
        "rootInternalId": None,
        "additionalSettings": integration.additional_settings,
    }
