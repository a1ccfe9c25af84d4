"""Calendar files: what RFC 5545 asks for, read back by a reader that knows nothing of ours."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from postiz_async import CampaignRow, Html, NewPost
from postiz_async._campaign.after.ics import Event, calendar_file
from postiz_async.testing import Sandbox

NOW = datetime(2027, 1, 14, 9, tzinfo=UTC)
EVENT = Event(ref="r1", date=NOW + timedelta(days=1), channel="Mastodon", text="Hello")

Properties = dict[str, str]


def read(text: str) -> tuple[Properties, list[Properties]]:
    """The properties of a calendar and of its events; fails where the format is broken."""
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    assert all(len(line.encode()) <= 75 for line in lines)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", "".join(lines))
    unfolded = "\r\n".join(lines).replace("\r\n ", "").split("\r\n")
    assert unfolded[0] == "BEGIN:VCALENDAR"
    assert unfolded[-1] == "END:VCALENDAR"
    calendar: Properties = {}
    events: list[Properties] = []
    into = calendar
    for line in unfolded[1:-1]:
        name, colon, value = line.partition(":")
        assert colon
        if line == "BEGIN:VEVENT":
            into = {}
            events.append(into)
        elif line == "END:VEVENT":
            into = calendar
        else:
            assert name not in into
            into[name] = value
    return calendar, events


def unescaped(value: str) -> str:
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value), "a bare separator"
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def only(event: Event, campaign: str = "spring") -> Properties:
    (said,) = read(calendar_file(campaign, [event], made_at=NOW))[1]
    return said


def test_a_calendar_has_what_it_must_have() -> None:
    calendar, events = read(calendar_file("spring, 2027", [EVENT], made_at=NOW))
    assert calendar["VERSION"] == "2.0"
    assert calendar["PRODID"]
    assert unescaped(calendar["X-WR-CALNAME"]) == "spring, 2027"
    assert events == [
        {
            "UID": "r1@spring\\, 2027",
            "DTSTAMP": "20270114T090000Z",
            "DTSTART": "20270115T090000Z",
            "SUMMARY": "Mastodon: Hello",
            "DESCRIPTION": "Hello",
            "STATUS": "CONFIRMED",
            "TRANSP": "TRANSPARENT",
        }
    ]


def test_dates_are_in_utc_and_in_order() -> None:
    berlin = timezone(timedelta(hours=1))
    late = replace(EVENT, ref="late", date=datetime(2027, 1, 15, 12, tzinfo=berlin))
    _, events = read(calendar_file("c", [late, EVENT], made_at=NOW))
    assert [event["DTSTART"] for event in events] == ["20270115T090000Z", "20270115T110000Z"]


def test_drafts_repetitions_and_tags() -> None:
    event = replace(EVENT, is_draft=True, repeat_days=7, tags=("a,b", "c"))
    said = only(event)
    assert said["STATUS"] == "TENTATIVE"
    assert said["RRULE"] == "FREQ=DAILY;INTERVAL=7"
    assert said["CATEGORIES"] == "a\\,b,c"


def test_a_title_is_one_line_and_short() -> None:
    said = only(replace(EVENT, text=f"\n  {'x' * 90}\nsecond"))
    assert said["SUMMARY"] == f"Mastodon: {'x' * 59}…"
    assert unescaped(said["DESCRIPTION"]) == f"\n  {'x' * 90}\nsecond"
    assert only(replace(EVENT, text=""))["SUMMARY"] == "Mastodon"


@given(st.text(), st.text())
def test_any_text_is_read_back(text: str, campaign: str) -> None:
    said = only(replace(EVENT, text=f"x{text}"), campaign)
    plain = f"x{text}".replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in plain if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127))
    assert unescaped(said["DESCRIPTION"]) == kept.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("width", range(60, 80))
def test_no_character_is_cut_where_a_line_is_folded(width: int) -> None:
    text = "a" * width + "\N{GRINNING FACE}\N{SNOWMAN}é" * 40
    assert unescaped(only(replace(EVENT, text=text))["DESCRIPTION"]) == text


async def test_a_campaign_before_and_after_it_was_run(
    postiz_sandbox: Sandbox, tmp_path: Path
) -> None:
    channel = postiz_sandbox.add_channel("mastodon", name="Ours, the first")
    first = postiz_sandbox.in_an_hour()
    rows = [
        CampaignRow("mastodon", Html("<b>Bold</b>"), at=first),
        CampaignRow("mastodon", "Two", at=first + timedelta(days=1)),
        CampaignRow("mastodon", "3", at=first + timedelta(days=2), type="draft"),
    ]
    async with postiz_sandbox.client() as postiz:
        async with postiz.campaign(rows, journal=tmp_path / "c.journal") as campaign:
            _, planned = read(campaign.icalendar())
            await campaign.run()
            (post,) = [p async for p in postiz.posts.list(
                start=first + timedelta(hours=1), end=first + timedelta(days=1, hours=1)
            )]  # fmt: skip
            await postiz.posts.delete(post.id)
            await postiz.posts.schedule(NewPost(channel, "Not of the campaign"), at=first)
            await campaign.reconcile()
        async with postiz.campaign(rows, journal=tmp_path / "c.journal") as again:
            _, stored = read(again.icalendar())
    assert [event["SUMMARY"] for event in planned] == [
        f"Ours\\, the first: {text}" for text in ("Bold", "Two", "3")
    ]
    assert planned[2]["STATUS"] == "TENTATIVE"
    assert [event["UID"] for event in stored] == [planned[0]["UID"], planned[2]["UID"]]
