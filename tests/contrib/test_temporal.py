"""Activities of the Temporal kit, payloads and options, with a sandbox whose clock jumps."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from samples import PNG

pytest.importorskip("temporalio", reason="temporalio is not installed")

from temporalio.converter import DataConverter, DefaultPayloadConverter, PayloadCodec
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from postiz_async import (
    AdvancedOptions,
    Channel,
    ConfigurationError,
    InvalidInputError,
    Markdown,
    Media,
    NewPost,
    Post,
    Postiz,
    PostizPool,
    UsageError,
    errors,
    providers,
)
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.contrib.temporal import (
    _TROUBLES,
    CampaignInput,
    PostizPayloadConverter,
    PostizPlugin,
    ScheduleRequest,
    _Activities,
    _Input,
    _PublishInput,
    _ScheduleInput,
    _UploadInput,
    _WaitInput,
)
from postiz_async.models.posts import Created
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from temporalio.worker import WorkerConfig

T = TypeVar("T")

URL = "http://sandbox.invalid"
START = datetime(2027, 1, 1, 8, tzinfo=UTC)
AT = START + timedelta(days=1)
SECRET = "key-that-nobody-may-see-8f2c"


def activities_of(config: WorkerConfig) -> dict[str, Any]:
    return {each.__name__: each for each in config.get("activities", ())}


@dataclass
class Lab:
    """A worker's activities, as its plugin registers them, and the sandbox that they talk to."""

    limit: int = 30
    store: MemoryStore = field(default_factory=MemoryStore)
    keys: dict[str, str] = field(default_factory=lambda: {"acme": SECRET})
    heartbeats: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])

    def __post_init__(self) -> None:
        self.clock = JumpingClock(start=START.timestamp())
        self.sandbox = MemoryServer(
            clock=self.clock, api_key=SECRET, limit=self.limit, work_per_post=0.0
        )
        self.channel = self.sandbox.add_channel("mastodon").id

    @property
    def options(self) -> dict[str, Any]:
        advanced = AdvancedOptions(clock=self.clock, transport=SandboxTransport(self.sandbox))
        return {"base_url": URL, "store": self.store, "advanced": advanced}

    def client(self) -> Postiz:
        return Postiz(api_key=SECRET, **self.options)

    def pool(self) -> PostizPool:
        return PostizPool(**self.options)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncGenerator[None]:
        """A worker whose client is open; of a pool if there are `credentials`."""
        make = self.pool if "credentials" in options else self.client
        config = PostizPlugin(make, **options).configure_worker({})
        self.activities = activities_of(config)
        owner = self.activities["schedule"].__self__
        assert isinstance(owner, _Activities)
        async with self.sandbox:
            await owner.worker.open()
            try:
                yield
            finally:
                await owner.worker.aclose()

    def environment(self, **info: Any) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, **{"workflow_id": "order-1"} | info)
        environment.on_heartbeat = lambda *details: self.heartbeats.append(details)
        return environment

    async def run(self, name: str, said: _Input, **info: Any) -> Any:
        """Run an activity with an argument that went through a payload."""
        [payload] = await DATA.encode([said])
        [read] = await DATA.decode([payload], [type(said)])
        return await self.environment(**info).run(self.activities[name], read)

    async def schedule(self, text: str = "hello", *, said: str | None = None, **info: Any) -> str:
        asked = ScheduleRequest(posts=(NewPost(self.channel, text),), at=AT)
        created = await self.run("schedule", _ScheduleInput(request=asked, run=said), **info)
        return created[0].post_id

    async def retried(self, attempt: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """The result of an attempt that is made again as Temporal would, and their number."""
        for number in range(1, 60):
            began = self.clock.monotonic()
            try:
                return await attempt(), number
            except ApplicationError as failure:
                if failure.non_retryable or failure.next_retry_delay is None:
                    raise
                delay = failure.next_retry_delay.total_seconds()
            assert self.clock.monotonic() - began < 60.0  # else it held a slot of its worker
            await self.clock.sleep(delay)
        raise AssertionError("it never ends")

    @property
    def contents(self) -> list[str]:
        return sorted(post.content for post in self.sandbox.posts)


DATA = DataConverter(payload_converter_class=PostizPayloadConverter)


# ------------------------------------------------------------------ keys


async def test_an_attempt_that_is_made_again_creates_nothing_twice() -> None:
    lab = Lab()
    async with lab.worker():
        first = await lab.schedule(activity_id="1", attempt=1)
        assert await lab.schedule(activity_id="1", attempt=2) == first
        assert await lab.schedule(activity_id="2") != first
    assert lab.contents == ["hello", "hello"]


async def test_a_create_belongs_to_one_run_or_to_the_workflow() -> None:
    lab = Lab()
    async with lab.worker():
        numbers = [await lab.schedule(said=None, workflow_run_id=run) for run in ("a", "b")]
        names = [await lab.schedule(said="", workflow_run_id=run) for run in ("a", "b")]
    assert len(set(numbers)) == 2
    assert len(set(names)) == 1
    assert len(lab.contents) == 3


async def test_a_run_that_was_reset_finds_what_it_had_created() -> None:
    lab = Lab()
    async with lab.worker():
        first = await lab.schedule(said="a", activity_id="1", workflow_run_id="a")
        assert await lab.schedule(said="a", activity_id="1", workflow_run_id="b") == first
    assert lab.contents == ["hello"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"workflow_id": "a:b", "activity_id": "c"}, {"workflow_id": "a", "activity_id": "b:c"}),
        ({"namespace": "staging"}, {"namespace": "production"}),
        ({"workflow_id": "x" * 300}, {"workflow_id": "x" * 301}),
        ({"workflow_id": None, "activity_id": "a"}, {"workflow_id": "a", "activity_id": "a"}),
    ],
)
async def test_two_activities_never_have_one_key(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    lab = Lab()
    async with lab.worker():
        usual = {"activity_id": "post"}
        assert await lab.schedule(**usual | one) != await lab.schedule(**usual | other)
    assert len(lab.contents) == 2


async def test_what_is_published_at_once_is_published_once() -> None:
    lab = Lab()
    said = _PublishInput(posts=(NewPost(lab.channel, "now"),))
    async with lab.worker():
        first = await lab.run("publish_now", said, activity_id="1")
        await lab.clock.sleep(90)
        assert await lab.run("publish_now", said, activity_id="1", attempt=2) == first
    assert lab.contents == ["now"]


async def test_an_id_that_was_used_for_something_else_fails_for_good() -> None:
    lab = Lab()
    async with lab.worker():
        await lab.schedule("one", activity_id="post")
        with pytest.raises(ApplicationError, match=r"posts\.0\.content") as caught:
            await lab.schedule("two", activity_id="post")
    assert (caught.value.type, caught.value.non_retryable) == ("IdempotencyError", True)
    assert lab.contents == ["one"]


# ------------------------------------------------------------------ errors


async def test_a_wait_for_the_quota_is_a_delay_until_the_next_attempt() -> None:
    lab = Lab(limit=1)
    delays: set[float] = set()
    async with lab.worker():
        await lab.schedule("first", activity_id="1")
        asked, began = len(lab.sandbox.creates), lab.clock.monotonic()
        for _ in range(4):
            with pytest.raises(ApplicationError, match="slot is free in 1 h") as caught:
                await lab.schedule("second", activity_id="2")
            failure = caught.value
            assert (failure.type, failure.non_retryable) == ("QuotaWaitError", False)
            assert failure.category == ApplicationErrorCategory.BENIGN
            assert failure.next_retry_delay is not None
            delays.add(failure.next_retry_delay.total_seconds())
        assert lab.clock.monotonic() == began  # nobody waited in the worker
        assert len(lab.sandbox.creates) == asked
        assert len(delays) == 4  # not all at one moment
        await lab.clock.sleep(max(delays))
        await lab.schedule("second", activity_id="2")
    assert 3_500 < min(delays) < max(delays) < 3_700
    assert lab.contents == ["first", "second"]
    assert lab.sandbox.refusals == 0


@pytest.mark.parametrize("fault", ["drop_answer", "reset"])
async def test_what_became_of_a_lost_answer_is_found_out_by_the_next_attempt(fault: str) -> None:
    lab = Lab()
    async with lab.worker():
        lab.sandbox.faults.add(Fault(fault, route="create_post", times=1))
        created, attempts = await lab.retried(lambda: lab.schedule(activity_id="1"))
    assert attempts > 1
    assert [post.id for post in lab.sandbox.posts] == [created]


async def test_what_another_try_cannot_mend_fails_for_good_and_says_why() -> None:
    lab = Lab()
    async with lab.worker():
        with pytest.raises(ApplicationError, match="600 of 500 characters") as caught:
            await lab.schedule("x" * 600)
    assert (caught.value.type, caught.value.non_retryable) == ("InvalidPostError", True)
    assert caught.value.__cause__ is None
    assert lab.contents == []


def test_errors_at_which_a_campaign_pauses_are_there() -> None:
    assert vars(errors).keys() >= _TROUBLES


async def test_postiz_that_is_away_is_tried_again_later() -> None:
    lab = Lab()
    async with lab.worker():
        lab.sandbox.faults.add(Fault("reset", route="list_channels", times=None))
        with pytest.raises(ApplicationError) as caught:
            await lab.run("channels", _Input())
    assert (caught.value.type, caught.value.non_retryable) == ("APIConnectionError", False)
    assert caught.value.category == ApplicationErrorCategory.UNSPECIFIED  # which is logged
    assert caught.value.next_retry_delay is not None


async def test_a_key_that_is_refused_is_in_no_failure_and_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab = Lab(keys={"acme": "key-that-is-not-known-5c1d"})
    caplog.set_level(logging.DEBUG)
    async with lab.worker(credentials=lab.keys.__getitem__):
        with pytest.raises(ApplicationError) as caught:
            await lab.run("channels", _Input(organization="acme"))
    failure = DATA.failure_converter
    from temporalio.api.failure.v1 import Failure  # noqa: PLC0415  (only here)

    written = Failure()
    failure.to_failure(caught.value, DATA.payload_converter, written)
    assert caught.value.type == "AuthenticationError"
    assert "not-known-5c1d" not in f"{written}{caplog.text}{caught.value!r}"


# ------------------------------------------------------------------ clients


async def test_each_attempt_asks_for_the_key_of_its_organisation() -> None:
    lab = Lab(limit=1, keys={"acme": "an-old-key-0001"})
    asked = ScheduleRequest(posts=(NewPost(lab.channel, "hello"),), at=AT)
    said = _ScheduleInput(request=asked, organization="acme")
    async with lab.worker(credentials=lab.keys.__getitem__):
        with pytest.raises(ApplicationError) as caught:
            await lab.run("schedule", said, activity_id="post")
        assert caught.value.type == "AuthenticationError"
        lab.keys["acme"] = SECRET
        [first] = await lab.run("schedule", said, activity_id="post")
        lab.sandbox.organization.api_key = lab.keys["acme"] = "a-new-key-0002"
        assert await lab.run("schedule", said, activity_id="post") == [first]
    assert lab.contents == ["hello"]


@pytest.mark.parametrize(
    ("credentials", "organization", "said"),
    [
        (None, "acme", r"use WorkflowPostiz\(\) in place"),
        (lambda _: SECRET, "", "say whose client"),
    ],
)
async def test_an_organisation_that_the_worker_cannot_serve_is_refused(
    credentials: Callable[[str], str] | None, organization: str, said: str
) -> None:
    lab = Lab()
    options = {} if credentials is None else {"credentials": credentials}
    async with lab.worker(**options):
        with pytest.raises(ApplicationError, match=said) as caught:
            await lab.run("channels", _Input(organization=organization))
    assert (caught.value.type, caught.value.non_retryable) == ("UsageError", True)


# ------------------------------------------------------------------ the other activities


async def test_channels_are_listed() -> None:
    lab = Lab()
    async with lab.worker():
        [channel] = await lab.run("channels", _Input())
    assert (channel.id, channel.provider) == (lab.channel, "mastodon")


async def test_files_below_the_media_root_are_uploaded_with_heartbeats(tmp_path: Path) -> None:
    lab = Lab()
    root = tmp_path / "media"
    root.mkdir()
    (root / "a.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    async with lab.worker(media_root=root):
        medium = await lab.run("upload", _UploadInput(source="a.png"))
        assert isinstance(medium, Media)
        assert (len(PNG), len(PNG)) in lab.heartbeats
        for outside in ("../secret.png", str(tmp_path / "secret.png")):
            with pytest.raises(ApplicationError, match="outside of media_root"):
                await lab.run("upload", _UploadInput(source=outside))
    async with lab.worker():
        with pytest.raises(ApplicationError, match="Give PostizPlugin media_root="):
            await lab.run("upload", _UploadInput(source="a.png"))


async def test_nobody_waits_in_a_worker_until_a_post_is_due() -> None:
    lab = Lab()
    async with lab.worker():
        post_id = await lab.schedule()
        said = _WaitInput(post_id=post_id, at=AT)
        post, attempts = await lab.retried(lambda: lab.run("wait_published", said))
    assert isinstance(post, Post)
    assert (post.id, post.state) == (post_id, "PUBLISHED")
    assert 24 <= attempts <= 30  # once an hour, for it may be moved


async def test_a_post_that_was_deleted_or_refused_is_not_waited_for() -> None:
    lab = Lab()
    async with lab.worker():
        with pytest.raises(ApplicationError) as caught:
            await lab.run("wait_published", _WaitInput(post_id="nobody-knows"))
    assert (caught.value.type, caught.value.non_retryable) == ("PostNotFoundError", True)


# ------------------------------------------------------------------ payloads


@dataclass
class Order:
    """A user's own type with values of ours in it."""

    posts: list[NewPost]
    created: dict[str, Created]
    post: Post | None = None


POST = NewPost(
    Channel(id="c1", name="Acme", provider="x"),
    Markdown("**Hello**"),
    media=[Media(id="m1", path="https://example.com/a.png")],
    settings=providers.X(who_can_reply_post="following"),
    thread=["more"],
)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (POST, NewPost),
        ([POST, NewPost("x", "plain")], list[NewPost]),
        (Created(post_id="p1", channel="c1"), Created),
        ({"a": Post(id="p1", publish_date=AT, tags=["t"])}, dict[str, Post]),
        (Media(id="m1", path="https://example.com/a.png"), Media),
        (CampaignInput(rows=(ScheduleRequest(posts=(POST,), at=AT),)), CampaignInput),
        (Order([POST], {"a": Created(post_id="p1", channel="c1")}), Order),
        ({"plain": [1, None, "text"]}, dict[str, Any]),
        (None, type(None)),
    ],
)
async def test_values_arrive_as_they_were(value: Any, hint: Any) -> None:
    [payload] = await DATA.encode([value])
    [read] = await DATA.decode([payload], [hint])
    [again] = await DATA.encode([read])
    assert type(read) is type(value)
    assert json.loads(again.data or b"null") == json.loads(payload.data or b"null")
    assert payload.metadata["encoding"] in {b"json/plain", b"binary/null"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"channel": "x", "content": "hi", "colour": "red"}, "unknown field `colour`"),
        ({"channel": "x", "content": {"type": "poem", "source": "hi"}}, "poem"),
        ({"content": "hi"}, "required field `channel`"),
        (["no", "object"], "object"),
    ],
)
async def test_a_payload_of_another_version_is_refused_with_its_path(
    data: object, problem: str
) -> None:
    [payload] = await DATA.encode([{"posts": [data], "at": AT}])
    with pytest.raises(InvalidInputError, match=problem) as caught:
        await DATA.decode([payload], [ScheduleRequest])
    assert "not a ScheduleRequest of postiz_async" in str(caught.value)
    assert "update the workers first" in str(caught.value)
    assert "posts.0" in str(caught.value)


