"""The sandbox: a Postiz server in one object, without a network.

It does the work in tasks of its own: a caller that stops waiting for an answer does not stop the
work. Ids look like the real ones.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.structs import replace

from postiz_async._sandbox.dates import to_datetime
from postiz_async._sandbox.faults import Faults
from postiz_async._sandbox.handlers.oauth import decided
from postiz_async._sandbox.messages import (
    ConnectionLost,
    HttpRequest,
    Response,
    UploadReader,
    redirect_to_login,
    wrap,
)
from postiz_async._sandbox.pipeline import CreateRecord, Pipeline
from postiz_async._sandbox.publishing import catch_up, publish_waiting, store_post
from postiz_async._sandbox.refusals import HttpError
from postiz_async._sandbox.rows import (
    ChannelRow,
    GroupRow,
    IdSource,
    MediaRow,
    MemberRow,
    NotificationRow,
    PostRow,
    Release,
    TagRow,
)
from postiz_async._sandbox.state import (
    OAuthApp,
    Organization,
    SandboxState,
    TextRule,
    Webhook,
    WebhookDelivery,
)
from postiz_async.clock import Clock, SystemClock
from postiz_async.providers import PROVIDERS

Owner: TypeAlias = Organization | str | None
"""An organisation, or its name; None for the first."""


class ThreadRow(msgspec.Struct, frozen=True):
    """A further entry of a post."""

    id: str
    content: str
    media: tuple[str, ...]
    """Paths of media."""
    delay_minutes: int
    """How long after the entry before."""


class StoredPost(msgspec.Struct, frozen=True):
    """A post as it is stored."""

    id: str
    group: str
    channel_id: str
    provider: str
    content: str
    date: datetime
    state: str
    settings: dict[str, object]
    tags: tuple[str, ...]
    """Names of tags."""
    media: tuple[str, ...]
    """Paths of media."""
    thread: tuple[ThreadRow, ...]
    interval: int | None
    creation_method: str
    release_id: str | None
    release_url: str | None
    has_job: bool
    """Whether a job waits to publish it."""


def _stored_post(organization: Organization, post: PostRow) -> StoredPost:
    return StoredPost(
        id=post.id,
        group=post.group,
        channel_id=post.channel_id,
        provider=organization.channels[post.channel_id].provider,
        content=post.content,
        date=to_datetime(post.date),
        state=post.state,
        settings=msgspec.json.decode(post.settings, type=dict[str, object]),
        tags=tuple(organization.tags[tag_id].name for tag_id in post.tags),
        media=_paths(post),
        thread=tuple(
            ThreadRow(part.id, part.content, _paths(part), part.delay)
            for part in organization.posts.comments_of(post)
        ),
        interval=post.interval,
        creation_method=post.creation_method,
        release_id=post.release_id,
        release_url=post.release_url,
        has_job=post.has_job,
    )


def _paths(post: PostRow) -> tuple[str, ...]:
    media = msgspec.json.decode(post.image, type=list[dict[str, object]])
    return tuple(str(item.get("path", "")) for item in media)


class SandboxContents:
    """Methods to control and inspect a sandbox."""

    _state: SandboxState
    _pipeline: Pipeline

    @property
    def api_key(self) -> str:
        """The key of the first organisation."""
        return self.organization.api_key

    @property
    def organization(self) -> Organization:
        """The first organisation."""
        return self._state.organizations[0]

    @property
    def organizations(self) -> tuple[Organization, ...]:
        """All organisations, in the order in which they were added."""
        return tuple(self._state.organizations)

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that this release knows."""
        newest = self._state.release >= Release.HEAD
        return tuple(name for name, each in PROVIDERS.items() if each.since or newest)

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._pipeline.tally.requests

    @property
    def creates(self) -> tuple[CreateRecord, ...]:
        """The create requests that were counted, including refused ones."""
        return tuple(self._pipeline.tally.creates)

    @property
    def uploads(self) -> tuple[MediaRow, ...]:
        """The uploaded files of all organisations."""
        organizations = self._state.organizations
        return tuple(media for each in organizations for media in each.media.values())

    @property
    def posts(self) -> tuple[StoredPost, ...]:
        """The posts that are stored and not deleted, without the parts of their threads."""
        catch_up(self._state)
        return tuple(
            _stored_post(each, post)
            for each in self.organizations
            for post in each.posts.live_roots()
        )

    @property
    def refusals(self) -> int:
        """The number of requests that were answered with 429."""
        return self._pipeline.tally.refusals

    def in_an_hour(self) -> datetime:
        """The moment in an hour, on the sandbox's clock, for scheduling posts."""
        return datetime.fromtimestamp(self._state.clock.time() + 3600, UTC)

    def add_organization(
        self, name: str | None = None, *, api_key: str | None = None
    ) -> Organization:
        """Add an organisation with key, channels, tags and quota of its own.

        Args:
            name: its name; None: `Organisation` and its number.
            api_key: its key; None: one derived from the name, such as `sandbox-acme` for
                `acme`.

        Raises:
            ValueError: another one has this name or key.
        """
        organizations = self._state.organizations
        number = len(organizations) + 1
        name = name or f"Organisation {number}"
        api_key = api_key or _key_for(name)
        for each in organizations:
            if each.name == name:
                raise ValueError(f"there is an organisation {name!r} already")
            if each.api_key == api_key:
                raise ValueError(f"{name!r} would have the key of {each.name!r}")
        organization = Organization(self._state.ids.uuid(), name, api_key)
        organization.session = f"session-{number}"
        organizations.append(organization)
        return organization

    def _find_organization(self, which: Owner = None) -> Organization:
        """An organisation by its name.

        Args:
            which: The name; an organisation is returned as it is; None for the first.

        Raises:
            LookupError: There is none of this name.
        """
        if which is None:
            return self._state.organizations[0]
        if isinstance(which, Organization):
            return which
        named = {each.name: each for each in self._state.organizations}
        if which not in named:
            raise LookupError(f"no organisation {which!r} in the sandbox, but {', '.join(named)}")
        return named[which]

    def change_post(self, post_id: str, **changes: object) -> None:
        """Change a stored post as if by hand, for example `state="PUBLISHED"`.

        Args:
            post_id: the id of a post, or of a part of its thread.
            changes: new values of the fields of its row.

        Raises:
            LookupError: there is no such post.
        """
        for organization in self._state.organizations:
            post = organization.posts.get(post_id)
            if post is not None:
                store_post(self._state, organization, replace(post, **changes))
                return
        raise LookupError(f"no post {post_id!r}")

    def add_tag(self, name: str, *, organization: Owner = None) -> TagRow:
        """Add a tag, which posts may carry from now on.

        Args:
            name: its name.
            organization: the organisation that has it, or its name; None: the first one.
        """
        owner = self._find_organization(organization)
        tag = TagRow(self._state.ids.uuid(), name, "#ff0000", self._state.now)
        owner.tags[tag.id] = tag
        return tag

    def add_notification(
        self,
        content: str,
        *,
        link: str | None = None,
        organization: Owner = None,
    ) -> NotificationRow:
        """Add a notification.

        Args:
            content: its text.
            link: its address.
            organization: the organisation that has it, or its name; None: the first one.
        """
        owner = self._find_organization(organization)
        notification = NotificationRow(self._state.ids.uuid(), content, link, self._state.now)
        owner.notifications.append(notification)
        return notification

    def add_media(self, original_name: str, *, organization: Owner = None) -> MediaRow:
        """Add a picture to the library, as if somebody had uploaded it in the web page.

        Args:
            original_name: the name of the file, such as `sunrise.jpg`.
            organization: the organisation that has it, or its name; None: the first one.
        """
        state = self._state
        name = f"{state.ids.file_name()}{PurePath(original_name).suffix}"
        path = f"{state.host}/uploads/{name}"
        row = MediaRow(state.ids.uuid(), name, path, 1, "", state.now, original_name)
        self._find_organization(organization).media[row.id] = row
        return row

    def add_member(
        self,
        email: str,
        *,
        name: str | None = None,
        role: str = "USER",
        is_super_admin: bool = False,
        organization: Owner = None,
    ) -> MemberRow:
        """Add a user.

        Args:
            email: their address.
            name: their name.
            role: what they may do in the organisation: `SUPERADMIN`, `ADMIN` or `USER`.
            is_super_admin: whether they administer the instance, so that `users.list()` gives the
                key of their organisation.
            organization: the organisation, or its name; None: the first one.
        """
        member = MemberRow(
            id=self._state.ids.uuid(),
            user_id=self._state.ids.uuid(),
            email=email,
            name=name,
            role=role,
            is_super_admin=is_super_admin,
        )
        self._find_organization(organization).members.append(member)
        return member

    def add_remote_file(self, url: str, data: bytes) -> None:
        """Put a file on the internet, from where the sandbox can fetch it.

        There is no other internet: a URL that was not added cannot be fetched.

        Args:
            url: its address.
            data: its content.
        """
        reader = UploadReader()
        reader.add(data)
        file = reader.file("file", urlsplit(url).path.rpartition("/")[2])
        self._state.remote_files[url] = file
        self._state.measure(url, file.head)

    def add_oauth_app(self, name: str, redirect_url: str) -> OAuthApp:
        """Add an application that asks users for access.

        Args:
            name: its name.
            redirect_url: the address to which users return.
        """
        app = OAuthApp(
            client_id=f"pca_{self._state.ids.letters(32)}",
            client_secret=f"pcs_{self._state.ids.letters(48)}",
            name=name,
            redirect_urls=(redirect_url,),
        )
        self._state.oauth.apps[app.client_id] = app
        return app

    def approve(self, asked: OAuthApp | str, *, organization: Owner = None) -> str:
        """Let a user connect their organisation to an application, which ends its former token.

        Args:
            asked: the URL to which the application sends the user (`OAuth.authorize_url`), or the
                application, for a callback without a state.
            organization: that of the user, or its name; None: the first one.

        Returns:
            The URL of the callback, with code and state, to which Postiz sends the user's browser.

        Raises:
            ValueError: Postiz would not ask the user: the client id is unknown, or a public client
                asks without a code challenge or for another address.
            LookupError: there is no such organisation.
        """
        return self._decide(asked, "approve", organization)

    def deny(self, asked: OAuthApp | str, *, organization: Owner = None) -> str:
        """Let a user refuse to connect their organisation; as `approve` otherwise.

        Args:
            asked: the URL to which the application sends the user, or the application.
            organization: that of the user, or its name; None: the first one.
        """
        return self._decide(asked, "deny", organization)

    def _decide(self, asked: OAuthApp | str, action: str, organization: Owner = None) -> str:
        """Decide as a user whom an application asks for access; returns where the browser is sent.

        Args:
            asked: The address of the consent page, or the application.
            action: approve or deny.
            organization: That of the user, or its name; None: the first one.

        Raises:
            ValueError: The request for access cannot be granted.
        """
        if isinstance(asked, OAuthApp):
            asked = f"?client_id={asked.client_id}"
        given = dict(parse_qsl(urlsplit(asked).query))
        session = self._find_organization(organization).session
        try:
            return decided(self._state, session, given | {"action": action})
        except HttpError as error:
            said = msgspec.convert(error.response.json(), dict[str, object])
            raise ValueError(f"Postiz would not ask the user: {said['message']}.") from None

    def revoke(self, app: OAuthApp, *, organization: Owner = None) -> None:
        """Let a user disconnect an application: its token is refused from now on.

        Args:
            app: the application.
            organization: that of the user, or its name; None: the first one.
        """
        self._state.oauth.revoke(app.client_id, self._find_organization(organization))

    def add_webhook(self, url: str, *channel_ids: str) -> None:
        """Call an address, over HTTP, for each published post of the first organisation.

        Args:
            url: the address, on loopback.
            channel_ids: the channels; without any, all.

        Raises:
            ValueError: the address is not on loopback.
        """
        if urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError(f"{url!r} is not on loopback")
        self.organization.webhooks.append(Webhook(url, frozenset(channel_ids)))

    def lock_out(self, organization: Owner = None, *, seconds: float | None = None) -> None:
        """Lock an organisation out, as if another client had sent one create too many with its key.

        Creates are answered with 429 and `Retry-After` until the lock ends.

        Args:
            organization: the organisation to lock out, or its name; None: the first one.
            seconds: how long the lock lasts, from now; None: a whole hour.

        Raises:
            ValueError: no lock lasts so long.
        """
        self._pipeline.lock_out(self._find_organization(organization), seconds)

    def publish(self, post_id: str | None = None) -> tuple[StoredPost, ...]:
        """Publish scheduled posts now; they keep their dates.

        Args:
            post_id: the post; None: all posts of all organisations.

        Returns:
            The posts that were published or failed; their state says which.

        Raises:
            LookupError: there is no such post.
        """
        done = publish_waiting(self._state, post_id)
        return tuple(post for post in self.posts if post.id in done)

    def fail_next_publication(self, because: str) -> None:
        """Make the next post that is published fail: its state is ERROR, a notification says why.

        Args:
            because: the reason, in the words of the network.
        """
        self._state.failing_texts.append(TextRule("", because, is_once=True))

    def refuse(
        self, words: str, *, because: str, when: Literal["created", "published"] = "created"
    ) -> None:
        """Refuse each post whose text contains these words.

        When it is created, the request is answered with 400 and nothing of it is stored; drafts
        are not checked, as with all rules of networks. When it is published, it fails.

        Args:
            words: the words, in upper or lower case.
            because: the reason that is given.
            when: when it is refused: by the server as soon as it is `created`, or by the network
                when it is `published`.
        """
        rules = self._state.refused_texts if when == "created" else self._state.failing_texts
        rules.append(TextRule(words, because))


