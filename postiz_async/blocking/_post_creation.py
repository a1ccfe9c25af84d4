"""The blocking twin of `PostCreation`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import UNSET

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from msgspec import UnsetType

    from postiz_async._resources.create import PostCreation as AsyncPostCreation
    from postiz_async.errors import Problem
    from postiz_async.models.posts import Created, NewPost, Post, PostRequest, PostType


class PostCreation(Twin):
    """The methods of `postiz.posts` that create posts."""

    @property
    def _async(self) -> AsyncPostCreation:
        return cast("AsyncPostCreation", self._twin)

    def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Schedule one or more posts for the same time, with one request.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone. A time in the past is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            IdempotencyError: the key was used with other arguments; nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
            UsageError: `max_wait` is not a number of seconds.
        """
        return self._portal.call(
            self._async.schedule,
            *posts,
            at=at,
            tags=tags,
            short_link=short_link,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            idempotency_key=idempotency_key,
            extra_body=extra_body,
        )

    def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Publish as soon as the quota has a slot; one request for all posts.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        return self._portal.call(
            self._async.publish_now,
            *posts,
            tags=tags,
            short_link=short_link,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            idempotency_key=idempotency_key,
            extra_body=extra_body,
        )

    def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are not published until you schedule them; one request for all.

        Args:
            posts: what to post, each on its channel.
            at: the date of the drafts, with a time zone; it may be in the past.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        return self._portal.call(
            self._async.draft,
            *posts,
            at=at,
            tags=tags,
            short_link=short_link,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            idempotency_key=idempotency_key,
            extra_body=extra_body,
        )

    def replace(
        self,
        post: Post | Created | str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> Created:
        """Replace the whole content of a post, which keeps its id and its state.

        What you leave out is removed: media, thread parts, tags, settings and repetition. The list
        returns neither media nor thread parts, so they cannot be kept; to change only settings, use
        `update_settings`. This publishes nothing, so a scheduled post is given no past date.

        The post is first looked up in the list: the server only removes the old parts of its thread
        if it is given the group, and creates a new post if it does not know the id. If another post
        has the same group, which only the web page can cause, the old parts stay, and the log says
        so. The same holds for servers before v2.19.0, where a look-up costs quota.

        Args:
            post: the post to replace, or its id. For a `Post` from the list, the look-up is one
                request.
            new: the complete new content, on the same channel.
            at: its new date, with a time zone; in the past only for a draft, or for a post that
                is out.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v2.13.0. Raises what `schedule` raises, and:

        Raises:
            InvalidPostError: also if the post is on another channel than `new`.
            PostNotFoundError: it is not listed from a year before to a year after today or `at`.
        """
        return self._portal.call(
            self._async.replace,
            post,
            new,
            at=at,
            tags=tags,
            short_link=short_link,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            extra_body=extra_body,
        )

    def build(
        self,
        *posts: NewPost,
        kind: PostType,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        validate: bool | None = None,
    ) -> PostRequest:
        """The request that `schedule`, `publish_now` or `draft` would send, for `send`.

        Args:
            posts: what to post, each on its channel.
            kind: `schedule`, `now` or `draft`.
            at: when, with a time zone.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            validate: refuse what the server would refuse; None: as the client says, by default
                True.

        Costs no quota; asks only for the channels, as `check` does.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        return self._portal.call(
            self._async.build,
            *posts,
            kind=kind,
            at=at,
            tags=tags,
            short_link=short_link,
            validate=validate,
        )

    def check(
        self,
        *posts: NewPost,
        at: datetime | None,
        tags: Sequence[str] = (),
        short_link: bool = False,
    ) -> builtins.list[Problem]:
        """Return what the server would refuse in posts, and warnings; nothing is sent.

        Only fetches the list of channels, and the rules of a channel if the text is too long for an
        unverified X account or the library does not know the provider. For the body of a request,
        and without a client, there is `postiz_async.validate`.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: at once.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.

        Returns:
            Errors first, then warnings; empty if all is fine.

        Costs no quota. Raises what `postiz.channels.list` raises.
        """
        return self._portal.call(self._async.check, *posts, at=at, tags=tags, short_link=short_link)

    def send(
        self,
        body: PostRequest,
        *,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Send a request body as it is to `POST /posts`.

        Args:
            body: the request.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        return self._portal.call(
            self._async.send,
            body,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            idempotency_key=idempotency_key,
            extra_body=extra_body,
        )

    def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        self._portal.call(self._async.probe)
