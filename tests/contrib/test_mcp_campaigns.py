"""Campaigns of agents: planned, sent in the background, looked at, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp_lab import Agent, agent, sandbox

from postiz_async.testing import Fault, Sandbox

HEAD = "channel,date,content\n"
ROWS = "".join(f"mastodon,2027-01-{day:02}T09:00Z,Day {day}\n" for day in range(3, 8))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "campaigns"
    made.mkdir()
    (made / "a.csv").write_text(HEAD + ROWS, encoding="utf-8")
    (made / "bad.csv").write_text(f"{HEAD}nowhere,2027-01-03T09:00Z,x\n", encoding="utf-8")
    (made / "x.csv").write_text(f"{HEAD}x,2027-01-03T09:00Z,x\n", encoding="utf-8")
    (tmp_path / "outside.csv").write_text(HEAD + ROWS, encoding="utf-8")
    (made / "link.csv").symlink_to("../outside.csv")
    return made


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


async def until_ended(local: Sandbox, each: Agent, file: str) -> dict[str, Any]:
    for _ in range(1_000):
        status = await each.call("campaign_status", file=file)
        if not status["running"]:
            return status
        await local.clock.sleep(60)
    raise AssertionError("it never ended")


async def test_from_its_plan_to_its_undo(store: Path, folder: Path) -> None:
    local = sandbox()
    async with agent(local, store, campaigns=folder) as each:
        plan = await each.call("campaign_plan", file="a.csv")
        assert (plan["posts"], plan["requests"]) == (5, 5)
        assert "plan" not in plan
        plan = await each.call("campaign_run", file="a.csv")
        assert plan["posts"] == 5
        assert not local.creates
        for _ in range(2):
            assert (await each.call("campaign_run", confirm=plan["plan"]))["running"]
        status = await until_ended(local, each, "a.csv")
        assert (status["complete"], status["rows"], status["stopped_by"]) == (
            True, {"stored": 5}, "",
        )  # fmt: skip
        assert len(local.posts) == 5
        plan = await each.call("campaign_undo", file="a.csv")
        assert plan["deletes"] == 5
        assert len(local.posts) == 5
        for _ in range(2):
            assert (await each.call("campaign_undo", confirm=plan["plan"]))["deleted"] == 5
        assert not local.posts


async def test_what_was_planned_is_what_is_sent(store: Path, folder: Path) -> None:
    local = sandbox()
    async with agent(local, store, campaigns=folder) as each:
        plan = await each.call("campaign_run", file="a.csv")
        write(folder / "a.csv", f"{HEAD}mastodon,2027-01-03T09:00Z,Something else\n")
        assert "plan again" in await each.fails("campaign_run", confirm=plan["plan"])
    assert not local.creates


async def test_a_server_that_stops_sends_the_rest_later(store: Path, folder: Path) -> None:
    local = sandbox()
    local.lock_out()
    for attempt in range(2):
        async with agent(local, store, campaigns=folder) as each:
            await each.done("campaign_run", file="a.csv")
            if attempt:
                assert (await until_ended(local, each, "a.csv"))["complete"]
    assert sorted(post.content for post in local.posts) == [f"Day {day}" for day in range(3, 8)]


async def test_what_is_refused(store: Path, folder: Path, tmp_path: Path) -> None:
    local = sandbox()
    async with agent(local, store, campaigns=folder, channels=["mastodon"]) as each:
        for name in ("../outside.csv", "link.csv", str(tmp_path / "outside.csv"), "none.csv", ""):
            for tool in ("campaign_plan", "campaign_run", "campaign_status", "campaign_undo"):
                said = await each.fails(tool, file=name)
                assert "--campaigns" in said or "Give file" in said
        assert "1 problem" in await each.fails("campaign_run", file="bad.csv")
        assert "may not use" in await each.fails("campaign_run", file="x.csv")
        assert "has not been run" in await each.fails("campaign_status", file="a.csv")
    async with agent(local, store, campaigns=folder, most_posts_a_day=1) as each:
        await each.call("campaign_run", file="a.csv")
        day = "mastodon,2027-01-03T10:00Z,Once more\n"
        write(folder / "b.csv", HEAD + day + day.replace("10:", "11:"))
        assert "2 posts on 2027-01-03 (UTC)" in await each.fails("campaign_run", file="b.csv")
    async with agent(local, store, ("read", "draft"), campaigns=folder) as each:
        assert "needs the scope 'schedule'" in await each.fails("campaign_run", file="a.csv")
        assert (await each.call("campaign_plan", file="a.csv"))["posts"] == 5
    async with agent(local, store) as each:
        assert "without --campaigns" in await each.fails("campaign_plan", file="a.csv")
    assert not local.creates


async def test_a_run_that_stops_is_logged_even_if_nobody_asks(
    store: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local = sandbox()
    async with agent(local, store, campaigns=folder) as each:
        plan = await each.call("campaign_run", file="a.csv")
        local.add_fault(Fault("empty_401", times=None))
        await each.call("campaign_run", confirm=plan["plan"])
        status = await until_ended(local, each, "a.csv")
    assert not status["complete"]
    assert status["stopped_by"]
    [record] = [each for each in caplog.records if each.name == "postiz_async.mcp"]
    assert record.getMessage() == "the run of a.csv has stopped"
    assert local.api_key not in caplog.text
