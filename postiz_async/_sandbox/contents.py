"""The contents of a sandbox: organisations, channels, tags, notifications, files elsewhere.

Ids look like the real ones.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime
from pathlib import PurePath
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.structs import replace

from postiz_async._sandbox.handlers.oauth import decided
from postiz_async._sandbox.messages import HttpError, UploadReader
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import (
    ChannelRow,
    GroupRow,
    MediaRow,
    MemberRow,
    NotificationRow,
    PostRow,
    TagRow,
)
from postiz_async._sandbox.rules.formats import to_datetime
from postiz_async._sandbox.rules.networks import networks_in
from postiz_async._sandbox.state import OAuthApp, Organization, SandboxState, Webhook


class ThreadRow(msgspec.Struct, frozen=True):
    """A further entry of a post."""

    id: str
    content: str
    media: tuple[str, ...]
    """Paths of media."""
    delay_minutes: int
    """How long after the entry before."""


class StoredPost(msgspec.Struct, frozen=True):
    """A post as it is stored."""

    id: str
    group: str
    channel_id: str
    provider: str
    content: str
    date: datetime
    state: str
    settings: dict[str, object]
    tags: tuple[str, ...]
    """Names of tags."""
    media: tuple[str, ...]
    """Paths of media."""
    thread: tuple[ThreadRow, ...]
    interval: int | None
    creation_method: str
    release_id: str | None
    release_url: str | None
    has_job: bool
    """Whether a job waits to publish it."""


def stored_posts(state: SandboxState) -> tuple[StoredPost, ...]:
    """The posts of all organisations that are not deleted."""
    return tuple(
        _stored_post(organization, post)
        for organization in state.organizations
        for post in organization.posts.live_roots()
    )


def _stored_post(organization: Organization, post: PostRow) -> StoredPost:
    return StoredPost(
        id=post.id,
        group=post.group,
        channel_id=post.channel_id,
        provider=organization.channels[post.channel_id].provider,
        content=post.content,
        date=to_datetime(post.date),
        state=post.state,
        settings=msgspec.json.decode(post.settings, type=dict[str, object]),
        tags=tuple(organization.tags[tag_id].name for tag_id in post.tags),
        media=_paths(post),
        thread=tuple(
            ThreadRow(part.id, part.content, _paths(part), part.delay)
            for part in organization.posts.comments_of(post)
        ),
        interval=post.interval,
        creation_method=post.creation_method,
        release_id=post.release_id,
        release_url=post.release_url,
        has_job=post.has_job,
    )


def _paths(post: PostRow) -> tuple[str, ...]:
    media = msgspec.json.decode(post.image, type=list[dict[str, object]])
    return tuple(str(item.get("path", "")) for item in media)


class SandboxContents:
    """Methods to inspect and set up the contents of a sandbox."""

    _state: SandboxState
    organization: Organization

    def add_organization(
        self, name: str | None = None, *, api_key: str | None = None
    ) -> Organization:
        """Add an organisation with key, channels, tags and quota of its own."""
        organizations = self._state.organizations
        number = len(organizations) + 1
        name = name or f"Organisation {number}"
        api_key = api_key or _key_for(name)
        for each in organizations:
            if each.name == name:
                raise ValueError(f"there is an organisation {name!r} already")
            if each.api_key == api_key:
                raise ValueError(f"{name!r} would have the key of {each.name!r}")
        organization = Organization(self._state.ids.uuid(), name, api_key)
        organization.session = f"session-{number}"
        organizations.append(organization)
        return organization

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """All organisations, in the order in which they were added."""
        return tuple(self._state.organizations)

    def find_organization(self, which: Organization | str | None = None) -> Organization:
        """An organisation by its name.

        Args:
            which: The name; an organisation is returned as it is; None for the first.

        Raises:
            LookupError: There is none of this name.
        """
        if which is None:
            return self._state.organizations[0]
        if isinstance(which, Organization):
            return which
        named = {each.name: each for each in self._state.organizations}
        if which not in named:
            raise LookupError(f"no organisation {which!r} in the sandbox, but {', '.join(named)}")
        return named[which]

    def channels(self, organization: Organization | str | None = None) -> tuple[ChannelRow, ...]:
        """The channels that are not deleted.

        Args:
            organization: Their owner, itself or its name; None for the first organisation.

        Raises:
            LookupError: There is no such organisation.
        """
        return tuple(self.find_organization(organization).live_channels())

    @property
    def providers(self) -> tuple[str, ...]:
        """The social networks that this release knows, by identifier."""
        return tuple(networks_in(self._state.release))

    def add_channel(
        self,
        provider: str,
        *,
        organization: Organization | str | None = None,
        id: str | None = None,  # noqa: A002 - the name of the API
        name: str | None = None,
        disabled: bool = False,
        group: str | None = None,
    ) -> ChannelRow:
        """Add a channel, to the first organisation unless another is given."""
        state, owner = self._state, self.find_organization(organization)
        if any(id in each.channels for each in state.organizations):
            raise ValueError(f"there is a channel {id!r} already")
        count = sum(each.provider == provider for each in owner.channels.values())
        name = name or f"My {provider}" + (f" {count + 1}" if count else "")
        new_id = id or state.new_row_id()
        channel = ChannelRow(
            id=new_id,
            provider=provider,
            name=name,
            picture=f"{state.host}/avatars/{provider}.png",
            profile=re.sub(r"[^a-z0-9]", "", name.lower()),
            internal_id=f"int-{new_id}",
            disabled=disabled,
            group=None if group is None else self._group(owner, group),
            created_at=state.now,
            updated_at=state.now,
        )
        owner.channels[channel.id] = channel
        return channel

    def _group(self, owner: Organization, name: str) -> GroupRow:
        for known in owner.groups.values():
            if known.name == name:
                return known
        group = GroupRow(self._state.ids.uuid(), name)
        owner.groups[group.id] = group
        return group

    def change_channel(self, channel_id: str, **changes: object) -> ChannelRow:
        """Change a channel, for example `failure="..."` so that publishing on it fails."""
        for organization in self._state.organizations:
            if channel_id in organization.channels:
                changed = replace(organization.channels[channel_id], **changes)
                organization.channels[channel_id] = changed
                return changed
        raise LookupError(f"no channel {channel_id!r}")

    def change_post(self, post_id: str, **changes: object) -> None:
        """Change a row as if by hand, for example `state="PUBLISHED"` or `release_id="missing"`."""
        for organization in self._state.organizations:
            post = organization.posts.get(post_id)
            if post is not None:
                store_post(self._state, organization, replace(post, **changes))
                return
        raise LookupError(f"no post {post_id!r}")

    def add_tag(self, name: str, *, organization: Organization | str | None = None) -> TagRow:
        """Add a tag, which posts may carry from now on."""
        owner = self.find_organization(organization)
        tag = TagRow(self._state.ids.uuid(), name, "#ff0000", self._state.now)
        owner.tags[tag.id] = tag
        return tag

    def add_notification(
        self,
        content: str,
        *,
        link: str | None = None,
        organization: Organization | str | None = None,
    ) -> NotificationRow:
        """Add a notification."""
        owner = self.find_organization(organization)
        notification = NotificationRow(self._state.ids.uuid(), content, link, self._state.now)
        owner.notifications.append(notification)
        return notification

    def add_media(
        self, original_name: str, *, organization: Organization | str | None = None
    ) -> MediaRow:
        """Add a picture as if somebody had uploaded it in the web page."""
        state = self._state
        name = f"{state.ids.file_name()}{PurePath(original_name).suffix}"
        path = f"{state.host}/uploads/{name}"
        row = MediaRow(state.ids.uuid(), name, path, 1, "", state.now, original_name)
        self.find_organization(organization).media[row.id] = row
        return row

    def add_member(
        self,
        email: str,
        *,
        name: str | None = None,
        role: str = "USER",
        is_super_admin: bool = False,
        organization: Organization | str | None = None,
    ) -> MemberRow:
        """Add a user, to the first organisation unless another is given."""
        member = MemberRow(
            id=self._state.ids.uuid(),
            user_id=self._state.ids.uuid(),
            email=email,
            name=name,
            role=role,
            is_super_admin=is_super_admin,
        )
        self.find_organization(organization).members.append(member)
        return member

    def add_remote_file(self, url: str, data: bytes) -> None:
        """Put a file on the internet that the sandbox can fetch; its host is public then.

        There is no other internet: each picture of a Dribbble post, and those of a pin that has
        several, are fetched to be measured, and one that is neither uploaded nor put here refuses
        the post.

        Args:
            url: Its address.
            data: Its content.
        """
        reader = UploadReader()
        reader.add(data)
        file = reader.file("file", urlsplit(url).path.rpartition("/")[2])
        self._state.remote_files[url] = file
        self._state.measure(url, file.head)

    def add_oauth_app(self, name: str, redirect_url: str) -> OAuthApp:
        """Add an application that asks users for access."""
        app = OAuthApp(
            client_id=f"pca_{self._state.ids.letters(32)}",
            client_secret=f"pcs_{self._state.ids.letters(48)}",
            name=name,
            redirect_urls=(redirect_url,),
        )
        self._state.oauth.apps[app.client_id] = app
        return app

    def decide(
        self, asked: OAuthApp | str, action: str, organization: Organization | str | None = None
    ) -> str:
        """Decide as a user whom an application asks for access; returns where the browser is sent.

        Args:
            asked: The address of the consent page, or the application.
            action: approve or deny.
            organization: That of the user, or its name; None: the first one.

        Raises:
            ValueError: The request for access cannot be granted.
        """
        if isinstance(asked, OAuthApp):
            asked = f"?client_id={asked.client_id}"
        given = dict(parse_qsl(urlsplit(asked).query))
        session = self.find_organization(organization).session
        try:
            return decided(self._state, session, given | {"action": action})
        except HttpError as error:
            said = msgspec.convert(error.response.json(), dict[str, object])
            raise ValueError(f"Postiz would not ask the user: {said['message']}.") from None

    def revoke(self, app: OAuthApp, organization: Organization | str | None = None) -> None:
        """Revoke the token that an application has for an organisation."""
        self._state.oauth.revoke(app.client_id, self.find_organization(organization))

    def add_webhook(self, url: str, *channel_ids: str) -> None:
        """Call an address (over HTTP) for each post of the first organisation that is published."""
        if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError(f"{url!r} is not on loopback")
        self.organization.webhooks.append(Webhook(url, frozenset(channel_ids)))


def _key_for(name: str) -> str:
    """The default key of an organisation, derived from its name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return f"sandbox-{word or hashlib.sha256(name.encode()).hexdigest()[:8]}"
