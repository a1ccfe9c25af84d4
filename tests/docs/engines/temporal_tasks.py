"""Workflows for Temporal: `put` them, `kill` a worker while one waits, one `again`, all `end`."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from announcements import Announce
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

TEXTS = {"1": "first", "2": "second", "3": "x" * 600}
RUNNING = WorkflowExecutionStatus.RUNNING


async def put(client: Client, number: str) -> None:
    arguments = [os.environ["CHANNEL"], TEXTS[number], os.environ["AT"]]
    await client.start_workflow(
        Announce.run,
        args=arguments,
        id=number,
        task_queue="posts",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )


async def until_one_waits(client: Client) -> bool:
    """Wait until only one workflow is left, and its next attempt is later; False: none is left."""
    while True:
        found = [await client.get_workflow_handle(number).describe() for number in TEXTS]
        left = [each for each in found if each.status == RUNNING]
        later = datetime.now(UTC) + timedelta(seconds=0.5)
        waits = [
            each.scheduled_time.ToDatetime(UTC) > later
            for workflow in left
            for each in workflow.raw_description.pending_activities
        ]
        if not left or (len(left) == 1 and waits == [True]):
            return bool(left)
        await asyncio.sleep(0.05)


async def main(verb: str, worker: str = "") -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    match verb:
        case "put":
            for number in TEXTS:
                await put(client, number)
        case "kill":
            if await until_one_waits(client):
                os.killpg(int(worker), signal.SIGKILL)
        case "again":
            await put(client, "1")
        case "end":
            results = [client.get_workflow_handle(number).result() for number in TEXTS]
            *made, refused = await asyncio.gather(*results, return_exceptions=True)
            assert all(isinstance(each, str) for each in made), made
            assert isinstance(refused, WorkflowFailureError)
            assert refused.cause.__cause__.type == "InvalidPostError", refused.cause


asyncio.run(main(*sys.argv[1:]))
os._exit(0)  # without the end of the interpreter, at which temporalio was seen to crash
