"""Results as people open them: in the Excel of their country, with what they look for first."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from postiz_async._campaign.after.report import Report, make_report
from postiz_async._campaign.after.tables import excel_separator
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._delivery.outcomes import RowState

BERLIN = ZoneInfo("Europe/Berlin")
DATE = datetime(2027, 1, 14, 23, tzinfo=UTC)
EVIL = '=HYPERLINK("https://evil.example";"see")\x00\x1b[31m</t><script>\u202e'


def record(number: int, **more: object) -> RowRecord:
    values = {
        "ref": f"r{number}",
        "number": number,
        "fingerprint": "f",
        "channel": "cm1",
        "seconds": DATE.timestamp(),
        "state": RowState.PUBLISHED,
        "post_id": f"p{number}",
        "name": "Our page",
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


@pytest.mark.parametrize(("lang", "separator"), [("de_DE", ";"), ("fr_FR", ";"), ("en_US", ",")])
def test_a_result_for_an_office(monkeypatch: pytest.MonkeyPatch, lang: str, separator: str) -> None:
    monkeypatch.setenv("LANG", f"{lang}.UTF-8")
    row = record(2, note="Good; morning,\n“all”", link="https://x.com/1", name="Café")
    text = report(row).to_csv(zone=BERLIN, excel=True)
    assert text.startswith("\ufeffnumber" + separator)
    [line] = csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=separator)
    assert line == {
        "number": "2",
        "ref": "r2",
        "channel": "Café",
        "date": "2027-01-15 00:00:00+01:00",
        "state": "published",
        "reason": "Good; morning,\n“all”",
        "link": "https://x.com/1",
    }


def test_hostile_texts_are_texts() -> None:
    row = record(2, name=EVIL, note=EVIL, link=f"https://x.com/{EVIL}", ref=EVIL)
    [read] = csv.DictReader(io.StringIO(report(row).to_csv(excel=True)[1:], newline=""))
    assert [read[name][:2] for name in ("channel", "reason", "ref")] == ["'="] * 3


def test_records_are_json() -> None:
    assert msgspec.json.encode(report(record(2)).to_records())
