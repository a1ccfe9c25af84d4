"""What issue 43 found: limits, dates, texts that are none, keys that are known."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from mcp import Client
from mcp_lab import ALL, AT, Agent, agent, sandbox

from postiz_async.contrib.mcp import McpOptions, make_server

POST = {"channel": "mastodon", "text": "Hello"}
LATER = "2027-01-02T17:00:00Z"
OTHER_DAY = "2027-01-05T08:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


async def test_two_that_are_confirmed_together_are_not_both_the_last_of_a_day(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, most_posts_a_day=1) as each:
        for tool, day in (("draft", AT), ("schedule", OTHER_DAY)):
            plans = [await each.call(tool, posts=[{**POST, "text": text}], at=day) for text in "AB"]
            answers = await asyncio.gather(
                *(each.client.call_tool("confirm", {"plan": plan["plan"]}) for plan in plans)
            )
            assert sorted(one.is_error for one in answers) == [False, True]
    assert len(local.posts) == 2


async def test_a_replacement_cannot_pass_the_limit_of_a_day(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, most_posts_a_day=1) as each:
        await each.done("schedule", posts=[POST], at=AT)
        [other] = (await each.done("schedule", posts=[POST], at=OTHER_DAY))["posts"]
        said = await each.fails("replace", post=other, new=POST, at=AT)
        assert "2 posts on 2027-01-02 (UTC)" in said
        plan = await each.call("replace", post=other, new=POST, at="2027-01-06T08:00:00Z")
        await each.done("schedule", posts=[{**POST, "text": "B"}], at="2027-01-06T09:00:00Z")
        said = await each.confirm(plan, fails=True)
        assert "2 posts on 2027-01-06 (UTC)" in said["message"]
        same = await each.call("replace", post=other, new={**POST, "text": "C"}, at=OTHER_DAY)
        await each.confirm(same)
    assert sorted(post.content for post in local.posts) == ["B", "C", "Hello"]


async def test_an_equal_text_counts_again_at_another_time(store: Path) -> None:
    async with agent(sandbox(), store, most_posts_a_day=1) as each:
        await each.done("schedule", posts=[POST], at=AT)
        for tool, at, more in (
            ("schedule", LATER, {}),
            ("draft", AT, {}),
            ("schedule", AT, {"key": "again"}),
        ):
            assert "2 posts on" in await each.fails(tool, posts=[POST], at=at, **more)
        await each.done("schedule", posts=[POST], at=AT)


async def test_each_post_of_what_waits_counts(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, most_posts_a_day=2, max_wait=5.0) as each:
        await each.done("schedule", posts=[{**POST, "text": "First"}], at=OTHER_DAY)
        local.lock_out()
        posts = [POST, {"channel": "x", "text": "Hello"}]
        kept = await each.done("schedule", posts=posts, at=AT)
        assert kept["state"] == "planned"
        assert "3 posts on" in await each.fails("schedule", posts=[POST], at=LATER)
        await local.clock.sleep(4000)
        assert (await each.call("ticket", ticket=kept["ticket"]))["state"] == "stored"
        assert "3 posts on" in await each.fails("schedule", posts=[POST], at=LATER)
        await each.done("schedule", posts=[{**POST, "text": "B"}], at=OTHER_DAY)


async def test_a_plan_knows_that_its_key_is_stored(store: Path) -> None:
    local = sandbox()
    for tool in ("schedule", "draft"):
        async with agent(local, store) as each:
            [post] = (await each.done(tool, posts=[POST], at=AT))["posts"]
        async with agent(local, store, most_posts_a_day=1) as each:
            plan = await each.call(tool, posts=[POST], at=AT)
            assert f"lready stored as {post}" in plan["message"]
            assert (plan["requests"], plan["posts"]) == (0, [post])
            assert (await each.confirm(plan))["posts"] == [post]
            await local.clock.sleep(2 * 24 * 3600)  # its date has passed
            assert (
                f"lready stored as {post}"
                in (await each.call(tool, posts=[POST], at=AT))["message"]
            )
            await each.done("delete", posts=[post])
        local = sandbox()
        store = store.with_name(f"{tool}.sqlite")


async def test_a_plan_knows_that_its_key_waits(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, max_wait=0.0) as each:
        await each.done("schedule", posts=[{**POST, "text": "First"}], at=AT)
        local.lock_out()
        kept = await each.done("schedule", posts=[POST], at=AT)
        plan = await each.call("schedule", posts=[POST], at=AT)
        assert f"ticket {kept['ticket']}" in plan["message"]
        assert plan["requests"] == 0


DATED = (
    ("check", {"posts": [POST]}, "at"),
    ("draft", {"posts": [POST]}, "at"),
    ("schedule", {"posts": [POST]}, "at"),
    ("replace", {"post": "POST", "new": POST}, "at"),
    ("list_posts", {}, "start"),
    ("list_posts", {}, "end"),
    ("notifications", {}, "since"),
)


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999-14:00",
        "9999-12-31T00:00:00Z",
        "1969-12-31T00:00:00Z",
        "9999-12-31",
        "0001-01-01",
    ],
)
async def test_extreme_dates_are_refused_in_a_sentence(
    at: str, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local = sandbox()
    async with agent(local, store) as each:
        [post] = (await each.done("schedule", posts=[POST], at=AT))["posts"]
        for tool, arguments, name in DATED:
            said = {key: post if value == "POST" else value for key, value in arguments.items()}
            assert "from 2000 to 2100" in await each.fails(tool, **said, **{name: at}), tool
    assert len(local.creates) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_half_a_character_is_refused_in_a_sentence(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local, half = sandbox(), "\ud83d"
    async with local.client(store=store, allow=ALL) as postiz:
        server = make_server(postiz, McpOptions(allow=ALL))
        for tool, arguments in (
            ("schedule", {"posts": [{**POST, "text": half}], "at": AT}),
            ("schedule", {"posts": [{**POST, "settings": {"a": [half]}}], "at": AT}),
            ("schedule", {"posts": [{**POST, "settings": {half: 1}}], "at": AT}),
            ("schedule", {"posts": [POST], "at": half}),
            ("schedule", {"posts": [POST], "at": AT, "key": half}),
            ("schedule", {"posts": [POST], "at": AT, half: 1}),
            ("preview", {"text": half, "provider": "x"}),
            ("list_posts", {"text": half}),
            ("upload", {"source": half}),
            ("check", {"posts": [{**POST, "channel": half}]}),
        ):
            result = await server.call_tool(tool, arguments)
            assert result.is_error
            assert "half a character" in result.structured_content["message"], arguments
        unknown = await server.call_tool(half, {})
        assert "no tool" in unknown.structured_content["message"]
        async with Client(server) as client:
            assert "half a character" in await Agent(client).fails("preview", text=half)
    assert not local.creates
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_day_is_taken_where_a_day_is_meant(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, timezone=ZoneInfo("Asia/Tokyo")) as each:
        for at in ("2027-01-02T23:30:00+09:00", "2027-01-03T00:30:00+09:00"):
            await each.done("schedule", posts=[{**POST, "text": at}], at=at)

        async def listed(**arguments: str) -> list[str]:
            found = await each.call("list_posts", details=True, **arguments)
            return [post["untrusted_text"][:10] for post in found["posts"]]

        assert await listed(start="2027-01-02", end="2027-01-02") == ["2027-01-02"]
        assert await listed(start="2027-01-03", end="2027-01-03") == ["2027-01-03"]
        assert await listed(start="2027-01-03T00:00", end="2027-01-03T01:00") == ["2027-01-03"]
        assert len(await listed(start="2027-01-02")) == 2
        local.add_notification("New")
        assert (await each.call("notifications", since="2027-01-01"))["notifications"]
        assert not (await each.call("notifications", since="2027-01-02"))["notifications"]


async def test_a_post_needs_a_time_of_day_and_may_leave_the_zone_to_the_server(store: Path) -> None:
    local = sandbox()
    async with agent(local, store, timezone=ZoneInfo("Europe/Berlin")) as each:
        assert "Europe/Berlin" in each.client.instructions
        for tool, arguments in (
            ("schedule", {"posts": [POST]}),
            ("draft", {"posts": [POST]}),
            ("check", {"posts": [POST]}),
        ):
            said = await each.fails(tool, **arguments, at="2027-01-02")
            assert "needs a time" in said
            assert "2027-01-02T09:00" in said
        plan = await each.call("schedule", posts=[POST], at="2027-01-02T09:00")
        assert plan["at"] == "2027-01-02T09:00:00+01:00"
        await each.confirm(plan)
        same = await each.done("schedule", posts=[POST], at="2027-01-02 08:00:00Z")
        assert same["posts"] == [post.id for post in local.posts]
        for at in ("2027-03-28T02:30", "2027-10-31T02:30"):
            said = await each.fails("schedule", posts=[POST], at=at)
            assert "give its offset" in said


async def test_schemas_say_what_is_needed(store: Path) -> None:
    async with agent(sandbox(), store) as each:
        schemas = {tool.name: tool.input_schema for tool in (await each.client.list_tools()).tools}
    needed = {name: set(schema.get("required", ())) for name, schema in schemas.items()}
    assert needed["draft"] == needed["schedule"] == {"posts", "at"}
    assert needed["publish_now"] == needed["delete"] == {"posts"}
    assert needed["replace"] == {"post", "new", "at"}
    for name, field in (("draft", "at"), ("schedule", "at"), ("replace", "at")):
        assert "time" in schemas[name]["properties"][field]["description"]
    for name, field in (("list_posts", "start"), ("list_posts", "end"), ("notifications", "since")):
        assert "day" in schemas[name]["properties"][field]["description"]
