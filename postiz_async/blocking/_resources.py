"""The blocking twins of `_resources`. Made by `python docs/make_blocking.py`."""

# Methods have no body where a decorator does the work.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, overload

from msgspec import UNSET, UnsetType

from postiz_async._uploads import AT_ONCE, STALL_TIMEOUT, Progress, UploadSource
from postiz_async.blocking._base import (
    BlockingIterator,
    BlockingListing,
    Twin,
    awaited,
    called,
    iterated,
    listing,
    serving,
)

if TYPE_CHECKING:
    import builtins

    from postiz_async.errors import Marks, Problem
    from postiz_async.models.channels import Channel, ChannelSettings, Group
    from postiz_async.models.insights import Figures, Metric, Notification, PostAnalytics
    from postiz_async.models.media import ListedMedia, Media as StoredMedia
    from postiz_async.models.posts import (
        Created,
        MissingRelease,
        NewPost,
        Post,
        PostRequest,
        PostState,
        PostType,
        PublishEvent,
        StoredType,
    )
    from postiz_async.models.users import Membership
    from postiz_async.models.video import SlidesVideo, Veo3Video


class Analytics(Twin):
    """`postiz.analytics`. Nothing here costs quota. An empty answer can hide an error.

    A call may take ten seconds, and may refresh or disconnect the channel's social token.
    """

    @awaited
    def channel(self, channel: Channel | str, *, days: int = 30) -> list[Metric]:
        """Figures of a channel over the last `days` (7, 30 or 90).

        Empty if the network has none, or if the server could not fetch them. Cached by the server
        for an hour. Retried: yes. Since v2.18.0.

        Args:
            channel: the channel, its id, name or provider.
            days: how many days back the figures reach.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            ServerError: also for an unknown id.
        """

    @awaited
    def post(self, post: Post | Created | str, *, days: int = 30) -> PostAnalytics:
        """Figures of a published post. `missing` is True if its id on the network is unknown.

        Empty for unknown and unpublished posts too. Retried: yes. Since v2.18.0.

        Args:
            post: the post or its id.
            days: how many days back the figures reach.
        """

    @serving(posts="taken")
    def posts(self, posts: Iterable[Post | tuple[str, str]], *, days: int = 90) -> Figures:
        """The newest figures of several posts, as numbers.

        Two posts are queried at a time. A channel is skipped after three of its posts had no
        figures, and everything after three failures in a row: `missing` lists posts without
        figures, and why. Retried: yes. Since v2.18.0.

        Args:
            posts: an iterable of published posts, or of pairs: the id of a post
                and that of its channel. Each is taken when it can be queried, as from `posts.list`.
            days: how many days back the figures reach.

        Raises:
            AuthenticationError: the key is not accepted.
        """


class Channels(Twin):
    """`postiz.channels`: the connected social accounts. Nothing here costs quota.

    A channel can be given as a `Channel`, or by its id, its name or its provider if no other
    channel has the same. Names and providers are looked up in the list of channels.
    """

    @awaited
    def list(self, *, group: Group | str | None = None) -> builtins.list[Channel]:
        """The channels of the organisation, including disabled ones, in no particular order.

        Args:
            group: only channels of this group (`Channel.group`), or of that with this id; servers
                before v2.21.9 ignore it.

        Retried: yes. Since v1.11.1.
        """

    @awaited
    def find(self, *channels: Channel | str) -> builtins.list[Channel]:
        """Channels by id, by name, or by provider if no other channel has it.

        Args:
            channels: a channel, or its id, name or provider, for each.

        Raises:
            ChannelNotFoundError: with a problem for each word that means no channel, or several.
            InvalidPostError: a word means a channel that is disabled, or that another one means.
        """

    @awaited
    def groups(self) -> builtins.list[Group]:
        """The groups of channels; the web page calls them customers.

        Retried: yes. Since v2.21.9.
        """

    @awaited
    def is_connected(self) -> bool:
        """Whether the server accepts the key.

        Retried: yes. Since v1.62.0.

        Raises:
            AuthenticationError: it does not.
        """

    @awaited
    def settings(self, channel: Channel | str) -> ChannelSettings:
        """Rules, length limit, settings schema and tools of a channel, as the server reports them.

        Args:
            channel: the channel, its id, name or provider.

        Retried: yes. Since v2.18.0.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            NotFoundError: no channel has this id (older servers: ServerError).
        """

    @awaited
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

    @awaited
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

    @awaited
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

    @awaited
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


