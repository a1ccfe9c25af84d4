"""Filling the sandbox: organisations, channels and tags, with ids like the real ones."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from postiz_async._sandbox.messages import UploadedFile
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import CustomerRow, IntegrationRow, NotificationRow, TagRow
from postiz_async._sandbox.state import OAuthApp, Organization

if TYPE_CHECKING:
    from postiz_async._sandbox.state import SandboxState

__all__ = [
    "add_integration",
    "add_notification",
    "add_oauth_app",
    "add_organization",
    "add_remote_file",
    "add_tag",
    "change_integration",
    "change_post",
    "check_loopback",
]

_HEAD = 8 * 1024


def add_organization(state: SandboxState, api_key: str, name: str | None) -> Organization:
    """Add an organisation.

    Raises:
        ValueError: The key belongs to another one already.
    """
    if any(each.api_key == api_key for each in state.organizations):
        raise ValueError("another organisation has this key")
    number = len(state.organizations) + 1
    organization = Organization(state.ids.uuid(), name or f"Organisation {number}", api_key)
    organization.session = f"session-{number}"
    state.organizations.append(organization)
    return organization


def add_integration(
    state: SandboxState,
    organization: Organization,
    provider: str,
    *,
    integration_id: str | None,
    name: str | None,
    disabled: bool,
    customer: str | None,
) -> IntegrationRow:
    """Add a channel, and its group when that is new.

    Raises:
        ValueError: There is a channel with this id.
    """
    if any(integration_id in each.integrations for each in state.organizations):
        raise ValueError(f"there is a channel {integration_id!r} already")
    count = sum(each.provider == provider for each in organization.integrations.values())
    name = name or f"My {provider}" + (f" {count + 1}" if count else "")
    new_id = integration_id or state.new_row_id()
    integration = IntegrationRow(
        id=new_id,
        provider=provider,
        name=name,
        picture=f"{state.settings.host}/avatars/{provider}.png",
        profile=re.sub(r"[^a-z0-9]", "", name.lower()),
        internal_id=f"int-{new_id}",
        disabled=disabled,
        customer=_customer(state, organization, customer),
        created_at=state.now,
        updated_at=state.now,
    )
    organization.integrations[integration.id] = integration
    return integration


def _customer(
    state: SandboxState, organization: Organization, name: str | None
) -> CustomerRow | None:
    if name is None:
        return None
    for known in organization.customers.values():
        if known.name == name:
            return known
    customer = CustomerRow(state.ids.uuid(), name)
    organization.customers[customer.id] = customer
    return customer


def add_tag(state: SandboxState, organization: Organization, name: str) -> TagRow:
    """Add a tag that posts may carry."""
    tag = TagRow(state.ids.uuid(), name, "#ff0000", state.now)
    organization.tags[tag.id] = tag
    return tag


def change_integration(
    state: SandboxState, integration_id: str, changes: dict[str, object]
) -> IntegrationRow:
    """Change a channel of any organisation.

    Raises:
        LookupError: There is no such channel.
    """
    for organization in state.organizations:
        if integration_id in organization.integrations:
            changed = replace(organization.integrations[integration_id], **changes)
            organization.integrations[integration_id] = changed
            return changed
    raise LookupError(f"no channel {integration_id!r}")


def change_post(state: SandboxState, post_id: str, changes: dict[str, object]) -> None:
    """Change a row of any organisation.

    Raises:
        LookupError: There is no such row.
    """
    for organization in state.organizations:
        post = organization.posts.get(post_id)
        if post is not None:
            store_post(state, organization, replace(post, **changes))
            return
    raise LookupError(f"no post {post_id!r}")


def add_notification(
    state: SandboxState, organization: Organization, content: str, link: str | None
) -> NotificationRow:
    """Add a notification."""
    notification = NotificationRow(state.ids.uuid(), content, link, state.now)
    organization.notifications.append(notification)
    return notification


def add_remote_file(state: SandboxState, url: str, data: bytes) -> None:
    """Put a file on the internet of the sandbox."""
    digest = hashlib.sha256(data).hexdigest()
    name = urlsplit(url).path.rpartition("/")[2]
    state.remote_files[url] = UploadedFile("file", name, len(data), digest, data[:_HEAD])
    state.measure(url, data[:_HEAD])


def add_oauth_app(state: SandboxState, name: str, redirect_url: str) -> OAuthApp:
    """Add an application of the ordinary kind, with a secret."""
    app = OAuthApp(
        client_id=f"pca_{state.ids.letters(32)}",
        client_secret=f"pcs_{state.ids.letters(48)}",
        name=name,
        redirect_urls=(redirect_url,),
    )
    state.oauth.apps[app.client_id] = app
    return app


def check_loopback(url: str) -> None:
    """Refuse an address elsewhere: the sandbox never leaves this machine.

    Raises:
        ValueError: The host is not this machine.
    """
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError(f"{url!r} is not on loopback")