class Codec(PayloadCodec):
    async def encode(self, payloads: Any) -> Any:
        return list(payloads)

    async def decode(self, payloads: Any) -> Any:
        return list(payloads)


class OtherConverter(DefaultPayloadConverter):
    pass


class OwnConverter(PostizPayloadConverter):
    pass


def test_a_codec_and_a_converter_that_knows_posts_are_kept() -> None:
    def configured(**options: Any) -> DataConverter:
        config: Any = {"data_converter": DataConverter(**options)}
        return PostizPlugin().configure_client(config)["data_converter"]

    codec = Codec()
    assert configured(payload_codec=codec).payload_codec is codec
    assert configured().payload_converter_class is PostizPayloadConverter
    own = configured(payload_converter_class=OwnConverter)
    assert own.payload_converter_class is OwnConverter
    with pytest.raises(UsageError, match=r"OtherConverter\. Derive it from"):
        configured(payload_converter_class=OtherConverter)


# ------------------------------------------------------------------ options


def _key_of(_: str) -> Any:
    raise AssertionError("nobody asks")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"client": Postiz(api_key="k"), "store": "q.sqlite"}, "Give store to the client"),
        ({"client": Postiz(api_key="k"), "credentials": _key_of}, "is for a PostizPool"),
        ({"client": PostizPool()}, "A pool needs credentials="),
        ({"credentials": {"a": "k"}}, "must be a function .* not a dict"),
        ({"max_wait": -1.0}, "max_wait"),
        ({"media_root": "/nowhere/at/all"}, "is not a folder"),
    ],
)
def test_what_does_not_go_together_is_told_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        PostizPlugin(**options)


