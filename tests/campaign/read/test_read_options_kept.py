"""What describes a campaign file is said once: `campaign.toml` beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from campaign_lab import Lab
from hypothesis import given, strategies as st
from msgspec import structs
from samples import PNG

from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.read_options import (
    FileOptions,
    ReadOptions,
    merged_reading,
    options_path,
    rules_of,
)
from postiz_async.errors import CampaignError

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


def write_options(path: Path, said: dict[str, Any]) -> None:
    """Write options as a person does."""
    path.write_text(tomli_w.dumps(said), encoding="utf-8")


async def test_what_is_kept_beside_a_file_is_how_it_is_read(lab: Lab) -> None:
    lab.path.write_bytes(TABLE.replace("a.png", "../media/a.png").encode("cp1252"))
    kept = SAID | {"media_root": ["../media"], "align": "15m", "name": "Frühling"}
    write_options(lab.folder / "spring.toml", kept)
    async with lab.sandbox, lab.client() as postiz:
        async with postiz.campaign(lab.path) as campaign:
            assert campaign.problems == ()
            assert campaign.reading.timezone == "Europe/Berlin"
            assert campaign.rows[0].date == datetime(2031, 2, 5, 8, tzinfo=UTC)
            assert (await campaign.run()).complete
        async with postiz.campaign(lab.path, timezone="Asia/Tokyo") as campaign:
            assert campaign.rows[0].date == datetime(2031, 2, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize("said_too", [False, True])
async def test_a_column_that_is_not_there_is_told_with_the_file_that_maps_it(
    lab: Lab, *, said_too: bool
) -> None:
    write_options(lab.folder / "spring.toml", SAID)
    lab.path.write_text("Kanal;Datum;Test;Bild\nc1;05.02.2031 09:00;Hi;\n", "cp1252")
    reading = ReadOptions(**SAID) if said_too else None
    async with lab.sandbox, lab.client() as postiz:
        with pytest.raises(
            CampaignError, match=r"no column 'Text', .*Did you mean 'Test'"
        ) as caught:
            async with postiz.campaign(lab.path, reading=reading):
                pass
    assert f"{lab.folder / 'spring.toml'} maps it." in str(caught.value)


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
    said = {"name": name, **structs.asdict(reading)}
    write_options(options_path(path), {key: each for key, each in said.items() if each is not None})
    not_meant = {"encoding": None} if path.suffix == ".xlsx" else {"sheet": None}
    meant = structs.replace(reading, **not_meant)
    try:
        rules_of(structs.replace(meant, date_format=None))
    except CampaignError as error:
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
