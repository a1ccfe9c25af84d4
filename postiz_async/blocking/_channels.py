"""The blocking twin of `Channels`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime

    from postiz_async._resources.channels import Channels as AsyncChannels
    from postiz_async.models.channels import Channel, ChannelSettings, Group


class Channels(Twin):
    """`postiz.channels`: the connected social accounts. Nothing here costs quota.

    A channel can be given as a `Channel`, or by its id, its name or its provider if no other
    channel has the same. Names and providers are looked up in the list of channels.
    """

    @property
    def _async(self) -> AsyncChannels:
        return cast("AsyncChannels", self._twin)

    def list(self, *, group: Group | str | None = None) -> builtins.list[Channel]:
        """The channels of the organisation, including disabled ones, in no particular order.

        Args:
            group: only channels of this group (`Channel.group`), or of that with this id; servers
                before v2.21.9 ignore it.

        Retried: yes. Since v1.11.1.
        """
        return self._portal.call(self._async.list, group=group)

    def find(self, *channels: Channel | str) -> builtins.list[Channel]:
        """Channels by id, by name, or by provider if no other channel has it.

        Args:
            channels: a channel, or its id, name or provider, for each.

        Raises:
            ChannelNotFoundError: with a problem for each word that means no channel, or several.
            InvalidPostError: a word means a channel that is disabled, or that another one means.
        """
        return self._portal.call(self._async.find, *channels)

    def groups(self) -> builtins.list[Group]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """
        return self._portal.call(self._async.groups)

    def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        return self._portal.call(self._async.is_connected)

    def settings(self, channel: Channel | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server reports them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id (older servers: ServerError).
        """
        return self._portal.call(self._async.settings, channel)

    def trigger(
        self, channel: Channel | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, for example to look up its boards. Returns its JSON output.

        Args:
            channel: the channel, its id, name or provider.
            tool: the name of a tool that `settings` lists.
            data: its arguments, as described by `settings`; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id, or there is no such tool.
            ChannelTokenError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """
        return self._portal.call(self._async.trigger, channel, tool, data)

    def connect_url(self, provider: str, *, refresh: str | None = None) -> str:
        """The URL where a person connects an account of `provider`; valid for an hour.

        Args:
            provider: identifier such as `linkedin`.
            refresh: the platform's own id of an account to reconnect.

        Retried: yes. Since v2.20.0.

        Raises:
            ConfigurationError: accounts of this provider are connected with a form in the web page,
                not through a URL.
            BadRequestError: the server has no such provider.
            PlanLimitError: the plan has no room for another channel.
        """
        return self._portal.call(self._async.connect_url, provider, refresh=refresh)

    def delete(self, channel: Channel | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are discarded. Retried:
        yes. Since v2.20.0.

        Args:
            channel: the channel or its id. Names and providers are refused here, because their
                meaning can change.

        Raises:
            InvalidInputError: it is not an id of a channel; nothing was deleted.
            ServerError: also for an unknown channel.
        """
        return self._portal.call(self._async.delete, channel)

    def find_slot(self, channel: Channel | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that is unknown, disabled or without posting times, the server searches
        without end, even after the client has disconnected. So the list of channels is always
        fetched first. It does not show posting times: a channel without them costs a wait of 10 s,
        and half a core of the server until it is restarted.

        Args:
            channel: the channel, its id, name or provider.

        Retried: no. Since v2.7.0.

        Raises:
            ChannelNotFoundError: the channel does not exist, or is one of several with this name or
                provider; the server was not asked.
            InvalidPostError: it is disabled.
            APITimeoutError: most likely the channel has no posting times; do not call this again
                before it has some.
        """
        return self._portal.call(self._async.find_slot, channel)