def test_a_plugin_that_is_given_twice_is_refused() -> None:
    plugin = PostizPlugin()
    config = plugin.configure_worker({})
    with pytest.raises(UsageError, match=r"Give it to Client\.connect only"):
        plugin.configure_worker(config)


def test_each_worker_has_a_client_of_its_own() -> None:
    plugin = PostizPlugin()
    one, other = (activities_of(plugin.configure_worker({})) for _ in range(2))
    assert one["schedule"].__self__ is not other["schedule"].__self__


def test_the_activities_of_the_program_and_its_runner_are_kept() -> None:
    async def own() -> None: ...

    runner = UnsandboxedWorkflowRunner()
    config = PostizPlugin().configure_worker({"activities": [own], "workflow_runner": runner})
    assert config["activities"][0] is own
    assert config["workflow_runner"] is runner
    config = PostizPlugin().configure_worker({})
    assert isinstance(config["workflow_runner"], SandboxedWorkflowRunner)
    assert "postiz_async" in config["workflow_runner"].restrictions.passthrough_modules


def test_the_password_of_a_store_is_in_no_text() -> None:
    plugin = PostizPlugin(store="redis://user:hunter2@localhost")
    owner = activities_of(plugin.configure_worker({}))["schedule"].__self__
    assert "hunter2" not in f"{plugin!r}{vars(plugin)}{vars(owner)}{vars(owner.worker)}"
