"""The sandbox: a Postiz server in one object, without a network.

The sandbox does the work in tasks of its own: a caller that stops waiting for an answer does not
stop the work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Literal, Self

from postiz_async._sandbox.contents import ServerContents
from postiz_async._sandbox.faults import Faults
from postiz_async._sandbox.messages import (
    ConnectionLost,
    HttpRequest,
    Response,
    redirect_to_login,
    wrap,
)
from postiz_async._sandbox.pipeline import Pipeline
from postiz_async._sandbox.publishing import catch_up
from postiz_async._sandbox.rows import IdSource, Release
from postiz_async._sandbox.state import SandboxState, WebhookDelivery
from postiz_async.clock import Clock, SystemClock


class MemoryServer(ServerContents):
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
        storage: Where the counter is kept.
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
        storage: Literal["redis", "memory"] = "redis",
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
            in_redis=storage == "redis",
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
