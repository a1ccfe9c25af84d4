"""Tasks for arq: `put` them, `kill` a worker while one waits, one `again`, until all `end`."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from time import time

from announcements import WorkerSettings
from arq import ArqRedis, create_pool

TEXTS = {"1": "first", "2": "second", "3": "x" * 600}
RESULTS = [f"arq:result:{number}" for number in TEXTS]


async def put(pool: ArqRedis, number: str) -> None:
    at = datetime.fromisoformat(os.environ["AT"])
    arguments = (os.environ["CHANNEL"], TEXTS[number], at)
    await pool.enqueue_job("announce", *arguments, _job_id=number)


async def until(pool: ArqRedis, *states: str) -> str:
    while True:
        ended = await pool.exists(*RESULTS)
        waiting = await pool.zcount("arq:queue", 1000 * time() + 500, "inf")
        state = "end" if ended == 3 else "wait" if (ended, waiting) == (2, 1) else ""
        if state in states:
            return state
        await asyncio.sleep(0.05)


async def main(verb: str, worker: str = "") -> None:
    pool = await create_pool(WorkerSettings.redis_settings)
    match verb:
        case "put":
            for number in TEXTS:
                await put(pool, number)
        case "kill":
            if await until(pool, "wait", "end") == "wait":
                os.killpg(int(worker), signal.SIGKILL)
        case "again":
            await pool.delete("arq:result:1")  # else it is not accepted
            await put(pool, "1")
        case "end":
            await until(pool, "end")


asyncio.run(main(*sys.argv[1:]))
