"""How a file is understood where its columns have other names, in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign_lab import Lab
from spreadsheet_files import Noted, write_xlsx

from postiz_async import CampaignRow, FileOptions, ReadOptions
from postiz_async.errors import CampaignError, InvalidPostError
from postiz_async.types import Understood, UnderstoodColumn

HEAD = ["Kanäle", "Wann?", "Text", "Status"]
ROWS = [["telegram, mastodon", "15.3.2031 09:00", "Hallo", "fertig"]] * 2
BERLIN = ReadOptions(timezone="Europe/Berlin")


@pytest.fixture
def path(lab: Lab) -> Path:
    lab.channel("mastodon", name="Ours")
    lab.channel("telegram", name="News")
    lab.path = lab.folder / "plan.xlsx"
    other = [["A", "B"], [1, 2]]
    rows = [["Plan"], [], HEAD, *ROWS[:1], ["Ours", "16.3.2031 09:00", Noted("b", "?"), ""]]
    return write_xlsx(lab.path, sheets={"Legende": other, "März": rows})


async def test_a_guess_is_accepted_and_told(lab: Lab, path: Path) -> None:
    async with lab.client() as postiz:
        async with lab.campaign(postiz, reading=BERLIN, guess=True) as campaign:
            assert campaign.problems == ()
            assert campaign.understood == Understood(
                sheet="März",
                header=3,
                columns=(
                    UnderstoodColumn("Kanäle", "channel", "News + Ours"),
                    UnderstoodColumn("Wann?", "date", "Sat 15 Mar 2031 09:00"),
                    UnderstoodColumn("Text", "content", "Hallo"),
                    UnderstoodColumn("Status", "", "fertig"),
                ),
                posts=3,
                channels=("News", "Ours"),
                timezone="Europe/Berlin",
                is_guessed=True,
            )
            assert (campaign.reading.sheet, campaign.reading.columns["Status"]) == ("März", "")
            await campaign.save_options()
        async with lab.campaign(postiz) as campaign:
            assert len(campaign.rows) == 3
            assert campaign.understood is not None
            assert not campaign.understood.is_guessed
    assert FileOptions.saved(path).columns["Kanäle"] == "channel"


async def test_a_row_that_repeats_names_its_channels_once(lab: Lab, path: Path) -> None:
    cells = ["telegram, mastodon", "17.3.2031 09:00", "Hallo", "montags bis 31.3.2031"]
    write_xlsx(path, [["Kanäle", "Wann?", "Text", "Wiederholung"], cells])
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN, guess=True) as campaign:
        assert campaign.understood is not None
        assert campaign.understood.columns[0].value == "News + Ours"
        assert campaign.understood.posts == 6


async def test_who_is_asked_decides_before_anything_else(lab: Lab, path: Path) -> None:
    del path
    asked: list[Understood] = []

    def never(understood: Understood) -> bool:
        asked.append(understood)
        return False

    async with lab.client() as postiz:
        with pytest.raises(CampaignError, match="--sheet 'März' --column 'Kanäle=channel'"):
            await lab.campaign(postiz, reading=BERLIN, guess=never).open()
    assert len(asked) == 1


async def test_without_a_guess_it_is_refused(lab: Lab, path: Path) -> None:
    del path
    async with lab.client() as postiz:
        with pytest.raises(CampaignError, match="has 2 sheets"):
            await lab.campaign(postiz).open()


async def test_where_no_channels_can_be_told_the_options_are(lab: Lab) -> None:
    lab.channel("mastodon")
    lab.path = write_xlsx(lab.folder / "c.xlsx", [["Eins", "Zwei"], ["a", "b"]])
    async with lab.client() as postiz:
        with pytest.raises(CampaignError, match="has no column 'channel'"):
            await lab.campaign(postiz, guess=True).open()


async def test_columns_that_were_said_are_not_guessed(lab: Lab, path: Path) -> None:
    del path
    said = ReadOptions(columns={"Text": "", "Status": "content"}, timezone="UTC", sheet="März")
    async with (
        lab.client() as postiz,
        lab.campaign(postiz, reading=said, guess=True) as campaign,
    ):
        assert campaign.rows[0].content == "fertig"
        assert campaign.understood is not None
        meanings = [column.meaning for column in campaign.understood.columns]
        assert meanings == ["channel", "date", "", "content"]


async def test_a_file_that_breaks_off_is_still_a_problem(lab: Lab) -> None:
    lab.channel("mastodon")
    lab.path = lab.folder / "c.csv"
    lines = ["Kanal;Datum;Text", "mastodon;15.3.2031 09:00;a", 'mastodon;16.3.2031 09:00;"b']
    lab.path.write_text("\n".join(lines), "utf-8")
    async with (
        lab.client() as postiz,
        lab.campaign(postiz, reading=BERLIN, guess=True) as campaign,
    ):
        assert [problem.where for problem in campaign.problems] == ["csv"]
        with pytest.raises(InvalidPostError):
            await campaign.run()


async def test_rows_of_a_program_and_json_are_not_guessed(lab: Lab) -> None:
    lab.channel("mastodon")
    rows = [CampaignRow("mastodon", "a", at="2031-03-15T09:00Z")]
    lab.write([{"channel": "mastodon", "date": "2031-03-15T09:00Z", "content": "a"}])
    async with lab.client() as postiz:
        for source in (rows, lab.path):
            journal = lab.folder / "x.journal"
            async with postiz.campaign(source, journal=journal, guess=True) as campaign:
                assert campaign.understood is None
                assert campaign.problems == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Kanal;Datum;Text"], "has no rows"),
        (["Plan", "", "Kanal;Datum;Text"], "has no rows"),
        (["Kanal;Text", "mastodon;a"], "Say what they are: --column Kanal=channel --column Text"),
        (["Kanal;Kanal;Datum", "mastodon;x;1.1.2031"], "has the column 'channel' twice"),
    ],
)
async def test_what_cannot_be_guessed_is_an_error(lab: Lab, lines: list[str], said: str) -> None:
    lab.channel("mastodon")
    lab.path = lab.folder / "c.csv"
    lab.path.write_text("\n".join(lines), "utf-8")
    async with lab.client() as postiz:
        with pytest.raises(CampaignError, match=said):
            await lab.campaign(postiz, guess=True).open()