class MemoryServer(SandboxContents):
    """A local model of a Postiz server.

    Use it as an async context manager; leaving it ends requests that still hang.

    Args:
        api_key: Key of the first organisation; None for `sandbox`, or for one derived from its
            name in `organizations`.
        clock: The clock that tells the time and waits; None for the real one.
        limit: Create calls in a window; None for the default of the release.
        window: Length of the window and of a block, in seconds.
        release: Release of the server to imitate: `v2.20.0`, `v2.23.0`, `HEAD`, which was
            recorded, or `next`, which has what was merged or proposed since.
        base: The server that clients see: the backend itself, or the official container, where
            the API is below `/api` and anything else belongs to the web front end.
        host: Begins the paths of uploaded files; `serve` puts its own address here.
        tags: Names of the tags that exist.
        work_per_post: Seconds that storing one post takes.
        video_types: Generators of videos that are switched on.
        seed: The seed of ids and random faults.
        organizations: Names of the organisations, each of which has a key of its own, such as
            `sandbox-acme` for `acme`; without any there is one.

    Attributes:
        clock: The clock that tells the time and waits.
        faults: The faults; `faults.add(Fault(...))` adds one.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        clock: Clock | None = None,
        limit: float | None = None,
        window: float = 3600.0,
        release: str = "HEAD",
        base: Literal["backend", "container"] = "backend",
        host: str = "http://localhost:4200",
        tags: Iterable[str] = (),
        work_per_post: float = 0.020,
        video_types: tuple[str, ...] = ("image-text-slides", "veo3"),
        seed: int = 0,
        organizations: Iterable[str] = (),
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        parsed = Release.parse(release)
        self._state = SandboxState(
            clock=self.clock,
            ids=IdSource(random.Random(seed)),
            release=parsed,
            base=base,
            limit=(90 if parsed >= Release.NEWEST else 30) if limit is None else limit,
            window=window,
            host=host,
            work_per_post=work_per_post,
            video_types=video_types,
        )
        self.faults: Faults = Faults(random.Random(seed))
        self._pipeline = Pipeline(self._state, self.faults)
        self._tasks: set[asyncio.Task[Response]] = set()
        self._failures: list[BaseException] = []
        names = list(organizations)
        first = names[0] if names else None
        self.add_organization(first, api_key=api_key or (None if names else "sandbox"))
        for name in names[1:]:
            self.add_organization(name)
        for name in tags:
            self.add_tag(name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # plain tasks and no task group: a fixture may leave in another task than it entered in
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failures and error is None:
            raise BaseExceptionGroup("the sandbox itself failed", self._failures)

    async def handle(self, request: HttpRequest) -> Response:
        """Answer a request. Cancelling the call stops the waiting, not the work.

        It is for other parts of this package, which bring a client's requests.

        Args:
            request: The request of a client.

        Raises:
            ConnectionLost: A fault made the answer disappear.
        """
        self._pipeline.tally.requests += 1
        task = asyncio.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _answer(self, request: HttpRequest) -> Response:
        path = request.path
        if self.base == "container":
            if not path.startswith("/api/"):
                return redirect_to_login()
            path = path.removeprefix("/api")
        response = await self._pipeline.answer(request, path)
        return wrap(request, response, self.clock.time())

    def _forget(self, task: asyncio.Task[Response]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None and not isinstance(failure, ConnectionLost):
            self._failures.append(failure)

    @property
    def base(self) -> Literal["backend", "container"]:
        """The server that clients see: the backend itself, or the official container."""
        return self._state.base

    @property
    def host(self) -> str:
        """The start of the paths of uploaded files."""
        return self._state.host

    @host.setter
    def host(self, url: str) -> None:
        self._state.host = url

    async def wait_for_publication(self) -> None:
        """Wait until a post is due, or a webhook has to be called.

        It is for other parts of this package, which call webhooks.
        """
        jobs = self._state.jobs
        if jobs.deliveries:
            return
        seconds = max(0.0, jobs.next_time / 1000 - self.clock.time())
        with self.clock.move_on_after(seconds):
            jobs.changed.clear()
            await jobs.changed.wait()

    def take_deliveries(self) -> list[WebhookDelivery]:
        """Publish what is due and take the calls of webhooks that have to be made.

        It is for other parts of this package, which make them.
        """
        catch_up(self._state)
        taken, self._state.jobs.deliveries = self._state.jobs.deliveries, []
        return taken

    def channels(self, organization: Owner = None) -> tuple[ChannelRow, ...]:
        """The channels that are not deleted.

        Args:
            organization: Their owner, itself or its name; None for the first organisation.

        Raises:
            LookupError: There is no such organisation.
        """
        return tuple(self._find_organization(organization).live_channels())

    def add_channel(
        self,
        provider: str,
        *,
        organization: Owner = None,
        id: str | None = None,  # noqa: A002 - the name of the API
        name: str | None = None,
        disabled: bool = False,
        group: str | None = None,
    ) -> ChannelRow:
        """Add a channel, to the first organisation unless another is given."""
        state, owner = self._state, self._find_organization(organization)
        if any(id in each.channels for each in state.organizations):
            raise ValueError(f"there is a channel {id!r} already")
        count = sum(each.provider == provider for each in owner.channels.values())
        name = name or f"My {provider}" + (f" {count + 1}" if count else "")
        new_id = id or state.new_row_id()
        channel = ChannelRow(
            id=new_id,
            provider=provider,
            name=name,
            picture=f"{state.host}/avatars/{provider}.png",
            profile=re.sub(r"[^a-z0-9]", "", name.lower()),
            internal_id=f"int-{new_id}",
            disabled=disabled,
            group=None if group is None else self._group(owner, group),
            created_at=state.now,
            updated_at=state.now,
        )
        owner.channels[channel.id] = channel
        return channel

    def _group(self, owner: Organization, name: str) -> GroupRow:
        for known in owner.groups.values():
            if known.name == name:
                return known
        group = GroupRow(self._state.ids.uuid(), name)
        owner.groups[group.id] = group
        return group

    def change_channel(self, channel_id: str, **changes: object) -> ChannelRow:
        """Change a channel, for example `failure="..."` so that publishing on it fails."""
        for organization in self._state.organizations:
            if channel_id in organization.channels:
                changed = replace(organization.channels[channel_id], **changes)
                organization.channels[channel_id] = changed
                return changed
        raise LookupError(f"no channel {channel_id!r}")


def _key_for(name: str) -> str:
    """The default key of an organisation, derived from its name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return f"sandbox-{word or hashlib.sha256(name.encode()).hexdigest()[:8]}"
