"""Jobs for Procrastinate: `put` them, `kill` a worker while one waits, deliver one `again`, until
all `end`.
"""

import asyncio
import os
import signal
import sys

import psycopg
from announcements import announce, app

TEXTS = ("first", "second", "x" * 600)
STATES = """
    SELECT CASE WHEN status = 'todo' AND attempts > 0 AND scheduled_at > now() + interval '0.5 s'
    THEN 'waiting' ELSE status::text END FROM procrastinate_jobs ORDER BY id
"""


async def put() -> None:
    async with app.open_async():
        for text in TEXTS:
            arguments = {"channel": os.environ["CHANNEL"], "text": text, "at": os.environ["AT"]}
            await announce.defer_async(**arguments)


async def until(connection: psycopg.AsyncConnection, *wanted: list[str]) -> list[str]:
    while True:
        rows = await (await connection.execute(STATES)).fetchall()
        states = [state for (state,) in rows]
        if states in wanted:
            return states
        await asyncio.sleep(0.05)


async def main(verb: str, worker: str = "") -> None:
    end, wait = ["succeeded", "succeeded", "failed"], ["succeeded", "waiting", "failed"]
    database = os.environ["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        match verb:
            case "put":
                await put()
            case "kill":
                if await until(connection, wait, end) == wait:
                    os.killpg(int(worker), signal.SIGKILL)
            case "again":
                await connection.execute(  # and what the killed one had begun meanwhile
                    "UPDATE procrastinate_jobs SET status = 'todo' WHERE id = 1 OR status = 'doing'"
                )
            case "end":
                await until(connection, end)


asyncio.run(main(*sys.argv[1:]))
