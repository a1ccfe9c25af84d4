"""The blocking twin of `PoolOutbox`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._outbox_base import OutboxBase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from postiz_async._outbox.pool_outbox import PoolOutbox as AsyncPoolOutbox
    from postiz_async._outbox.tickets import Ticket
    from postiz_async.models.posts import NewPost


class PoolOutbox(OutboxBase):
    """Posts of many organisations that were handed over durably, and the task that sends them.

        with PostizPool(store="postgresql://...", credentials=key_of) as pool:
            ticket = pool.outbox.put(NewPost(channel, "Hello"), organization="acme", at=at)

    The pool makes, opens and closes it. Keys are not stored: each sender calls `credentials`.
    """

    @property
    def _async(self) -> AsyncPoolOutbox:
        return cast("AsyncPoolOutbox", self._twin)

    def put(
        self,
        *posts: NewPost,
        organization: str,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand over posts of an organisation, as `Outbox.put` does.

        Args:
            posts: what to post, each on its channel.
            organization: whose posts they are, as `credentials` knows it.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: the same call of this organisation again returns the same ticket.

        Raises the errors of `Outbox.put`.
        """
        return self._portal.call(
            self._async.put,
            *posts,
            organization=organization,
            at=at,
            tags=tags,
            short_link=short_link,
            idempotency_key=idempotency_key,
        )

    def troubles(self) -> Mapping[str, str]:
        """Reasons why organisations cannot send (key, server, credentials), by their names."""
        return self._portal.call(self._async.troubles)
