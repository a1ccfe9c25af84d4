"""Runs of a job of Dagster, one of them again: `put`. The program that does `send`."""

import asyncio
import os
import sys

from announcements import announce
from dagster import (
    DagsterInstance,
    JobExecutionResult,
    ReexecutionOptions,
    execute_job,
    reconstructable,
)

from postiz_async import Postiz


def config(text: str) -> dict[str, object]:
    post = {"channel": os.environ["CHANNEL"], "text": text, "at": os.environ["AT"]}
    return {"ops": {"hand_over": {"config": post}}}


def execute(text: str, repeated: str = "") -> JobExecutionResult:
    """A run, or one that repeats another."""
    with execute_job(
        reconstructable(announce),
        instance=DagsterInstance.get(),
        run_config=config(text),
        reexecution_options=ReexecutionOptions(repeated) if repeated else None,
        raise_on_error=False,
    ) as run:
        return run


def put() -> None:
    first = execute("first")
    assert first.success
    assert execute("first", first.run_id).success
    assert execute("second").success
    assert not execute("x" * 600).success


async def send() -> None:
    async with Postiz(store=os.environ["POSTIZ_STORE"]):
        await asyncio.Event().wait()


if __name__ == "__main__":  # each step is a process that imports this
    put() if sys.argv[1] == "put" else asyncio.run(send())
