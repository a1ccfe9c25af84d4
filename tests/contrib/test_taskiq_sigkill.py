"""Workers of TaskIQ that die between sending and acknowledging: processes and a real Redis."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from processes import PATIENCE, child_environment
from redis_server import redis_server, why_no_redis
from taskiq.kicker import AsyncKicker
from taskiq_processes import taskiq
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.clock import AcceleratedClock

SPEED = 60.0
TEXTS = ["dies when it has sent", "dies when its result is saved", "lives"]

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform == "win32", reason="a process group of its own"),
    pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis()),
]


async def test_what_a_worker_sent_before_it_was_killed_is_not_sent_again(tmp_path: Path) -> None:
    sandbox = MemoryServer(clock=AcceleratedClock(SPEED), limit=30, work_per_post=0.0)
    channel = sandbox.add_channel("mastodon").id
    at = datetime.fromtimestamp(sandbox.clock.time(), UTC) + timedelta(days=30)
    with redis_server() as redis:
        async with sandbox, serve(sandbox) as served:
            environment = child_environment(
                tmp_path,
                {
                    "REDIS_URL": redis.url,
                    "FOLDER": str(tmp_path),
                    "POSTIZ_API_URL": served.url,
                    "POSTIZ_API_KEY": sandbox.organization.api_key,
                },
            )
            here = Path(__file__).parent
            worker = ("worker", "taskiq_worker:broker", "--workers", "2")
            schedules = ("scheduler", "taskiq_worker:scheduler", "--update-interval", "1")
            async with (
                taskiq(here, environment, *worker),
                taskiq(here, environment, *schedules),
            ):
                results = await results_of(redis.url, channel, at)
        posts = sandbox.posts
    assert [(tmp_path / text).exists() for text in TEXTS] == [True, True, False]
    assert Counter(post.content for post in posts) == Counter(TEXTS)
    assert results == {post.content: post.id for post in posts}


async def results_of(redis: str, channel: str, at: datetime) -> dict[str, str]:
    """Hand the texts over and wait for their results: the first of them twice, and then the others.

    Together, the worker that dies with its result saved could die while it sends the first text.
    """
    backend = RedisAsyncResultBackend[str](redis)
    broker = RedisStreamBroker(redis).with_result_backend(backend)
    await broker.startup()
    try:
        for texts in ([TEXTS[0], TEXTS[0]], TEXTS[1:]):
            for text in texts:
                kicker = AsyncKicker[..., str]("announce", broker, {}).with_task_id(text)
                await kicker.kiq(channel, text, at.isoformat())
            async with asyncio.timeout(PATIENCE):
                while not all([await backend.is_result_ready(text) for text in texts]):
                    await AsyncKicker[..., None]("nothing", broker, {}).kiq()
                    await asyncio.sleep(0.1)
        found = {text: await backend.get_result(text) for text in TEXTS}
    finally:
        await broker.shutdown()
    return {text: result.return_value for text, result in found.items()}
