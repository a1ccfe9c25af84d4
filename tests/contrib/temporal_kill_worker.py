"""A process of `temporal_worker_kills`: a worker, or with numbers one that orders campaigns.

All run on the clock of the sandbox, and Temporal tries again as much sooner. They end without the
end of the interpreter, at which temporalio was seen to crash.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outbox_worker import clock_of
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async.contrib.temporal import (
    CampaignInput,
    CampaignWorkflow,
    PostizPlugin,
    ScheduleRequest,
)
from postiz_async.stores.sqlite import SqliteStore

QUEUE = "posts"


class Sooner(ActivityInboundInterceptor):
    """Divides the delays of failures by the speed of the clock."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except ApplicationError as error:
            if error.next_retry_delay is None:
                raise
            raise ApplicationError(
                error.message,
                type=error.type,
                next_retry_delay=error.next_retry_delay / clock.speed,
                category=error.category,
            ) from None


class OnSandboxTime(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return Sooner(next)


def client() -> Postiz:
    store = SqliteStore(folder / "quota.sqlite")
    return Postiz(store=store, advanced=AdvancedOptions(clock=clock))


async def work() -> None:
    made = await Client.connect(address, plugins=[PostizPlugin(client)])
    worker = Worker(
        made,
        task_queue=QUEUE,
        interceptors=[OnSandboxTime()],
        max_concurrent_activities=10,
    )
    async with worker:
        await asyncio.Event().wait()


async def order(campaigns: int, rows: int) -> None:
    """Write down the ids of the posts of each row, or why there are none."""
    made = await Client.connect(address, plugins=[PostizPlugin(client)])
    at = datetime.fromtimestamp(clock.anchor.shown, UTC) + timedelta(days=20)
    handles = []
    for campaign in range(campaigns):
        texts = [f"campaign {campaign} row {row}" for row in range(rows)]
        requests = [ScheduleRequest(posts=(NewPost("mastodon", each),), at=at) for each in texts]
        handle = await made.start_workflow(
            CampaignWorkflow.run,
            CampaignInput(rows=tuple(requests)),
            id=f"campaign-{campaign}",
            task_queue=QUEUE,
        )
        handles.append((texts, handle))
    found = []
    for texts, handle in handles:
        for text, outcome in zip(texts, await handle.result(), strict=True):
            found.append([text, [created.post_id for created in outcome.created], outcome.error])
    (folder / "outcomes.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    folder, address, *numbers = Path(sys.argv[1]), *sys.argv[2:]
    log = os.open(
        folder / f"log-{'order' if numbers else 'work'}", os.O_WRONLY | os.O_CREAT | os.O_APPEND
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    clock = clock_of(os.environ["POSTIZ_API_URL"])
    code = 1
    try:
        asyncio.run(order(*map(int, numbers)) if numbers else work())
        code = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
