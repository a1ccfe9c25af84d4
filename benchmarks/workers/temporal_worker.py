"""A worker of Temporal for `engines.py`, or with a file of tasks the program that orders them.

It ends without the end of the interpreter, at which temporalio was seen to crash.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from held import KEY, timed
from temporalio.client import Client
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from postiz_async import NewPost
from postiz_async.contrib.temporal import (
    CampaignInput,
    CampaignWorkflow,
    PostizPlugin,
    ScheduleRequest,
)

QUEUE = "posts"


class Timed(ActivityInboundInterceptor):
    """Writes down how long failed attempts took."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        with timed():
            return await super().execute_activity(input)


class TimesAll(Interceptor):
    """Does so for all activities."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return Timed(next)


async def connect(address: str) -> Client:
    plugin = PostizPlugin(credentials=KEY.format, store=Path(os.environ["FOLDER"], "quota.sqlite"))
    return await Client.connect(address, plugins=[plugin])


async def work(address: str) -> None:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with Worker(await connect(address), task_queue=QUEUE, interceptors=[TimesAll()]):
        await end.wait()


async def order(address: str, tasks: str) -> None:
    """Start a campaign for each organisation."""
    rows: dict[str, list[ScheduleRequest]] = defaultdict(list)
    for organization, text, at in json.loads(tasks):
        row = ScheduleRequest(posts=(NewPost("mastodon", text),), at=datetime.fromisoformat(at))
        rows[organization].append(row)
    client = await connect(address)
    for organization, planned in rows.items():
        campaign = CampaignInput(rows=tuple(planned), organization=organization)
        await client.start_workflow(
            CampaignWorkflow.run, campaign, id=organization, task_queue=QUEUE
        )


if __name__ == "__main__":
    address, *files = sys.argv[1:]
    tasks = [Path(file).read_text(encoding="utf-8") for file in files]
    code = 1
    try:
        asyncio.run(order(address, *tasks) if tasks else work(address))
        code = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
