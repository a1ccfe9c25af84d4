"""A campaign that is in Postiz already, and no journal that knows of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from campaign_lab import WITH_DOUBLES, Lab, at, rows, swept

from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import CampaignConflictError, CampaignError


async def stored_without_a_journal(lab: Lab, records: list[dict[str, object]]) -> None:
    lab.write(records)
    await lab.run(reading=WITH_DOUBLES)
    lose_journal(lab)


def lose_journal(lab: Lab) -> None:
    for path in lab.folder.glob("campaign.journal*"):
        path.unlink()


async def test_it_is_not_sent_a_second_time_by_itself(lab: Lab, channels: list[str]) -> None:
    await stored_without_a_journal(lab, rows(channels, 12))
    creates = len(lab.sandbox.creates)
    with pytest.raises(
        CampaignError, match=r"^12 rows are in Postiz already \(1-12.*existing=.adopt"
    ):
        await lab.run()
    assert len(lab.sandbox.creates) == creates
    assert not lab.journal.exists()


@pytest.mark.parametrize("release", ["HEAD", "v2.20.0"])
async def test_what_is_there_is_taken_over_and_the_rest_sent(tmp_path: Path, release: str) -> None:
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        records = rows(channels, 24)
        records[4] |= {"content": "a < b & c"}
        records[6] |= {"content": "<p>with <b>markup</b></p>"}
        records[8] |= {"type": "draft"}
        await stored_without_a_journal(lab, records[:12])
        before = {post.id for post in lab.sandbox.posts}
        lab.write(records)
        async with lab.client() as postiz, lab.campaign(postiz, existing="adopt") as campaign:
            outcomes = Counter[RowState]()

            async def saw(outcome: object) -> None:
                outcomes[getattr(outcome, "state", None)] += 1

            report = await campaign.run(on_outcome=saw)
        assert report.complete
        assert outcomes == {RowState.STORED: 24}
        assert report.requests == 2
        taken = [row for row in report.rows if row.note == "was in Postiz already"]
        assert {row.post_id for row in taken} == before
        assert len(lab.sandbox.posts) == 24
        async with lab.client() as postiz:
            found = await swept(postiz, lab)
        assert found == {"fine": 24}
        assert (await lab.run()).complete
        assert len(lab.sandbox.posts) == 24


async def test_rows_that_were_edited_since_do_not_come_out_in_both_versions(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 6)
    await stored_without_a_journal(lab, records)
    edited = [{**each, "content": f"{each['content']}!"} for each in records]
    file = [records[0], edited[1], *records[2:4], edited[4], records[5]]
    lab.write(file)
    creates = len(lab.sandbox.creates)
    async with lab.client() as postiz, lab.campaign(postiz, existing="adopt") as campaign:
        await campaign.plan()
        told = [each for each in campaign.warnings if "says something else" in each.message]
        assert [each.row for each in told] == [2, 5]
        with pytest.raises(CampaignConflictError, match=r"2 rows \(2, 5\) .*keep=True") as asked:
            await campaign.run()
    assert asked.value.rows == (2, 5)
    assert len(lab.sandbox.creates) == creates
    assert not lab.journal.exists()
    assert (await lab.run(existing="adopt", keep=True)).complete
    assert len(lab.sandbox.posts) == 8
    assert (await lab.run()).complete


async def test_turning_off_a_warning_does_not_turn_off_the_question(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 3)
    await stored_without_a_journal(lab, records)
    lab.write([*records[:2], {**records[2], "content": "anew"}])
    with pytest.raises(CampaignConflictError):
        await lab.run(existing="adopt", reading=WITH_DOUBLES)
    assert len(lab.sandbox.posts) == 3


async def test_it_can_be_sent_again_on_purpose(lab: Lab, channels: list[str]) -> None:
    await stored_without_a_journal(lab, rows(channels, 6))
    assert (await lab.run(existing="again")).complete
    assert set(lab.contents().values()) == {2}


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
async def test_no_post_stands_for_two_rows(tmp_path: Path, release: str) -> None:
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        row = rows([lab.channel("mastodon")], 1)[0]
        await stored_without_a_journal(lab, [row])
        lab.write([row, row])
        with pytest.raises(CampaignError, match=r"^1 row is in Postiz already \(1:"):
            await lab.run(reading=WITH_DOUBLES)
        assert (await lab.run(existing="adopt", reading=WITH_DOUBLES)).complete
        assert len(lab.sandbox.posts) == 2


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
async def test_what_was_adopted_accounts_for_no_other_post(tmp_path: Path, release: str) -> None:
    """Only what the campaign sent does: the equal post of a new row may be anybody's."""
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        row = rows([lab.channel("mastodon")], 1)[0]
        await stored_without_a_journal(lab, [row, row])
        lab.write([row])
        await lab.run(existing="adopt")
        lab.write([row, row])
        with pytest.raises(CampaignError, match=r"^1 row is in Postiz already "):
            await lab.run(reading=WITH_DOUBLES)
        assert len(lab.sandbox.posts) == 2


