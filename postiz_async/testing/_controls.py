"""Methods with which a test controls a sandbox, in its own event loop or in another thread."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from postiz_async._sandbox import Fault
from postiz_async._sandbox.server import SandboxContents
from postiz_async._validation.messages import did_you_mean
from postiz_async.models.channels import Channel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async._sandbox import ChannelRow, MemoryServer, Organization

Channels: TypeAlias = "Iterable[str] | Literal['all']"
"""Providers of the channels that a sandbox starts with: identifiers, or all of the release."""


def fill(controls: SandboxControls, channels: Channels, tags: Iterable[str]) -> None:
    """Give each organisation of a sandbox these channels and tags."""
    providers = controls.providers if channels == "all" else names_of(channels)
    labels = names_of(tags)
    for organization in controls.organizations:
        for provider in providers:
            controls.add_channel(provider, organization=organization)
        for label in labels:
            controls.add_tag(label, organization=organization)


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


class SandboxControls(SandboxContents):
    """Methods to control and inspect the sandbox of a test."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._state, self._pipeline = server._state, server._pipeline  # noqa: SLF001

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that are not used up."""
        return self._server.faults.pending

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
        if provider not in self.providers:
            hint = did_you_mean(provider, self.providers, "; did you mean {!r}?") or "."
            raise ValueError(f"This release of Postiz has no provider {provider!r}{hint}")
        row = self._server.add_channel(
            provider,
            name=name,
            organization=organization,
            id=id,
            disabled=disabled,
            group=group,
        )
        return _seen(row)

    def change_channel(self, channel: Channel | str, **changes: object) -> None:
        """Change a channel, for example `failure="..."` so that publishing on it fails.

        Args:
            channel: the channel or its id.
            changes: new values of the fields of `ChannelRow`.

        Raises:
            LookupError: there is no such channel.
        """
        channel_id = channel.id if isinstance(channel, Channel) else channel
        self._server.change_channel(channel_id, **changes)

    def channel(self, provider: str, *, organization: Organization | str | None = None) -> Channel:
        """The channel of a provider, the first one where it has several.

        Args:
            provider: identifier such as `linkedin`.
            organization: the organisation that has it, or its name; None: the first one.

        Raises:
            LookupError: there is no such channel or organisation.
        """
        rows = self._server.channels(organization)
        for row in rows:
            if row.provider == provider:
                return _seen(row)
        there = ", ".join(row.provider for row in rows) or "none"
        raise LookupError(f"The sandbox has no channel of {provider!r}; there are: {there}.")

    def add_fault(self, fault: Fault) -> None:
        """Make something go wrong from now on.

        Args:
            fault: what, and when.

        Raises:
            ValueError: there is no such route.
        """
        self._server.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._server.faults.clear()

    def lose_next_answer(self) -> None:
        """Lose the answer to the next create: the posts are stored, and the connection breaks."""
        self.add_fault(Fault("drop_answer", route="create_post"))


def _seen(row: ChannelRow) -> Channel:
    return Channel(id=row.id, name=row.name, provider=row.provider)
