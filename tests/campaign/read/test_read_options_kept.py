"""What describes a campaign file is said once: `campaign.toml` beside it."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab
from hypothesis import given, strategies as st
from msgspec import structs
from samples import PNG

from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.read_options import (
    FileOptions,
    ReadOptions,
    merged_reading,
    rules_of,
    save_options,
)
from postiz_async._campaign.read.rows import CampaignRow
from postiz_async.errors import CampaignError, ConfigurationError

TABLE = "Kanal;Datum;Text;Bild\nc1;05.02.2031 09:00;Grüße;a.png\n"
SAID: dict[str, Any] = {
    "columns": {"Kanal": "channel", "Datum": "date", "Text": "content", "Bild": "media"},
    "date_format": "%d.%m.%Y %H:%M",
    "timezone": "Europe/Berlin",
    "encoding": "cp1252",
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    made = Lab(folder)
    made.channel("mastodon", id="c1")
    made.path = folder / "spring.csv"
    made.path.write_bytes(TABLE.encode("cp1252"))
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(PNG)
    return made


async def test_what_is_saved_is_read_by_the_next_campaign(lab: Lab, monkeypatch: Any) -> None:
    monkeypatch.chdir(lab.folder)
    async with lab.sandbox, lab.client() as postiz:
        options: dict[str, Any] = {"media_root": "../media", "align": "15m", "name": "Frühling"}
        lab.path.write_text(
            lab.path.read_text("cp1252").replace("a.png", "../media/a.png"), "cp1252"
        )
        reading = ReadOptions(**SAID)
        async with postiz.campaign(lab.path, reading=reading, **options) as campaign:
            assert campaign.problems == ()
            expected = campaign.rows
            path = await campaign.save_options()
        assert path == lab.folder / "spring.toml"
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
        assert kept == SAID | {"media_root": ["../media"], "align": "15m", "name": "Frühling"}
        async with postiz.campaign(lab.path) as campaign:
            assert (campaign.problems, campaign.rows) == ((), expected)
            assert campaign.reading.timezone == "Europe/Berlin"
            assert (await campaign.run()).complete
    assert expected[0].date == datetime(2031, 2, 5, 8, tzinfo=UTC)


async def test_what_is_said_comes_before_what_is_kept(lab: Lab) -> None:
    async with lab.sandbox, lab.client() as postiz:
        async with postiz.campaign(lab.path, reading=ReadOptions(**SAID)) as campaign:
            await campaign.save_options()
        async with postiz.campaign(lab.path, timezone="Asia/Tokyo") as campaign:
            assert campaign.rows[0].date == datetime(2031, 2, 5, 0, tzinfo=UTC)
            await campaign.save_options()
        assert FileOptions.saved(lab.path).timezone == "Asia/Tokyo"


async def test_dates_move_by_what_is_kept_unless_something_is_said(lab: Lab) -> None:
    (lab.folder / "rows.toml").write_text('align = "1h"\n', encoding="utf-8")
    lines = [f'{{"channel":"c1","date":"2031-02-0{n}T09:{10 * n}Z","content":"{n}"}}' for n in
             (1, 2)]  # fmt: skip
    path = lab.folder / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    async with lab.sandbox, lab.client() as postiz:
        for said, kept in ((None, "1h"), ("0", "0"), (timedelta(minutes=15), "15m")):
            async with postiz.campaign(path, align=said) as campaign:
                await campaign.save_options()
            assert tomllib.loads((lab.folder / "rows.toml").read_text("utf-8"))["align"] == kept
            (lab.folder / "rows.toml").write_text('align = "1h"\n', encoding="utf-8")


@pytest.mark.parametrize("said_too", [False, True])
async def test_a_column_that_is_not_there_is_told_with_the_file_that_maps_it(
    lab: Lab, *, said_too: bool
) -> None:
    save_options(lab.path, FileOptions(**SAID))
    lab.path.write_text("Kanal;Datum;Test;Bild\nc1;05.02.2031 09:00;Hi;\n", "cp1252")
    reading = ReadOptions(**SAID) if said_too else None
    async with lab.sandbox, lab.client() as postiz:
        with pytest.raises(
            CampaignError, match=r"no column 'Text', .*Did you mean 'Test'"
        ) as caught:
            async with postiz.campaign(lab.path, reading=reading):
                pass
    assert f"{lab.folder / 'spring.toml'} maps it." in str(caught.value)


async def test_rows_of_a_program_have_no_options_to_keep(lab: Lab) -> None:
    rows = [CampaignRow(channel="c1", at=datetime(2031, 1, 1, tzinfo=UTC), content="a")]
    async with (
        lab.sandbox,
        lab.client() as postiz,
        postiz.campaign(rows, journal=lab.journal) as campaign,
    ):
        with pytest.raises(CampaignError, match="do not come from a file"):
            await campaign.save_options()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('colums = {A = "date"}', "has the unknown key 'colums'. Did you mean 'columns'?"),
        ('zone = "UTC"\n', "has the unknown key 'zone'"),
        ('[tool.x]\na = "b"', "has the unknown key 'tool'. It may have: columns, defaults"),
        ("timezone = 5", "is wrong: Expected `str | null`, got `int` - at `$.timezone`"),
        ('columns = {A = "contents"}', "'contents' is not a column of a campaign. Did you mean"),
        ('timezone = "Europe/Berlni"', "There is no time zone 'Europe/Berlni'"),
        ("columns = []", "is wrong: Expected `object`"),
        ('timezone = "UTC', "is unreadable: "),
        ("a = \xff", "has the unknown key 'a'"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(text, encoding="utf-8" if "\xff" not in text else "latin-1")
    with pytest.raises(CampaignError) as caught:
        FileOptions.saved(tmp_path / "c.csv")
    assert str(tmp_path / "c.toml") in str(caught.value)
    assert words in str(caught.value) or "is unreadable" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "kept", "both"),
    [
        ({}, {"A": "date"}, {"A": "date"}),
        ({"a ": "content"}, {"A": "date", "B": "tags"}, {"a ": "content", "B": "tags"}),
        ({"C": "date"}, {"A": "date", "B": ""}, {"C": "date", "B": ""}),
        ({"C": ""}, {"A": "", "C": "date"}, {"C": "", "A": ""}),
    ],
)
def test_columns_are_said_anew_one_by_one(
    said: dict[str, str], kept: dict[str, str], both: dict[str, str]
) -> None:
    assert merged_reading(ReadOptions(columns=said), FileOptions(columns=kept)).columns == both


_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
_zones = st.sampled_from([None, "Europe/Berlin"])
_tables = st.dictionaries(_words, _words, max_size=3)


@given(
    name_of_file=st.sampled_from(["c.csv", "c.xlsx"]),
    reading=st.builds(
        ReadOptions,
        columns=st.dictionaries(_words, st.sampled_from([*COLUMNS, ""]), max_size=2),
        defaults=st.dictionaries(st.sampled_from([*COLUMNS]), _words, max_size=3) | _tables,
        date_format=st.none() | _words,
        timezone=_zones | _words,
        timezones=st.dictionaries(_words, st.sampled_from(["UTC", "Asia/Tokyo"]), max_size=3),
        encoding=st.sampled_from([None, "utf-8", "cp1252"]) | _words,
        sheet=st.none() | _words,
        slots=st.sampled_from(["", "daily 9:00", "daily 25:00", {"x": "mon 9:00"}]),
    ),
    name=st.none() | _words,
)
def test_whatever_is_saved_is_read_back_or_told_with_its_file(
    tmp_path_factory: pytest.TempPathFactory,
    name_of_file: str,
    reading: ReadOptions,
    name: str | None,
) -> None:
    path = tmp_path_factory.mktemp("kept") / name_of_file
    save_options(path, FileOptions(**structs.asdict(reading), name=name))
    not_meant = {"encoding": None} if path.suffix == ".xlsx" else {"sheet": None}
    meant = structs.replace(reading, **not_meant)
    try:
        rules_of(structs.replace(meant, date_format=None))
    except (CampaignError, ConfigurationError) as error:
        told = f"{path.with_suffix('.toml')} says how {path} is read, and is wrong: {error}"
        with pytest.raises(CampaignError, match=f"^{re.escape(told)}$"):
            FileOptions.saved(path)
        return
    kept = FileOptions.saved(path)
    assert merged_reading(ReadOptions(), kept) == meant
    assert kept.name == name


def test_a_csv_and_a_workbook_of_one_name_share_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('sheet = "Plan"\nencoding = "cp1252"\ntimezone = "UTC"\n')
    text, workbook = (FileOptions.saved(tmp_path / name) for name in ("c.csv", "c.xlsx"))
    assert (text.sheet, text.encoding, text.timezone) == (None, "cp1252", "UTC")
    assert (workbook.sheet, workbook.encoding, workbook.timezone) == ("Plan", None, "UTC")
