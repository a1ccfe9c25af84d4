"""The blocking twin of `Posts`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from postiz_async.blocking._base import BlockingIterator, iterate
from postiz_async.blocking._post_creation import PostCreation

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping
    from datetime import datetime

    from postiz_async._resources.posts import Posts as AsyncPosts
    from postiz_async.errors import Marks
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import MissingRelease, Post, PublishEvent

__all__ = ["Posts"]


class Posts(PostCreation):
    """`postiz.posts`: the scheduled, drafted and published posts."""

    @property
    def _async(self) -> AsyncPosts:
        return cast("AsyncPosts", self._twin)

    def list(
        self, *, start: datetime, end: datetime, customer: str | None = None, retry: bool = True
    ) -> builtins.list[Post]:
        """The posts from `start` to `end`, both included, in no order.

        A repeated post comes once for each occurrence up to `end`, all with the same id, also
        for occurrences before `start`. Media, thread parts and posts of deleted channels are not
        returned.

        Args:
            start: the first moment, with a time zone.
            end: the last moment.
            customer: only channels of this group, by its id (`integrations.groups`). The API has
                this word here; the `group` of a post is another thing.
            retry: False for one attempt, when the caller repeats it by itself.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.
        """
        return self._portal.call(
            self._async.list, start=start, end=end, customer=customer, retry=retry
        )

    def iter(
        self,
        *,
        start: datetime,
        end: datetime,
        state: str | None = None,
        integration: Integration | str | None = None,
        tag: str | None = None,
        collapse_repeats: bool = False,
    ) -> BlockingIterator[Post]:
        """The posts of a range of any length, in order of date, listed in pieces.

        Args:
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
        """
        return iterate(
            self._portal,
            self._async.iter,
            start=start,
            end=end,
            state=state,
            integration=integration,
            tag=tag,
            collapse_repeats=collapse_repeats,
        )

    def get(
        self, post_id: str, *, start: datetime | None = None, end: datetime | None = None
    ) -> Post:
        """The post with this id, found by listing; the server has no other way.

        Args:
            post_id: the id of the post, not of a part of its thread.
            start: where to begin to look; a year ago if None.
            end: where to stop; in a year if None.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            NotFoundError: it is not listed there.
        """
        return self._portal.call(self._async.get, post_id, start=start, end=end)

    def find(self, marks: Marks) -> builtins.list[Post | None]:
        """Which posts of a request whose answer was lost are stored now.

        Call it after a `DeliveryUnknownError`. What is found is stored: do not send it again.
        That nothing is found proves little: the server goes on working after its caller is gone,
        and may begin late. Believe it only when a create that was sent after the loss has been
        answered, some 12 minutes have passed, and two looks show the same. A server that failed
        in the middle leaves the first posts of a request, and the last of these may lack its
        thread or its publishing job: `set_status(id, "schedule")` gives it a job, `delete` makes
        room to send it again, both only while it is far from due. `postiz.batch` does all of
        that by itself.

        Posts are known by their instant, channel and text. So a moment in whole seconds may show
        an equal post that somebody else made; milliseconds in `at` make it your own.

        Args:
            marks: `error.marks`.

        Returns:
            A post for each post of the request, in request order; None for what is not there.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            UsageError: `marks` are none, but the error itself, for example.
        """
        return self._portal.call(self._async.find, marks)

    def wait_published(
        self, post_id: str, *, at: datetime | None = None, timeout: float | None = None
    ) -> Post:
        """Wait until a post is published on its network, also when it is moved meanwhile.

        Args:
            post_id: the post.
            at: the moment it is scheduled for, where it is looked for first; None, or where it is
                not there: from a year before today, and that moment, to a year after.
            timeout: seconds to wait, looks included; None for what `with_options` said, else as
                long as it takes. The `timeout` of the client itself is for each look.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason, as far as a notification of
                that time tells it.
            NotFoundError: it was deleted.
            APITimeoutError: it was not published within `timeout`.
            InvalidPostError: `at` has no time zone.
            UsageError: `timeout` is not a number of seconds.
        """
        return self._portal.call(self._async.wait_published, post_id, at=at, timeout=timeout)

    def watch(
        self, *, since: datetime | None = None, integration: Integration | str | None = None
    ) -> BlockingIterator[PublishEvent]:
        """What becomes of posts as it happens: published, or refused by their network.

            for event in postiz.posts.watch():
                print(event.post.id, event.link or event.reason)

        Never ends by itself; leave the loop. Looks when posts are due and once a
        minute, sooner after `look_again`, and every ten minutes at a server that counts looks.
        While Postiz is away it waits, and then tells what happened meanwhile; only at the first
        look that is an error. Nothing is told twice, but a post that was published again.

        Args:
            since: also what became of posts from this moment on; None: from now on.
            integration: only this channel: its id, name or provider.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            AuthenticationError: the key is not accepted any more.
            APIConnectionError: Postiz is away at the first look; so does a `ServerError`.
            InvalidPostError: `since` has no time zone; or no channel, or several, have this name
                or provider.
        """
        return iterate(self._portal, self._async.watch, since=since, integration=integration)

    def look_again(self) -> None:
        """Let each `wait_published` and `watch` look now: something was published, perhaps.

        Call it when a webhook delivery arrives; more often than once a second has no effect.
        """
        self._portal.call_sync(self._async.look_again)

    def set_status(self, post_id: str, status: Literal["draft", "schedule"]) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once when the date has passed, and publishes a published post
        again: the server has no guard. Give the id of the post, not of a part of its thread.

        Args:
            post_id: the post's id.
            status: `draft` takes it from the schedule, `schedule` puts it there.

        Costs no quota. Retried: only when proved not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
        return self._portal.call(self._async.set_status, post_id, status)

    def update_settings(self, post_id: str, settings: Mapping[str, object]) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        A repetition of the post is removed by it. Costs no quota. Retried: yes. Since a release
        after v2.23.0.

        Args:
            post_id: the post's id.
            settings: the settings that change, as the provider names them.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
        return self._portal.call(self._async.update_settings, post_id, settings)

    def missing(self, post_id: str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to choose which one a post with unknown id became.

        Args:
            post_id: the post's id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
        return self._portal.call(self._async.missing, post_id)

    def set_release_id(self, post_id: str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became, when it does not know.

        Args:
            post_id: the post's id.
            release_id: the id of the item on the network, one of those that `missing` lists.

        Costs no quota. Retried: only when proved not carried out. Since v2.19.0.

        Raises:
            InvalidPostError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
        self._portal.call(self._async.set_release_id, post_id, release_id)

    def delete(self, post_id: str) -> bool:
        """Delete a post with its thread. What is published already stays on the network.

        The server answers 500 for a post that is gone already. That is not an error when the list
        of the year before and after today confirms it.

        Args:
            post_id: the post's id.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True when it was deleted now, False when it was gone already.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
        return self._portal.call(self._async.delete, post_id)

    def delete_group(self, group: str) -> None:
        """Delete the posts of a group; an unknown group is not an error.

        Args:
            group: the id that the posts of one request have in common, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        self._portal.call(self._async.delete_group, group)
