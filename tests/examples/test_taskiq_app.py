"""The example on a task queue, as its users run it: two workers, two organisations, a Redis."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from processes import PATIENCE, child_environment, until
from redis.asyncio import Redis
from redis_server import redis_server, why_no_redis
from taskiq_processes import taskiq

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

LIMIT, ORDERS, WINDOW = 6, 8, 5.0
SCHEDULER = ("scheduler", "tasks:scheduler", "--update-interval", "1")
EXAMPLE = Path(__file__).parents[2] / "examples" / "taskiq_app"

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform == "win32", reason="a process group of its own"),
    pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis()),
]


async def hand_over(environment: dict[str, str], orders: list[dict[str, str]]) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "send.py"),
        cwd=EXAMPLE,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate("\n".join(map(json.dumps, orders)).encode())
    assert process.returncode == 0
    return out.decode().split()


def order_of(entry: bytes) -> list[int]:
    return [int(part) for part in entry.split(b"-")]


async def deliver_again(url: str) -> int:
    """Put everything that was in the queue into it once more, and wait until it is worked off."""
    async with Redis.from_url(url) as redis:
        entries = await redis.xrange("taskiq")
        for _, fields in entries:
            last = await redis.xadd("taskiq", fields)
        async with asyncio.timeout(PATIENCE):
            while True:
                [group] = await redis.xinfo_groups("taskiq")
                if order_of(group["last-delivered-id"]) >= order_of(last) and not group["pending"]:
                    return len(entries)
                await asyncio.sleep(0.05)


async def test_two_workers_send_for_two_organisations_without_sleeping(tmp_path: Path) -> None:
    with redis_server() as redis:
        sandbox = MemoryServer(api_key="key-of-a", limit=LIMIT, window=WINDOW, work_per_post=0.0)
        other = sandbox.add_organization(api_key="key-of-b")
        channels = {
            "a": sandbox.add_channel("mastodon").id,
            "b": sandbox.add_channel("mastodon", organization=other).id,
        }
        at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        orders = [
            {"organization": name, "channel": channel, "text": f"{name} {number}", "at": at}
            for number in range(ORDERS)
            for name, channel in channels.items()
        ]
        async with sandbox, serve(sandbox) as served:
            environment = child_environment(
                tmp_path,
                {
                    "REDIS_URL": redis.url,
                    "POSTIZ_API_URL": served.api_url,
                    "ORGANIZATIONS": json.dumps({"a": "key-of-a", "b": "key-of-b"}),
                },
            )
            async with (
                taskiq(EXAMPLE, environment, "worker", "tasks:broker", "--workers", "2"),
                taskiq(EXAMPLE, environment, *SCHEDULER),
            ):
                assert len(set(await hand_over(environment, orders))) == len(orders)
                await until(lambda: len(sandbox.creates) >= len(orders))
                assert await deliver_again(redis.url) >= len(orders)
        stored = Counter(post.content for post in sandbox.posts)
        assert stored == Counter(order["text"] for order in orders)
        assert sandbox.refusals == 0
