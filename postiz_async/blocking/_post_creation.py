"""The blocking twin of `PostCreation`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from postiz_async._resources.create import PostCreation as AsyncPostCreation
    from postiz_async._validation import MediaFacts
    from postiz_async.errors import Problem
    from postiz_async.models.posts import Created, CreatePost, NewPost, Post, PostType

__all__ = ["PostCreation"]


class PostCreation(Twin):
    """The part of `postiz.posts` that creates."""

    @property
    def _async(self) -> AsyncPostCreation:
        return cast("AsyncPostCreation", self._twin)

    def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
    ) -> builtins.list[Created]:
        """Schedule one post or several for one moment; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            at: when, with a time zone. A moment that has passed is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                posts are stored once, however often and from wherever the same call is made: the
                others get the answer of the first, for which they wait no longer than `max_wait`.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1.

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
        )

    def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
    ) -> builtins.list[Created]:
        """Publish at once, as soon as the quota has a slot; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                posts are stored once, however often and from wherever the same call is made: the
                others get the answer of the first, for which they wait no longer than `max_wait`.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
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
        )

    def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are never published by themselves; one request for all.

        Args:
            posts: what to post, each on its channel.
            at: the moment they are stored with, with a time zone; it may have passed.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                posts are stored once, however often and from wherever the same call is made: the
                others get the answer of the first, for which they wait no longer than `max_wait`.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
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
        )

    def replace(
        self,
        post: Post | str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
    ) -> Created:
        """Put a complete new content in the place of a post; it keeps its id and its state.

        What is not given is removed: media, thread parts, tags, settings and repetition. The
        list returns neither media nor thread parts, so nothing can fill in what you leave out,
        and only `update_settings` edits a part of it. Nothing is published by it.

        The post is looked for in the list first: the server removes the old parts of its thread
        only with its group, and makes a new post of an id that it does not know. Where another
        post has the same group, which only the web page does, the old parts stay, and the log
        says so; so it is at servers before v2.19.0, where looking costs quota.

        Args:
            post: the post to replace, or its id. With a `Post` as listed the look is one request.
            new: all of its new content, on the channel it has.
            at: its new moment, with a time zone.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v2.13.0. Raises what `schedule` raises, and:

        Raises:
            InvalidPostError: also when the post is on another channel than `new`.
            NotFoundError: no such post is listed from a year before to a year after today or `at`.
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
        )

    def build(
        self,
        *posts: NewPost,
        kind: PostType,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        validate: bool | None = None,
    ) -> CreatePost:
        """The request that `schedule`, `publish_now` or `draft` would send, for `create`.

        Args:
            posts: what to post, each on its channel.
            kind: `schedule`, `now` or `draft`.
            at: when, with a time zone.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            validate: refuse what the server would refuse; None for what the client says, which
                is True.

        Costs no quota; asks only for the channels, as `validate` does.

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

    def validate(
        self, body: CreatePost, *, media: Mapping[str, MediaFacts] | None = None
    ) -> builtins.list[Problem]:
        """What the server would refuse about a create request, in its order, and what to regret.

        Sends nothing but a look at the channels, and at the rules of a channel where the text is
        too long for an X account that is not verified or the provider is new to the library.

        Args:
            body: the request.
            media: pixels and bytes of its media by path, as far as they are known.

        Returns:
            Errors first, then warnings, like `postiz_async.validate` with the channels looked up.

        Costs no quota. Raises what `postiz.integrations.list` raises.
        """
        return self._portal.call(self._async.validate, body, media=media)

    def create(
        self,
        body: CreatePost,
        *,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        due: datetime | None = None,
        finish: bool = False,
        prepare: Callable[[], CreatePost] | None = None,
        set_aside: Callable[[], object] | None = None,
        retry: bool = True,
    ) -> builtins.list[Created]:
        """The route itself: `POST /posts` with a body as it is.

        Args:
            body: the request.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                posts are stored once, however often and from wherever the same call is made: the
                others get the answer of the first, for which they wait no longer than `max_wait`.
            due: when it should have left: of equal priority the earliest goes first.
            finish: a request whose first byte is out is not cancelled; it ends with its answer
                or its time-out.
            prepare: called after the slot was taken and before the first byte; returns the
                body to send in place of `body`. When it raises, the slot is given back and
                nothing is sent.
            set_aside: called when what was prepared was not carried out and waits for another
                slot, for which it is prepared anew. When it raises, the call ends.
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """
        call = self._portal.new_call()
        work = partial(
            self._async.create,
            body,
            max_wait=max_wait,
            priority=priority,
            validate=validate,
            idempotency_key=idempotency_key,
            due=due,
            finish=finish,
            prepare=call.awaited(prepare),
            set_aside=call.awaited(set_aside),
            retry=retry,
        )
        return call.run(work)

    def probe(self, *, retry: bool = True) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Args:
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        self._portal.call(self._async.probe, retry=retry)
