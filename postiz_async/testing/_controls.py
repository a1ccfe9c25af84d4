"""Methods with which a test controls a sandbox, in its own event loop or in another thread."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from postiz_async._sandbox import (
    ChannelRow,
    CreateRecord,
    Fault,
    MediaRow,
    MemoryServer,
    OAuthApp,
    Organization,
    StoredPost,
)
from postiz_async.models.channels import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


T = TypeVar("T")

Channels: TypeAlias = "Iterable[str] | Literal['all']"
"""Providers of the channels that a sandbox starts with: identifiers, or all of the release."""


def fill(server: MemoryServer, channels: Channels, tags: Iterable[str]) -> None:
    """Give each organisation of a server these channels and tags."""
    providers = server.providers if channels == "all" else names_of(channels)
    labels = names_of(tags)
    for organization in server.organizations:
        for provider in providers:
            _check_provider(server, provider)
            server.add_channel(provider, organization=organization)
        for label in labels:
            server.add_tag(label, organization=organization)


def epoch(start: datetime) -> float:
    """A moment in seconds since the epoch.

    Raises:
        ValueError: it has no time zone, or it is no moment.
    """
    # markers of pytest are not checked by any type checker
    if not isinstance(start, datetime) or start.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(
            f"start must be a datetime with a time zone, as datetime.now(UTC), not {start!r}"
        )
    return start.timestamp()


def names_of(given: Iterable[str]) -> tuple[str, ...]:
    """Names as a tuple; a single string is one name."""
    return (given,) if isinstance(given, str) else tuple(given)


def _check_provider(server: MemoryServer, provider: str) -> None:
    if provider not in server.providers:
        near = difflib.get_close_matches(provider, server.providers, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"This release of Postiz has no provider {provider!r}{hint}")


def _seen(row: ChannelRow) -> Channel:
    return Channel(id=row.id, name=row.name, provider=row.provider)


class SandboxControls(ABC):
    """Methods to control and inspect a sandbox."""

    @abstractmethod
    def _apply(self, work: Callable[[MemoryServer], T]) -> T:
        """Call a function with the server, in the thread where it is safe to use it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The `base_url` of its clients."""

    @property
    def api_key(self) -> str:
        """The key of the first organisation."""
        return self.organization.api_key

    @property
    def organization(self) -> Organization:
        """The first organisation."""
        return self._apply(lambda server: server.organization)

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """All organisations, in the order in which they were added."""
        return self._apply(lambda server: server.organizations)

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that this release knows."""
        return self._apply(lambda server: server.providers)

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._apply(lambda server: server.requests)

    @property
    def creates(self) -> tuple[CreateRecord, ...]:
        """The create requests that were counted, including refused ones."""
        return self._apply(lambda server: tuple(server.creates))

    @property
    def uploads(self) -> tuple[MediaRow, ...]:
        """The uploaded files of all organisations."""
        return self._apply(lambda server: server.uploads)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that are not used up."""
        return self._apply(lambda server: server.faults.pending)

    @property
    def posts(self) -> tuple[StoredPost, ...]:
        """The posts that are stored and not deleted, without the parts of their threads."""
        return self._apply(lambda server: server.posts)

    @property
    def refusals(self) -> int:
        """The number of requests that were answered with 429."""
        return self._apply(lambda server: server.refusals)

    def in_an_hour(self) -> datetime:
        """The moment in an hour, on the sandbox's clock, for scheduling posts."""
        return self._apply(lambda server: datetime.fromtimestamp(server.clock.time() + 3600, UTC))

    def add_organization(self, name: str, *, api_key: str | None = None) -> Organization:
        """Add an organisation with key, channels, tags and quota of its own.

        Args:
            name: its name.
            api_key: its key; None: one derived from the name, such as `sandbox-acme` for
                `acme`.

        Raises:
            ValueError: another one has this name or key.
        """
        return self._apply(lambda server: server.add_organization(name, api_key=api_key))

    def add_channel(
        self,
        provider: str,
        *,
        name: str | None = None,
        organization: Organization | str | None = None,
        id: str | None = None,  # noqa: A002 - the name of the API
        disabled: bool = False,
        group: str | None = None,
    ) -> Channel:
        """Connect a channel.

        Args:
            provider: identifier such as `linkedin`.
            name: its name.
            organization: the organisation that has it, or its name; None: the first one.
            id: its id; None: a new one that looks like the real ones.
            disabled: whether it is switched off.
            group: name of the group that it belongs to, which is added if it is new.

        Raises:
            ValueError: the release has no such provider, or there is a channel with this id.
            LookupError: there is no such organisation.
        """

        def add(server: MemoryServer) -> ChannelRow:
            _check_provider(server, provider)
            return server.add_channel(
                provider,
                name=name,
                organization=organization,
                id=id,
                disabled=disabled,
                group=group,
            )

        return _seen(self._apply(add))

    def change_channel(self, channel: Channel | str, **changes: object) -> None:
        """Change a channel, for example `failure="..."` so that publishing on it fails.

        Args:
            channel: the channel or its id.
            changes: new values of the fields of `ChannelRow`.

        Raises:
            LookupError: there is no such channel.
        """
        channel_id = channel.id if isinstance(channel, Channel) else channel
        self._apply(lambda server: server.change_channel(channel_id, **changes))

    def change_post(self, post_id: str, **changes: object) -> None:
        """Change a stored post as if by hand, for example `state="PUBLISHED"`.

        Args:
            post_id: the id of a post, or of a part of its thread.
            changes: new values of the fields of its row.

        Raises:
            LookupError: there is no such post.
        """
        self._apply(lambda server: server.change_post(post_id, **changes))

    def channel(self, provider: str, *, organization: Organization | str | None = None) -> Channel:
        """The channel of a provider, the first one where it has several.

        Args:
            provider: identifier such as `linkedin`.
            organization: the organisation that has it, or its name; None: the first one.

        Raises:
            LookupError: there is no such channel or organisation.
        """
        channels = self._apply(lambda server: server.channels(organization))
        for row in channels:
            if row.provider == provider:
                return _seen(row)
        there = ", ".join(row.provider for row in channels) or "none"
        raise LookupError(f"The sandbox has no channel of {provider!r}; there are: {there}.")

    def add_tag(self, name: str, *, organization: Organization | str | None = None) -> None:
        """Add a tag, which posts may carry from now on.

        Args:
            name: its name.
            organization: the organisation that has it, or its name; None: the first one.
        """
        self._apply(lambda server: server.add_tag(name, organization=organization))

    def add_notification(
        self,
        content: str,
        *,
        link: str | None = None,
        organization: Organization | str | None = None,
    ) -> None:
        """Add a notification.

        Args:
            content: its text.
            link: its address.
            organization: the organisation that has it, or its name; None: the first one.
        """
        self._apply(
            lambda server: server.add_notification(content, link=link, organization=organization)
        )

    def add_media(
        self, original_name: str, *, organization: Organization | str | None = None
    ) -> None:
        """Add a picture to the library, as if somebody had uploaded it in the web page.

        Args:
            original_name: the name of the file, such as `sunrise.jpg`.
            organization: the organisation that has it, or its name; None: the first one.
        """
        self._apply(lambda server: server.add_media(original_name, organization=organization))

    def add_member(
        self,
        email: str,
        *,
        name: str | None = None,
        role: str = "USER",
        is_super_admin: bool = False,
        organization: Organization | str | None = None,
    ) -> None:
        """Add a user.

        Args:
            email: their address.
            name: their name.
            role: what they may do in the organisation: `SUPERADMIN`, `ADMIN` or `USER`.
            is_super_admin: whether they administer the instance, so that `users.list()` gives the
                key of their organisation.
            organization: the organisation, or its name; None: the first one.
        """
        self._apply(
            lambda server: server.add_member(
                email,
                name=name,
                role=role,
                is_super_admin=is_super_admin,
                organization=organization,
            )
        )

    def add_remote_file(self, url: str, data: bytes) -> None:
        """Put a file on the internet, from where the sandbox can fetch it.

        There is no other internet: a URL that was not added cannot be fetched.

        Args:
            url: its address.
            data: its content.
        """
        self._apply(lambda server: server.add_remote_file(url, data))

    def add_oauth_app(self, name: str, redirect_url: str) -> OAuthApp:
        """Add an application that asks users for access.

        Args:
            name: its name.
            redirect_url: the address to which users return.
        """
        return self._apply(lambda server: server.add_oauth_app(name, redirect_url))

    def approve(
        self, asked: OAuthApp | str, *, organization: Organization | str | None = None
    ) -> str:
        """Let a user connect their organisation to an application, which ends its former token.

        Args:
            asked: the URL to which the application sends the user (`OAuth.authorize_url`), or the
                application, for a callback without a state.
            organization: that of the user, or its name; None: the first one.

        Returns:
            The URL of the callback, with code and state, to which Postiz sends the user's browser.

        Raises:
            ValueError: Postiz would not ask the user: the client id is unknown, or a public client
                asks without a code challenge or for another address.
            LookupError: there is no such organisation.
        """
        return self._apply(lambda server: server.decide(asked, "approve", organization))

    def deny(self, asked: OAuthApp | str, *, organization: Organization | str | None = None) -> str:
        """Let a user refuse to connect their organisation; as `approve` otherwise.

        Args:
            asked: the URL to which the application sends the user, or the application.
            organization: that of the user, or its name; None: the first one.
        """
        return self._apply(lambda server: server.decide(asked, "deny", organization))

    def revoke(self, app: OAuthApp, *, organization: Organization | str | None = None) -> None:
        """Let a user disconnect an application: its token is refused from now on.

        Args:
            app: the application.
            organization: that of the user, or its name; None: the first one.
        """
        self._apply(lambda server: server.revoke(app, organization))

    def add_webhook(self, url: str, *channel_ids: str) -> None:
        """Call an address, over HTTP, for each published post of the first organisation.

        Args:
            url: the address, on loopback.
            channel_ids: the channels; without any, all.

        Raises:
            ValueError: the address is not on loopback.
        """
        self._apply(lambda server: server.add_webhook(url, *channel_ids))

    def add_fault(self, fault: Fault) -> None:
        """Make something go wrong from now on.

        Args:
            fault: what, and when.

        Raises:
            ValueError: there is no such route.
        """
        self._apply(lambda server: server.faults.add(fault))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._apply(lambda server: server.faults.clear())

    def lose_next_answer(self) -> None:
        """Lose the answer to the next create: the posts are stored, and the connection breaks."""
        self.add_fault(Fault("drop_answer", route="create_post"))

    def lock_out(
        self, organization: Organization | str | None = None, *, seconds: float | None = None
    ) -> None:
        """Lock an organisation out, as if another client had sent one create too many with its key.

        Creates are answered with 429 and `Retry-After` until the lock ends.

        Args:
            organization: the organisation to lock out, or its name; None: the first one.
            seconds: how long the lock lasts, from now; None: a whole hour.

        Raises:
            ValueError: no lock lasts so long.
        """
        self._apply(lambda server: server.lock_out(organization, seconds=seconds))

    def publish(self, post_id: str | None = None) -> tuple[StoredPost, ...]:
        """Publish scheduled posts now; they keep their dates.

        Args:
            post_id: the post; None: all posts of all organisations.

        Returns:
            The posts that were published or failed; their state says which.

        Raises:
            LookupError: there is no such post.
        """
        return self._apply(lambda server: server.publish(post_id))

    def fail_next_publication(self, because: str) -> None:
        """Make the next post that is published fail: its state is ERROR, a notification says why.

        Args:
            because: the reason, in the words of the network.
        """
        self._apply(lambda server: server.fail_next_publication(because))

    def refuse(
        self, words: str, *, because: str, when: Literal["created", "published"] = "created"
    ) -> None:
        """Refuse each post whose text contains these words.

        When it is created, the request is answered with 400 and nothing of it is stored; drafts
        are not checked, as with all rules of networks. When it is published, it fails.

        Args:
            words: the words, in upper or lower case.
            because: the reason that is given.
            when: when it is refused: by the server as soon as it is `created`, or by the network
                when it is `published`.
        """
        self._apply(lambda server: server.refuse(words, because=because, when=when))
