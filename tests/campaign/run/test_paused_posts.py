"""A crisis: queued posts become drafts, whoever stored them, and come back from a file of ids."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, rows

from postiz_async import NewPost, Postiz
from postiz_async.errors import (
    ConfigurationError,
    InvalidInputError,
    ScopeError,
    UsageError,
)
from postiz_async.testing import Fault
from postiz_async.types import Outcome, PostChanges

DAY = timedelta(days=1)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, limit=300)
    made.channel("mastodon", id="news", name="News")
    made.channel("telegram", id="chat", name="Chat")
    async with made.sandbox:
        yield made


@pytest.fixture
def file(lab: Lab) -> Path:
    return lab.folder / "paused.jsonl"


async def store(lab: Lab, count: int = 3, channel: str = "news", *, first: int = 1) -> list[str]:
    """A post a day on a channel, as a person or a program stores them."""
    async with lab.client() as postiz:
        made = [
            await postiz.posts.schedule(
                NewPost(channel, f"Post {number}"), at=START + (first + number) * DAY
            )
            for number in range(count)
        ]
    return [each[0].post_id for each in made]


async def pause(lab: Lab, file: Path, **which: Any) -> PostChanges:
    async with lab.client() as postiz:
        return await postiz.stored_posts(**which).pause(file)


async def resume(lab: Lab, file: Path, **options: Any) -> PostChanges:
    async with lab.client() as postiz:
        return await postiz.stored_posts().resume(file, **options)


def content_of(file: Path) -> str:
    """The content of the file; empty if there is none."""
    return file.read_text(encoding="utf-8") if file.exists() else ""


def put(file: Path, content: str) -> None:
    file.write_text(content, encoding="latin-1", newline="")


def states(lab: Lab) -> dict[str, str]:
    return {post.id: post.state for post in lab.sandbox.posts}


def ids(posts: Any) -> set[str]:
    return {post.id for post in posts}


def left(changes: PostChanges) -> dict[str, set[str]]:
    return {why: ids(posts) for why, posts in changes.left.items()}


def essence(lab: Lab) -> list[tuple[object, ...]]:
    return sorted(
        (post.id, post.date, post.content, post.state, post.has_job, post.tags, post.group)
        for post in lab.sandbox.posts
    )


# ------------------------------------------------------------------ there and back


async def test_all_that_is_queued_stops_and_comes_back_as_it_was(lab: Lab, file: Path) -> None:
    """Also what a campaign and people stored; what is no queued post is left alone."""
    lab.write(rows(["chat"], 2))
    await lab.run()
    mine, draft, out, failed = [*await store(lab, 2), *await store(lab, 2, first=9)]
    lab.sandbox.change_post(draft, state="DRAFT")
    lab.sandbox.change_post(out, state="PUBLISHED")
    lab.sandbox.change_post(failed, state="ERROR")
    before, creates = essence(lab), len(lab.creates)
    seen: list[Outcome] = []
    async with lab.client() as postiz:
        would = await postiz.stored_posts().pause(file, dry_run=True)
        assert (essence(lab), content_of(file)) == (before, "")
        done = await postiz.stored_posts().pause(file, on_outcome=seen.append)
    assert ids(would.posts) == ids(done.posts) == {each.ref for each in seen}
    assert mine in ids(done.posts)
    assert (len(done.posts), done.left, done.complete) == (3, {}, True)
    assert Counter(states(lab).values()) == {"DRAFT": 4, "PUBLISHED": 1, "ERROR": 1}
    assert not any(post.has_job for post in lab.sandbox.posts if post.id in ids(done.posts))
    lines = [json.loads(line) for line in content_of(file).splitlines()]
    assert {line["id"] for line in lines} == ids(done.posts)
    [line] = [line for line in lines if line["id"] == mine]
    assert line == {
        "id": mine,
        "date": "2027-01-02T08:00:00Z",
        "channel": "news",
        "name": "News",
        "state": "DRAFT",
    }
    assert (await lab.run()).counts == {"stored": 2}
    assert len(lab.creates) == creates
    would = await resume(lab, file, dry_run=True)
    assert ids(would.posts) == ids(done.posts)
    back = await resume(lab, file)
    assert (ids(back.posts), back.left) == (ids(done.posts), {})
    assert essence(lab) == before, "somebody's own draft stays one"
    assert len(lab.creates) == creates
    again = await resume(lab, file)
    assert (again.posts, again.left) == ((), {})
    assert (await lab.run()).counts == {"stored": 2}


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ({"channel": "News"}, {0, 1, 2}),
        ({"text": "post 1"}, {1, 4}),
        ({"start": START + 2 * DAY, "end": START + 2 * DAY}, {1, 4}),
        ({"end": START + DAY, "state": "QUEUE"}, {0, 3}),
        ({"tag": "launch"}, set()),
    ],
)
async def test_a_filter_pauses_nothing_else(
    lab: Lab, file: Path, which: dict[str, Any], numbers: set[int]
) -> None:
    stored = [*await store(lab), *await store(lab, channel="chat")]
    done = await pause(lab, file, **which)
    drafts = {post_id for post_id, state in states(lab).items() if state == "DRAFT"}
    assert drafts == ids(done.posts) == {stored[number] for number in numbers}
    assert bool(content_of(file)) is bool(numbers)


async def test_a_pause_of_nothing_can_be_resumed(lab: Lab, file: Path) -> None:
    for changes in (await pause(lab, file), await resume(lab, file)):
        assert (changes.posts, changes.left, changes.complete) == ((), {}, True)


async def test_four_at_a_time(lab: Lab, file: Path) -> None:
    await store(lab, 12)
    times: list[float] = []
    async with lab.client() as postiz:
        await postiz.stored_posts().pause(file, on_outcome=lambda _: times.append(lab.clock.time()))
    assert [*Counter(times).values()] == [4, 4, 4]


async def test_what_is_stored_meanwhile_is_paused_too(lab: Lab, file: Path) -> None:
    await store(lab, 2)
    added: list[str] = []

    async def more(_: Outcome) -> None:
        if not added:
            added.extend(await store(lab, 1, first=20))

    async with lab.client() as postiz:
        done = await postiz.stored_posts().pause(file, on_outcome=more)
    assert ids(done.posts) == {*states(lab)} > {*added}
    assert {*states(lab).values()} == {"DRAFT"}


# ------------------------------------------------------------------ what stays


async def test_what_is_being_published_and_what_repeats_is_named(lab: Lab, file: Path) -> None:
    soon, weekly, later = await store(lab)
    lab.sandbox.change_post(weekly, interval=7, state="PUBLISHED")
    await lab.clock.sleep(DAY.total_seconds() - 30)
    done = await pause(lab, file)
    assert (ids(done.posts), left(done)) == ({later}, {"due": {soon}, "repeats": {weekly}})
    assert not done.complete
    assert states(lab) == {soon: "QUEUE", weekly: "PUBLISHED", later: "DRAFT"}


async def test_what_became_of_a_paused_post_is_named(lab: Lab, file: Path) -> None:
    past, soon, gone, queued, moved, fine = await store(lab, 6)
    await pause(lab, file)
    lab.sandbox.change_post(gone, deleted_at=1)
    lab.sandbox.change_post(queued, state="QUEUE")
    date = int((START + 90 * DAY).timestamp() * 1000)
    lab.sandbox.change_post(moved, date=date)
    await lab.clock.sleep((2 * DAY).total_seconds() - 600)
    would = await resume(lab, file, dry_run=True)
    done = await resume(lab, file)
    for changes in (would, done):
        assert ids(changes.posts) == {moved, fine}
        assert left(changes) == {
            "late": {past},
            "due": {soon},
            "gone": {gone},
            "no_draft": {queued},
        }
        assert not changes.complete
        [named] = changes.left["gone"]
        assert (named.publish_date, named.channel and named.channel.name) == (
            START + 3 * DAY,
            "News",
        )
    now = states(lab)
    assert (now[past], now[soon]) == ("DRAFT", "DRAFT"), "scheduled, they would be out at once"
    assert (now[moved], now[fine]) == ("QUEUE", "QUEUE")


async def test_the_same_file_serves_the_next_pause(lab: Lab, file: Path) -> None:
    first, second = await store(lab, 2)
    await pause(lab, file)
    await resume(lab, file)
    lab.sandbox.change_post(first, state="DRAFT")  # by somebody, for good
    await pause(lab, file)
    back = await resume(lab, file)
    assert (ids(back.posts), back.left) == ({second}, {})
    assert states(lab) == {first: "DRAFT", second: "QUEUE"}


# ------------------------------------------------------------------ what is refused


async def test_an_older_server_is_left_as_it_is(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    async with lab.sandbox:
        lab.channel("mastodon", id="news", name="News")
        await store(lab)
        before, file = essence(lab), tmp_path / "paused.jsonl"
        with pytest.raises(ConfigurationError) as told:
            await pause(lab, file)
        assert str(told.value) == (
            "Stored posts can be paused since Postiz v2.21.7; this server is older, and nothing "
            "was changed."
        )
        assert (essence(lab), content_of(file)) == (before, "")


@pytest.mark.parametrize("state", ["DRAFT", "PUBLISHED", "ERROR", "LOST"])
async def test_only_queued_posts_can_be_paused(lab: Lab, file: Path, state: str) -> None:
    await store(lab, 1)
    with pytest.raises(InvalidInputError, match="state: "):
        await pause(lab, file, state=state)
    assert content_of(file) == ""


@pytest.mark.parametrize(
    "which", [{"channel": "News"}, {"start": START}, {"end": START}, {"state": "DRAFT"}]
)
async def test_a_file_is_resumed_whole(lab: Lab, file: Path, which: dict[str, Any]) -> None:
    await store(lab, 1)
    await pause(lab, file)
    async with lab.client() as postiz:
        with pytest.raises(UsageError, match="without a filter"):
            await postiz.stored_posts(**which).resume(file)
    assert {*states(lab).values()} == {"DRAFT"}


async def test_a_deletion_needs_its_dates(lab: Lab) -> None:
    await store(lab, 1)
    async with lab.client() as postiz:
        for which in ({}, {"start": START}, {"end": START + 9 * DAY}):
            with pytest.raises(UsageError, match="A deletion needs"):
                await postiz.stored_posts(**which).delete()  # type: ignore[arg-type]
    assert len(states(lab)) == 1


GOOD = '{"id":"p1","date":"2027-01-02T08:00:00Z","channel":"c","name":"","state":"DRAFT"}\n'


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("channel,date,content\n", 1),
        ('{"id":"p1"}\n', 1),
        (f"{GOOD}\n", 2),
        (f'{GOOD}{{"id":"p2","da\n', 2),
        (GOOD.replace("Z", ""), 1),
        (GOOD.replace("DRAFT", "GONE"), 1),
        ("\x00x", 1),
    ],
)
async def test_another_file_is_neither_read_nor_written(
    lab: Lab, file: Path, content: str, line: int
) -> None:
    await store(lab, 1)
    put(file, content)
    for act in (pause, resume):
        with pytest.raises(ConfigurationError, match=f"line {line}, is not of posts pause"):
            await act(lab, file)
    assert len(content_of(file).splitlines()) == len(content.splitlines())
    assert {*states(lab).values()} == {"QUEUE"}


async def test_a_file_that_cannot_be_used_pauses_nothing(lab: Lab, file: Path) -> None:
    await store(lab, 1)
    with pytest.raises(ConfigurationError, match="There is no file"):
        await resume(lab, file)
    for act in (pause, resume):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            await act(lab, lab.folder)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await pause(lab, lab.folder / "no folder" / "paused.jsonl")
    assert {*states(lab).values()} == {"QUEUE"}


async def test_a_last_line_without_its_end_is_kept(lab: Lab, file: Path) -> None:
    one, _ = await store(lab, 2)
    await pause(lab, file, text="Post 0")
    put(file, content_of(file).rstrip("\n"))
    await pause(lab, file)
    assert one in ids((await resume(lab, file)).posts)
    assert {*states(lab).values()} == {"QUEUE"}


@pytest.mark.parametrize("missing", [1, 2, 20])
async def test_a_last_line_that_was_cut_off_is_written_anew(
    lab: Lab, file: Path, missing: int
) -> None:
    """The disk was full, or the process was killed, before the post of that line was changed."""
    ids = await store(lab, 3)
    await pause(lab, file)
    last = json.loads(content_of(file).splitlines()[-1])["id"]  # four are paused at a time
    lab.sandbox.change_post(last, state="QUEUE")
    put(file, content_of(file)[:-missing])
    done = await pause(lab, file)
    assert [post.id for post in done.posts] == [last]
    assert {json.loads(line)["id"] for line in content_of(file).splitlines()} == set(ids)
    assert len((await resume(lab, file)).posts) == 3


async def test_a_client_that_may_not_change_posts_does_not(lab: Lab, file: Path) -> None:
    await store(lab, 1)
    async with lab.client(allow=["read"]) as postiz:
        assert len((await postiz.stored_posts().pause(file, dry_run=True)).posts) == 1
        with pytest.raises(ScopeError):
            await postiz.stored_posts().pause(file)
    await pause(lab, file)
    async with lab.client(allow=["read", "update"]) as postiz:
        with pytest.raises(ScopeError, match="publish"):
            await postiz.stored_posts().resume(file)
    assert {*states(lab).values()} == {"DRAFT"}


# ------------------------------------------------------------------ lost answers and kills


@pytest.mark.parametrize("kind", ["drop_answer", "reset", "error_after", "error_before"])
async def test_lost_answers_lose_nothing(lab: Lab, file: Path, kind: Any) -> None:
    await store(lab, 5)
    before = essence(lab)
    for act, state in ((pause, "DRAFT"), (resume, "QUEUE")):
        lab.sandbox.faults.add(Fault(kind, route="change_post_status", times=2))
        assert len((await act(lab, file)).posts) == 5
        assert {*states(lab).values()} == {state}
    assert lab.sandbox.faults.pending == ()
    assert essence(lab) == before


async def test_what_comes_due_while_postiz_is_away_stays(lab: Lab, file: Path) -> None:
    soon, later = await store(lab, 2)
    await lab.clock.sleep(DAY.total_seconds() - 100)
    lab.sandbox.faults.add(Fault("error_before", route="change_post_status", times=5))
    done = await pause(lab, file)
    assert (ids(done.posts), left(done)) == ({later}, {"due": {soon}})
    assert lab.sandbox.faults.pending == ()
    assert states(lab)[soon] != "DRAFT"


async def test_no_post_is_scheduled_again_when_it_may_be_out(lab: Lab, file: Path) -> None:
    """Each answer is lost, and the date comes near: one that is too late would publish it again."""
    others, [soon] = await store(lab, 4, "chat", first=9), await store(lab, 1)
    await pause(lab, file, channel="chat")  # they are resumed first, and four at a time
    await pause(lab, file)
    await lab.clock.sleep(DAY.total_seconds() - 1_080)
    lost = Fault("drop_answer", route="change_post_status", times=30)
    async with lab.client() as postiz:
        done = await postiz.stored_posts().resume(
            file, on_outcome=lambda _: lab.sandbox.faults.pending or lab.sandbox.faults.add(lost)
        )
    assert (ids(done.posts), left(done)) == ({*others}, {"due": {soon}})
    tries = [each for each in lab.transport.sent if f"{soon}/status" in each.url]
    assert 1 < len(tries) < 8


@pytest.mark.parametrize("seed", range(12))
async def test_the_same_call_goes_on_after_a_kill(lab: Lab, file: Path, seed: int) -> None:
    stored = {*await store(lab, 9, first=9)}
    [own] = await store(lab, 1, "chat", first=9)
    lab.sandbox.change_post(own, state="DRAFT")
    before, dice = essence(lab), random.Random(seed)  # noqa: S311
    for verb, state in (("pause", "DRAFT"), ("resume", "QUEUE")):
        kills = 0

        def work(postiz: Postiz, verb: str = verb) -> Awaitable[object]:
            return getattr(postiz.stored_posts(), verb)(file)  # type: ignore[no-any-return]

        while await lab.killed_somewhere(dice, 20, work):
            kills += 1
            assert kills < 100
            drafts = {post_id for post_id, now in states(lab).items() if now == "DRAFT"} - {own}
            assert all(post_id in content_of(file) for post_id in drafts), "they come back"
        assert {states(lab)[post_id] for post_id in stored} == {state}
        assert states(lab)[own] == "DRAFT"
    assert essence(lab) == before
