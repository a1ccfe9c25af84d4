"""The law of sending, with a record that remembers what was written down and when it left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from postiz_async import AdvancedOptions, Postiz
from postiz_async._delivery.lookup import Fence
from postiz_async._delivery.options import Late
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.pauses import PAUSES, Outage
from postiz_async._delivery.send import Lost, Refused, Sender, Stored, TooLate, Unsent
from postiz_async._quota import SILENT
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._scheduler.calls import LONGEST_JOB_CREATE, PREPARED_SECONDS
from postiz_async._wire import format_date, parse_date
from postiz_async.clock import JumpingClock
from postiz_async.errors import AuthenticationError, DeliveryUnknownError
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem, PostRequest
from postiz_async.testing._transport import SandboxTransport

START = datetime(2027, 1, 1, 8, tzinfo=UTC)


class Notebook:
    """A record: `steps` are what was written down, in order."""

    def __init__(self, channel: str, date: datetime, text: str = "a post") -> None:
        item = PostItem(
            channel=ChannelRef(id=channel),
            value=[ContentItem(content=text)],
            settings={"__type": "mastodon"},
        )
        self.body = PostRequest(type="schedule", date=format_date(date), posts=[item])
        self.steps: list[str] = []
        self.left: list[PostRequest] = []
        """Each body that an intent was written for."""
        self.left_at = 0.0
        """Of the last attempt, on the server's clock."""
        self.why = ""
        self.has_intent = False
        self.is_wanted = self.is_movable = True

    @property
    def due(self) -> datetime:
        return parse_date(self.body.date)

    def is_over(self, now: float) -> bool:
        return self.due.timestamp() <= now

    def draft(self) -> PostRequest:
        return self.body

    async def may_leave(self) -> bool:
        return self.is_wanted

    async def shift(self, date: int) -> bool:
        if self.is_movable:
            await self.set_aside()
            self.steps.append("shift")
            self.body = replace(self.body, date=format_date(datetime.fromtimestamp(date, UTC)))
        return self.is_movable

    async def intend(self, now: float) -> PostRequest | None:
        assert not self.has_intent
        marked = self.due + timedelta(milliseconds=len(self.left) + 1)
        self.left.append(replace(self.body, date=format_date(marked)))
        self.has_intent, self.left_at = True, now
        self.steps.append("intend")
        return self.left[-1]

    async def repeat(self, now: float) -> bool:
        assert self.has_intent
        self.left_at = now
        self.steps.append("repeat")
        return True

    async def set_aside(self) -> None:
        if self.has_intent:
            self.steps.append("set aside")
        self.has_intent = False

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        assert self.has_intent
        self.why = str(error)
        self.steps.append("lost")
        return SentRequest(1, self.left[-1], ("r1",), self.left_at)

    async def settle(self, result: Stored | Refused | TooLate | Unsent) -> None:
        self.steps.append(type(result).__name__)


class World:
    def __init__(self, **options: Any) -> None:
        self.clock = JumpingClock(start=START.timestamp())
        self.sandbox = MemoryServer(clock=self.clock, limit=30, work_per_post=0.0, **options)
        self.channel = self.sandbox.add_channel("mastodon").id

    @asynccontextmanager
    async def sender(
        self, late: Late = "skip", *, keeps_intents: bool = True
    ) -> AsyncGenerator[tuple[Sender, Fence]]:
        async with Postiz(
            api_key=self.sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(
                clock=self.clock, transport=SandboxTransport(self.sandbox, latency=0.1)
            ),
        ) as postiz:
            client = opened(postiz)
            outage = Outage.of(client)
            fence = Fence(client, outage)
            yield Sender(client, outage, fence, late=late, keeps_intents=keeps_intents), fence

    def record(self, *, hours: float = 24.0, text: str = "a post") -> Notebook:
        return Notebook(self.channel, START + timedelta(hours=hours), text)

    def fault(self, kind: str, **options: Any) -> None:
        self.sandbox.faults.add(Fault(kind, route="create_post", **options))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


