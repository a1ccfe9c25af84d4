"""A server that was restored from a backup: posts are gone, and their ids are others' now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from campaign_lab import Lab, rows

COUNT = 6


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.sandbox:
        made.write(rows([made.channel("mastodon"), made.channel("telegram")], COUNT))
        assert (await made.run()).complete
        yield made


async def restored(lab: Lab) -> list[str]:
    """The backup lacks the last three posts. Returns the ids that are left."""
    kept = [post.id for post in lab.sandbox.posts]
    async with lab.client() as postiz:
        for post_id in kept[3:]:
            await postiz.posts.delete(post_id)
    return kept[:3]


async def test_what_is_gone_is_said_and_not_sent_again(lab: Lab) -> None:
    left = await restored(lab)
    creates = list(lab.creates)
    report = await lab.run()
    assert [row.finding for row in report.rows].count("deleted") == 3
    assert [post.id for post in lab.sandbox.posts] == left
    assert lab.creates == creates


async def test_a_new_journal_adopts_what_is_left_and_sends_the_rest(lab: Lab) -> None:
    left = await restored(lab)
    lab.journal = lab.folder / "after the backup.journal"
    report = await lab.run(existing="adopt")
    assert report.complete
    assert {row.post_id for row in report.rows} == {post.id for post in lab.sandbox.posts}
    assert {*left} < {row.post_id for row in report.rows}
    lab.assert_each_once(f"post {n}" for n in range(COUNT))


async def test_a_post_that_got_the_id_of_a_lost_one_is_left_alone(lab: Lab) -> None:
    theirs = lab.sandbox.posts[-1].id
    lab.sandbox.change_post(theirs, content="of somebody else", settings="{}")
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        undone = await campaign.undo()
    assert [post.id for post in lab.sandbox.posts] == [theirs]
    assert sum(len(refs) for refs in undone.left.values()) == 1
