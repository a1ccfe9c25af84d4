"""The adapter for TaskIQ, with a broker in memory and a sandbox whose clock jumps."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE
from pydantic import BaseModel, Field
from taskiq import (
    AckableMessage,
    AsyncBroker,
    Context,
    InMemoryBroker,
    ScheduledTask,
    ScheduleSource,
    SmartRetryMiddleware,
    TaskiqDepends,
    TaskiqScheduler,
)
from taskiq.schedule_sources import LabelScheduleSource

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    IdempotencyError,
    InvalidPostError,
    NewPost,
    Postiz,
    PostizPool,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.contrib.taskiq import PutBackError, TaskPostiz, TaskPostizPool, install
from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from taskiq import TaskiqResult

    from postiz_async.stores import Kept

URL = "http://sandbox.invalid"
START = datetime(2027, 1, 1, 8, tzinfo=UTC)
AT = START + timedelta(days=1)
SECRET = "key-that-nobody-may-see-8f2c"


class Schedules(ScheduleSource):
    """Keeps schedules as those do that write them down."""

    def __init__(self) -> None:
        self.kept: list[ScheduledTask] = []
        self.events: list[str] = []
        self.is_away = False

    async def startup(self) -> None:
        self.events.append("startup")

    async def shutdown(self) -> None:
        self.events.append("shutdown")

    async def get_schedules(self) -> list[ScheduledTask]:
        return self.kept

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        if self.is_away:
            raise ConnectionError("the schedules are away")
        self.kept.append(ScheduledTask.model_validate_json(schedule.model_dump_json()))


class Lab:
    """A broker whose tasks run at once, one client for it, and what they are put back into."""

    def __init__(self, **options: Any) -> None:
        self.clock = JumpingClock(start=START.timestamp())
        self.sandbox = MemoryServer(
            clock=self.clock, api_key=SECRET, **({"limit": 30, "work_per_post": 0.0} | options)
        )
        self.channel = self.sandbox.add_channel("mastodon").id
        self.store = MemoryStore()
        self.broker = InMemoryBroker(await_inplace=True)
        self.source = Schedules()
        self.executions = 0

    def client(self, reserve: int = 0) -> Postiz:
        transport = SandboxTransport(self.sandbox)
        return Postiz(
            api_key=SECRET,
            base_url=URL,
            store=self.store,
            advanced=AdvancedOptions(reserve=reserve, clock=self.clock, transport=transport),
        )

    def pool(self) -> PostizPool:
        transport = SandboxTransport(self.sandbox)
        return PostizPool(
            base_url=URL,
            store=self.store,
            advanced=AdvancedOptions(clock=self.clock, transport=transport),
        )

    @asynccontextmanager
    async def worker(self, client: Any = None, **options: Any) -> AsyncGenerator[None]:
        install(self.broker, self.source, client or self.client, **options)
        async with self.sandbox:
            await self.broker.startup()
            try:
                yield
            finally:
                await self.broker.shutdown()

    def announces(self) -> None:
        """A task that schedules a post for each of its texts."""

        @self.broker.task("announce")
        async def announce(
            *texts: str, at: datetime = AT, postiz: TaskPostiz = TaskiqDepends()
        ) -> list[str]:
            self.executions += 1
            made = [
                await postiz.posts.schedule(NewPost(self.channel, text), at=at) for text in texts
            ]
            return [created.post_id for [created] in made]

    async def deliver(self, task_id: str, *args: Any, task: str = "announce", **kw: Any) -> Any:
        """The result; None: it has none yet."""
        known = self.broker.find_task(task)
        assert known is not None
        await known.kicker().with_task_id(task_id).kiq(*args, **kw)
        return self.result(task_id)

    def result(self, task_id: str) -> Any:
        found = self.broker.result_backend.results.get(task_id)
        if found is None:
            return None
        found.raise_for_error()
        return found.return_value

    async def again(self) -> Any:
        """Let the time of the only task that was put back come."""
        [kept] = self.source.kept
        assert kept.time is not None
        left = (kept.time - datetime.now(UTC)).total_seconds()  # less on a machine that is busy
        await self.clock.sleep(left + PATIENCE)
        self.source.kept = []
        await TaskiqScheduler(self.broker, [self.source]).on_ready(self.source, kept)
        return self.result(str(kept.task_id))

    @property
    def contents(self) -> list[str]:
        return sorted(post.content for post in self.sandbox.posts)


async def test_a_task_that_is_delivered_twice_creates_once_and_has_one_result() -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        first = await lab.deliver("order-1", "hello")
        again = await lab.deliver("order-1", "hello")
        other = await lab.deliver("order-2", "hello")
    assert first == again != other
    assert lab.contents == ["hello", "hello"]
    assert (lab.executions, len(lab.sandbox.creates)) == (3, 2)


async def test_what_is_published_at_once_is_published_once() -> None:
    lab = Lab()

    @lab.broker.task("publish")
    async def publish(text: str, postiz: TaskPostiz = TaskiqDepends()) -> str:
        [created] = await postiz.posts.publish_now(NewPost(lab.channel, text))
        return created.post_id

    async with lab.worker():
        first = await lab.deliver("order-1", "hello", task="publish")
        await lab.clock.sleep(5)
        assert await lab.deliver("order-1", "hello", task="publish") == first
    assert lab.contents == ["hello"]


async def test_a_task_is_put_back_until_the_window_is_over() -> None:
    lab = Lab(limit=1)
    lab.announces()
    async with lab.worker():
        assert await lab.deliver("order-1", "first") is not None
        before = datetime.now(UTC)
        assert await lab.deliver("order-2", "second", at=AT.isoformat()) is None
        [kept] = lab.source.kept
        assert (kept.task_id, kept.task_name, kept.args) == ("order-2", "announce", ["second"])
        assert kept.kwargs == {"at": AT.isoformat()}
        assert kept.time is not None
        assert kept.time - before >= timedelta(hours=1)
        assert kept.time - datetime.now(UTC) <= timedelta(hours=1, minutes=2)
        [post_id] = await lab.again()
        assert post_id in {post.id for post in lab.sandbox.posts}
    assert lab.contents == ["first", "second"]
    assert lab.sandbox.refusals == 0


async def test_a_task_that_is_put_back_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab = Lab(limit=1)
    lab.announces()
    caplog.set_level(logging.INFO)
    async with lab.worker():
        await lab.deliver("order-1", "first")
        await lab.deliver("order-2", "second")
    assert not [record for record in caplog.records if record.exc_info]
    [said] = [each.message for each in caplog.records if each.name == "postiz_async.taskiq"]
    assert said.startswith("task order-2 comes back in 3")


async def test_it_waits_no_longer_than_it_may() -> None:
    lab = Lab(limit=1)
    lab.announces()
    async with lab.worker(max_wait=4_000.0):
        await lab.deliver("order-1", "first")
        began = lab.clock.time()
        assert await lab.deliver("order-2", "second") is not None
        assert 3_600 <= lab.clock.time() - began <= 4_000
    assert lab.source.kept == []


async def test_a_task_may_use_the_slots_that_bulk_work_leaves() -> None:
    lab = Lab(limit=5)
    lab.announces()
    async with lab.worker(client=lambda: lab.client(reserve=4)):
        for number in range(5):
            assert await lab.deliver(f"order-{number}", f"text {number}")
    assert lab.source.kept == []


async def test_tasks_have_the_options_of_their_client() -> None:
    lab = Lab()
    found: list[tuple[object, ...]] = []

    @lab.broker.task("look")
    async def look(postiz: TaskPostiz = TaskiqDepends()) -> None:
        for resource in (postiz.posts, postiz.channels):
            options = resource._bound.options
            found.append((options.timeout, dict(options.headers), options.max_retries))

    def client() -> Postiz:
        way = SandboxTransport(lab.sandbox)
        headers = {"X-Gateway": "let me in"}
        return Postiz(
            api_key=SECRET,
            base_url=URL,
            store=lab.store,
            timeout=9,
            headers=headers,
            max_retries=1,
            advanced=AdvancedOptions(clock=lab.clock, transport=way),
        )

    async with lab.worker(client):
        await lab.deliver("order-1", task="look")
    assert found == [(9, {"X-Gateway": "let me in"}, 1)] * 2


# ------------------------------------------------------------------ what was lost, what is away


async def test_an_answer_that_was_lost_is_found_when_the_task_comes_back() -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        lab.sandbox.faults.add(Fault("drop_answer", route="create_post", times=1))
        assert await lab.deliver("order-1", "hello") is None
        [post_id] = await lab.again()
    assert [post.id for post in lab.sandbox.posts] == [post_id]
    assert len(lab.sandbox.creates) == 1


async def test_a_request_that_came_to_nothing_is_sent_again() -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        lab.sandbox.faults.add(Fault("reset", route="create_post", times=1))
        assert await lab.deliver("order-1", "hello") is None
        for _ in range(9):
            result = await lab.again()
            if result is not None:
                break
        assert result == [post.id for post in lab.sandbox.posts]
    assert lab.contents == ["hello"]


class AwayStore(MemoryStore):
    is_away = False

    async def get(self, scope: str, key: str, /) -> Kept:
        if self.is_away and key:
            raise StoreError("the store is away")
        return await super().get(scope, key)


async def test_while_the_store_is_away_tasks_come_back_after_a_minute() -> None:
    lab = Lab()
    lab.store = store = AwayStore()
    lab.announces()
    async with lab.worker():
        store.is_away = True
        before = datetime.now(UTC)
        assert await lab.deliver("order-1", "hello") is None
        [kept] = lab.source.kept
        assert kept.time is not None
        assert kept.time - before >= timedelta(seconds=60)
        assert kept.time - datetime.now(UTC) <= timedelta(seconds=120)
        store.is_away = False
        assert await lab.again() is not None
    assert lab.contents == ["hello"]


async def test_what_is_no_create_is_put_back_as_well() -> None:
    lab = Lab()

    @lab.broker.task("look")
    async def look(postiz: TaskPostiz = TaskiqDepends()) -> int:
        return len(await postiz.channels.list())

    async with lab.worker():
        lab.sandbox.faults.add(Fault("error_before", route="list_channels", status=503, times=4))
        assert await lab.deliver("look-1", task="look") is None
        assert await lab.again() == 1


@pytest.mark.parametrize(
    ("errors", "is_put_back"),
    [
        ([APIConnectionError("away"), StoreError("away")], True),
        ([APIConnectionError("away"), PutBackError(retry_after=90.0, reason="full")], True),
        ([APIConnectionError("away"), ValueError()], False),
    ],
)
async def test_a_group_of_errors_is_as_bad_as_its_worst(
    errors: list[Exception], *, is_put_back: bool
) -> None:
    lab = Lab()

    @lab.broker.task("fail")
    async def fail() -> None:
        raise ExceptionGroup("both", errors)

    async with lab.worker():
        if is_put_back:
            assert await lab.deliver("order-1", task="fail") is None
        else:
            with pytest.raises(ExceptionGroup):
                await lab.deliver("order-1", task="fail")
    assert len(lab.source.kept) == is_put_back


async def test_what_would_fail_again_fails() -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        with pytest.raises(InvalidPostError):
            await lab.deliver("order-1", "x" * 600)
        with pytest.raises(InvalidPostError, match="passed"):
            await lab.deliver("order-2", "late", at=(START - timedelta(days=1)).isoformat())
        await lab.deliver("order-3", "hello")
        with pytest.raises(IdempotencyError, match=r"posts\.0\.content"):
            await lab.deliver("order-3", "another")
    assert lab.source.kept == []
    assert lab.contents == ["hello"]


async def test_a_lost_answer_that_nobody_can_know_fails_the_task() -> None:
    lab = Lab()

    @lab.broker.task("unkeyed")
    async def unkeyed(postiz: TaskPostiz = TaskiqDepends()) -> None:
        await postiz.client.posts.schedule(NewPost(lab.channel, "hello"), at=AT)

    async with lab.worker():
        lab.sandbox.faults.add(Fault("drop_answer", route="create_post", times=1))
        with pytest.raises(Exception, match="may be stored"):
            await lab.deliver("order-1", task="unkeyed")
    assert lab.source.kept == []


# ------------------------------------------------------------------ several creates


async def test_each_create_of_a_task_has_a_key_of_its_own() -> None:
    lab = Lab(limit=2)
    lab.announces()
    async with lab.worker():
        assert await lab.deliver("order-1", "one", "two", "two") is None
        assert lab.contents == ["one", "two"]
        made = await lab.again()
        assert made == await lab.deliver("order-1", "one", "two", "two")
    assert len(set(made)) == 3
    assert lab.contents == ["one", "two", "two"]
    assert len(lab.sandbox.creates) == 3


async def test_a_task_that_goes_another_way_the_second_time_creates_nothing_twice() -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        await lab.deliver("order-1", "one", "two")
        with pytest.raises(IdempotencyError):
            await lab.deliver("order-1", "two")
    assert lab.contents == ["one", "two"]


async def test_creates_with_names_may_come_in_any_order() -> None:
    lab = Lab()

    @lab.broker.task("named")
    async def named(*names: str, postiz: TaskPostiz = TaskiqDepends()) -> list[str]:
        made = [
            await postiz.posts.schedule(
                NewPost(lab.channel, name), at=AT, idempotency_key=postiz.key(name)
            )
            for name in names
        ]
        return [created.post_id for [created] in made]

    async with lab.worker():
        made = await lab.deliver("order-1", "one", "two", task="named")
        assert await lab.deliver("order-1", "two", "one", task="named") == made[::-1]
        assert await lab.deliver("order-1", "two", task="named") == made[1:]
    assert lab.contents == ["one", "two"]


async def test_a_request_as_it_is_has_a_key_too() -> None:
    lab = Lab()

    @lab.broker.task("raw")
    async def raw(postiz: TaskPostiz = TaskiqDepends()) -> str:
        body = await postiz.posts.build(NewPost(lab.channel, "hello"), kind="draft", at=AT)
        [created] = await postiz.posts.send(body)
        return created.post_id

    async with lab.worker():
        assert await lab.deliver("order-1", task="raw") == await lab.deliver("order-1", task="raw")
    assert lab.contents == ["hello"]


@pytest.mark.parametrize("task_id", ["x" * 255, "x" * 10_000, "ein Auftrag: \N{SNOWMAN}"])
async def test_any_id_of_a_task_will_do(task_id: str) -> None:
    lab = Lab()
    lab.announces()
    async with lab.worker():
        made = await lab.deliver(task_id, "one", "two")
        assert await lab.deliver(task_id, "one", "two") == made
    assert lab.contents == ["one", "two"]


# ------------------------------------------------------------------ many organisations


async def test_each_organisation_has_its_client_and_counts_for_itself() -> None:
    lab = Lab()
    other = lab.sandbox.add_organization(api_key="key-of-b")
    channels = {
        "a": lab.channel,
        "b": lab.sandbox.add_channel("mastodon", organization=other).id,
    }
    asked: list[str] = []

    async def key_of(organization: str) -> str:
        asked.append(organization)
        return {"a": SECRET, "b": "key-of-b"}[organization]

    @lab.broker.task("both")
    async def both(names: list[str], pool: TaskPostizPool = TaskiqDepends()) -> None:
        for name in names:
            postiz = await pool.client(name)
            assert postiz is await pool.client(name)
            await postiz.posts.schedule(NewPost(channels[name], f"of {name}"), at=AT)

    async with lab.worker(lab.pool, credentials=key_of):
        await lab.deliver("order-1", ["a", "b"], task="both")
        await lab.deliver("order-1", ["b", "a"], task="both")
    assert lab.contents == ["of a", "of b"]
    assert set(asked) == {"a", "b"}


@pytest.mark.parametrize("known", ["another-key", SECRET, None])
async def test_a_task_whose_key_is_replaced_in_the_middle_comes_back_at_once_with_a_new_one(
    known: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    lab = Lab()
    keys = {"acme": SECRET}

    @lab.broker.task("one")
    async def one(pool: TaskPostizPool = TaskiqDepends()) -> None:
        postiz = await pool.client("acme")
        lab.sandbox.organization.api_key = "another-key"
        keys.clear()
        if known is not None:  # else `credentials` fails when it is asked again
            keys["acme"] = known
        await postiz.posts.schedule(NewPost(lab.channel, "hello"), at=AT)

    async with lab.worker(lab.pool, credentials=keys.__getitem__):
        if known == "another-key":
            assert await lab.deliver("order-1", task="one") is None
            [kept] = lab.source.kept
            assert kept.time is not None
            assert kept.time <= datetime.now(UTC)
            await lab.again()
            assert lab.contents == ["hello"]
        else:
            with pytest.raises(AuthenticationError):
                await lab.deliver("order-1", task="one")
            assert lab.source.kept == []
    logged = [each.exc_info for each in caplog.records if each.name == "postiz_async.tasks"]
    assert [info and info[0] for info in logged] == [KeyError] * (known is None)


async def test_credentials_that_fail_fail_the_task() -> None:
    lab = Lab()

    def key_of(organization: str) -> str:
        raise LookupError(organization)

    @lab.broker.task("one")
    async def one(pool: TaskPostizPool = TaskiqDepends()) -> None:
        await pool.client("nobody")

    async with lab.worker(lab.pool, credentials=key_of):
        with pytest.raises(LookupError):
            await lab.deliver("order-1", task="one")
    assert lab.source.kept == []


# ------------------------------------------------------------------ put back


class Order(BaseModel):
    text: str = Field(alias="theText")
    at: datetime = Field(alias="dueAt")


async def test_arguments_come_back_as_they_were() -> None:
    lab = Lab(limit=1)
    seen: list[Order] = []

    @lab.broker.task("order", queue_name="urgent", timeout=30)
    async def order(given: Order, postiz: TaskPostiz = TaskiqDepends()) -> str:
        seen.append(given)
        [created] = await postiz.posts.schedule(NewPost(lab.channel, given.text), at=given.at)
        return created.post_id

    raw = {"theText": "hello", "dueAt": AT.isoformat()}
    async with lab.worker():
        await lab.deliver("order-1", raw | {"theText": "first"}, task="order")
        assert await lab.deliver("order-2", raw, task="order") is None
        [kept] = lab.source.kept
        assert kept.args == [raw]
        assert kept.labels == {"queue_name": "urgent", "timeout": 30}
        assert await lab.again() is not None
    assert seen[1] == seen[2] == Order.model_validate(raw)


async def test_a_task_that_runs_another_in_its_place_keeps_its_arguments() -> None:
    lab = Lab(limit=1)
    lab.announces()

    @lab.broker.task("outer")
    async def outer(given: Order, postiz: TaskPostiz = TaskiqDepends()) -> None:
        await lab.deliver("inner-1", given.text)
        await postiz.posts.schedule(NewPost(lab.channel, "outer"), at=AT)

    raw = {"theText": "inner", "dueAt": AT.isoformat()}
    async with lab.worker():
        await lab.deliver("outer-1", raw, task="outer")
    assert [(kept.task_id, kept.args) for kept in lab.source.kept] == [("outer-1", [raw])]


async def test_a_task_that_cannot_be_put_back_is_not_acknowledged() -> None:
    lab = Lab(limit=1)
    lab.announces()
    acknowledged: list[str] = []
    announce = lab.broker.find_task("announce")
    assert announce is not None

    async def delivered(task_id: str, text: str) -> None:
        message = announce.kicker().with_task_id(task_id)._prepare_message(text)
        data = lab.broker.formatter.dumps(message).message

        async def ack() -> None:
            acknowledged.append(task_id)

        await lab.broker.receiver.callback(AckableMessage(data=data, ack=ack))

    async with lab.worker():
        await delivered("order-1", "first")
        lab.source.is_away = True
        with pytest.raises(ConnectionError):
            await delivered("order-2", "second")
        assert acknowledged == ["order-1"]
        lab.source.is_away = False
        await delivered("order-2", "second")
    assert acknowledged == ["order-1", "order-2"]
    assert len(lab.source.kept) == 1


async def test_a_middleware_that_retries_does_not_put_a_task_back_a_second_time() -> None:
    lab = Lab(limit=1)
    lab.announces()

    @lab.broker.task("away")
    async def away() -> None:
        raise APIConnectionError("away")

    async with lab.worker():
        lab.broker.add_middlewares(
            SmartRetryMiddleware(schedule_source=lab.source, default_retry_label=True)
        )
        await lab.deliver("order-1", "first")
        await lab.deliver("order-2", "second")
        await lab.deliver("order-3", task="away")
    assert [kept.task_id for kept in lab.source.kept] == ["order-2", "order-3"]


async def test_a_worker_that_ends_puts_back_what_waits_for_the_quota() -> None:
    lab = Lab(limit=1)
    lab.announces()
    async with lab.worker(max_wait=5_000.0):
        await lab.deliver("order-1", "first")
        waiting = asyncio.create_task(lab.deliver("order-2", "second"))
        await lab.clock.sleep(10)
        assert lab.executions == 2
        await lab.broker.shutdown()
        assert await waiting is None
        assert [kept.task_id for kept in lab.source.kept] == ["order-2"]
    assert lab.contents == ["first"]


async def test_a_number_of_seconds_that_never_ends_is_a_day() -> None:
    lab = Lab()

    @lab.broker.task("fail")
    async def fail() -> None:
        raise PutBackError(retry_after=float("inf"), reason="for ever")

    async with lab.worker():
        before = datetime.now(UTC)
        await lab.deliver("order-1", task="fail")
    [kept] = lab.source.kept
    assert kept.time is not None
    assert kept.time - before >= timedelta(days=1)
    assert kept.time - datetime.now(UTC) <= timedelta(days=1, minutes=2)


# ------------------------------------------------------------------ the client of a worker


async def test_client_and_schedules_are_open_while_a_worker_runs() -> None:
    lab = Lab()
    client = lab.client()
    async with lab.worker(client):
        assert client.is_open
        assert lab.source.events == ["startup"]
    assert not client.is_open
    assert lab.source.events == ["startup", "shutdown"]


async def test_programs_that_only_hand_tasks_over_open_nothing() -> None:
    class HandsOver(InMemoryBroker):
        startup, shutdown = AsyncBroker.startup, AsyncBroker.shutdown

    def client() -> Postiz:
        raise AssertionError("there is no worker")

    broker, source = HandsOver(), Schedules()
    install(broker, source, client)
    await broker.startup()
    await broker.shutdown()
    assert source.events == []


async def test_a_client_is_made_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", SECRET)
    monkeypatch.setenv("POSTIZ_API_URL", "https://postiz.example.com")
    broker, seen = InMemoryBroker(await_inplace=True), list[str]()

    @broker.task
    async def look(postiz: TaskPostiz = TaskiqDepends()) -> None:
        seen.append(postiz.client.base_url)

    @broker.task
    async def look_in_pool(pool: TaskPostizPool = TaskiqDepends()) -> None:
        seen.append((await pool.client("any")).task_id)

    install(broker, Schedules(), store=MemoryStore())
    await broker.startup()
    await look.kiq()
    await look_in_pool.kicker().with_task_id("task-1").kiq()
    await broker.shutdown()
    assert seen == ["https://postiz.example.com/public/v1"]
    result: TaskiqResult[Any] = broker.result_backend.results["task-1"]
    with pytest.raises(ConfigurationError, match="use TaskPostiz in place"):
        result.raise_for_error()


async def test_a_worker_that_cannot_start_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POSTIZ_API_KEY", raising=False)
    closed: list[bool] = []

    class Store(MemoryStore):
        async def aclose(self) -> None:
            closed.append(True)

    broker, source = InMemoryBroker(), Schedules()
    install(broker, source, store=Store())
    with pytest.raises(ConfigurationError, match="POSTIZ_API_KEY"):
        await broker.startup()
    assert (closed, source.events) == ([True], [])


@pytest.mark.parametrize("kind", [TaskPostiz, TaskPostizPool])
async def test_a_broker_without_a_client_says_what_is_missing(kind: type) -> None:
    broker = InMemoryBroker(await_inplace=True)
    found: list[Any] = []

    async def look(postiz: Any) -> None:
        found.append(await postiz.client("any"))

    look.__annotations__["postiz"] = kind
    look.__defaults__ = (TaskiqDepends(),)
    task = await broker.task("look")(look).kicker().with_task_id("1").kiq()
    result = await task.wait_result()
    with pytest.raises(ConfigurationError, match=r"call install\(broker, source\)"):
        result.raise_for_error()


def _key_of(_: str) -> Any:
    raise AssertionError("nobody asks")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"client": Postiz(api_key="k"), "store": "q.sqlite"}, "Give store to the client"),
        ({"client": Postiz(api_key="k"), "credentials": _key_of}, "is for a PostizPool"),
        ({"client": PostizPool()}, "A pool needs credentials="),
        ({"client": PostizPool, "credentials": {"a": "k"}}, "must be a function .* not a dict"),
        ({"max_wait": -1.0}, "max_wait"),
        ({"source": LabelScheduleSource(InMemoryBroker())}, "LabelScheduleSource"),
    ],
)
def test_what_does_not_go_together_is_told_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        install(InMemoryBroker(), **({"source": Schedules()} | options))


async def test_a_function_that_makes_a_pool_needs_credentials_too() -> None:
    broker = InMemoryBroker()
    install(broker, Schedules(), PostizPool)
    with pytest.raises(ConfigurationError, match="A pool needs credentials="):
        await broker.startup()


def test_a_broker_has_one_client() -> None:
    broker = InMemoryBroker()
    install(broker, Schedules())
    with pytest.raises(ConfigurationError, match="already"):
        install(broker, Schedules())


def test_the_password_of_a_store_is_in_no_text() -> None:
    broker = InMemoryBroker()
    install(broker, Schedules(), store="redis://user:hunter2@localhost")
    assert "hunter2" not in f"{broker.state} {broker.state!r}"


async def test_taskiq_tells_the_state_of_a_task_to_those_who_ask() -> None:
    """A task may use TaskIQ's own context beside ours."""
    lab = Lab()

    @lab.broker.task("look")
    async def look(context: Context = TaskiqDepends(), postiz: TaskPostiz = TaskiqDepends()) -> str:
        assert context.message.task_id == postiz.task_id
        return json.dumps(postiz.key("teaser"))

    async with lab.worker():
        assert await lab.deliver("order-1", task="look") == '"order-1:teaser"'
