"""A process of `temporal_worker_kills`: a worker, or with a number one that orders so many posts:
the first ones, as many as the file `ordered` says by then.

It ends without the end of the interpreter, at which temporalio was seen to crash.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outbox_worker import clock_of
from temporalio.client import Client, WorkflowFailureError

folder, *numbers = Path(sys.argv[1]), *map(int, sys.argv[2:])
sys.path.insert(0, str(folder))
from announcements import Announce, work  # noqa: E402

AT_ONCE = 30


async def order(keys: int) -> None:
    """Write down the id of each post, or why there is none."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    shown = clock_of(os.environ["POSTIZ_API_URL"]).anchor.shown
    at = (datetime.fromtimestamp(shown, UTC) + timedelta(days=20)).isoformat()
    turns = asyncio.Semaphore(AT_ONCE)
    ordered = [asyncio.Event() for _ in range(keys)]

    async def outcome(number: int) -> tuple[str, str, str]:
        text = f"text {number}"
        await ordered[number].wait()
        async with turns:
            try:
                made = await client.execute_workflow(
                    Announce.run, args=["mastodon", text, at], id=text, task_queue="posts"
                )
            except WorkflowFailureError as error:
                return text, "", str(error.cause.__cause__)
        return text, made, ""

    async with asyncio.TaskGroup() as group:
        outcomes = [group.create_task(outcome(number)) for number in range(keys)]
        while not ordered[-1].is_set():
            for each in ordered[: int((folder / "ordered").read_text(encoding="utf-8"))]:
                each.set()
            await asyncio.sleep(0.02)
    found = [each.result() for each in outcomes]
    (folder / "outcomes.json").write_text(json.dumps(found), encoding="utf-8")


log = os.open(
    folder / f"log-{'order' if numbers else 'work'}", os.O_WRONLY | os.O_CREAT | os.O_APPEND
)
os.dup2(log, 1)
os.dup2(log, 2)
code = 1
try:
    asyncio.run(order(*numbers) if numbers else work())
    code = 0
except BaseException:  # noqa: BLE001
    traceback.print_exc()
finally:
    sys.stderr.flush()
    os._exit(code)
