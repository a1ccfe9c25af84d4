"""Results as people open them: in the Excel of their country, with what they look for first."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from postiz_async._campaign.after.report import Report, make_report
from postiz_async._campaign.after.tables import Table, excel_separator, local_cell
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._delivery.outcomes import RowState
from postiz_async.models.insights import Figures

BERLIN = ZoneInfo("Europe/Berlin")
DATE = datetime(2027, 1, 14, 23, tzinfo=UTC)
EVIL = '=HYPERLINK("https://evil.example";"see")\x00\x1b[31m</t><script>\u202e'


def record(number: int, text: str = "Good morning", **more: object) -> RowRecord:
    said = SaidRow(content=text, date=DATE, channel="x", format="html" if "<p>" in text else "text")
    values = {
        "ref": f"r{number}",
        "number": number,
        "fingerprint": "f",
        "channel": "cm1",
        "seconds": DATE.timestamp(),
        "state": RowState.PUBLISHED,
        "post_id": f"p{number}",
        "name": "Our page",
        "said": said.write(),
    }
    return RowRecord(**(values | more))  # type: ignore[arg-type]


def report(*rows: RowRecord) -> Report:
    return make_report(rows, 1)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "separator"),
    [
        ({"LANG": "de_DE.UTF-8"}, ";"),
        ({"LANG": "fr_FR@euro"}, ";"),
        ({"LANG": "pt_BR.UTF-8"}, ";"),
        ({"LANG": "es_ES.UTF-8"}, ";"),
        ({"LANG": "es_MX.UTF-8"}, ","),
        ({"LANG": "en_US.UTF-8"}, ","),
        ({"LANG": "ja_JP.UTF-8"}, ","),
        ({"LANG": "C.UTF-8"}, ","),
        ({"LANG": "en_US.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}, ";"),
        ({"LC_NUMERIC": "de_DE.UTF-8", "LC_ALL": "POSIX"}, ","),
        ({"LC_ALL": "", "LANG": "de"}, ";"),
    ],
)
def test_the_separator_is_that_of_the_users_country(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], separator: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert excel_separator() == separator


FIGURES = Figures({"p2": {"Views": 1250, "Rate": -2.5, "Likes": 3.0}})


@pytest.mark.parametrize(
    ("lang", "separator", "rate"),
    [("de_DE", ";", "-2,5"), ("fr_FR", ";", "-2,5"), ("en_US", ",", "-2.5")],
)
def test_a_result_for_an_office(
    monkeypatch: pytest.MonkeyPatch, lang: str, separator: str, rate: str
) -> None:
    monkeypatch.setenv("LANG", f"{lang}.UTF-8")
    row = record(2, "Good; morning,\n“all”", link="https://x.com/1", name="Café")
    text = report(row).to_csv(FIGURES, zone=BERLIN, excel=True)
    assert text.startswith("\ufefftext" + separator)
    [line] = csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=separator)
    assert list(line)[:6] == ["text", "channel", "date", "timezone", "state", "link"]
    assert list(line)[-4:] == ["row", "ref", "post_id", "channel_id"]
    assert line["text"] == "Good; morning,\n“all”"
    assert (line["channel"], line["date"]) == ("Café", "2027-01-15 00:00")
    assert (line["timezone"], line["state"]) == ("Europe/Berlin", "published")
    assert (line["figure Views"], line["figure Rate"]) == ("1250", rate)
    assert line["figure Likes"] == "3"


def test_the_text_is_what_readers_see_and_short() -> None:
    rows = [record(2, "<p>Tea &amp; <u>cake</u></p>"), record(3, "x" * 5_000), record(4, said="")]
    texts = [line["text"] for line in report(*rows).to_records()]
    assert texts == ["Tea & cake", "x" * 1_000, ""]


def test_hostile_texts_are_texts() -> None:
    row = record(2, EVIL, name=EVIL, note=EVIL, remark=EVIL, link=f"https://x.com/{EVIL}", ref=EVIL)
    [read] = csv.DictReader(io.StringIO(report(row).to_csv(excel=True)[1:], newline=""))
    assert [read[name][:2] for name in ("text", "channel", "note", "remark", "ref")] == ["'="] * 5


def test_an_hour_that_exists_twice_is_told_with_its_offset() -> None:
    summer = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert local_cell(summer, BERLIN) == "2027-10-31T02:30:00+02:00"
    assert local_cell(summer.replace(hour=1), BERLIN) == "2027-10-31T02:30:00+01:00"
    assert "2027-10-31T02:30:00+02:00" in Table(["date"], [[local_cell(summer, BERLIN)]]).csv()


def test_records_are_json() -> None:
    assert msgspec.json.encode(report(record(2)).to_records())
