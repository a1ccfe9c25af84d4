"""What a check of stored posts finds, and what it leaves alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, WITH_DOUBLES, Lab, at, rows

from postiz_async import NewPost
from postiz_async.errors import ConfigurationError
from postiz_async.models.media import Media
from postiz_async.models.posts import PostFinding

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, limit=300)
    async with made.sandbox:
        yield made


@pytest.fixture
def mastodon(lab: Lab) -> str:
    return lab.channel("mastodon", name="News")


FILM = Media(id="m1", path="https://uploads.example.com/a.mp4")
FILMED: dict[str, object] = {"title": "A film", "type": "public"}


async def store(
    lab: Lab, channel: str, text: str, at: timedelta, settings: dict[str, object] | None = None
) -> str:
    media = [FILM] if settings == FILMED else []
    async with lab.client() as postiz:
        post = NewPost(channel, text, media, settings)
        return (await postiz.posts.schedule(post, at=START + at, validate=False))[0].post_id


async def check(lab: Lab, timezone: str | None = None, **which: Any) -> list[PostFinding]:
    span: dict[str, Any] = {"start": START, "end": START + 30 * DAY}
    async with lab.client() as postiz:
        return await postiz.stored_posts(**(span | which)).check(timezone=timezone)


def kinds(found: list[PostFinding]) -> list[tuple[str, bool, tuple[str, ...]]]:
    return [(each.kind, each.fails, each.posts) for each in found]


async def test_nothing_is_found_where_all_is_well_and_it_costs_nothing(
    lab: Lab, mastodon: str
) -> None:
    for hours in (24, 30, 48):
        await store(lab, mastodon, f"text of hour {hours}", hours * HOUR)
    creates = len(lab.creates)
    assert await check(lab) == []
    assert len(lab.creates) == creates


# ------------------------------------------------------------------ what fails


async def test_a_post_that_its_network_refused_and_what_is_still_to_come_there(
    lab: Lab, mastodon: str
) -> None:
    lab.sandbox.fail_next_publication("the token has expired")
    failed = await store(lab, mastodon, "refused", 2 * HOUR)
    await store(lab, mastodon, "to come", 50 * HOUR)
    await lab.clock.sleep(3 * 3600)
    (found,) = await check(lab)
    assert kinds([found]) == [("failed", True, (failed,))]
    assert "the token has expired" in found.message
    assert "the 1 that is still to come there" in found.hint
    assert f"posts delete {failed}" in found.hint
    assert (found.channel, found.name, found.date) == (mastodon, "News", START + 2 * HOUR)


async def test_a_post_that_waits_after_its_date(lab: Lab, mastodon: str) -> None:
    late = await store(lab, mastodon, "late", 2 * HOUR)
    lab.sandbox.change_post(late, has_job=False)
    await lab.clock.sleep(2 * 3600 + 600)
    assert await check(lab) == []
    await lab.clock.sleep(600)
    (found,) = await check(lab)
    assert kinds([found]) == [("overdue", True, (late,))]
    assert found.message.startswith("still waits 20 min 02 s after its date")


async def test_posts_on_a_disabled_channel_are_one_finding(lab: Lab, mastodon: str) -> None:
    waiting = [await store(lab, mastodon, f"{n}", n * DAY) for n in (1, 2, 3)]
    lab.sandbox.change_channel(mastodon, disabled=True)
    (found,) = await check(lab)
    assert kinds([found]) == [("disabled", True, tuple(waiting))]
    assert "3 of its posts wait" in found.message
    assert found.hint == "enable it in Postiz"


async def test_a_text_that_is_too_long_and_settings_that_are_wrong(lab: Lab, mastodon: str) -> None:
    long = await store(lab, mastodon, "short", DAY)
    lab.sandbox.change_post(long, content="x" * 501)
    youtube = lab.channel("youtube")
    wrong = await store(lab, youtube, "film", 2 * DAY, FILMED)
    lab.sandbox.change_post(wrong, settings='{"title": "A film", "type": "secret"}')
    fine = await store(lab, youtube, "another", 3 * DAY, FILMED)  # whose video no list shows
    found = await check(lab)
    assert kinds(found) == [("invalid", True, (long,)), ("invalid", True, (wrong,))]
    assert found[0].message.startswith("content: ")
    assert "501 of 500" in found[0].message
    assert found[1].message.startswith("settings.type: ")
    assert fine not in str(found)


async def test_an_older_server_lists_no_settings_to_check(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.23.0")
    async with lab.sandbox:
        long = await store(lab, lab.channel("youtube"), "film", DAY, FILMED)
        lab.sandbox.change_post(long, content="x" * 5_001)
        assert kinds(await check(lab)) == [("invalid", True, (long,))]


# ------------------------------------------------------------------ what looks like a mistake


async def test_the_same_text_twice_on_a_channel(lab: Lab, mastodon: str) -> None:
    other = lab.channel("telegram")
    first = await store(lab, mastodon, "Offer & more", DAY)
    again = await store(lab, mastodon, "Offer & more", 9 * DAY)
    await store(lab, other, "Offer & more", 2 * DAY)
    draft = await store(lab, mastodon, "Offer & more", 12 * DAY)
    lab.sandbox.change_post(draft, state="DRAFT")
    (found,) = await check(lab)
    assert kinds([found]) == [("double", False, (again, first))]
    assert f"the same text as {first}, 8 d earlier" in found.message
    assert f"posts delete {again}" in found.hint


async def test_the_same_text_at_the_same_moment_is_one_finding(lab: Lab, mastodon: str) -> None:
    first, second = [await store(lab, mastodon, "Offer", DAY) for _ in range(2)]
    (found,) = await check(lab)
    assert kinds([found]) == [("double", False, (second, first))]
    assert found.message == f"has the same text as {first}, at the same moment"


async def test_the_same_text_with_other_settings_is_another_post(lab: Lab) -> None:
    reddit = lab.channel("reddit")
    for number, forum in enumerate(("python", "learnpython")):
        value = {"subreddit": forum, "title": "x" * 9, "type": "self", "is_flair_required": False}
        at = DAY + 2 * HOUR * number
        await store(lab, reddit, "Look", at, {"subreddit": [{"value": value}]})
    assert await check(lab) == []


async def test_what_is_published_already_is_not_found_but_what_repeats_it(
    lab: Lab, mastodon: str
) -> None:
    first, second = [await store(lab, mastodon, "Offer", hours * HOUR) for hours in (1, 3)]
    third = await store(lab, mastodon, "Offer", 10 * HOUR)
    await lab.clock.sleep(4 * 3600)
    (found,) = await check(lab)
    assert kinds([found]) == [("double", False, (third, second))]
    assert first not in found.posts


async def test_no_hint_deletes_another_post_of_the_group(lab: Lab, mastodon: str) -> None:
    """Postiz deletes whole groups, also by the id of one post."""
    failed = await store(lab, mastodon, "refused", DAY)
    again = await store(lab, mastodon, "Sale", 3 * DAY)
    await store(lab, mastodon, "Sale", 2 * DAY)
    lab.sandbox.change_post(failed, state="ERROR")
    youtube = lab.channel("youtube")
    for number, post_id in enumerate((failed, again), 4):
        beside = await store(lab, youtube, f"film {number}", number * DAY, FILMED)
        group = next(post.group for post in lab.sandbox.posts if post.id == post_id)
        lab.sandbox.change_post(beside, group=group)
        (found,) = [each for each in await check(lab) if each.posts[0] == post_id]
        assert "posts delete" not in found.hint
        assert f"would also delete {beside}" in found.hint


async def test_a_repeating_post_does_not_double_itself(lab: Lab, mastodon: str) -> None:
    daily = await store(lab, mastodon, "Good morning", DAY)
    lab.sandbox.change_post(daily, interval=1)
    assert await check(lab) == []


async def test_two_posts_on_a_channel_within_the_hour(lab: Lab, mastodon: str) -> None:
    other = lab.channel("telegram")
    first = await store(lab, mastodon, "one", DAY)
    second = await store(lab, mastodon, "two", DAY + HOUR / 3)
    await store(lab, mastodon, "three", DAY + HOUR / 3 + HOUR)
    await store(lab, other, "four", DAY)
    (found,) = await check(lab)
    assert kinds([found]) == [("close", False, (second, first))]
    assert f"20 min after {first}" in found.message


async def test_two_that_are_published_already_are_not_told(lab: Lab, mastodon: str) -> None:
    await store(lab, mastodon, "one", HOUR)
    await store(lab, mastodon, "two", HOUR + HOUR / 3)
    await lab.clock.sleep(4 * 3600)
    assert await check(lab) == []


async def test_the_marks_of_a_campaign_do_not_make_texts_different(lab: Lab, mastodon: str) -> None:
    said = [row | {"content": "Offer"} for row in rows([mastodon], 2, step=2.0)]
    lab.write([said[0], said[1] | {"date": at(48.0)}])
    await lab.run(reading=WITH_DOUBLES)
    assert [each.kind for each in await check(lab)] == ["double"]


async def test_a_channel_that_posts_often_is_not_told_so(lab: Lab, mastodon: str) -> None:
    for number in range(8):
        await store(lab, mastodon, f"news {number}", DAY + number * HOUR / 2)
    assert await check(lab) == []


async def days(lab: Lab, channel: str, numbers: list[int], hour: float = 0) -> None:
    for number in numbers:
        await store(lab, channel, f"day {number}", number * DAY + hour * HOUR)


async def test_a_day_without_a_post_on_a_channel_that_has_one_on_such_days(
    lab: Lab, mastodon: str
) -> None:
    """The 1st is a Friday. There are never posts on Sundays."""
    sunday = 2
    numbers = [day for day in range(1, 31) if day % 7 != sunday and day not in {12, 14}]
    await days(lab, mastodon, numbers)
    (found,) = await check(lab)
    assert kinds([found]) == [("gap", False, ())]
    assert found.message.startswith("no post on Wed 13 Jan, Fri 15 Jan, although")
    assert found.date == START.replace(day=13, hour=0)


async def test_the_end_of_what_is_planned(lab: Lab, mastodon: str) -> None:
    await days(lab, mastodon, list(range(1, 16)))
    (found,) = await check(lab, end=START + 20 * DAY)
    assert found.message.startswith("nothing after Sat 16 Jan, although")
    assert await check(lab, end=START + 15 * DAY) == []


async def test_habits_are_known_from_the_weeks_before(lab: Lab, mastodon: str) -> None:
    await days(lab, mastodon, [1, 8, 15], hour=1)
    await lab.clock.sleep(16 * DAY.total_seconds())
    (found,) = await check(lab, start=START + 16 * DAY, end=START + 24 * DAY)
    assert found.message.startswith("nothing after Sat 16 Jan, although")
    assert found.date == START.replace(day=23, hour=0)


async def test_a_few_posts_are_no_habit(lab: Lab, mastodon: str) -> None:
    await days(lab, mastodon, [1, 22])  # two of four Saturdays
    assert await check(lab) == []


async def test_a_part_of_the_posts_of_a_channel_shows_no_gaps(lab: Lab, mastodon: str) -> None:
    await days(lab, mastodon, [*range(1, 10), *range(11, 31)])  # the 11th is missing
    assert len(await check(lab)) == 1
    assert len(await check(lab, channel="News")) == 1
    assert await check(lab, text="day") == []


async def test_days_are_those_of_a_zone(lab: Lab, mastodon: str) -> None:
    """At 23:00 UTC it is the next day in Tokyo."""
    await days(lab, mastodon, [*range(9), *range(10, 29)], hour=15)
    (utc,) = await check(lab)
    (tokyo,) = await check(lab, "Asia/Tokyo")
    assert utc.message.startswith("no post on Sun 10 Jan, and nothing after Fri 29 Jan, although")
    assert tokyo.message.startswith("no post on Mon 11 Jan, and nothing after Sat 30 Jan, although")
    assert tokyo.date == datetime.fromisoformat("2027-01-11T00:00+09:00")
    with pytest.raises(ConfigurationError, match="no time zone 'Nowhere'"):
        await check(lab, "Nowhere")


async def test_what_fails_comes_first(lab: Lab, mastodon: str) -> None:
    for _ in range(2):
        await store(lab, mastodon, "Offer", DAY)
    other = lab.channel("telegram")
    await store(lab, other, "x", 9 * DAY)
    lab.sandbox.change_channel(other, disabled=True)
    assert [each.kind for each in await check(lab)] == ["disabled", "double"]
