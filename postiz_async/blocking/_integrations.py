"""The blocking twin of `Integrations`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime

    from postiz_async._resources.channels import Integrations as AsyncIntegrations
    from postiz_async.models.integrations import ChannelSettings, Customer, Integration

__all__ = ["Integrations"]


class Integrations(Twin):
    """`postiz.integrations`: the connected social accounts. Nothing here costs quota.

    A channel is given as an `Integration`, or by its id, its name or its provider, where no other
    channel has the same. What is not in the form of an id is looked up in the list of channels.
    """

    @property
    def _async(self) -> AsyncIntegrations:
        return cast("AsyncIntegrations", self._twin)

    def list(self, *, group: str | None = None) -> builtins.list[Integration]:
        """The channels of the organisation, disabled ones included, in no order.

        Args:
            group: only those of the group with this id, which `Integration.customer` has; older
                servers ignore it (v2.21.9).

        Retried: yes. Since v1.11.1.
        """
        return self._portal.call(self._async.list, group=group)

    def groups(self) -> builtins.list[Customer]:
        """The groups of channels, which the web page and `posts.list` call customers.

        Retried: yes. Since v2.21.9.
        """
        return self._portal.call(self._async.groups)

    def is_connected(self, *, retry: bool = True) -> bool:
        """Whether the server accepts the key.

        Args:
            retry: False for one attempt, when the caller repeats it by itself.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """
        return self._portal.call(self._async.is_connected, retry=retry)

    def settings(self, channel: Integration | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server has them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
            NotFoundError: there is no channel with this id (older servers: ServerError).
        """
        return self._portal.call(self._async.settings, channel)

    def trigger(
        self, channel: Integration | str, tool: str, data: Mapping[str, str] | None = None
    ) -> object:
        """Use a tool of a channel, such as looking up its boards. Returns whatever it gives.

        Args:
            channel: the channel, its id, name or provider.
            tool: the name of the tool, one of those that `settings` lists.
            data: its arguments, which `settings` describes; None: none.

        Retried: yes. Since v2.18.0.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
            NotFoundError: there is no channel with this id, or no such tool.
            AuthenticationError: the channel's own social token has expired; the key is fine.
            ServerError: the network answered with an error.
        """
        return self._portal.call(self._async.trigger, channel, tool, data)

    def connect_url(self, provider: str, *, refresh: str | None = None) -> str:
        """The address at which a person connects an account of `provider`; good for an hour.

        Args:
            provider: identifier such as `linkedin`.
            refresh: the platform's own id of the account that is to be connected again.

        Retried: yes. Since v2.20.0.

        Raises:
            ConfigurationError: the provider is connected with a form in the web page, not by an
                address.
            PlanLimitError: the plan has no room for another channel.
        """
        return self._portal.call(self._async.connect_url, provider, refresh=refresh)

    def delete(self, channel: Integration | str) -> str:
        """Delete a channel, and in the background its posts. Returns its id.

        The server's answer contains the social tokens of the account; they are dropped unread.
        Retried: yes. Since v2.20.0.

        Args:
            channel: the channel or its id. A name or a provider is refused here, because what
                it means can change.

        Raises:
            InvalidPostError: it is not an id of a channel; nothing was deleted.
            ServerError: also for an unknown channel.
        """
        return self._portal.call(self._async.delete, channel)

    def find_slot(self, channel: Integration | str) -> datetime:
        """The next free posting time of a channel, in UTC. Nothing is reserved.

        For a channel that it does not know, that is disabled or that has no posting times, the
        server searches without end, and goes on when nobody waits any more. So the channels are
        listed anew before it is asked. That list does not show posting times: a channel without
        them costs the wait of 10 s, and the server half a core until it is restarted.

        Args:
            channel: the channel, its id, name or provider.

        Retried: no. Since v2.7.0.

        Raises:
            InvalidPostError: the channel does not exist, is disabled, or is one of several with
                this name or provider; the server was not asked.
            APITimeoutError: most likely the channel has no posting times; do not ask again before
                it has some.
        """
        return self._portal.call(self._async.find_slot, channel)
