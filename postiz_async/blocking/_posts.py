"""The blocking twin of `Posts`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from msgspec import UNSET

from postiz_async.blocking._base import BlockingIterator, BlockingListing, iterate, listed
from postiz_async.blocking._post_creation import PostCreation

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from msgspec import UnsetType

    from postiz_async._resources.posts import Posts as AsyncPosts
    from postiz_async.errors import Marks
    from postiz_async.models.channels import Channel, Group
    from postiz_async.models.posts import Created, MissingRelease, Post, PostState, PublishEvent


class Posts(PostCreation):
    """`postiz.posts`: the scheduled, drafted and published posts."""

    @property
    def _async(self) -> AsyncPosts:
        return cast("AsyncPosts", self._twin)

    def list(
        self,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        group: Group | str | None = None,
        tag: str | None = None,
        collapse_repeats: bool = False,
    ) -> BlockingListing[Post]:
        """The posts from `start` to `end`, in order of date.

        Nothing is asked before it is used. `for` fetches a range of any length in pieces that
        the server can handle; all else is that of a list, fetched with one request.

        A repeated post is listed once for each occurrence, always with the same id. Media, thread
        parts and posts of deleted channels are not returned.

        Args:
            start: the start of the range, with a time zone.
            end: the end of the range, inclusive.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            group: only channels of this group of `channels.groups`, or its id.
            tag: only posts with this tag, by name.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            InvalidInputError: there is no such state.
        """
        return listed(
            self._portal,
            self._async.list,
            start=start,
            end=end,
            state=state,
            channel=channel,
            group=group,
            tag=tag,
            collapse_repeats=collapse_repeats,
        )

    def get(
        self,
        post: Post | Created | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Post:
        """The post with this id, found in the list, because the server has no route for it.

        Args:
            post: the post or its id, not that of a part of its thread.
            start: where to begin the search; None: a year ago.
            end: where to end it; None: in a year.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            PostNotFoundError: it is not listed there.
        """
        return self._portal.call(self._async.get, post, start=start, end=end)

    def find(self, marks: Marks) -> builtins.list[Post | None]:
        """Which posts of a request whose answer was lost are stored now.

        Call it after a `DeliveryUnknownError`. Posts that are found are stored: do not send them
        again. If a post is not found, it may still be stored later, because the server continues
        after its client has disconnected. Only consider it absent when a create that was sent after
        the loss has been answered, about 12 minutes have passed, and two look-ups agree. A server
        that failed midway leaves the first posts of a request, and the last of these may lack its
        thread or its publishing job: `set_status(id, "schedule")` gives it a job, `delete` lets you
        send it again; do either only while it is far from due. `postiz.campaign` and idempotency
        keys do all of this for you.

        Posts are identified by date, channel and text. If the date has whole seconds, an equal post
        by somebody else may be found; use milliseconds in `at` to avoid that.

        Args:
            marks: `error.marks`.

        Returns:
            A post for each post of the request, in request order; None if it was not found.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            UsageError: `marks` is something else, for example the error itself.
        """
        return self._portal.call(self._async.find, marks)

    def wait_published(
        self,
        post: Post | Created | str,
        *,
        at: datetime | None = None,
        timeout: float | timedelta | UnsetType | None = UNSET,
    ) -> Post:
        """Wait until a post is published on its network, even if it is moved meanwhile.

        Args:
            post: the post or its id.
            at: the date that it is scheduled for, where the search begins; if None, or if it is not
                there, the search covers a year before and after today and that date.
            timeout: seconds to wait, including look-ups; None or `math.inf`: as long as necessary.
                Not given: as `with_options` says, by default as long as necessary. The `timeout` of
                the client itself applies to each look-up.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason if a notification has it.
            PostNotFoundError: it was deleted.
            APITimeoutError: it was not published within `timeout`.
            InvalidInputError: `at` has no time zone.
            UsageError: `timeout` is not a number of seconds.
        """
        return self._portal.call(self._async.wait_published, post, at=at, timeout=timeout)

    def watch(
        self, *, since: datetime | None = None, channel: Channel | str | None = None
    ) -> BlockingIterator[PublishEvent]:
        """Yield an event whenever a post is published or refused by its network.

            for event in postiz.posts.watch():
                print(event.post.id, event.link or event.reason)

        It never ends by itself; leave the loop. It checks when posts are due and once
        a minute, sooner after `look_again`, and every ten minutes if the server counts such
        requests. While Postiz is down it waits, and then yields what happened meanwhile; only if
        Postiz is down at the first check, it raises. No event is yielded twice, unless a post is
        published again.

        Args:
            since: also yield events for posts dated from then on; None: only from now on.
            channel: only this channel: its id, name or provider.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            AuthenticationError: the key is no longer accepted.
            APIConnectionError: Postiz cannot be reached at the first check; `ServerError` if it
                fails then.
            InvalidInputError: `since` has no time zone; or no channel, or several, have this name
                or provider.
        """
        return iterate(self._portal, self._async.watch, since=since, channel=channel)

    def look_again(self) -> None:
        """Let each `wait_published` and `watch` check now.

        Call it when something may have been published, for example when a webhook delivery arrives.
        Calls within the same second have no further effect.
        """
        self._portal.call_sync(self._async.look_again)

    def set_status(self, post: Post | Created | str, status: Literal["draft", "schedule"]) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once if the date has passed, and publishes a published post again:
        the server does not prevent that. Use the id of the post, not of a part of its thread.

        Args:
            post: the post or its id.
            status: `draft` removes it from the schedule, `schedule` puts it back.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
        return self._portal.call(self._async.set_status, post, status)

    def update_settings(
        self, post: Post | Created | str, settings: Mapping[str, object]
    ) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        The date loses its milliseconds, a `client_ref` goes unless it is sent again, and a
        repetition is removed. Costs no quota. Retried: yes. Since a
        release after v2.23.0.

        Args:
            post: the post or its id.
            settings: the settings to change, with the API's names.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
        return self._portal.call(self._async.update_settings, post, settings)

    def missing(self, post: Post | Created | str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to find the one that a post of unknown release id became.

        Args:
            post: the post or its id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
        return self._portal.call(self._async.missing, post)

    def set_release_id(self, post: Post | Created | str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became, if it does not know.

        Args:
            post: the post or its id.
            release_id: the id of the item on the network, one of those that `missing` lists.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.19.0.

        Raises:
            InvalidInputError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
        self._portal.call(self._async.set_release_id, post, release_id)

    def delete(self, post: Post | Created | str) -> bool:
        """Delete a post with its thread. A published post stays on its network.

        The server answers 500 for a post that is already gone, newer ones 404. This is not an error
        if the list of a year before and after today confirms it.

        Args:
            post: the post or its id.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True if it was deleted, False if there is none: already gone, or there never was one.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
        return self._portal.call(self._async.delete, post)

    def delete_group(self, group: str) -> None:
        """Delete a group, which is a post with its thread; an unknown group is not an error.

        Args:
            group: the id that a post and the parts of its thread share, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        self._portal.call(self._async.delete_group, group)
