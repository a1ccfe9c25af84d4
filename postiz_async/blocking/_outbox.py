"""The blocking twin of `Outbox`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._outbox_base import OutboxBase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from postiz_async._outbox.outbox import Outbox as AsyncOutbox
    from postiz_async._outbox.tickets import Ticket
    from postiz_async.models.posts import NewPost


class Outbox(OutboxBase):
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.
    """

    @property
    def _async(self) -> AsyncOutbox:
        return cast("AsyncOutbox", self._twin)

    def put(
        self,
        *posts: NewPost,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand posts over, to be sent in one request as soon as the quota allows.

        When it returns, they are on the disk: a crash of this process or a loss of power does
        not lose them. They are sent as `posts.schedule` sends, after interactive calls. When it is
        interrupted, they are withdrawn, unless they are on their way by then or have a key.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                same call again returns the first ticket in its current state, for as long as
                that is kept (`OutboxOptions(keep=...)`).

        Costs one of the hourly create requests, later. The only request at once is a list of the
        channels (as for `posts.check`). While Postiz cannot be reached, this is skipped if all
        channels are given as `Channel` or were listed by this client before.

        Raises:
            InvalidPostError: the server would refuse them; nothing was stored.
            IdempotencyError: the key was used with other arguments; nothing was stored.
            StoreError: the hand-over cannot be written down; nothing was stored. If PostgreSQL went
                away in that moment, the error says that it may have been stored, and as which
                ticket.
            UsageError: the connection is in no transaction, or in one that failed.
            APIConnectionError: Postiz cannot be reached, and a channel is given by an id, a name
                or a provider that this client has not seen in a list yet.
        """
        return self._portal.call(
            self._async.put,
            *posts,
            at=at,
            tags=tags,
            short_link=short_link,
            idempotency_key=idempotency_key,
        )
