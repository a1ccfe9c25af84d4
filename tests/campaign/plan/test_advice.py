"""What a campaign says and probably does not mean: each kind with its rows, and turned off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import START, Lab
from hypothesis import given, strategies as st

from postiz_async._campaign.read.dates import describe_drift
from postiz_async._campaign.read.read_options import Advice, ReadOptions
from postiz_async._sandbox import Fault
from postiz_async.errors import Problem


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.channel("mastodon", id="c1", name="Our page")
    made.channel("telegram", id="c2")
    return made


def row(hours: float, content: str = "", channel: str = "c1", **cells: Any) -> dict[str, Any]:
    moment = (START + timedelta(hours=hours)).isoformat()
    return {"channel": channel, "date": moment, "content": content or f"at {hours}"} | cells


async def warned(
    lab: Lab, rows: Sequence[dict[str, Any]], *ignore: Advice, **options: Any
) -> tuple[Problem, ...]:
    lab.write(rows)
    async with (
        lab.client() as postiz,
        postiz.campaign(lab.path, reading=ReadOptions(ignore=ignore, **options)) as campaign,
    ):
        assert campaign.problems == ()
        return campaign.warnings


async def test_rows_that_are_equal_but_for_case_or_spaces(lab: Lab) -> None:
    rows = [row(24, "Good morning"), row(24, "good  Morning "),
            row(25, "GOOD MORNING"), row(24, "good morning", "c2")]  # fmt: skip
    async with lab.sandbox:
        (near,) = await warned(lab, rows)
        assert near.row == 2
        assert near.message == (
            "says the same as row 1 except for case or spaces, on the same channel at the same "
            "moment"
        )
        assert await warned(lab, rows, "doubles") == ()


async def test_repeats_that_drift_when_the_clocks_change(lab: Lab) -> None:
    rows = [row(24, repeat_days=7), row(25), row(26, timezone="Asia/Tokyo", repeat_days=1)]
    async with lab.sandbox:
        (warning,) = await warned(lab, rows, timezone="Europe/Berlin")
        assert str(warning) == (
            "row 1, repeat_days: repeats at 09:00 in Europe/Berlin, and at 10:00 from 28 March "
            "2027 on, when the clocks change (Postiz counts days of 24 hours; --ignore repeats)"
        )
        assert await warned(lab, rows, "repeats", timezone="Europe/Berlin") == ()
        assert await warned(lab, rows) == (), "no zone is said"


@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin", "Australia/Sydney"]),
)
def test_what_is_said_of_a_drift_is_true(moment: datetime, zone: str) -> None:
    said = describe_drift(moment, ZoneInfo(zone))
    offsets = {(moment + timedelta(days=n)).astimezone(ZoneInfo(zone)).utcoffset()
               for n in range(365)}  # fmt: skip
    assert bool(said) == (len(offsets) > 1)
    if said:
        hours = said.split(" at ")[1][:5], said.split(" at ")[2][:5]
        assert hours[0] != hours[1]


async def test_tags_that_no_listed_post_has(lab: Lab) -> None:
    for tag in ("launch", "coffee"):
        lab.sandbox.add_tag(tag)
    rows = [row(24, tags=["launch"]), row(25, tags=["launch", "cofee"]), row(26, tags=["cofee"])]
    async with lab.sandbox:
        lab.write([row(20, "tagged", tags=["launch", "coffee"])])
        await lab.run()
        lab.journal.unlink()
        found = await warned(lab, rows)
        assert [warning.row for warning in found] == [2, 3]
        assert len({(warning.message, warning.hint) for warning in found}) == 1
        assert found[0].message.startswith("'cofee' is on no post of the last and next 60 days")
        assert found[0].hint.startswith("did you mean 'coffee'? make what is new in Postiz first; ")
        assert await warned(lab, rows, "tags") == ()
        (both,) = await warned(lab, [row(24, tags=["launch, coffee"])])
        assert "separate several tags with ;" in both.hint
        (one, other) = await warned(lab, [row(24, tags=["a", "b"]), row(25, tags=["b", "coffee"])])
        assert (one.row, other.row) == (1, 2)
        assert one.message.startswith("'a', 'b' are on no post of the last and next 60 days: ")
        assert other.message.startswith("'b' is on no post of the last and next 60 days: ")
        assert await warned(lab, [row(24)]) == ()
        (request,) = lab.transport.sent  # without tags no posts are asked for
        assert request.url.endswith("/integrations")


async def test_tags_that_cannot_be_looked_up_are_said_not_to_be(lab: Lab) -> None:
    async with lab.sandbox:
        lab.write([row(24, tags=["new"])])
        async with lab.client() as postiz:
            lab.sandbox.faults.add(Fault("error_before", route="list_posts", times=99))
            async with postiz.campaign(lab.path) as campaign:
                (warning,) = campaign.warnings
    assert warning.message.startswith("cannot be held against those in Postiz: ")
