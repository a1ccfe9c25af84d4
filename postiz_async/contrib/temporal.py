"""Temporal: a plugin with activities and a workflow that create each post once.

    plugin = PostizPlugin(credentials=key_of, store="postgresql://...")
    client = await Client.connect("127.0.0.1:7233", plugins=[plugin])
    await Worker(client, task_queue="posts", workflows=[Announce]).run()

    @workflow.defn
    class Announce:
        @workflow.run
        async def run(self, organization: str, post: NewPost, at: datetime) -> str:
            postiz = WorkflowPostiz(organization)
            [created] = await postiz.schedule(post, at=at)
            return created.post_id

The idempotency key of a create is made of the ids of its workflow and its activity. An activity id
that you give holds for all runs of the workflow: after a reset, a retry, continue-as-new or another
start under the same id, the create is found. Without one Temporal numbers the activities of each
run, so each run creates posts of its own; only a reset run finds those of the run that was reset.

An activity that has to wait for the quota fails with `next_retry_delay`: no slot of a worker is
held meanwhile. What another try cannot mend fails for good, with the name of the error's class as
its type. No API key is in a payload; activities name an organisation, which is their fairness key.

Needs the extra `temporal`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import inspect
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from msgspec.structs import replace

from postiz_async._concurrency import ended
from postiz_async._extras import importing
from postiz_async._resources.listing import post_id_of
from postiz_async.contrib._queues import (
    TASK_WAIT,
    TaskKeys,
    WorkerClient,
    seconds_until_retry,
    task_client,
)
from postiz_async.errors import InvalidInputError, PostizError, Problem, QuotaError, UsageError
from postiz_async.models._base import DateTime, Value
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.posts import Created, NewPost, Post

with importing("temporal", __name__):
    from temporalio import activity, converter, workflow
    from temporalio.common import Priority
    from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory
    from temporalio.plugin import SimplePlugin
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

if TYPE_CHECKING:
    from temporalio.worker import Worker, WorkflowRunner

    from postiz_async._client import Postiz
    from postiz_async._outbox.pool_outbox import CredentialsOf
    from postiz_async._wire.secrets import Secret
    from postiz_async.contrib._queues import Given
    from postiz_async.stores import Records

__all__ = [
    "CampaignInput",
    "CampaignProgress",
    "CampaignWorkflow",
    "PostizPayloadConverter",
    "PostizPlugin",
    "RowOutcome",
    "ScheduleRequest",
    "WorkflowPostiz",
]

T = TypeVar("T")

_Function: TypeAlias = Callable[..., Any]

_BEAT = 5.0
"""Seconds between two heartbeats of an activity."""

_HEARTBEAT_TIMEOUT = timedelta(seconds=20)
"""How long Temporal waits for a heartbeat before it gives an activity to another worker."""

_LONGEST_CREATE = timedelta(minutes=10)
"""Longest attempt of an activity: the first byte of a create leaves within four minutes."""

_LONGEST_UPLOAD = timedelta(days=1)

_LOOK = 10.0
"""Seconds that `wait_published` looks for a post before it comes back later."""

_LONGEST_SLEEP = 3600.0
"""Longest delay in seconds until a post is looked for again: somebody may have moved it."""

_LONGEST_FAIRNESS_KEY = 64
"""Bytes of a fairness key."""


# ------------------------------------------------------------------ payloads


class _Encoder(converter.AdvancedJSONEncoder):
    """Values of the API as `to_dict` writes them, at any depth."""

    def default(self, o: object) -> object:
        return o.to_dict() if isinstance(o, Value) else super().default(o)


class _Values(converter.JSONTypeConverter):
    """Values of the API from what `to_dict` wrote, at any depth, and dates in a sandbox."""

    def to_typed_value(self, hint: type, value: Any) -> Any:
        if hint == datetime and isinstance(value, str):  # a sandbox's `datetime` is not the one
            return datetime.fromisoformat(value)
        if not (inspect.isclass(hint) and issubclass(hint, Value)):
            return converter.JSONTypeConverter.Unhandled
        try:
            return hint.from_dict(value)
        except InvalidInputError as error:
            [problem], ours = error.problems, version("postiz-async")
            message = f"this is not a {hint.__name__} of postiz_async {ours}: {problem.message}"
            other = (
                "if another version wrote the payload, update the workers first, then the programs "
                "that start workflows; Temporal tries again meanwhile"
            )
            raise InvalidInputError([Problem(problem.where, message, hint=other)]) from None


class PostizPayloadConverter(converter.CompositePayloadConverter):
    """Temporal's payload converter, which converts `NewPost`, `Created`, `Post` and so on, too.

    `PostizPlugin` sets it. Derive from it if you need a payload converter of your own.
    """

    def __init__(self) -> None:
        usual = converter.DefaultPayloadConverter.default_encoding_payload_converters
        plain = converter.JSONPlainPayloadConverter
        super().__init__(
            *(each for each in usual if not isinstance(each, plain)),
            plain(encoder=_Encoder, custom_type_converters=[_Values()]),
        )


def _with_values(given: converter.DataConverter | None) -> converter.DataConverter:
    """A data converter with our payload converter in place of the default one."""
    data = given or converter.DataConverter.default
    kind = data.payload_converter_class
    if issubclass(kind, PostizPayloadConverter):
        return data
    if kind is not converter.DefaultPayloadConverter:
        raise UsageError(
            f"The data converter of this client has a payload converter of its own, "
            f"{kind.__name__}. Derive it from postiz_async.contrib.temporal."
            "PostizPayloadConverter, so that it converts posts too."
        )
    return dataclasses.replace(data, payload_converter_class=PostizPayloadConverter)


class ScheduleRequest(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request schedules: the arguments of `posts.schedule`."""

    posts: tuple[NewPost, ...]
    at: DateTime
    tags: tuple[str, ...] = ()
    short_link: bool = False


