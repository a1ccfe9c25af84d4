"""Updates of settings alone, whose route rewrites the date without its milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, rows, swept

from postiz_async import Campaign
from postiz_async.testing import Fault
from postiz_async.types import CampaignChanges, UndoResult


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


def with_settings(records: list[dict[str, Any]], **settings: object) -> list[dict[str, Any]]:
    return [record | {"settings": settings} for record in records]


async def sent(lab: Lab) -> list[dict[str, Any]]:
    channels = [lab.channel("telegram"), lab.channel("mastodon", name="News")]
    records = rows(channels, 4)
    lab.write(records)
    await lab.run()
    return records


async def changes(lab: Lab, *, is_run: bool = True, **options: Any) -> CampaignChanges:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await (campaign.run(**options) if is_run else campaign.plan(**options))
        return report.changes


async def undo(lab: Lab) -> UndoResult:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        return await campaign.undo()


def settings_of(lab: Lab, name: str) -> list[object]:
    return [post.settings.get(name) for post in lab.sandbox.posts]


async def test_an_undo_deletes_them(lab: Lab) -> None:
    records = await sent(lab)
    lab.write(with_settings(records, a=1))
    done = await changes(lab)
    assert (len(done.free), done.left) == (4, {})
    assert settings_of(lab, "a") == [1, 1, 1, 1]
    undone = await undo(lab)
    assert (len(undone.rows), undone.left, lab.sandbox.posts) == (4, {}, ())


async def test_further_updates_change_them(lab: Lab) -> None:
    records = await sent(lab)
    ids = {post.id for post in lab.sandbox.posts}
    creates = len(lab.creates)
    for value in (1, 2):
        lab.write(with_settings(records, a=value))
        assert (await changes(lab)).left == {}
        assert not (await changes(lab, is_run=False)).is_something
        assert settings_of(lab, "a") == [value] * 4
    assert len(lab.creates) == creates
    lab.write([each | {"content": f"{each['content']}!"} for each in with_settings(records, a=2)])
    assert (await changes(lab)).left == {}
    assert {post.id for post in lab.sandbox.posts} == ids
    assert all(post.content.endswith("!") for post in lab.sandbox.posts)
    lab.write(with_settings(records, a=2))
    assert (await changes(lab)).left == {}
    assert (await undo(lab)).left == {}
    assert lab.sandbox.posts == ()


async def test_a_sweep_and_a_run_find_nothing(lab: Lab) -> None:
    records = await sent(lab)
    lab.write(with_settings(records, a=1))
    await changes(lab)
    async with lab.client() as postiz:
        assert await swept(postiz, lab) == {"fine": 4}
    report = await lab.run()
    assert [(row.state.value, row.finding.value) for row in report.rows] == [("stored", "")] * 4
    assert len(lab.sandbox.posts) == 4


async def test_another_host_with_the_same_file_takes_them_over(lab: Lab) -> None:
    records = await sent(lab)
    other = lab.host("other")
    await other.run(existing="adopt")
    assert len(lab.sandbox.posts) == 4
    lab.write(with_settings(records, a=1))
    other.write(with_settings(records, a=1))
    assert (await changes(lab)).left == {}
    assert (await changes(other)).left == {}
    assert (await undo(other)).left == {}
    assert lab.sandbox.posts == ()


@pytest.mark.parametrize("is_answered", [False, True])
async def test_a_kill_between(lab: Lab, *, is_answered: bool) -> None:
    """It dies before or after one of its changes; then the file is edited once more."""
    records = await sent(lab)
    lab.write(with_settings(records, a=1))

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        def dies() -> None:
            if transport.sent[-1].url.endswith("/settings"):
                die()
            else:
                arm(transport, die)

        when = transport.after if is_answered else transport.before
        when[len(transport.sent) + 1] = dies

    async def act(campaign: Campaign) -> None:
        await campaign.run()

    assert await lab.killed(arm, act)
    assert settings_of(lab, "a").count(1) == is_answered
    lab.write(with_settings(records, a=2))
    assert (await changes(lab)).left == {}
    assert settings_of(lab, "a") == [2, 2, 2, 2]
    assert (await undo(lab)).left == {}
    assert lab.sandbox.posts == ()


async def test_a_lost_answer(lab: Lab) -> None:
    records = await sent(lab)
    lab.write(with_settings(records, a=1))
    lab.sandbox.faults.add(Fault("drop_answer", route="update_post_settings", times=2))
    assert (await changes(lab)).left == {}
    assert (await undo(lab)).left == {}
    assert lab.sandbox.posts == ()


async def test_what_is_saved_in_the_web_page_after_it_is_still_noticed(lab: Lab) -> None:
    """A page that saves a post puts it into another group, and keeps all that is listed."""
    records = await sent(lab)
    lab.write(with_settings(records, a=1))
    await changes(lab)
    lab.sandbox.change_post(lab.sandbox.posts[0].id, group="another")
    undone = await undo(lab)
    assert {why: len(each) for why, each in undone.left.items()} == {"edited": 1}
    assert len(lab.sandbox.posts) == 1
