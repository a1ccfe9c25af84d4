"""Encodings that are said, shown or recognised, and JSON as one array."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from postiz_async._campaign.read.file_formats import readable
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.source import ReadCampaign, read_campaign
from postiz_async.errors import CampaignError

HEADER = "channel;date;content\n"
WHEN = "2027-01-15T09:00Z"


def read(folder: Path, data: bytes, name: str = "c.csv", **options: Any) -> ReadCampaign:
    path = folder / name
    path.write_bytes(data)
    return read_campaign(path, reading=ReadOptions(**options))


def contents(campaign: ReadCampaign) -> list[str]:
    assert campaign.problems == ()
    return [row.content for row in campaign.rows]


def table(*texts: str) -> str:
    return HEADER + "".join(f"x;{WHEN};{text}\n" for text in texts)


# ------------------------------------------------------------------ encodings


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Schöne Grüße", "cp1252"),
        ("Привет, мир", "cp1251"),
        ("Καλημέρα κόσμε", "cp1253"),
        ("Zażółć gęślą jaźń", "cp1250"),
    ],
)
def test_what_is_not_utf_8_is_refused_until_its_encoding_is_said(
    tmp_path: Path, text: str, encoding: str
) -> None:
    data = table("plain", text).encode(encoding)
    refused = read(tmp_path, data)
    assert [row.content for row in refused.rows] == ["plain"]
    [problem] = refused.problems
    assert (problem.row, problem.message[:12]) == (3, "is not UTF-8")
    assert problem.hint.startswith("say --encoding cp1252, or save the file as UTF-8")
    assert contents(read(tmp_path, data, encoding=encoding)) == ["plain", text]


def test_an_encoding_that_does_not_fit_says_from_where_on(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="is not ASCII from here on"):
        read(tmp_path, table("a", "é").encode("cp1252"), encoding="ascii")
    data = table(*["a"] * 5_000, "é").encode("cp1252")
    problem = read(tmp_path, data, encoding="ascii").problems[-1]
    assert "is not ASCII from here on (--encoding says another)" in str(problem)


@pytest.mark.parametrize("encoding", ["utf9", "hex", "", "a\0b"])
def test_there_is_no_such_encoding(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CampaignError, match="There is no encoding"):
        read(tmp_path, b"a", encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "UTF-8", "utf-8-sig", "cp1252", "latin-1"])
def test_an_encoding_that_is_said_is_taken(tmp_path: Path, encoding: str) -> None:
    assert contents(read(tmp_path, table("Grüße").encode(encoding), encoding=encoding)) == ["Grüße"]


@pytest.mark.parametrize("name", ["c.csv", "c.json"])
def test_nul_bytes_are_refused_by_row_and_column(tmp_path: Path, name: str) -> None:
    data = table("a", "b\0c").encode()
    if name == "c.json":
        data = json.dumps([{"channel": "x", "date": WHEN, "content": "b\0c"}]).encode()
    (problem,) = read(tmp_path, data, name).problems
    assert problem.where == "content"
    assert "NUL" in problem.message


@given(text=st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=20))
def test_text_of_windows_1252_is_read_or_refused_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    line = " ".join(text.replace('"', "").replace(";", "").split())
    data = table(f"a {line} b").encode("cp1252")
    folder = tmp_path_factory.mktemp("texts")
    assert contents(read(folder, data, encoding="cp1252")) == [f"a {line} b"]
    with suppress(CampaignError):
        campaign = read(folder, data)
        assert len(campaign.rows) + len(campaign.problems) == 1


# ------------------------------------------------------------------ a JSON array


def rows(count: int) -> list[dict[str, str]]:
    return [{"channel": "x", "date": WHEN, "content": f"Grüße {n}"} for n in range(count)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_array_is_read_as_lines_are(
    tmp_path: Path, indent: int | None, count: int, encoding: str
) -> None:
    array = "\n " + json.dumps(rows(count), indent=indent, ensure_ascii=False) + "\n"
    lines = "\n".join(json.dumps(row) for row in rows(count))
    expected = read(tmp_path, lines.encode(), "lines.jsonl")
    campaign = read(tmp_path, array.encode(encoding), "array.json")
    assert contents(campaign) == contents(expected)
    assert [row.ref for row in campaign.rows] == [row.ref for row in expected.rows]
    assert [row.number for row in campaign.rows] == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("[]", 1, "is an empty array"),
        ('[\n{"channel": "x"},\n{"channel": }\n]', 3, "is not a JSON array"),
        ('[\n{"channel": "x"},', 2, "is not a JSON array"),
        ("[" * 1_000_000, 1, "is not a JSON array: it is nested too deeply"),
        (
            f"[{json.dumps(rows(1)[0])}, 7, {json.dumps(rows(1)[0])}]",
            2,
            "is not a JSON object but 7",
        ),
    ],
)
def test_a_broken_array_says_where(tmp_path: Path, text: str, row: int, words: str) -> None:
    problem = read(tmp_path, text.encode(), "c.json").problems[-1]
    assert (problem.where, problem.row) == ("json", row)
    assert words in problem.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Grüße.csv", "Grüße.csv"),
        ("Gr\udcc3\udcbc\udcc3\udc9fe.csv", "Grüße.csv"),  # where the locale is not UTF-8
        ("Gr\udcfc\udcdfe.csv", "Gr\ufffd\ufffde.csv"),  # where the name is not
        ("half \ud83d.csv", "half \ufffd.csv"),  # as Windows allows it
    ],
)
def test_the_name_of_a_file_is_text_that_can_be_stored(name: str, text: str) -> None:
    assert readable(name) == text