class MediaResource(Twin):
    """`postiz.media`: uploads and generated videos. Nothing here costs create requests."""

    @serving(progress="told")
    def upload(
        self,
        source: UploadSource,
        *,
        progress: Progress | None = None,
        reuse: bool = True,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> StoredMedia:
        """Upload a picture (10 MiB at most) or an MP4 video (1 GiB at most).

        The type is detected from the first bytes, never from the name. What the server would refuse
        is not sent; the rest is streamed. There is no time limit while bytes move.

        A URL is fetched by the server: a public https address whose path ends in a suffix such as
        `.png`.

        Retried: yes, if the source can be read again: paths, bytes, files, URLs, but not pipes and
            iterators. The API cannot delete media, so a retry may leave an unused copy.
            Since v1.11.1.

        Args:
            source: a path; bytes; a binary file, from its current position; a URL as text.
            progress: called with the bytes sent so far and in total (None if unknown); it starts
                again at 0 if an upload is retried. Not called if the server fetches the file or it
                was uploaded before.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Raises:
            InvalidInputError: missing, empty, too large, or of a type that cannot be posted.
            UploadError: the source failed or changed during the upload; nothing was stored.
            BadRequestError: the server could not fetch the URL.
            UsageError: `stall_timeout` is not a number of seconds.
        """

    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[False] = ...,
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia]: ...

    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[True],
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia | Exception]: ...

    @serving(sources="taken", progress="told")
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = AT_ONCE,
        return_exceptions: bool = False,
        progress: Callable[[int, int, int | None], object] | None = None,
        reuse: bool = True,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> builtins.list[StoredMedia] | builtins.list[StoredMedia | Exception]:
        """Upload several files, a few at a time; equal contents and equal URLs only once.

        A failure does not affect the other uploads. Uploaded files are remembered, so calling again
        with the same sources uploads only those that failed.

        Args:
            sources: an iterable of what `upload` takes: paths, URLs, bytes, files
                or streams. Each is taken when its upload can begin.
            concurrency: how many at a time.
            return_exceptions: return errors in the places of their sources instead of raising.
            progress: called with the index of a source, its bytes sent so far and in total.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Returns:
            The media in the order of the sources.

        Raises:
            ExceptionGroup: all failures, after the others have ended. A note on each error names
                its source.
            Exception: the iterable raised it, after the uploads before it have ended.
        """

    @listing
    def list(self, *, search: str = "") -> BlockingListing[ListedMedia]:
        """The media of the organisation, newest first, each once even if new ones arrive meanwhile.

        Nothing is asked before it is used: `for` fetches a page at a time, all else all.

        Args:
            search: only those whose original name contains this, in upper or lower case. What the
                API uploads has no original name, so it is not found.

        Retried: yes. Since a release after v2.23.0; older servers raise `NotFoundError`.
        """

    @awaited
    def upload_from_url(self, url: str) -> StoredMedia:
        """Let the server fetch a picture or video from a public https address.

        The server's download has no time limit of its own; this call ends after 10 minutes.
        Retried: yes. Since v2.8.0.

        Args:
            url: a public https address.

        Raises:
            InvalidInputError: it is no https address, or its path does not end in a suffix that the
                server accepts.
            BadRequestError: the server could not fetch it, or its type is not accepted.
        """

    @awaited
    def generate_video(self, video: SlidesVideo | Veo3Video) -> StoredMedia:
        """Generate a video; uses a credit of the plan and may take half an hour.

        A proxy may cut the connection long before; the server then continues, spends the credit and
        stores a video that only `list` knows. Retried: never. Since v1.64.0.

        Args:
            video: what to generate, such as `SlidesVideo`.

        Raises:
            PlanLimitError: no credit is left.
            BadRequestError: the generator is not available, or the prompt was rejected.
        """

    @awaited
    def video_function(
        self, identifier: str, function: str, params: Mapping[str, object] | None = None
    ) -> object:
        """Call a function of a video generator and return its JSON answer.

        Args:
            identifier: the kind of video, such as `image-text-slides`.
            function: the name of its function, such as `loadVoices`.
            params: its arguments; None: none.

        Retried: yes. Since v1.64.0.
        """


