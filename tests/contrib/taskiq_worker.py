"""A broker whose workers die twice, once each: `taskiq worker taskiq_worker:broker`.

What they share is in the environment: `REDIS_URL`, `FOLDER`, `POSTIZ_API_URL`, `POSTIZ_API_KEY`.
All run on the clock of the sandbox, and what is put back comes back as much sooner.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskiq import TaskiqDepends, TaskiqMessage, TaskiqMiddleware, TaskiqResult, TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisStreamBroker

from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._transport import make_transport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.contrib.taskiq import TaskPostiz, install
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from taskiq import ScheduledTask

    from postiz_async._transport import Transport
    from postiz_async._wire import WireRequest, WireResponse

FOLDER = Path(os.environ["FOLDER"])
REDIS = os.environ["REDIS_URL"]
DIES_SENDING, DIES_SAVED = "dies when it has sent", "dies when its result is saved"


def die_once(text: str) -> None:
    """Kill this process; the next one lives on."""
    try:
        (FOLDER / text).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def sandbox_clock() -> AcceleratedClock:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{os.environ['POSTIZ_API_URL']}/sandbox/clock", timeout=240) as answer:
        says = json.load(answer)
    return AcceleratedClock(says["speed"], anchor=Anchor(says["real"], says["shown"]))


class DyingTransport:
    """Dies when one post was sent, before anybody hears of the answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, request: WireRequest) -> WireResponse:
        response = await self._transport.send(request)
        if isinstance(request.body, bytes) and DIES_SENDING.encode() in request.body:
            die_once(DIES_SENDING)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class DyingMiddleware(TaskiqMiddleware):
    """Dies when one result was saved, before its task is acknowledged."""

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        del result
        if DIES_SAVED in message.args:
            die_once(DIES_SAVED)


class Sooner(ListRedisScheduleSource):
    async def add_schedule(self, schedule: ScheduledTask) -> None:
        now = datetime.now(UTC)
        assert schedule.time is not None
        schedule.time = now + (schedule.time - now) / clock.speed
        await super().add_schedule(schedule)


clock = sandbox_clock()
broker = (
    RedisStreamBroker(
        REDIS,
        consumer_id="0",
        idle_timeout=500,
        xread_block=100,
        unacknowledged_lock_timeout=5.0,
        socket_timeout=None,
    )
    .with_result_backend(RedisAsyncResultBackend(REDIS))
    .with_middlewares(DyingMiddleware())
)
source = Sooner(REDIS)
scheduler = TaskiqScheduler(broker, [source])


def client() -> Postiz:
    return Postiz(
        store=SqliteStore(FOLDER / "quota.sqlite"),
        advanced=AdvancedOptions(
            clock=clock,
            transport=DyingTransport(make_transport(ConnectionSettings(speed=clock.speed))),
        ),
    )


install(broker, source, client)


@broker.task("announce")
async def announce(channel: str, text: str, at: str, postiz: TaskPostiz = TaskiqDepends()) -> str:
    [created] = await postiz.posts.schedule(NewPost(channel, text), at=datetime.fromisoformat(at))
    return created.post_id


@broker.task("nothing")
async def nothing() -> None:
    """Redis' stream is looked through for what died only when something comes in."""
