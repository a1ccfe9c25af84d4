"""Many stored posts at once: what a deletion does, and what it never touches."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab

from postiz_async import NewPost, Postiz
from postiz_async._campaign.selection import PostSelection
from postiz_async._sandbox import StoredPost
from postiz_async.errors import InvalidInputError, ScopeError, UsageError
from postiz_async.models.media import Media
from postiz_async.models.posts import ThreadPart
from postiz_async.testing import Fault
from postiz_async.types import Outcome

DAY = timedelta(days=1)
TIKTOK = {
    "privacy_level": "PUBLIC_TO_EVERYONE",
    "duet": False,
    "stitch": False,
    "comment": True,
    "autoAddMusic": "no",
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
    "content_posting_method": "DIRECT_POST",
}
PICTURE = Media(id="m1", path="https://uploads.example.com/a.png")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, limit=300)
    async with made.sandbox:
        yield made


@pytest.fixture
def tiktok(lab: Lab) -> str:
    return lab.channel("tiktok", name="Clips")


@pytest.fixture
def mastodon(lab: Lab) -> str:
    return lab.channel("mastodon", name="News")


async def store(
    lab: Lab, channel: str, count: int = 3, *, first: timedelta = DAY, tags: tuple[str, ...] = ()
) -> list[str]:
    """A post a day on a channel, with media and a thread that no list shows."""
    lab.sandbox.add_tag("launch") if tags else None
    is_tiktok = lab.sandbox.organization.channels[channel].provider == "tiktok"
    settings = TIKTOK if is_tiktok else None
    thread = () if is_tiktok else (ThreadPart("and more", (PICTURE,)),)
    async with lab.client() as postiz:
        made = [
            await postiz.posts.schedule(
                NewPost(channel, f"Clip {number}", [PICTURE], settings, thread),
                at=START + first + number * DAY,
                tags=tags,
                validate=False,
            )
            for number in range(count)
        ]
    return [each[0].post_id for each in made]


def there(lab: Lab) -> dict[str, StoredPost]:
    return {post.id: post for post in lab.sandbox.posts}


def chosen(postiz: Postiz, **which: Any) -> PostSelection:
    span: dict[str, Any] = {"start": START, "end": START + 40 * DAY}
    return postiz.stored_posts(**(span | which))


def ids(posts: Any) -> list[str]:
    return [post.id for post in posts]


def left(changes: Any) -> dict[str, list[str]]:
    return {why: ids(posts) for why, posts in changes.left.items()}


# ------------------------------------------------------------------ which posts


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ({"channel": "Clips"}, [0, 1, 2]),
        ({"channel": "mastodon"}, [3, 4, 5]),
        ({"tag": "launch"}, [3, 4, 5]),
        ({"text": "cLIP 1"}, [1, 4]),
        ({"start": START + 2 * DAY, "end": START + 2 * DAY + timedelta(seconds=1)}, [1, 4]),
        ({"channel": "Clips", "text": "2"}, [2]),
        ({"state": "DRAFT"}, []),
    ],
)
async def test_a_deletion_takes_what_the_filter_takes_and_nothing_else(
    lab: Lab, tiktok: str, mastodon: str, which: dict[str, Any], numbers: list[int]
) -> None:
    stored = [*await store(lab, tiktok), *await store(lab, mastodon, tags=("launch",))]
    wanted = {stored[number] for number in numbers}
    async with lab.client() as postiz:
        would = await chosen(postiz, **which).delete(dry_run=True)
        assert {*ids(would.posts)} == wanted
        assert there(lab).keys() == {*stored}
        done = await chosen(postiz, **which).delete()
    assert ({*ids(done.posts)}, done.left, done.complete) == (wanted, {}, True)
    assert there(lab).keys() == {*stored} - wanted
    assert len(lab.creates) == 6  # no further one


async def test_only_the_posts_with_these_ids_are_taken(lab: Lab, tiktok: str) -> None:
    first, second, third = await store(lab, tiktok)
    async with lab.client() as postiz:
        done = await chosen(postiz, ids=[first, third, "of-nobody"], text="Clip 0").delete()
        assert ids(done.posts) == [first]
        assert ids((await chosen(postiz, ids=()).delete()).posts) == []
        assert not postiz.stored_posts(ids=()).takes_all
        with pytest.raises(UsageError, match="ids must be the ids of posts"):
            postiz.stored_posts(ids=second)
    assert there(lab).keys() == {second, third}


async def test_a_wrong_channel_or_state_deletes_nothing(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok)
    async with lab.client() as postiz:
        with pytest.raises(InvalidInputError, match="nobody"):
            await chosen(postiz, channel="nobody").delete()
        with pytest.raises(InvalidInputError, match="state: there is no 'LOST'"):
            chosen(postiz, state="LOST")
    assert [*there(lab)] == stored


@pytest.mark.parametrize("name", ["channel", "tag", "text"])
@pytest.mark.parametrize("blank", ["", " \n"])
async def test_a_blank_filter_does_not_mean_all_posts(lab: Lab, name: str, blank: str) -> None:
    async with lab.client() as postiz:
        which: dict[str, Any] = {name: blank}
        with pytest.raises(InvalidInputError, match=f"{name}: is blank"):
            chosen(postiz, **which)
        with pytest.raises(InvalidInputError, match=f"{name}: is blank"):
            postiz.posts.list(start=START, end=START + DAY, **which)


async def test_a_client_that_may_not_delete_does_not(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok)
    async with lab.client(allow=["read"]) as postiz:
        assert len((await chosen(postiz).delete(dry_run=True)).posts) == 3
        with pytest.raises(ScopeError):
            await chosen(postiz).delete()
    assert [*there(lab)] == stored


# ------------------------------------------------------------------ what a deletion leaves


async def test_published_and_failed_posts_stay_and_failed_ones_go_by_their_state(
    lab: Lab, mastodon: str
) -> None:
    out, failed, coming = await store(lab, mastodon)
    lab.sandbox.change_post(out, state="PUBLISHED")
    lab.sandbox.change_post(failed, state="ERROR")
    async with lab.client() as postiz:
        done = await chosen(postiz).delete()
        assert (ids(done.posts), left(done)) == ([coming], {"published": [out], "failed": [failed]})
        assert done.complete
        assert there(lab).keys() == {out, failed}
        done = await chosen(postiz, state="ERROR").delete()
        assert (ids(done.posts), left(done)) == ([failed], {})
        done = await chosen(postiz, state="PUBLISHED").delete()
        assert (ids(done.posts), left(done)) == ([], {"published": [out]})
    assert there(lab).keys() == {out}


async def test_what_is_due_within_a_minute_stays(lab: Lab, mastodon: str) -> None:
    soon, later = await store(lab, mastodon, 2)
    await lab.clock.sleep(DAY.total_seconds() - 30)
    async with lab.client() as postiz:
        done = await chosen(postiz).delete()
    assert (ids(done.posts), left(done)) == ([later], {"due": [soon]})
    assert not done.complete


async def test_repeating_posts_are_not_deleted_by_a_part_of_their_dates(
    lab: Lab, mastodon: str
) -> None:
    daily, once = await store(lab, mastodon, 2)
    lab.sandbox.change_post(daily, interval=1)
    async with lab.client() as postiz:
        done = await chosen(postiz, start=START + 2 * DAY).delete()
    assert (ids(done.posts), left(done)) == ([once], {"repeats": [daily]})
    assert there(lab).keys() == {daily}


@pytest.mark.parametrize("days", [-20, 0, 200])
@pytest.mark.parametrize("state", ["QUEUE", "ERROR"])
async def test_a_group_that_also_has_a_post_that_is_not_meant_is_kept_and_named(
    lab: Lab, tiktok: str, mastodon: str, days: int, state: str
) -> None:
    """Also if the other is at another date, far away."""
    mine, alone = await store(lab, tiktok, 2, first=25 * DAY)
    (other,) = await store(lab, mastodon, 1, first=25 * DAY + days * DAY)
    lab.sandbox.change_post(mine, state=state)
    lab.sandbox.change_post(alone, state=state)
    lab.sandbox.change_post(other, group=there(lab)[mine].group)
    async with lab.client() as postiz:
        wanted = chosen(postiz, channel="tiktok", state=state)
        would = await wanted.delete(dry_run=True)
        done = await wanted.delete()
    for changes in (would, done):
        assert (ids(changes.posts), left(changes)) == ([alone], {"shared": [mine]})
        assert other in changes.notes[mine]
    assert there(lab).keys() == {mine, other}


async def test_a_group_goes_if_all_of_its_posts_are_meant(
    lab: Lab, tiktok: str, mastodon: str
) -> None:
    (mine,) = await store(lab, tiktok, 1)
    (other,) = await store(lab, mastodon, 1)
    lab.sandbox.change_post(other, group=there(lab)[mine].group)
    async with lab.client() as postiz:
        done = await chosen(postiz).delete()
    assert ({*ids(done.posts)}, done.left) == ({mine, other}, {})
    assert there(lab) == {}


@pytest.mark.parametrize("others", [0, 120])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "PUBLISHED"}, {"before": "published", "after": "published"}),
        ({"state": "ERROR"}, {"before": "failed", "after": "failed"}),
        ({"state": "DRAFT"}, {"after": "edited"}),
    ],
)
async def test_a_group_of_which_a_meant_post_stays_is_kept(
    lab: Lab,
    tiktok: str,
    mastodon: str,
    change: dict[str, Any],
    why: dict[str, str],
    when: str,
    others: int,
) -> None:
    """Also if so many other posts are between them that they are not looked at together."""
    if when not in why:
        return
    (mine,) = await store(lab, tiktok, 1)
    between = await store(lab, mastodon, others, first=2 * DAY)
    (other,) = await store(lab, mastodon, 1, first=200 * DAY)
    lab.sandbox.change_post(other, group=there(lab)[mine].group)
    async with lab.client() as postiz:
        wanted = chosen(postiz, end=START + 300 * DAY)
        if when == "before":
            lab.sandbox.change_post(other, **change)
        would = await wanted.delete(dry_run=True)
        lab.sandbox.change_post(other, **change)
        done = await wanted.delete(planned=would)
    stays = {why[when]: [other], "shared": [mine]}
    assert left(would) == (stays if when == "before" else {})
    assert (ids(done.posts), left(done)) == (between, stays)
    assert there(lab).keys() == {mine, other}


@pytest.mark.parametrize("release", ["v2.20.0", "HEAD"])
async def test_a_failed_post_stays_if_a_part_of_its_group_is_published(
    tmp_path: Path, release: str
) -> None:
    lab = Lab(tmp_path, release=release, limit=60)
    async with lab.sandbox:
        (failed,) = await store(lab, lab.channel("mastodon"), 1)
        (out,) = await store(lab, lab.channel("x"), 1)
        group = there(lab)[failed].group
        lab.sandbox.change_post(failed, state="ERROR")
        lab.sandbox.change_post(out, state="PUBLISHED", group=group)
        async with lab.client() as postiz:
            done = await chosen(postiz, state="ERROR").delete()
        assert left(done) == {"shared": [failed]}
        assert there(lab).keys() == {failed, out}


async def test_a_repeating_post_that_was_published_is_not_done_with(
    lab: Lab, mastodon: str
) -> None:
    """It is published again."""
    weekly, coming = await store(lab, mastodon, 2)
    lab.sandbox.change_post(weekly, interval=7, state="PUBLISHED")
    async with lab.client() as postiz:
        done = await chosen(postiz).delete()
    assert (ids(done.posts), left(done)) == ([coming], {"repeats": [weekly]})
    assert not done.complete
    assert there(lab)[weekly].state == "PUBLISHED"


async def test_a_group_that_gets_another_post_after_the_dry_run_is_kept(
    lab: Lab, tiktok: str, mastodon: str
) -> None:
    (mine,) = await store(lab, tiktok, 1)
    (other,) = await store(lab, mastodon, 1, first=20 * DAY)
    async with lab.client() as postiz:
        would = await chosen(postiz, channel="tiktok").delete(dry_run=True)
        lab.sandbox.change_post(other, group=there(lab)[mine].group)
        done = await chosen(postiz, channel="tiktok").delete(planned=would)
    assert left(done) == {"shared": [mine]}
    assert there(lab).keys() == {mine, other}


EDITS: list[Callable[[StoredPost], dict[str, object]]] = [
    lambda _: {"content": "better words"},
    lambda post: {"date": int((post.date + 90 * DAY).timestamp() * 1000)},
    lambda _: {"state": "DRAFT"},
    lambda _: {"tags": ()},
    lambda post: {"group": f"new {post.id}"},
]


@pytest.mark.parametrize("edit", EDITS)
async def test_only_what_was_shown_is_deleted_and_only_as_it_was(
    lab: Lab,
    mastodon: str,
    edit: Callable[[StoredPost], dict[str, object]],
) -> None:
    first, second = await store(lab, mastodon, 2, tags=("launch",))
    async with lab.client() as postiz:
        wanted = chosen(postiz, tag="launch")
        would = await wanted.delete(dry_run=True)
        lab.sandbox.change_post(first, **edit(there(lab)[first]))
        (third,) = await store(lab, mastodon, 1, first=9 * DAY, tags=("launch",))
        done = await wanted.delete(planned=would)
    assert (ids(done.posts), left(done)) == ([second], {"edited": [first]})
    assert {first, third} <= there(lab).keys()
    assert there(lab)[third].state == "QUEUE"


async def test_each_deleted_post_is_told(lab: Lab, mastodon: str) -> None:
    stored = await store(lab, mastodon, 2)
    seen: list[Outcome] = []
    async with lab.client() as postiz:
        await chosen(postiz).delete(on_outcome=seen.append)
    assert {(each.ref, each.post_id, each.state.value, each.note) for each in seen} == {
        (post_id, post_id, "withdrawn", "") for post_id in stored
    }


async def test_what_others_deleted_meanwhile_counts_as_deleted(lab: Lab, mastodon: str) -> None:
    first, second = await store(lab, mastodon, 2)
    async with lab.client() as postiz:
        would = await chosen(postiz).delete(dry_run=True)
        lab.sandbox.change_post(first, deleted_at=1)
        done = await chosen(postiz).delete(planned=would)
    assert ({*ids(done.posts)}, done.left) == ({first, second}, {})


# ------------------------------------------------------------------ lost answers and kills


@pytest.mark.parametrize("kind", ["drop_answer", "reset", "error_after", "error_before"])
async def test_lost_answers_lose_nothing_else(lab: Lab, mastodon: str, kind: Any) -> None:
    kept = await store(lab, mastodon)
    await store(lab, mastodon, first=5 * DAY, tags=("launch",))
    lab.sandbox.faults.add(Fault(kind, route="delete_post_group", times=2))
    async with lab.client() as postiz:
        await chosen(postiz, tag="launch").delete()
    assert lab.sandbox.faults.pending == ()
    assert there(lab).keys() == {*kept}


@pytest.mark.parametrize("seed", range(12))
async def test_the_same_deletion_goes_on_after_a_kill(lab: Lab, mastodon: str, seed: int) -> None:
    kept = await store(lab, mastodon, 2)
    await store(lab, mastodon, 6, first=5 * DAY, tags=("launch",))
    dice, creates = random.Random(seed), len(lab.creates)  # noqa: S311
    kills = 0
    while await lab.killed_somewhere(
        dice, 30, lambda postiz: chosen(postiz, tag="launch").delete()
    ):
        kills += 1
        assert kills < 100
        assert {*kept} <= there(lab).keys()
    async with lab.client() as postiz:
        await chosen(postiz, tag="launch").delete()
    assert there(lab).keys() == {*kept}
    assert len(lab.creates) == creates
