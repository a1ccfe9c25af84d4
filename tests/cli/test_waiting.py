"""What a create says that waits for the quota."""

from __future__ import annotations

import pytest

from postiz_async import NewPost
from postiz_async._cli.waiting import _SlotDisplay
from postiz_async.testing import Sandbox


@pytest.mark.parametrize(
    ("limit", "used"),
    [(1, "the only create of this window is used"), (2, "all 2 creates of this window are used")],
)
async def test_what_a_create_waits_for(limit: int, used: str) -> None:
    sandbox = Sandbox(limit=limit, channels=["mastodon"])
    async with sandbox.client() as postiz:
        for _ in range(limit):
            await postiz.posts.schedule(NewPost("mastodon", "x"), at=sandbox.in_an_hour())
        line = await _SlotDisplay(postiz, 60.0)._line()
    assert line.startswith("Waiting ")
    assert line.endswith(f": {used}. Nothing was sent yet.")
