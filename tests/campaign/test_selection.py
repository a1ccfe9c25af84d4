"""Many stored posts at once: what a deletion or an edit does, and what it never touches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, Watched, rows, somewhere

from postiz_async import NewPost, Postiz
from postiz_async._campaign.selection import PostSelection
from postiz_async._sandbox import StoredPost
from postiz_async.errors import InvalidInputError, PostizError, ScopeError
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


async def test_a_client_that_may_not_delete_or_update_does_neither(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok)
    async with lab.client(allow=["read"]) as postiz:
        assert len((await chosen(postiz).delete(dry_run=True)).posts) == 3
        with pytest.raises(ScopeError):
            await chosen(postiz).delete()
        with pytest.raises(ScopeError):
            await chosen(postiz).edit(kind="draft")
    async with lab.client(allow=["read", "update"]) as postiz:
        with pytest.raises(ScopeError, match="publish"):  # as of a date that has passed
            await chosen(postiz).edit(settings={"duet": True}, kind="schedule")
    assert [*there(lab)] == stored
    assert not any(post.settings["duet"] for post in lab.sandbox.posts)


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
    lab.sandbox.change_post(weekly, interval=7)
    async with lab.client() as postiz:
        would = await chosen(postiz).edit(kind="draft", dry_run=True)
        assert ids(would.posts) == [weekly, coming]
        lab.sandbox.change_post(weekly, state="PUBLISHED")
        edited = await chosen(postiz).edit(kind="draft", planned=would)
        again = await chosen(postiz).edit(kind="schedule")
        deleted = await chosen(postiz).delete()
    for done in (edited, again, deleted):
        assert (ids(done.posts), left(done)) == ([coming], {"repeats": [weekly]})
        assert not done.complete
    assert there(lab)[weekly].state == "PUBLISHED"


async def test_a_published_post_is_not_asked_for_a_setting(lab: Lab, mastodon: str) -> None:
    out, coming = await store(lab, mastodon, 2)
    lab.sandbox.change_post(out, state="PUBLISHED", settings='{"title": "text"}')
    async with lab.client() as postiz:
        done = await chosen(postiz).edit(settings={"title.x": 1})
    assert (ids(done.posts), left(done)) == ([coming], {"published": [out]})
    assert done.complete


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
@pytest.mark.parametrize("act", ["delete", "edit"])
async def test_only_what_was_shown_is_changed_and_only_as_it_was(
    lab: Lab,
    mastodon: str,
    edit: Callable[[StoredPost], dict[str, object]],
    act: str,
) -> None:
    first, second = await store(lab, mastodon, 2, tags=("launch",))
    what: dict[str, Any] = {"kind": "draft"} if act == "edit" else {}
    async with lab.client() as postiz:
        change = getattr(chosen(postiz, tag="launch"), act)
        would = await change(**what, dry_run=True)
        lab.sandbox.change_post(first, **edit(there(lab)[first]))
        (third,) = await store(lab, mastodon, 1, first=9 * DAY, tags=("launch",))
        done = await change(**what, planned=would)
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


# ------------------------------------------------------------------ edits


async def test_one_setting_of_many_posts_keeps_all_else(
    lab: Lab, tiktok: str, mastodon: str
) -> None:
    stored = await store(lab, tiktok)
    others = await store(lab, mastodon)
    before, creates = there(lab), len(lab.creates)
    edit = {"privacy_level": "SELF_ONLY"}
    async with lab.client() as postiz:
        would = await chosen(postiz, channel="tiktok").edit(settings=edit, dry_run=True)
        assert (ids(would.posts), would.left) == (stored, {})
        assert {*would.notes.values()} == {'privacy_level "PUBLIC_TO_EVERYONE" -> "SELF_ONLY"'}
        assert there(lab) == before
        done = await chosen(postiz, channel="tiktok").edit(settings=edit)
        again = await chosen(postiz, channel="tiktok").edit(settings=edit)
    assert (ids(done.posts), done.left) == (stored, {})
    assert (ids(again.posts), left(again)) == ([], {"same": stored})
    for post_id in stored:
        was, now = before[post_id], there(lab)[post_id]
        assert now.settings == was.settings | edit
        assert (now.media, now.content, now.state, now.group) == (
            *(was.media, was.content, was.state, was.group),
        )
    assert {post_id: there(lab)[post_id] for post_id in others} == {
        post_id: before[post_id] for post_id in others
    }
    assert len(lab.creates) == creates


async def test_a_post_of_a_campaign_keeps_its_mark(lab: Lab, mastodon: str) -> None:
    lab.write(rows([mastodon], 2))
    await lab.run()
    marks = [post.settings["client_ref"] for post in lab.sandbox.posts]
    async with lab.client() as postiz:
        done = await chosen(postiz).edit(settings={"a": 1})
    assert len(done.posts) == 2
    assert [post.settings["client_ref"] for post in lab.sandbox.posts] == marks
    assert (await lab.run()).counts == {"stored": 2}


async def test_a_place_inside_of_a_setting(lab: Lab) -> None:
    reddit = lab.channel("reddit")
    forum = {
        "subreddit": "python",
        "title": "Old title",
        "type": "self",
        "is_flair_required": False,
    }
    async with lab.client() as postiz:
        await postiz.posts.schedule(
            NewPost(reddit, "x", settings={"subreddit": [{"value": forum}]}),
            at=START + DAY,
        )
        wanted = chosen(postiz)
        done = await wanted.edit(settings={"subreddit.0.value.title": "New title"})
        assert len(done.posts) == 1
        (post,) = lab.sandbox.posts
        assert post.settings["subreddit"] == [{"value": forum | {"title": "New title"}}]
        for path, why in (
            ("subreddit.1.value.title", "there is no '1' in [{"),
            ("subreddit.0.value.title.x", "there is no 'x' in \"New title\""),
        ):
            none = await wanted.edit(settings={path: "x"})
            assert (ids(none.posts), left(none)) == ([], {"invalid": [post.id]})
            assert f"settings.{path}: {why}" in none.notes[post.id]


async def test_what_the_server_would_refuse_is_not_sent(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok, 2)
    async with lab.client() as postiz:
        none = await chosen(postiz).edit(settings={"privacy_level": "EVERYBODY"})
    assert (none.posts, left(none)) == ((), {"invalid": stored})
    assert all("settings.privacy_level" in none.notes[post_id] for post_id in stored)
    assert not [sent for sent in lab.transport.sent if sent.method == "PUT"]


async def test_a_setting_that_the_network_does_not_have_is_a_warning(
    lab: Lab, mastodon: str
) -> None:
    (post_id,) = await store(lab, mastodon, 1)
    async with lab.client() as postiz:
        would = await chosen(postiz).edit(settings={"privacy_level": "x"}, dry_run=True)
    assert ids(would.posts) == [post_id]
    assert "is not a setting of Mastodon" in would.notes[post_id]


async def test_an_older_server_has_no_way_to_change_settings_alone(tmp_path: Path) -> None:
    """A replacement would lose the media, which no list shows."""
    lab = Lab(tmp_path, release="v2.23.0")
    async with lab.sandbox:
        stored = await store(lab, lab.channel("tiktok"), 2)
        before = there(lab)
        async with lab.client() as postiz:
            none = await chosen(postiz).edit(settings={"privacy_level": "SELF_ONLY"})
            assert (none.posts, left(none)) == ((), {"unlisted": stored})
            assert not none.complete
            assert there(lab) == before
            done = await chosen(postiz).edit(kind="draft")
        assert ids(done.posts) == stored
        assert {post.state for post in lab.sandbox.posts} == {"DRAFT"}
        assert all(post.media for post in lab.sandbox.posts)


async def test_a_server_without_the_status_route(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    async with lab.sandbox:
        stored = await store(lab, lab.channel("mastodon"), 2)
        async with lab.client() as postiz:
            none = await chosen(postiz).edit(kind="draft")
        assert (none.posts, {*left(none)["no_route"]}) == ((), {*stored})


async def test_a_repetition_that_the_settings_route_would_end_stays(
    lab: Lab, mastodon: str
) -> None:
    daily, once = await store(lab, mastodon, 2)
    lab.sandbox.change_post(daily, interval=1)
    async with lab.client() as postiz:
        done = await chosen(postiz).edit(settings={"a": 1})
        assert (ids(done.posts), left(done)) == ([once], {"repeats": [daily]})
        done = await chosen(postiz).edit(kind="draft")
        assert {*ids(done.posts)} == {daily, once}
    assert there(lab)[daily].interval == 1


async def test_drafts_are_scheduled_unless_they_would_be_published_at_once(
    lab: Lab, mastodon: str
) -> None:
    soon, later = await store(lab, mastodon, 2)
    async with lab.client() as postiz:
        await chosen(postiz).edit(kind="draft")
        await lab.clock.sleep(DAY.total_seconds() - 600)
        done = await chosen(postiz).edit(kind="schedule")
    assert (ids(done.posts), left(done)) == ([later], {"due": [soon]})
    assert [there(lab)[each].state for each in (soon, later)] == ["DRAFT", "QUEUE"]


async def test_what_is_due_within_a_quarter_of_an_hour_is_not_edited(
    lab: Lab, mastodon: str
) -> None:
    soon, later = await store(lab, mastodon, 2)
    await lab.clock.sleep(DAY.total_seconds() - 600)
    async with lab.client() as postiz:
        done = await chosen(postiz).edit(settings={"a": 1})
    assert (ids(done.posts), left(done)) == ([later], {"due": [soon]})


async def test_settings_and_type_together(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok, 2)
    async with lab.client() as postiz:
        await chosen(postiz).edit(settings={"duet": True}, kind="draft")
        (same, other) = (there(lab)[post_id] for post_id in stored)
        assert same.state == other.state == "DRAFT"
        assert same.settings["duet"] is other.settings["duet"] is True
        lab.sandbox.change_post(stored[0], state="QUEUE")
        done = await chosen(postiz).edit(settings={"duet": True}, kind="draft")
    assert (ids(done.posts), left(done)) == ([stored[0]], {"same": [stored[1]]})


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({}, "settings: there is nothing to change"),
        ({"kind": "now"}, "kind: there is no 'now' \\(schedule or draft\\)"),
        ({"settings": {"a": object()}}, "cannot be written as JSON"),
    ],
)
async def test_an_edit_that_makes_no_sense(
    lab: Lab, tiktok: str, edit: dict[str, Any], why: str
) -> None:
    async with lab.client() as postiz:
        with pytest.raises(InvalidInputError, match=why):
            await chosen(postiz).edit(**edit)
        assert lab.transport.sent == []


async def test_a_refusal_of_one_post_leaves_the_others(lab: Lab, tiktok: str) -> None:
    stored = await store(lab, tiktok, 3)
    lab.sandbox.change_post(stored[1], image="[]")  # which TikTok does not take
    seen: list[str] = []
    async with lab.client() as postiz:
        done = await chosen(postiz).edit(
            settings={"duet": True}, on_outcome=lambda outcome: seen.append(outcome.ref)
        )
    assert ({*ids(done.posts)}, left(done)) == ({stored[0], stored[2]}, {"refused": [stored[1]]})
    assert "Clips" in done.notes[stored[1]]
    assert {*seen} == {stored[0], stored[2]}


# ------------------------------------------------------------------ lost answers and kills


async def everything(postiz: Postiz) -> None:
    """Deletes what is tagged, and edits the rest."""
    await chosen(postiz, tag="launch").delete()
    await chosen(postiz, channel="tiktok").edit(settings={"duet": True}, kind="draft")


@pytest.mark.parametrize(
    "route", ["delete_post_group", "update_post_settings", "change_post_status"]
)
@pytest.mark.parametrize("kind", ["drop_answer", "reset", "error_after", "error_before"])
async def test_lost_answers_lose_and_double_nothing(
    lab: Lab, tiktok: str, mastodon: str, route: str, kind: Any
) -> None:
    clips = await store(lab, tiktok)
    kept = await store(lab, mastodon)
    await store(lab, mastodon, first=5 * DAY, tags=("launch",))
    lab.sandbox.faults.add(Fault(kind, route=route, times=2))  # type: ignore[arg-type]
    async with lab.client() as postiz:
        await everything(postiz)
    assert lab.sandbox.faults.pending == ()
    assert there(lab).keys() == {*clips, *kept}
    assert {(there(lab)[each].state, there(lab)[each].settings["duet"]) for each in clips} == {
        ("DRAFT", True)
    }
    assert {there(lab)[each].state for each in kept} == {"QUEUE"}


@pytest.mark.parametrize("seed", range(12))
async def test_the_same_command_goes_on_after_a_kill(
    lab: Lab, tiktok: str, mastodon: str, seed: int
) -> None:
    clips, kept = await store(lab, tiktok, 6), await store(lab, mastodon, 2)
    await store(lab, mastodon, 6, first=5 * DAY, tags=("launch",))
    dice, creates = random.Random(seed), len(lab.creates)  # noqa: S311
    kills = 0
    while await _killed(lab, dice):
        kills += 1
        assert kills < 100
        assert {*clips, *kept} <= there(lab).keys()
    async with lab.client() as postiz:
        await everything(postiz)
    assert there(lab).keys() == {*clips, *kept}
    for post_id in clips:
        post = there(lab)[post_id]
        assert (post.state, post.settings["duet"], len(post.media)) == ("DRAFT", True, 1)
    assert len(lab.creates) == creates


async def _killed(lab: Lab, dice: random.Random) -> bool:
    """Whether the work died before its end, as with `kill -9`."""
    died = asyncio.Event()

    async def work() -> None:
        async with lab.client() as postiz:
            transport: Watched = lab.transport

            def die() -> None:
                transport.is_dead = True
                died.set()
                task.cancel()

            somewhere(dice, within=30)(transport, die)
            await everything(postiz)

    task = asyncio.create_task(work())
    with suppress(asyncio.CancelledError, PostizError):
        await task
    return died.is_set()
