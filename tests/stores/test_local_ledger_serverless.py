"""Processes that live for one call, as in serverless environments, with and without a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from processes import PATIENCE, PYTHON, child_environment, ended, launch

if TYPE_CHECKING:
    from pathlib import Path

    from postiz_async.testing import SandboxServer

INVOCATION = """
import asyncio, os
from datetime import UTC, datetime, timedelta
from postiz_async import NewPost, Postiz, QuotaWaitError

async def handler():
    async with Postiz(store=os.environ.get("STORE"), max_wait=5) as postiz:
        if os.environ.get("READS"):
            return print(len(await postiz.channels.list()))
        at = datetime.now(UTC) + timedelta(days=1)
        for _ in range(2):
            try:
                await postiz.posts.schedule(NewPost("mastodon", "Hello"), at=at)
            except QuotaWaitError as error:
                print("try again in", error.retry_after)

asyncio.run(handler())
"""
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "announce"}
WARNING = "a create without a store in a serverless environment (AWS_LAMBDA_FUNCTION_NAME is set)"


class Functions:
    """Invocations against a sandbox with a quota of six, of which each wants two."""

    def __init__(self, sandbox: SandboxServer, home: Path) -> None:
        self.sandbox, self.home = sandbox, home

    def invoke(self, **environment: str) -> tuple[str, str]:
        """What an invocation printed and logged."""
        program = self.home / "invocation.py"
        program.write_text(INVOCATION, encoding="utf-8")
        its = child_environment(self.home, self.sandbox.environment() | environment)
        with ended(launch([*PYTHON, str(program)], its)) as process:
            said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return said


@pytest.fixture
def functions(postiz_sandbox_server: SandboxServer, tmp_path: Path) -> Functions:
    return Functions(postiz_sandbox_server, tmp_path)


pytestmark = pytest.mark.postiz(channels=["mastodon"], limit=6)


def test_the_fourth_of_four_locks_the_organisation_out(functions: Functions) -> None:
    """And the first one says so, once."""
    said = [functions.invoke(**LAMBDA) for _ in range(4)]
    assert functions.sandbox.refusals == 1
    assert len(functions.sandbox.posts) == 6
    assert [err.count(WARNING) for _, err in said] == [1] * 4
    assert all("store='postgresql://...'" in err for _, err in said)


def test_with_a_store_the_fourth_waits(functions: Functions) -> None:
    store = str(functions.home / "quota.sqlite")
    said = [functions.invoke(STORE=store, **LAMBDA) for _ in range(4)]
    assert functions.sandbox.refusals == 0
    assert len(functions.sandbox.posts) == 6
    assert [out.count("try again in") for out, _ in said] == [0, 0, 0, 2]
    assert "".join(err for _, err in said) == ""


@pytest.mark.parametrize("environment", [{}, LAMBDA | {"READS": "1"}])
def test_a_plain_script_and_one_that_only_reads_are_told_nothing(
    functions: Functions, environment: dict[str, str]
) -> None:
    assert functions.invoke(**environment)[1] == ""
