"""Workflows for DBOS, in the process that runs them: `kill` it while one sleeps, or all `end`."""

import asyncio
import os
import signal
import sys
from datetime import datetime
from time import time

from announcements import announce, lifespan
from dbos import DBOS, SetWorkflowID, WorkflowHandleAsync

TEXTS = ("first", "second", "x" * 600)


async def until_one_sleeps(handles: list[WorkflowHandleAsync[str]]) -> bool:
    """Wait until only one workflow is left, and sleeps; False if none is left."""
    while True:
        states = [await handle.get_status() for handle in handles]
        left = [state.workflow_id for state in states if state.status == "PENDING"]
        steps = [step for each in left for step in await DBOS.list_workflow_steps_async(each)]
        sleeps = [step["output"] for step in steps if step["function_name"] == "DBOS.sleep"]
        if not left or (len(left) == 1 and sleeps and sleeps[-1] > time() + 0.5):
            return bool(left)
        await asyncio.sleep(0.05)


async def main(verb: str) -> None:
    channel, at = os.environ["CHANNEL"], datetime.fromisoformat(os.environ["AT"])
    async with lifespan():
        handles = []
        for number, text in enumerate(TEXTS):
            with SetWorkflowID(f"order-{number}"):  # the same after a restart
                handles.append(await DBOS.start_workflow_async(announce, channel, text, at))
        if verb == "kill" and await until_one_sleeps(handles):
            os.kill(os.getpid(), signal.SIGKILL)
        results = [handle.get_result() for handle in handles]
        print("done", await asyncio.gather(*results, return_exceptions=True))


asyncio.run(main(*sys.argv[1:]))
