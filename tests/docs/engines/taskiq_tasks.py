"""Tasks for TaskIQ: `put` them, `kill` a worker while one waits, one `again`, until all `end`."""

import asyncio
import os
import signal
import sys
from datetime import datetime

from announcements import announce, broker
from redis.asyncio import Redis

TEXTS = {"1": "first", "2": "second", "3": "x" * 600}


async def put(number: str) -> None:
    at = datetime.fromisoformat(os.environ["AT"])
    await announce.kicker().with_task_id(number).kiq(os.environ["CHANNEL"], TEXTS[number], at)


async def until(*states: str) -> str:
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        while True:
            ended = [await broker.result_backend.is_result_ready(number) for number in TEXTS]
            last = (await redis.xinfo_stream("taskiq"))["last-generated-id"]
            [group] = await redis.xinfo_groups("taskiq")
            is_idle = group["last-delivered-id"] == last and not group["pending"]
            is_waiting = await redis.keys("schedule:data:*")
            state = "end" if all(ended) else "wait" if is_waiting else ""
            if is_idle and state in states:
                return state
            await asyncio.sleep(0.05)


async def main(verb: str, worker: str = "") -> None:
    await broker.startup()
    match verb:
        case "put":
            for number in TEXTS:
                await put(number)
        case "kill":
            if await until("wait", "end") == "wait":
                os.killpg(int(worker), signal.SIGKILL)
        case "again":
            await put("1")
        case "end":
            await until("end")
    await broker.shutdown()


asyncio.run(main(*sys.argv[1:]))