class _Input(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The argument of an activity.

    Args:
        organization: whose; empty if the workers have a client of one organisation.
        run: the run that a create belongs to; empty: it belongs to the workflow. None: the run
            that it is called by.
    """

    organization: str = ""
    run: str | None = None


class _ScheduleInput(_Input, frozen=True, kw_only=True):
    request: ScheduleRequest


class _PublishInput(_Input, frozen=True, kw_only=True):
    posts: tuple[NewPost, ...]
    tags: tuple[str, ...] = ()
    short_link: bool = False


class _UploadInput(_Input, frozen=True, kw_only=True):
    source: str


class _WaitInput(_Input, frozen=True, kw_only=True):
    post_id: str
    at: DateTime | None = None


# ------------------------------------------------------------------ activities


class _NotDueError(PostizError):
    """A post cannot be published yet."""


class _Activities:
    """The activities of one worker, and its client."""

    def __init__(self, worker: WorkerClient, media_root: Path | None) -> None:
        self.worker = worker
        self._media_root = media_root

    @property
    def all(self) -> Sequence[_Function]:
        return [self.schedule, self.publish_now, self.upload, self.wait_published, self.channels]

    @activity.defn(name="postiz.schedule")
    async def schedule(self, said: _ScheduleInput) -> list[Created]:
        asked = said.request
        async with self._attempt(said) as postiz:
            return await _to_its_end(
                postiz.posts.schedule(
                    *asked.posts, at=asked.at, tags=asked.tags, short_link=asked.short_link
                )
            )

    @activity.defn(name="postiz.publish_now")
    async def publish_now(self, said: _PublishInput) -> list[Created]:
        async with self._attempt(said) as postiz:
            return await _to_its_end(
                postiz.posts.publish_now(*said.posts, tags=said.tags, short_link=said.short_link)
            )

    @activity.defn(name="postiz.upload")
    async def upload(self, said: _UploadInput) -> Media:
        async with self._attempt(said) as postiz:
            return await postiz.media.upload(self._source(said.source), progress=activity.heartbeat)

    @activity.defn(name="postiz.wait_published")
    async def wait_published(self, said: _WaitInput) -> Post:
        async with self._attempt(said) as postiz:
            due = 0.0 if said.at is None else said.at.timestamp() - postiz.clock.time()
            if due > _LOOK:
                why = f"The post {said.post_id} is due at {said.at}."
                raise _NotDueError(why, retry_after=min(due, _LONGEST_SLEEP))
            return await postiz.posts.wait_published(said.post_id, at=said.at, timeout=_LOOK)

    @activity.defn(name="postiz.channels")
    async def channels(self, said: _Input) -> list[Channel]:
        async with self._attempt(said) as postiz:
            return await postiz.channels.list()

    @asynccontextmanager
    async def _attempt(self, said: _Input) -> AsyncGenerator[Postiz]:
        """The client of an activity; its errors become those by which Temporal tries again."""
        try:
            async with _heartbeats():
                if said.organization:
                    client = await self.worker.client_of(said.organization)
                else:
                    client = self.worker.client
                yield task_client(client, TaskKeys(_key_of(said)), self.worker.max_wait)
        except PostizError as error:
            raise _as_failure(error) from None  # causes may name hosts, and histories are kept

    def _source(self, source: str) -> Path | str:
        if source.startswith(("https://", "http://")):
            return source
        if self._media_root is None:
            raise UsageError(
                f"{source!r} is not the address of a medium. Give PostizPlugin media_root=, the "
                "folder from which workflows may upload files."
            )
        root = self._media_root.resolve()
        path = (root / source).resolve()
        if path.is_relative_to(root):
            return path
        raise InvalidInputError([Problem("source", f"{source!r} is outside of media_root")])


def _key_of(said: _Input) -> str:
    """The idempotency key of an activity."""
    info = activity.info()
    run = info.workflow_run_id if said.run is None else said.run
    parts = (info.namespace, info.workflow_id, run, info.activity_id)
    return json.dumps([part for part in parts if part])


async def _to_its_end(create: Coroutine[object, object, T]) -> T:
    """The result of a create, which a workflow that is cancelled meanwhile still hears of."""
    task = asyncio.ensure_future(create)
    await ended(task)
    return task.result()


@asynccontextmanager
async def _heartbeats() -> AsyncGenerator[None]:
    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


def _as_failure(error: PostizError) -> ApplicationError:
    """The error by which Temporal tries again in time, or not at all."""
    seconds, category = seconds_until_retry(error), ApplicationErrorCategory
    is_usual = isinstance(error, QuotaError | _NotDueError)  # Temporal logs no warning of it
    return ApplicationError(
        str(error),
        type=type(error).__name__,
        non_retryable=seconds is None,
        next_retry_delay=None if seconds is None else timedelta(seconds=seconds),
        category=category.BENIGN if is_usual else category.UNSPECIFIED,
    )


# ------------------------------------------------------------------ the plugin


class PostizPlugin(SimplePlugin):
    """Temporal's plugin for clients and workers. Give it to the client: its workers have it too.

    It converts posts in payloads, lets workflows import postiz_async, and gives each worker the
    activities of `WorkflowPostiz`, the workflow `CampaignWorkflow`, and one client, which is open
    while it runs. A program that only starts workflows opens none.

    Args:
        client: a client with your own options, or a `PostizPool` for many organisations; or a
            function that creates it, called when a worker starts. None: a client for
            `POSTIZ_API_KEY` and `POSTIZ_API_URL`, or with `credentials` a pool.
        credentials: for a pool, a function, sync or async, from the name of an organisation to its
            key or token. It is asked at each attempt; no key goes through Temporal.
        store: where the workers share quota and idempotency keys: a store, the path of a SQLite
            file (one host), `redis://...` or `postgresql://...` (many hosts).
        max_wait: seconds that an activity waits for the quota before Temporal tries it again.
        media_root: the folder of files that workflows may upload; None: only web addresses.

    Raises:
        UsageError: the arguments do not go together.
    """

    def __init__(
        self,
        client: Given = None,
        *,
        credentials: CredentialsOf | None = None,
        store: Records | Path | Secret | str | None = None,
        max_wait: float | timedelta = TASK_WAIT,
        media_root: Path | str | None = None,
    ) -> None:
        root = None if media_root is None else Path(media_root)
        if root is not None and not root.is_dir():
            raise UsageError(f"The media_root {root} is not a folder of this machine.")

        def worker() -> WorkerClient:
            return WorkerClient(
                given=client,
                credentials=credentials,
                store=store,
                max_wait=max_wait,
                one="WorkflowPostiz()",
                many="WorkflowPostiz(organization)",
            )

        def with_ours(given: Sequence[_Function] | None) -> Sequence[_Function]:
            if _workers_of(given or ()):
                raise UsageError(
                    "PostizPlugin was given to this worker twice. Give it to Client.connect only: "
                    "the client's workers have it too."
                )
            return [*(given or ()), *_Activities(worker(), root).all]

        worker()  # refuses arguments that do not go together
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "postiz_async",
            data_converter=_with_values,
            activities=with_ours,
            workflows=[CampaignWorkflow],
            workflow_runner=_with_imports,
        )

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:  # noqa: A002
        """Temporal calls it when a worker runs, which has an open client meanwhile.

        Args:
            worker: the worker.
            next: runs it.
        """
        config = cast("dict[str, Sequence[object]]", worker.config(active_config=True))
        [client] = _workers_of(config["activities"])
        await client.open()
        try:
            await next(worker)
        finally:
            await client.aclose()


def _workers_of(functions: Iterable[object]) -> set[WorkerClient]:
    """The clients of activities that are ours; those of one worker have one."""
    owners = (getattr(function, "__self__", None) for function in functions)
    return {owner.worker for owner in owners if isinstance(owner, _Activities)}


def _with_imports(runner: WorkflowRunner | None) -> WorkflowRunner:
    """A runner whose sandbox takes our modules as they are, for they do nothing by themselves."""
    runner = runner or SandboxedWorkflowRunner()
    if not isinstance(runner, SandboxedWorkflowRunner):
        return runner
    allowed = runner.restrictions.with_passthrough_modules("postiz_async", "msgspec")
    return dataclasses.replace(runner, restrictions=allowed)


# ------------------------------------------------------------------ in workflows


class WorkflowPostiz:
    """Postiz for a workflow: each method is an activity, which the workflow waits for.

        postiz = WorkflowPostiz("acme")
        media = await postiz.upload("https://example.com/launch.png")
        [created] = await postiz.schedule(NewPost("mastodon", "Hello", media=[media]), at=at)
        post = await postiz.wait_published(created, at=at)

    A create without an `activity_id` belongs to one run of the workflow, one with it to the
    workflow's id: see the module.

    Args:
        organization: whose, as `credentials` of the plugin knows it; empty if the workers have a
            client of one organisation.
    """

    def __init__(self, organization: str = "") -> None:
        self._organization = organization

    async def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        activity_id: str | None = None,
    ) -> list[Created]:
        """Schedule one or more posts for the same time, with one request, once.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            activity_id: a name of the create, unique in the workflow; None: a number of this run.

        Raises:
            ActivityError: its cause is an `ApplicationError` with the name of our error as `type`.
        """
        request = ScheduleRequest(posts=posts, at=at, tags=tuple(tags), short_link=short_link)
        return await self.send(request, activity_id=activity_id)

    async def send(
        self, request: ScheduleRequest, *, activity_id: str | None = None
    ) -> list[Created]:
        """Schedule what a `ScheduleRequest` says, with one request, once.

        Args:
            request: what to schedule.
            activity_id: a name of the create, unique in the workflow; None: a number of this run.

        Raises:
            ActivityError: its cause is an `ApplicationError` with the name of our error as `type`.
        """
        said = _ScheduleInput(
            request=request, organization=self._organization, run=_run_of(activity_id)
        )
        return await self._run(_Activities.schedule, said, activity_id)

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        activity_id: str | None = None,
    ) -> list[Created]:
        """Publish as soon as the quota has a slot, with one request, once.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            activity_id: a name of the create, unique in the workflow; None: a number of this run.

        Raises:
            ActivityError: its cause is an `ApplicationError` with the name of our error as `type`.
        """
        said = _PublishInput(
            posts=posts,
            tags=tuple(tags),
            short_link=short_link,
            organization=self._organization,
            run=_run_of(activity_id),
        )
        return await self._run(_Activities.publish_now, said, activity_id)

    async def upload(self, source: str) -> Media:
        """Upload a picture or video.

        Args:
            source: its web address, or the name of a file below the `media_root` of the plugin.

        Raises:
            ActivityError: its cause is an `ApplicationError` with the name of our error as `type`.
        """
        said = _UploadInput(source=source, organization=self._organization)
        return await self._run(_Activities.upload, said, longest=_LONGEST_UPLOAD)

    async def wait_published(
        self, post: Post | Created | str, *, at: datetime | None = None
    ) -> Post:
        """Wait until a post is published on its network. No slot of a worker is held meanwhile.

        Args:
            post: the post or its id.
            at: the date that it is scheduled for; None: that of a `Post`. Without a date it is
                looked for once a minute.

        Raises:
            ActivityError: its cause is an `ApplicationError` of the type `PublishError` if the
                network refused it, `PostNotFoundError` if it was deleted.
        """
        if isinstance(post, Post):
            at = at or post.publish_date
        said = _WaitInput(post_id=post_id_of(post), at=at, organization=self._organization)
        return await self._run(_Activities.wait_published, said)

    async def channels(self) -> list[Channel]:
        """The channels of the organisation.

        Raises:
            ActivityError: its cause is an `ApplicationError` with the name of our error as `type`.
        """
        return await self._run(_Activities.channels, _Input(organization=self._organization))

    async def _run(
        self,
        function: Callable[[_Activities, Any], Awaitable[T]],
        said: _Input,
        activity_id: str | None = None,
        longest: timedelta = _LONGEST_CREATE,
    ) -> T:
        return await workflow.execute_activity_method(
            function,
            said,
            activity_id=activity_id,
            start_to_close_timeout=longest,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            priority=Priority(fairness_key=_fairness_key(self._organization)),
        )


def _run_of(activity_id: str | None) -> str:
    """The run that a create without a name belongs to: as it began, even if it was reset since."""
    info = workflow.info()
    if activity_id is None and info.attempt > 1:
        raise ApplicationError(
            "This workflow runs again from its beginning, by its retry policy, and what it created "
            "under numbers would be created again. Give each create an activity_id, or start the "
            "workflow without a retry policy: activities are tried again anyway.",
            type="UsageError",
            non_retryable=True,
        )
    return info.original_execution_run_id if activity_id is None else ""


def _fairness_key(organization: str) -> str | None:
    written = organization.encode()
    if len(written) > _LONGEST_FAIRNESS_KEY:
        return hashlib.sha256(written).hexdigest()
    return organization or None


# ------------------------------------------------------------------ a campaign


class RowOutcome(Value, frozen=True, kw_only=True):
    """What became of one row of a campaign: the posts, or why there are none."""

    created: tuple[Created, ...] = ()
    error: str = ""


class CampaignInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The argument of `CampaignWorkflow`.

    Args:
        rows: what to schedule, one create request each, in this order; a few thousand at most, as
            Temporal takes 2 MiB.
        organization: whose, as `credentials` of the plugin knows it; empty if the workers have a
            client of one organisation.
        at_once: how many rows may be under way.
        paused: whether to wait for the signal `resume` first.
        outcomes: those of earlier rows, when the workflow continues as new.
    """

    rows: tuple[ScheduleRequest, ...]
    organization: str = ""
    at_once: int = 10
    paused: bool = False
    outcomes: tuple[RowOutcome, ...] = ()


class CampaignProgress(Value, frozen=True, kw_only=True):
    """The answer of the query `progress`: how many rows there are, are stored and have failed.

    `trouble` says why the campaign paused itself: what a person has to mend before `resume`.
    """

    total: int
    stored: int
    failed: int
    paused: bool
    trouble: str = ""


_TROUBLES = frozenset(
    {
        *("AuthenticationError", "ConfigurationError", "PermissionDeniedError", "PlanLimitError"),
        *("ScopeError", "UsageError"),
    }
)
"""Errors that all rows would have."""


@workflow.defn(name="postiz.Campaign")
class CampaignWorkflow:
    """A workflow that schedules the rows of a campaign, each once.

        campaign = CampaignInput(rows=rows, organization="acme")
        handle = await client.start_workflow(
            CampaignWorkflow.run, campaign, id="launch", task_queue="posts"
        )
        print(await handle.query(CampaignWorkflow.progress))

    A row that Postiz refuses does not stop the others. If the key, the plan or the settings are at
    fault, the campaign pauses itself, and `resume` tries the row again. If it is cancelled, what is
    being sent comes to its end. Started again under its id, with the same rows in the same order,
    it goes on where it was: the names of its activities are the places of the rows.

    Args:
        campaign: what to schedule, for whom.
    """

    @workflow.init
    def __init__(self, campaign: CampaignInput) -> None:
        self._campaign = campaign
        self._paused = campaign.paused
        self._trouble = ""
        self._rows: list[asyncio.Task[RowOutcome]] = []

    @workflow.run
    async def run(self, campaign: CampaignInput) -> list[RowOutcome]:
        """Schedule all rows.

        Args:
            campaign: what to schedule, for whom.

        Returns:
            The outcomes of the rows in their order.
        """
        postiz = WorkflowPostiz(campaign.organization)
        try:
            for place, row in enumerate(campaign.rows, start=len(campaign.outcomes) + 1):
                await workflow.wait_condition(self._may_begin)
                if workflow.info().is_continue_as_new_suggested():
                    break
                self._rows.append(asyncio.create_task(self._row(postiz, place, row)))
            await asyncio.gather(*self._rows)
        except BaseException:
            for task in self._rows:
                task.cancel()
            await asyncio.gather(*self._rows, return_exceptions=True)
            raise
        rest = campaign.rows[len(self._rows) :]
        outcomes = self._outcomes
        if rest:
            workflow.continue_as_new(
                replace(campaign, rows=rest, paused=self._paused, outcomes=tuple(outcomes))
            )
        return outcomes

    @workflow.query
    def progress(self) -> CampaignProgress:
        """How far it is."""
        campaign, outcomes = self._campaign, self._outcomes
        failed = sum(bool(outcome.error) for outcome in outcomes)
        return CampaignProgress(
            total=len(campaign.outcomes) + len(campaign.rows),
            stored=len(outcomes) - failed,
            failed=failed,
            paused=self._paused,
            trouble=self._trouble,
        )

    @workflow.signal
    def pause(self) -> None:
        """Begin no further row until `resume`; those under way go on."""
        self._paused = True

    @workflow.signal
    def resume(self) -> None:
        """Go on after `pause`, or after what a person had to mend."""
        self._paused, self._trouble = False, ""

    @property
    def _outcomes(self) -> list[RowOutcome]:
        ended = [row for row in self._rows if row.done() and not row.cancelled()]
        return [*self._campaign.outcomes, *(row.result() for row in ended if not row.exception())]

    def _may_begin(self) -> bool:
        under_way = sum(not row.done() for row in self._rows)
        return not self._paused and under_way < self._campaign.at_once

    async def _row(self, postiz: WorkflowPostiz, place: int, row: ScheduleRequest) -> RowOutcome:
        while True:
            try:
                created = await postiz.send(row, activity_id=f"row-{place}")
                return RowOutcome(created=tuple(created))
            except ActivityError as error:
                cause = error.cause
                if not isinstance(cause, ApplicationError):
                    raise
                if cause.type not in _TROUBLES:
                    return RowOutcome(error=cause.message)
                self._paused, self._trouble = True, cause.message
            await workflow.wait_condition(lambda: not self._paused)
