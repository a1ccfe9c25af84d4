"""Posts for a spreadsheet: local dates, channels by name, no comments; read back as they are."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import START, Lab, at
from hypothesis import given, strategies as st

from postiz_async._campaign.after.export import form_of
from postiz_async._campaign.after.tables import Table
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import read_campaign
from postiz_async.errors import CampaignError, ConfigurationError

WHOLE: dict[str, Any] = {"start": START, "end": START + timedelta(days=400)}
ZONE = "Europe/Berlin"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.channel("mastodon", id="c1", name="Our page")
    made.channel("discord", id="c2", name="Team")
    made.channel("telegram", id="c3", name="team")
    for tag in ("launch", "coffee"):
        made.sandbox.add_tag(tag)
    return made


def local(*parts: int, fold: int = 0) -> str:
    return datetime(*parts, fold=fold, tzinfo=ZoneInfo(ZONE)).isoformat()  # type: ignore[misc,arg-type]


ROWS: list[dict[str, Any]] = [
    {"channel": "c1", "date": at(24), "content": 'Plain; with "quotes", & < 3'},
    {"channel": "c1", "date": local(2027, 3, 1, 0, 0), "content": "At midnight\nin two lines"},
    {"channel": "c1", "date": local(2027, 7, 1, 9, 30), "content": "=1+1", "type": "draft"},
    {"channel": "c1", "date": local(2027, 10, 31, 2, 30, fold=0), "content": "summer"},
    {"channel": "c1", "date": local(2027, 10, 31, 2, 30, fold=1), "content": "winter"},
    {
        "channel": "c2",
        "date": at(30),
        "content": "x",
        "settings": {"channel": "42"},
        "tags": ["launch", "coffee"],
        "repeat_days": 7,
    },
]


@pytest.mark.parametrize("locale", ["de_DE.UTF-8", "en_US.UTF-8"])
async def test_what_is_exported_is_read_back_without_options(
    lab: Lab, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    plain, path = lab.folder / "plain.jsonl", lab.folder / "out.csv"
    async with lab.sandbox:
        lab.write(ROWS)
        assert (await lab.run()).complete
        async with lab.client() as postiz:
            await postiz.export(plain, **WHOLE)
            with pytest.raises(ConfigurationError, match="There is no time zone 'Mars'"):
                await postiz.export(path, excel=True, timezone="Mars", **WHOLE)
            done = await postiz.export(path, excel=True, timezone=ZONE, **WHOLE)
    assert done.posts == len(ROWS)
    expected, found = read_campaign(plain), read_campaign(path)
    by_name = {"c1": "Our page", "c2": "c2", "c3": "c3"}
    # both are refused until somebody has said which media the posts have, and for nothing else
    assert {problem.where for problem in found.problems} == {"needs_media"}
    assert len(found.problems) == len(ROWS)
    fill(plain), fill(path)
    expected, found = read_campaign(plain), read_campaign(path)
    assert found.problems == ()
    assert {warning.where for warning in found.warnings} == {"repeat_days"}

    def essence(rows: Any, names: dict[str, str]) -> set[tuple[object, ...]]:
        return {
            (names.get(row.channel, row.channel), row.date, row.content, row.format,
             row.type, row.tags, repr(row.settings), row.repeat_days, row.ref)
            for row in rows
        }  # fmt: skip

    assert essence(found.rows, {}) == essence(expected.rows, by_name)


def fill(path: Path) -> None:
    """Say that no post has media."""
    if path.suffix == ".jsonl":
        text = path.read_text(encoding="utf-8").replace('"needs_media":"yes"', '"needs_media":""')
        path.write_text(text, encoding="utf-8")
    else:
        path.write_bytes(re.sub(rb"([;,])yes\1", rb"\1\1", path.read_bytes()))


async def test_a_csv_file_is_as_excel_wants_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    path = lab.folder / "out.csv"
    async with lab.sandbox:
        lab.write(ROWS[:2])
        await lab.run()
        async with lab.client() as postiz:
            await postiz.export(path, excel=True, timezone=ZONE, **WHOLE)
    text = path.read_bytes()
    assert text.startswith(b"\xef\xbb\xbfchannel;date;timezone;content;format;media;")
    lines = sorted(text.decode("utf-8-sig").splitlines())
    assert lines[0].startswith("Our page;2027-01-02 09:00;Europe/Berlin;")
    assert "#" not in text.decode()


def test_a_form_and_a_name_have_to_go_together(tmp_path: Path) -> None:
    assert form_of(tmp_path / "a.csv", excel=True) == "excel"
    assert (form_of(tmp_path / "a.csv"), form_of(tmp_path / "a.jsonl")) == ("csv", "jsonl")
    for name in ("a.ods", "a.xls", "a.xlsm", "a.xlsx"):
        with pytest.raises(CampaignError):
            form_of(tmp_path / name)
    with pytest.raises(CampaignError, match="would be JSON"):
        form_of(tmp_path / "a.json", excel=True)


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(text=_texts | _texts.map(lambda text: f"={text}") | _texts.map(lambda text: f"'+{text}"))
def test_any_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("export")
    head = ["channel", "date", "content", "state"]
    row: list[object] = ["x", datetime(2031, 1, 1, 9), f"a{text}", text]  # noqa: DTZ001
    table = Table(head, [row])
    (folder / "a.csv").write_text(table.csv(";"), encoding="utf-8-sig", newline="")
    (read,) = read_campaign(folder / "a.csv", reading=ReadOptions(timezone="UTC")).rows
    assert read.content == f"a{text}".strip()