async def test_other_seconds_channels_and_texts_are_other_posts(
    lab: Lab, channels: list[str]
) -> None:
    await stored_without_a_journal(lab, rows(channels, 1))
    lab.write(
        [
            {"channel": channels[0], "date": at(24 + 1 / 3_600), "content": "post 0"},
            {"channel": channels[1], "date": at(24), "content": "post 0"},
            {"channel": channels[0], "date": at(24), "content": "post 0!"},
        ]
    )
    assert (await lab.run()).complete


async def test_an_equal_post_beside_an_adopted_one_is_nobodys_double(
    lab: Lab, channels: list[str]
) -> None:
    """Nothing marks it as ours, so the sweep must not delete it."""
    row = rows(channels, 1)[0]
    await stored_without_a_journal(lab, [row, row])
    lab.write([row])
    report = await lab.run(existing="adopt")
    assert report.complete
    assert report.rows[0].finding.value == "equal"
    assert len(lab.sandbox.posts) == 2


async def test_rows_that_are_new_to_a_journal_are_looked_for_too(
    lab: Lab, channels: list[str]
) -> None:
    """Two campaigns with the same posts: the second is told, whenever they meet."""
    ours, theirs = rows(channels[:1], 1), rows(channels[1:2], 2)
    lab.write(theirs)
    await lab.run()
    for path in lab.folder.glob("campaign.journal*"):
        path.unlink()
    lab.write(ours)
    await lab.run()
    lab.write([*ours, *theirs])
    with pytest.raises(
        CampaignError, match=r"2 rows are in Postiz already .* no ref in the journal"
    ):
        await lab.run()
    report = await lab.run(existing="adopt")
    assert report.counts == {"stored": 3}
    assert len(lab.sandbox.posts) == 3
    assert (await lab.run()).complete


async def test_a_stored_row_that_got_a_name_of_its_own_is_not_sent_again(lab: Lab) -> None:
    news = lab.channel("telegram", name="Northwind News")
    records = rows([news, lab.channel("mastodon")], 4)
    lab.write(records)
    before = {row.post_id for row in (await lab.run()).rows}
    records[0] |= {"ref": "mine"}
    lab.write(records)
    with pytest.raises(
        CampaignError, match=r"^1 row is in Postiz already .* no ref in the journal"
    ):
        await lab.run()
    report = await lab.run(existing="adopt")
    assert {row.post_id for row in report.rows} == before
    assert len(report.rows) == 4
    assert len(lab.sandbox.posts) == 4
    async with lab.client() as postiz:
        assert await swept(postiz, lab) == {"fine": 4}
    assert (await lab.run()).complete
    assert len(lab.sandbox.posts) == 4


async def test_a_channel_that_is_called_otherwise_is_the_same_channel(lab: Lab) -> None:
    news = lab.channel("telegram", name="Northwind News")
    records = rows([news, lab.channel("mastodon")], 4)
    lab.write(records)
    await lab.run()
    records[0] |= {"channel": "Northwind News"}
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert not campaign.edits.is_open
        assert (await campaign.run()).complete
    assert len(lab.sandbox.posts) == 4


async def test_an_error_of_the_listener_ends_the_job(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 120))

    async def listen(_: object) -> None:
        raise ZeroDivisionError

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(ZeroDivisionError):
            await campaign.run(on_outcome=listen)
        sent = len(lab.sandbox.creates)
        await lab.clock.sleep(8_000)
        assert len(lab.sandbox.creates) == sent
        assert (await campaign.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(120))
