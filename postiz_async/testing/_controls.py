"""Methods with which a test controls a sandbox, in its own event loop or in another thread."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from postiz_async._sandbox import ChannelRow, Fault, Organization, Sandbox, StoredPost
from postiz_async.models.channels import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


T = TypeVar("T")

Channels: TypeAlias = "Iterable[str] | Literal['all']"
"""Providers of the channels that a sandbox starts with: identifiers, or all of the release."""


def fill(sandbox: Sandbox, channels: Channels, tags: Iterable[str]) -> None:
    """Give each organisation of a sandbox these channels and tags."""
    providers = sandbox.providers if channels == "all" else names_of(channels)
    labels = names_of(tags)
    for organization in sandbox.organizations:
        for provider in providers:
            _add_channel(sandbox, provider, None, organization)
        for label in labels:
            sandbox.add_tag(label, organization=organization)


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


def _add_channel(
    sandbox: Sandbox, provider: str, name: str | None, organization: Organization | str | None
) -> Channel:
    if provider not in sandbox.providers:
        near = difflib.get_close_matches(provider, sandbox.providers, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"This release of Postiz has no provider {provider!r}{hint}")
    return _seen(sandbox.add_channel(provider, name=name, organization=organization))


def _seen(row: ChannelRow) -> Channel:
    return Channel(id=row.id, name=row.name, provider=row.provider)


class SandboxControls(ABC):
    """Methods to control and inspect a sandbox."""

    @abstractmethod
    def apply(self, work: Callable[[Sandbox], T]) -> T:
        """Call a function with the sandbox, in the thread where it is safe to use it.

        Args:
            work: the function; `apply` returns its result.
        """

    @property
    def organization(self) -> Organization:
        """The first organisation."""
        return self.apply(lambda sandbox: sandbox.organization)

    @property
    def posts(self) -> tuple[StoredPost, ...]:
        """The posts that are stored and not deleted, without the parts of their threads."""
        return self.apply(lambda sandbox: sandbox.posts)

    @property
    def refusals(self) -> int:
        """The number of requests that were answered with 429."""
        return self.apply(lambda sandbox: sandbox.refusals)

    def in_an_hour(self) -> datetime:
        """The moment in an hour, on the sandbox's clock, for scheduling posts."""
        return self.apply(lambda it: datetime.fromtimestamp(it.clock.time() + 3600, UTC))

    def add_organization(self, name: str, *, api_key: str | None = None) -> Organization:
        """Add an organisation with key, channels, tags and quota of its own.

        Args:
            name: its name.
            api_key: its key; None: one derived from the name, such as `sandbox-acme` for
                `acme`.

        Raises:
            ValueError: another one has this name or key.
        """
        return self.apply(lambda sandbox: sandbox.add_organization(name, api_key=api_key))

    def add_channel(
        self,
        provider: str,
        *,
        name: str | None = None,
        organization: Organization | str | None = None,
    ) -> Channel:
        """Connect a channel.

        Args:
            provider: identifier such as `linkedin`.
            name: its name.
            organization: the organisation that has it, or its name; None: the first one.

        Raises:
            ValueError: the release has no such provider.
            LookupError: there is no such organisation.
        """
        return self.apply(lambda it: _add_channel(it, provider, name, organization))

    def channel(self, provider: str, *, organization: Organization | str | None = None) -> Channel:
        """The channel of a provider, the first one where it has several.

        Args:
            provider: identifier such as `linkedin`.
            organization: the organisation that has it, or its name; None: the first one.

        Raises:
            LookupError: there is no such channel or organisation.
        """
        channels = self.apply(lambda it: it.channels(organization))
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
        self.apply(lambda sandbox: sandbox.add_tag(name, organization=organization))

    def add_fault(self, fault: Fault) -> None:
        """Make something go wrong from now on.

        Args:
            fault: what, and when.

        Raises:
            ValueError: there is no such route.
        """
        self.apply(lambda sandbox: sandbox.faults.add(fault))

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
        self.apply(lambda sandbox: sandbox.lock_out(organization, seconds=seconds))

    def publish(self, post_id: str | None = None) -> tuple[StoredPost, ...]:
        """Publish scheduled posts now; they keep their dates.

        Args:
            post_id: the post; None: all posts of all organisations.

        Returns:
            The posts that were published or failed; their state says which.

        Raises:
            LookupError: there is no such post.
        """
        return self.apply(lambda sandbox: sandbox.publish(post_id))

    def fail_next_publication(self, because: str) -> None:
        """Make the next post that is published fail: its state is ERROR, a notification says why.

        Args:
            because: the reason, in the words of the network.
        """
        self.apply(lambda sandbox: sandbox.fail_next_publication(because))

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
        self.apply(lambda sandbox: sandbox.refuse(words, because=because, when=when))