async def test_what_is_answered_is_stored_and_a_fence(world: World) -> None:
    record = world.record()
    async with world.sender() as (sender, fence):
        before = world.clock.monotonic() - 1.0
        result = await sender.send(record)
        assert isinstance(result, Stored)
        assert record.steps == ["intend", "Stored"]
        assert result.ids == tuple(post.id for post in world.sandbox.posts)
        assert await fence.is_behind(before)
        assert len(world.sandbox.creates) == 1, "and nothing was sent to see that"


async def test_a_refusal_is_settled_with_the_words_of_the_server(world: World) -> None:
    record = world.record(text="")
    async with world.sender() as (sender, _):
        result = await sender.send(record)
    assert isinstance(result, Refused)
    assert not result.is_size
    assert result.text
    assert record.steps == ["intend", "Refused"]
    assert not world.sandbox.posts


async def test_what_no_request_can_carry_is_refused_before_it_leaves(world: World) -> None:
    record = world.record(text="x" * 200_000)
    async with world.sender() as (sender, _):
        result = await sender.send(record)
    assert isinstance(result, Refused)
    assert result.is_size
    assert record.steps == ["Refused"]
    assert not world.sandbox.creates


@pytest.mark.parametrize(("kind", "is_broken"), [("drop_answer", False), ("error_after", True)])
async def test_a_lost_answer_is_written_down_and_not_sent_again(
    world: World,
    kind: str,
    is_broken: bool,  # noqa: FBT001
) -> None:
    record = world.record()
    world.fault(kind)
    async with world.sender() as (sender, _):
        result = await sender.send(record)
    assert isinstance(result, Lost)
    assert result.is_broken is is_broken
    assert 0.0 <= result.age < 60.0
    assert record.steps == ["intend", "lost"]
    assert "may be stored" in record.why
    assert record.has_intent
    assert len(world.sandbox.posts) == 1


@pytest.mark.parametrize("keeps_intents", [True, False])
async def test_what_was_proved_unsent_leaves_again_after_the_pause(
    world: World,
    keeps_intents: bool,  # noqa: FBT001
) -> None:
    record = world.record()
    world.fault("empty_401")
    async with world.sender(keeps_intents=keeps_intents) as (sender, _):
        assert isinstance(await sender.send(record), Stored)
    again = ["repeat"] if keeps_intents else ["set aside", "intend"]
    assert record.steps == ["intend", *again, "Stored"]
    assert len(record.left) == (1 if keeps_intents else 2)
    assert [post.date for post in world.sandbox.posts] == [parse_date(record.left[-1].date)]
    assert record.left_at >= START.timestamp() + PAUSES[0], "it is as old as its last attempt"


async def test_an_error_that_would_meet_every_request_stops_the_job(world: World) -> None:
    record = world.record()
    async with world.sender() as (sender, _):
        world.sandbox.organization.api_key = "another"
        with pytest.raises(AuthenticationError):
            await sender.send(record)
    assert record.steps == ["intend", "set aside"]


LATE: list[tuple[Late, bool, list[str]]] = [
    ("skip", True, ["TooLate"]),
    ("send", True, ["shift", "intend", "Stored"]),
    (timedelta(hours=1), True, ["shift", "intend", "Stored"]),
    (timedelta(hours=1), False, ["TooLate"]),
]


@pytest.mark.parametrize(("late", "is_movable", "steps"), LATE)
async def test_what_is_late(
    world: World,
    late: Late,
    is_movable: bool,  # noqa: FBT001
    steps: list[str],
) -> None:
    record = world.record(hours=-1.0)
    record.is_movable = is_movable
    async with world.sender(late) as (sender, _):
        result = await sender.send(record)
    assert record.steps == steps
    assert isinstance(result, TooLate if "TooLate" in steps else Stored)
    if "shift" in steps:
        assert record.due >= START + (timedelta() if late == "send" else late)


async def test_what_there_is_no_use_for_any_more_gives_its_slot_back(world: World) -> None:
    record = world.record()
    record.is_wanted = False
    async with world.sender() as (sender, _):
        assert isinstance(await sender.send(record), Unsent)
    assert record.steps == ["Unsent"]
    assert not world.sandbox.creates


def test_a_create_is_over_minutes_before_others_believe_that_it_did_not_arrive() -> None:
    """Begun at the last moment, and with the longest time-out that a user can give."""
    assert PREPARED_SECONDS + LONGEST_JOB_CREATE + 120 <= SILENT
