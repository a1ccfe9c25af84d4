"""The sandbox: a Postiz server in one object, without a network.

The work belongs to the sandbox, not to the caller: who stops waiting for an answer does not
stop the work.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from postiz_async._sandbox import fixtures
from postiz_async._sandbox.faults import Faults
from postiz_async._sandbox.messages import ConnectionLost, HttpRequest, Response, preflight, wrap
from postiz_async._sandbox.pipeline import Pipeline
from postiz_async._sandbox.publishing import catch_up
from postiz_async._sandbox.rows import IdSource, Release
from postiz_async._sandbox.state import SandboxSettings, SandboxState, Webhook
from postiz_async._sandbox.throttle import MemoryThrottle, RedisThrottle
from postiz_async._sandbox.views import CreateRecord, StoredPost, stored_posts
from postiz_async.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from postiz_async._sandbox.rows import IntegrationRow, MediaRow, NotificationRow, TagRow
    from postiz_async._sandbox.state import OAuthApp, Organization, WebhookDelivery

__all__ = [
    "Sandbox",
    "redirect_to_login",
]


_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>/auth</body></html>"


def redirect_to_login() -> Response:
    """What the front end says to anybody without a session."""
    headers = (("Location", "/auth"), ("Content-Type", "text/html; charset=utf-8"))
    return Response(307, headers, _PAGE)


class Sandbox:
    """A local model of a Postiz server.

    Use it as an async context manager; leaving it ends what still hangs.

    Args:
        api_key: Key of the first organisation.
        clock: Tells the time and waits.
        limit: Create calls in a window; None for the default of the release.
        window: Length of the window and of a block, in seconds.
        release: Release of the server to imitate, as `v2.19.0`, or `HEAD`.
        storage: Where the counter lives; None for what the release uses.
        base: What the outside sees: the backend itself, or the official container, where the
            API is below `/api` and anything else belongs to the web front end.
        host: Begins the paths of uploaded files, and is the origin of the web front end, which
            alone may read answers in a browser; `serve` puts its own address here.
        tags: Names of the tags that exist.
        work_per_post: Seconds that storing one post takes.
        upload_domain: Text that each media path must contain.
        video_types: Generators of videos that are switched on.
        seed: Makes ids and chances the same again.

    Attributes:
        clock: Tells the time and waits.
        base: What the outside sees.
        faults: What goes wrong; `faults.add(Fault(...))` sets it up.
        organization: The first organisation.
    """

    def __init__(
        self,
        *,
        api_key: str = "sandbox",
        clock: Clock | None = None,
        limit: float | None = None,
        window: float = 3600.0,
        release: str = "HEAD",
        storage: Literal["redis", "memory"] | None = None,
        base: Literal["backend", "container"] = "backend",
        host: str = "http://localhost:4200",
        tags: Iterable[str] = (),
        work_per_post: float = 0.020,
        upload_domain: str | None = None,
        video_types: tuple[str, ...] = ("image-text-slides", "veo3"),
        seed: int = 0,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.base = base
        parsed = Release.parse(release)
        self.faults: Faults = Faults(random.Random(seed))
        self._state = SandboxState(
            clock=self.clock,
            ids=IdSource(random.Random(seed)),
            settings=SandboxSettings(parsed, host, work_per_post, upload_domain, video_types),
        )
        in_redis = parsed.throttle_in_redis if storage is None else storage == "redis"
        counter = RedisThrottle if in_redis else MemoryThrottle
        throttle = counter(parsed.default_limit if limit is None else limit, window)
        self._pipeline = Pipeline(self._state, throttle, self.faults)
        self._tasks: set[asyncio.Task[Response]] = set()
        self._failures: list[BaseException] = []
        self.organization: Organization = self.add_organization(api_key)
        for name in tags:
            self.add_tag(name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # plain tasks and no task group: a fixture may leave in another task than it entered in
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failures and exc is None:
            raise BaseExceptionGroup("the sandbox itself failed", self._failures)

    async def handle(self, request: HttpRequest) -> Response:
        """Answer a request. Cancelling the call stops the waiting, not the work.

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
        if request.method == "OPTIONS":
            response = preflight(request)
        else:
            response = await self._pipeline.answer(request, path)
        return wrap(request, response, self.clock.time(), self.host)

    def _forget(self, task: asyncio.Task[Response]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None and not isinstance(failure, ConnectionLost):
            self._failures.append(failure)

    @property
    def requests(self) -> int:
        """Number of requests so far."""
        return self._pipeline.tally.requests

    @property
    def refusals(self) -> int:
        """Number of requests that were refused with 429."""
        return self._pipeline.tally.refusals

    @property
    def creates(self) -> list[CreateRecord]:
        """The create calls that reached the counter, refused ones included."""
        return self._pipeline.tally.creates

    @property
    def posts(self) -> tuple[StoredPost, ...]:
        """The live posts of all organisations, in the order of their making."""
        catch_up(self._state)
        return stored_posts(self._state)

    @property
    def uploads(self) -> tuple[MediaRow, ...]:
        """The uploaded files of all organisations."""
        organizations = self._state.organizations
        return tuple(media for each in organizations for media in each.media.values())

    @property
    def host(self) -> str:
        """Begins the paths of uploaded files."""
        return self._state.settings.host

    @host.setter
    def host(self, url: str) -> None:
        self._state.settings = replace(self._state.settings, host=url)

    async def wait_for_publication(self) -> None:
        """Wait until a post is due, or a webhook has to be called."""
        jobs = self._state.jobs
        if jobs.deliveries:
            return
        date = jobs.next_date()
        seconds = math.inf if date is None else max(0.0, date / 1000 - self.clock.time())
        with self.clock.move_on_after(seconds):
            jobs.changed.clear()
            await jobs.changed.wait()

    def take_deliveries(self) -> list[WebhookDelivery]:
        """Publish what is due and take the calls of webhooks that have to be made."""
        catch_up(self._state)
        taken, self._state.jobs.deliveries = self._state.jobs.deliveries, []
        return taken

    def add_organization(self, api_key: str, *, name: str | None = None) -> Organization:
        """Add an organisation with a key of its own."""
        return fixtures.add_organization(self._state, api_key, name)

    def add_integration(
        self,
        provider: str,
        *,
        organization: Organization | None = None,
        id: str | None = None,  # noqa: A002 - the name of the API
        name: str | None = None,
        disabled: bool = False,
        customer: str | None = None,
    ) -> IntegrationRow:
        """Add a channel, to the first organisation unless another is given.

        Args:
            provider: Identifier of the network, as `x` or `mastodon`.
            organization: Its owner.
            id: Its id; None for a new one that looks like the real ones.
            name: Its display name.
            disabled: Whether it is switched off.
            customer: Name of the group that it belongs to, which is added when it is new.
        """
        return fixtures.add_integration(
            self._state,
            organization or self.organization,
            provider,
            integration_id=id,
            name=name,
            disabled=disabled,
            customer=customer,
        )

    def change_integration(self, integration_id: str, **changes: object) -> IntegrationRow:
        """Change a channel, for example `failure="..."` so that publishing on it fails."""
        return fixtures.change_integration(self._state, integration_id, changes)

    def change_post(self, post_id: str, **changes: object) -> None:
        """Change a row as if by hand, for example `state="PUBLISHED"` or `release_id="missing"`."""
        fixtures.change_post(self._state, post_id, changes)

    def add_tag(self, name: str, *, organization: Organization | None = None) -> TagRow:
        """Add a tag, to the first organisation unless another is given."""
        return fixtures.add_tag(self._state, organization or self.organization, name)

    def add_notification(
        self, content: str, *, link: str | None = None, organization: Organization | None = None
    ) -> NotificationRow:
        """Add a notification, to the first organisation unless another is given."""
        owner = organization or self.organization
        return fixtures.add_notification(self._state, owner, content, link)

    def add_remote_file(self, url: str, data: bytes) -> None:
        """Put a file on the internet that the sandbox can fetch; its host is public then.

        There is no other internet: each picture of a Dribbble post, and those of a pin that has
        several, are fetched to be measured, and one that is neither uploaded nor put here refuses
        the post.
        """
        fixtures.add_remote_file(self._state, url, data)

    def add_oauth_app(self, name: str, redirect_url: str) -> OAuthApp:
        """Add an application that asks users for access."""
        return fixtures.add_oauth_app(self._state, name, redirect_url)

    def add_webhook(self, url: str, *integration_ids: str) -> None:
        """Call an address on loopback for each published post of the first organisation."""
        fixtures.check_loopback(url)
        self.organization.webhooks.append(Webhook(url, frozenset(integration_ids)))
