"""Clients in processes that are not forked: what goes in, what comes back, and one quota."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from spawned import schedule, schedule_blocking

from postiz_async import NewPost, QuotaWaitError
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve


async def test_a_process_that_is_started_anew_shares_the_quota(tmp_path: Path) -> None:
    """Posts, what was created and errors travel; the third create has to wait."""
    spawn = multiprocessing.get_context("spawn")
    async with MemoryServer(limit=2) as sandbox, serve(sandbox) as served:
        post = NewPost(sandbox.add_channel("mastodon").id, "from a worker")
        given = (post, sandbox.organization.api_key, served.api_url, tmp_path / "quota.sqlite")
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            call = partial(loop.run_in_executor, pool)
            made = [*await call(schedule, *given), *await call(schedule_blocking, *given)]
            with pytest.raises(QuotaWaitError) as caught:
                await call(schedule, *given)
    assert {each.post_id for each in made} == {post.id for post in sandbox.posts}
    assert len(made) == 2
    assert 0 < caught.value.retry_after <= 3_610
    assert sandbox.refusals == 0