class Notifications(Twin):
    """`postiz.notifications`: published, failed, disconnected. Nothing here costs quota."""

    @listing
    def list(self, *, since: datetime | None = None) -> BlockingListing[Notification]:
        """The notifications, newest first, each once even if new ones arrive meanwhile.

        Nothing is asked before it is used: `for` fetches a page at a time, all else all.

        Args:
            since: only those from then on; None: all.

        Retried: yes. Since v2.18.0.
        """


class PostCreation(Twin):
    """The methods of `postiz.posts` that create posts."""

    @awaited
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

    @awaited
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

    @awaited
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

    @awaited
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
        so.

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

    @awaited
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

    @awaited
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

    @awaited
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

    @awaited
    def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """


class Posts(PostCreation):
    """`postiz.posts`: the scheduled, drafted and published posts."""

    @listing
    def list(
        self,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        group: Group | str | None = None,
        tag: str | None = None,
        text: str | None = None,
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
            text: only posts whose text has this in it, in upper or lower case.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            InvalidInputError: there is no such state, or a part of the filter is blank.
        """

    @awaited
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

    @awaited
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

    @awaited
    def by_key(self, idempotency_key: str) -> builtins.list[Created] | None:
        """Return the posts that calls with an idempotency key have stored, without creating any.

        Args:
            idempotency_key: the key of `schedule`, `publish_now`, `draft` or `send`; keys of
                `outbox.put` are asked for by `outbox.by_key`.

        Returns:
            The posts, in order; fewer, or none, while a request is under way, its answer is lost,
            or it was refused. None if no request has left with this key.

        Costs no quota: only the store of the keys is asked.

        Raises:
            InvalidPostError: it cannot be a key.
            StoreError: the store cannot be read.
        """

    @awaited
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
            at: the date that it is scheduled for, where the search begins; None: that of a `Post`.
                If it is not there, the search covers a year before and after today and that date.
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

    @iterated
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

    @called
    def look_again(self) -> None:
        """Let each `wait_published` and `watch` check now.

        Call it when something may have been published, for example when a webhook delivery arrives.
        Calls within the same second have no further effect.
        """

    @awaited
    def set_status(self, post: Post | Created | str, status: StoredType) -> str:
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

    @awaited
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

    @awaited
    def missing(self, post: Post | Created | str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to find the one that a post of unknown release id became.

        Args:
            post: the post or its id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """

    @awaited
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

    @awaited
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

    @awaited
    def delete_group(self, group: str) -> None:
        """Delete a group, which is a post with its thread; an unknown group is not an error.

        Args:
            group: the id that a post and the parts of its thread share, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """


class Resources(Twin):
    """The resources of the API; each call through them is made with the same options."""

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        return Posts(self._portal, self._async.posts)

    @property
    def media(self) -> MediaResource:
        """Upload pictures and videos, generate videos."""
        return MediaResource(self._portal, self._async.media)

    @property
    def channels(self) -> Channels:
        """The connected social accounts."""
        return Channels(self._portal, self._async.channels)

    @property
    def analytics(self) -> Analytics:
        """Figures from the networks."""
        return Analytics(self._portal, self._async.analytics)

    @property
    def notifications(self) -> Notifications:
        """Notifications of the organisation."""
        return Notifications(self._portal, self._async.notifications)

    @property
    def users(self) -> Users:
        """The users of the instance, for its super-admins."""
        return Users(self._portal, self._async.users)


class Users(Twin):
    """`postiz.users`: only for keys of organisations with a super-admin of the instance."""

    @awaited
    def search(self, text: str | None = None) -> list[Membership]:
        """At most ten users of all organisations, each with the organisation; there is no paging.

        Costs no quota. Retried: yes. Since a release after v2.23.0.

        Args:
            text: a part of the name, the e-mail address or the id; None: all users.

        Raises:
            PermissionDeniedError: no super-admin of the instance is in the key's organisation.
            NotFoundError: the server is older.
        """
