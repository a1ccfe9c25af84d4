from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, strategies as st
from msgspec import structs

from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._campaign.read.rows import Row, keep_refs
from postiz_async._campaign.read.source import ReadCampaign, read_campaign
from postiz_async.errors import CampaignError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    Write = Callable[..., Path]

HEADER = "channel,date,content,timezone\n"
ZONED = "2027-01-15T09:00:00+01:00"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str | bytes, name: str = "campaign.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def as_csv(*records: dict[str, str]) -> str:
    out = io.StringIO()
    names = list(dict.fromkeys(name for record in records for name in record))
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def record(**cells: Any) -> dict[str, Any]:
    return {"channel": "x", "date": ZONED, "content": "hello"} | cells


def only(campaign: ReadCampaign) -> Row:
    assert campaign.problems == ()
    (row,) = campaign.rows
    return row


def faults(campaign: ReadCampaign) -> list[str]:
    return [str(problem) for problem in campaign.problems]


def test_equal_settings_of_a_file_are_one_value(write: Write) -> None:
    said = ['{"a":[1]}', '{"a":[1]}', '{"a":[2]}']
    first, second, third = read_campaign(
        write(as_csv(*(record(settings=text) for text in said)))
    ).rows
    assert first.settings is second.settings
    assert (first.settings, third.settings) == ({"a": [1]}, {"a": [2]})


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_three_delimiters_of_spreadsheets(write: Write, delimiter: str) -> None:
    lines = [["channel", "date", "content"], ["x", ZONED, "a, b; c"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert only(read_campaign(write(text))).content == "a, b; c"


def test_a_quoted_line_break_belongs_to_the_text_and_rows_count_like_a_spreadsheet(
    write: Write,
) -> None:
    text = f'{HEADER}x,{ZONED},"a\nb\r\nc",\n\nx,{ZONED},second,\n'
    rows = read_campaign(write(text)).rows
    assert [(row.number, row.content) for row in rows] == [(2, "a\nb\nc"), (4, "second")]


@pytest.mark.parametrize("line", ["sep=|", "sep=|  ", '"SEP=|"'])
def test_the_first_line_can_name_the_delimiter(write: Write, line: str) -> None:
    text = f"{line}\nchannel|date|content, or text; whole\nx|{ZONED}|a, b; c\n"
    reading = ReadOptions(columns={"content, or text; whole": "content"})
    row = only(read_campaign(write(text), reading=reading))
    assert (row.content, row.number) == ("a, b; c", 2)


def test_line_breaks_of_windows_are_line_feeds_in_every_part(write: Write) -> None:
    cells = {"content": "a\r\nb", "thread": '["c\\r\\nd"]', "thread 3": "g", "thread 2": "e\r\nf"}
    row = only(read_campaign(write(as_csv(record(**cells)))))
    assert (row.content, row.thread[-2:]) == ("a\nb", ("e\nf", "g"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_spreadsheets(write: Write, encoding: str) -> None:
    data = (HEADER + f"x,{ZONED},Grüße ☃ 🎉,\n").encode(encoding)
    if encoding == "utf-16-le":
        data = b"\xff\xfe" + data
    assert only(read_campaign(write(data))).content == "Grüße ☃ 🎉"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_rows_in_another_encoding_are_named_with_byte_and_character(
    write: Write, bom: bytes
) -> None:
    bad = f"x,{ZONED},Grü".encode() + "ße\n".encode("cp1252")
    data = bom + HEADER.encode() + bad + f"x,{ZONED},Grüße,\n".encode() + bad
    campaign = read_campaign(write(data))
    assert faults(campaign) == [
        f"row {number}, content: is not UTF-8: byte 0xdf ('ß' in Windows-1252) at character 4 "
        "(say --encoding cp1252, or save the file as UTF-8 (in Excel: CSV UTF-8))"
        for number in (2, 4)
    ]
    assert [row.content for row in campaign.rows] == ["Grüße"]


def test_a_thread_in_another_encoding_is_a_problem_of_its_row(write: Write) -> None:
    head, row = "channel,date,content,thread\n", f"x,{ZONED},Grüße,caf"
    [fault] = faults(read_campaign(write(head.encode() + row.encode() + b"\xe9\n")))
    assert fault.startswith("row 2, thread: is not UTF-8: byte 0xe9 ('é' in Windows-1252)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty (0 bytes)"),
        ("\n \n", "is empty: it has no header"),
        ("channel,date\n", "has no rows"),
        ("date,content\n", "has no column 'channel' (row 1). It has: date, content"),
        ("channel,content\nx,y\n", "has no column 'date'"),
        ("channel,date,Date\nx,y,z\n", "has the column 'date' twice"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not text; a campaign is a file of CSV, JSON, .xlsx"),
        (b"\xff\xfea", "is not UTF-16"),
        (b"\xff\xfe\x00\xd8\x61\x00", "is not UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_at_all(write: Write, text: str | bytes, words: str) -> None:
    with pytest.raises(CampaignError) as caught:
        read_campaign(write(text))
    assert words in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "no.csv", "There is no file"),
        (tmp_path, r"is a directory; a campaign is a file of CSV, JSON, \.xlsx, \.xls or \.ods"),
        (Path("nul\0.csv"), "cannot be read"),
        (tmp_path / ("n" * 400), "cannot be read"),
    ):
        with pytest.raises(CampaignError, match=words):
            read_campaign(path)


def test_columns_without_name_and_text_are_what_spreadsheets_add(write: Write) -> None:
    fine = f"channel,date,content,,\nx,{ZONED},a,,\nx,{ZONED},b,,,\nx,{ZONED},c\n"
    assert len(read_campaign(write(fine)).rows) == 3
    text = f"channel,date,content,,\nx,{ZONED},a,,b\nx,{ZONED},c,,,d\n"
    assert faults(read_campaign(write(text))) == [
        "row 2, columns: has text in a column without a name (is a comma or semicolon not quoted?)",
        "row 3, columns: has 6 cells, the header has 5 (is a comma or semicolon not quoted?)",
    ]


def test_a_csv_that_breaks_off_is_read_up_to_there(write: Write) -> None:
    campaign = read_campaign(write(f'{HEADER}x,{ZONED},fine,\nx,{ZONED},"broken" x,\n'))
    assert len(campaign.rows) == 1
    assert campaign.problems[0].row == 3
    assert "has text after a closing quotation mark" in faults(campaign)[0]


# ------------------------------------------------------------------ JSON lines


def as_jsonl(*records: object) -> str:
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in records)


def test_json_lines_may_have_every_column_as_what_it_is(write: Write) -> None:
    text = as_jsonl(
        record(
            media=["a.png", "b.png"],
            tags=["one", "two"],
            settings={"a": [1, None]},
            thread=["second"],
            short_link=True,
            repeat_days=7,
            type="draft",
            ref="mine",
        )
    )
    row = only(read_campaign(write(text, "c.jsonl")))
    assert (row.media, row.tags, row.settings) == (
        ("a.png", "b.png"),
        ("one", "two"),
        {"a": [1, None]},
    )
    assert (row.thread, row.short_link, row.repeat_days) == (("second",), True, 7)
    assert (row.type, row.ref, row.date) == ("draft", "mine", datetime(2027, 1, 15, 8, tzinfo=UTC))


def test_a_csv_row_means_the_same_as_a_json_row(write: Write) -> None:
    cells = {"media": "a.png; b.png", "tags": "one;two", "settings": '{"a":[1]}'}
    cells |= {"thread": '["second"]', "short_link": "TRUE", "repeat_days": "7"}
    plain = only(read_campaign(write(as_csv(record(**cells)))))
    values = {"media": ["a.png", "b.png"], "tags": ["one", "two"], "settings": {"a": [1]}}
    values |= {"thread": ["second"], "short_link": True, "repeat_days": 7}
    typed = only(read_campaign(write(as_jsonl(record(**values)), "c.ndjson")))
    assert (plain.ref, plain.fingerprint) == (typed.ref, typed.fingerprint)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x1c", "\x0b"])
def test_only_a_line_feed_ends_a_json_line(write: Write, separator: str) -> None:
    line = as_jsonl(record(content=f"a{separator}b"))
    assert only(read_campaign(write(line + "\r\n", "c.jsonl"))).content == f"a{separator}b"


def test_bad_json_lines_are_reported_each(write: Write) -> None:
    deep = '{"settings":' + "[" * 70 + "]" * 70 + "}"
    text = "\n".join(["[1]", "{", "null", "", deep, "[" * 100_000, as_jsonl(record())])
    campaign = read_campaign(write(text, "c.jsonl"))
    assert [(problem.row, problem.where) for problem in campaign.problems] == [
        (1, "json"),
        (2, "json"),
        (3, "json"),
        (5, "json"),
        (6, "json"),
    ]
    assert len(campaign.rows) == 1


def test_an_unknown_key_is_wrong_in_every_json_row(write: Write) -> None:
    text = as_jsonl(record(contents="x"), record(), record(contents="x"))
    campaign = read_campaign(write(text, "c.jsonl"))
    assert [problem.row for problem in campaign.problems] == [1, 3]
    assert [row.number for row in campaign.rows] == [2]


# ------------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("date", "zone", "utc"),
    [
        ("2027-01-15 09:00", "Europe/Berlin", (2027, 1, 15, 8)),
        ("2027-07-15 09:00:00", "Europe/Berlin", (2027, 7, 15, 7)),
        ("2027-01-15T09:00:00+01:00", "", (2027, 1, 15, 8)),
        ("2027-01-15T09:00+0100", "", (2027, 1, 15, 8)),
        ("2027-01-15T09:00:00Z", "Europe/Berlin", (2027, 1, 15, 9)),
        ("2027-01-15 09:00 Z", "", (2027, 1, 15, 9)),
        ("2027-01-15T09:00:00.000Z", "", (2027, 1, 15, 9)),
        ("2027-01-15T09:00:00.123456+01:00", "", (2027, 1, 15, 8)),
        ("2027-03-28 03:00", "Europe/Berlin", (2027, 3, 28, 1)),
    ],
)
def test_dates(write: Write, date: str, zone: str, utc: tuple[int, int, int, int]) -> None:
    row = only(read_campaign(write(as_csv(record(date=date, timezone=zone)))))
    assert row.date == datetime(*utc, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "zone", "words"),
    [
        (
            "15/01/2027 09:00",
            "Europe/Berlin",
            "'15/01/2027 09:00' is not a date this program reads",
        ),
        ("2027-02-30 09:00", "Europe/Berlin", "does not exist: February 2027 has no day 30"),
        ("2027-01-15", "Europe/Berlin", "has no time (write it after the day"),
        ("2027-01-15 25:00", "Europe/Berlin", "does not exist: there is no hour 25"),
        ("2027-01-15T09:00:00+99:99", "", "is not a date this program reads"),
        ("0001-01-01T00:00:00+14:00", "", "is too far away"),
        ("٢٠٢٧-01-15 09:00", "Europe/Berlin", "is not a date this program reads"),
        ("0001-01-01 00:00", "Pacific/Kiritimati", "is too far away"),
        ("9999-12-31 23:59", "Pacific/Niue", "is too far away"),
        ("9999-12-31T12:00:00Z", "", "is too far away"),
        ("2027-01-15 09:00", "", "has no time zone (add an offset"),
        ("2027-01-15 09:00", "Europe/Berln", "timezone: 'Europe/Berln' is not a time zone"),
        ("2027-01-15 09:00", "../../etc/passwd", "is not a time zone"),
        ("2027-01-15 09:00", "Europe", "is not a time zone"),
        ("2027-03-28 02:30", "Europe/Berlin", "does not exist in Europe/Berlin"),
        ("2027-10-31 02:30", "Europe/Berlin", "exists twice in Europe/Berlin"),
        ("now", "", "is not a date"),
    ],
)
def test_dates_that_are_refused(write: Write, date: str, zone: str, words: str) -> None:
    campaign = read_campaign(write(as_csv(record(date=date, timezone=zone))))
    assert not campaign.rows
    (problem,) = campaign.problems
    assert problem.row == 2
    assert words in str(problem)


def test_the_zone_of_the_file_is_for_dates_without_one(write: Write) -> None:
    text = as_csv(
        record(date="2027-01-15 09:00", timezone=""),
        record(date="2027-01-15 09:00", timezone="Asia/Tokyo"),
        record(date="2027-01-15T09:00:00Z", timezone=""),
    )
    rows = read_campaign(write(text), reading=ReadOptions(timezone="America/New_York")).rows
    assert [row.date.hour for row in rows] == [14, 0, 9]
    with pytest.raises(CampaignError, match="There is no time zone 'EST5EDT6'"):
        read_campaign(write(text), reading=ReadOptions(timezone="EST5EDT6"))


# ------------------------------------------------------------------ other cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"type": "Draft"}, "type: 'Draft' is not a type of post (did you mean 'draft'?)"),
        ({"type": "later"}, "type: 'later' is not a type of post (one of schedule, draft, now)"),
        ({"type": 1}, "type: must be text, not 1"),
        ({"format": "rich"}, "format: 'rich' is not a format (one of text, markdown, html)"),
        ({"channel": ""}, "channel: is missing"),
        ({"channel": None}, "channel: is missing"),
        ({"channel": ["x"]}, "channel: must be text, not ['x']"),
        ({"content": " \n"}, "content: has neither text nor media"),
        ({"content": "a\x00b"}, "content: contains characters that are not text"),
        ({"tags": "a\x00"}, "tags: contains characters that are not text"),
        ({"tags": ["a\x00"]}, "tags: contains characters that are not text"),
        ({"media": [1]}, "media: must be a list of texts"),
        ({"media": 5}, "media: must be text, not 5"),
        ({"thread": ["a", "b\x00"]}, "thread: contains characters that are not text"),
        ({"thread": ["a", " "]}, "thread: has an empty part"),
        ({"thread": "second part"}, "thread: is not a JSON list of texts"),
        ({"thread": {"a": 1}}, "thread: must be a JSON list of texts"),
        ({"settings": "{"}, "settings: is not JSON"),
        ({"settings": "[1]"}, "settings: must be a JSON object, not [1]"),
        ({"settings": 7}, "settings: must be a JSON object, not 7"),
        ({"settings": "[" * 500_000}, "settings: is not JSON: it is nested too deeply"),
        ({"short_link": "yes"}, "short_link: 'yes' is neither true nor false"),
        ({"short_link": 1}, "short_link: must be text, not 1"),
        ({"repeat_days": "0"}, "repeat_days: '0' is not a number of days from 1 to 36,500"),
        ({"repeat_days": -1}, "repeat_days: '-1' is not a number of days"),
        ({"repeat_days": "1.5"}, "repeat_days: '1.5' is not a number of days"),
        ({"repeat_days": True}, "repeat_days: 'True' is not a number of days"),
        ({"repeat_days": "9" * 5_000}, "is not a number of days"),
        ({"repeat_days": "²"}, "repeat_days: '²' is not a number of days"),
        ({"ref": 5}, "ref: must be text, not 5"),
    ],
)
def test_a_bad_value_has_row_and_column(write: Write, cells: dict[str, Any], expected: str) -> None:
    campaign = read_campaign(write(as_jsonl(record(**cells)), "c.jsonl"))
    assert not campaign.rows
    assert len(campaign.problems) == 1
    assert faults(campaign)[0].startswith(f"row 1, {expected}") or expected in faults(campaign)[0]


def test_all_problems_of_a_row_come_at_once(write: Write) -> None:
    bad = record(type="X", settings="{", thread="{", repeat_days="x", date="soon")
    campaign = read_campaign(write(as_csv(bad)))
    assert {problem.where for problem in campaign.problems} == {
        "type",
        "settings",
        "thread",
        "repeat_days",
        "date",
    }


def test_a_row_of_separators_is_blank_and_an_empty_json_row_is_named(write: Write) -> None:
    campaign = read_campaign(write(f"{HEADER}x,{ZONED},a,\n,,,\n , ,,\nx,{ZONED},b,\n,,,\n"))
    assert faults(campaign) == []
    assert [row.number for row in campaign.rows] == [2, 5]
    campaign = read_campaign(write(as_jsonl(record(), {}), "c.jsonl"))
    assert faults(campaign) == ["row 2: is empty (delete it)"]


def test_a_row_with_media_needs_no_text(write: Write) -> None:
    row = only(read_campaign(write(as_csv(record(content="", media=" a.png ;; b.png;a.png ")))))
    assert row.media == ("a.png", "b.png")


# ------------------------------------------------------------------ refs


def test_a_ref_that_is_given_twice_is_refused(write: Write) -> None:
    campaign = read_campaign(write(as_csv(record(ref="a"), record(ref="b"), record(ref="a"))))
    assert faults(campaign) == ["row 4, ref: 'a' is the ref of row 2 already"]
    assert len(campaign.rows) == 2


def test_equal_rows_are_counted(write: Write) -> None:
    rows = read_campaign(write(as_csv(*[record()] * 3, record(content="other")))).rows
    base = rows[0].ref
    assert [row.ref for row in rows[:3]] == [base, f"{base}-2", f"{base}-3"]
    assert len({row.ref for row in rows}) == 4


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.randoms())
def test_refs_do_not_depend_on_the_order_of_the_file(texts: list[str], rng: random.Random) -> None:
    def refs(contents: list[str], folder: Path) -> list[str]:
        path = folder / "campaign.csv"
        path.write_text(as_csv(*(record(content=text) for text in contents)))
        return sorted(row.ref for row in read_campaign(path).rows)

    shuffled = list(texts)
    rng.shuffle(shuffled)
    folder = Path(_scratch())
    assert refs(texts, folder) == refs(shuffled, folder)


def test_a_link_is_put_below_html_as_html(write: Write) -> None:
    cells = record(content="<p>a</p>", format="html ", link="https://example.com/?a&b")
    row = only(read_campaign(write(as_csv(cells))))
    assert row.content == "<p>a</p><p>https://example.com/?a&amp;b</p>"


def test_settings_and_tags_may_be_edited_without_a_new_ref(write: Write) -> None:
    before = only(read_campaign(write(as_csv(record(settings="{}", tags="a", type="")))))
    after = only(read_campaign(write(as_csv(record(settings='{"a":1}', tags="b", type="draft")))))
    assert before.ref == after.ref
    assert before.fingerprint != after.fingerprint


def rows_of(*boards: str, ref: str = "") -> tuple[Row, ...]:
    """Rows of one text that differ in their settings alone, as when pinning to several boards."""
    records = [record(settings=json.dumps({"board": board}), ref=ref) for board in boards]
    path = Path(_scratch()) / "campaign.jsonl"
    path.write_text(as_jsonl(*records))
    return read_campaign(path).rows


def boards_by_ref(rows: tuple[Row, ...]) -> dict[str, Any]:
    return {row.ref: (row.settings or {})["board"] for row in rows}


@given(st.permutations("abcd"))
def test_rows_that_differ_in_settings_alone_keep_their_refs_in_any_order(
    boards: list[str],
) -> None:
    first = rows_of("a", "b", "c", "d")
    known = {row.ref: row.fingerprint for row in first}
    assert boards_by_ref(keep_refs(rows_of(*boards), known)) == boards_by_ref(first)


def test_a_row_between_known_ones_gets_a_new_ref() -> None:
    first = rows_of("a", "c")
    known = {row.ref: row.fingerprint for row in first}
    later = boards_by_ref(keep_refs(rows_of("b", "a", "c"), known))
    assert {ref: board for ref, board in later.items() if ref in known} == boards_by_ref(first)
    assert len(later) == 3


def test_an_edited_row_keeps_its_ref_and_a_removed_one_leaves_it_alone() -> None:
    first = rows_of("a", "b")
    known = {row.ref: row.fingerprint for row in first}
    edited = keep_refs(rows_of("a", "new"), known)
    assert [row.ref for row in edited] == [row.ref for row in first]
    left = keep_refs(rows_of("b"), known)
    assert left[0].ref == first[1].ref


def test_rows_that_share_a_number_keep_their_own_refs() -> None:
    first = [structs.replace(row, number=2) for row in rows_of("a", "b", "c")]
    known = {row.ref: row.fingerprint for row in first}
    later = keep_refs([structs.replace(row, number=2) for row in rows_of("c", "a", "b")], known)
    assert boards_by_ref(later) == boards_by_ref(tuple(first))


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_refs_stay_distinct_whatever_is_known(before: list[str], now: list[str]) -> None:
    known = {row.ref: row.fingerprint for row in rows_of(*before)} if before else {}
    rows = keep_refs(rows_of(*now), known) if now else ()
    assert len({row.ref for row in rows}) == len(rows)
    known_prints, prints = sorted(known.values()), [row.fingerprint for row in rows]
    for fingerprint in set(prints):
        same = [row.ref for row in rows if row.fingerprint == fingerprint]
        both = min(len(same), known_prints.count(fingerprint))
        assert sum(known.get(ref) == fingerprint for ref in same) == both


# ------------------------------------------------------------------ fuzz

_folders: list[str] = []


def _scratch() -> str:
    return _folders[-1]


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> None:
    _folders.append(str(tmp_path_factory.mktemp("scratch")))


_cells = st.text(max_size=12) | st.sampled_from(
    [ZONED, "2027-01-15 09:00", "x", "draft", "[1]", '{"a":1}', '["a"]', "true", "7", "\x00", ""]
)
_csv_text = st.lists(st.lists(_cells, min_size=1, max_size=6), max_size=4).map(
    lambda lines: (
        "channel,date,content,type,settings,thread\n" + "\n".join(",".join(line) for line in lines)
    )
)
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_cells, inner, max_size=3),
    max_leaves=6,
)
_json_text = st.lists(
    st.dictionaries(st.sampled_from([*COLUMNS, "other"]), _json_values, max_size=8), max_size=3
).map(lambda records: "\n".join(json.dumps(each) for each in records))
_data = (
    st.binary(max_size=200)
    | (_csv_text | _json_text).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | _csv_text.map(lambda text: text.encode("utf-16", "surrogatepass"))
)


@given(_data, st.sampled_from(["campaign.csv", "campaign.jsonl"]))
@example(b"\x00\x01\x00", "campaign.jsonl")
@example(b"\xff\xfe" + ("[" + "{},\n" * 100_000).encode("utf-16-le") + b"\x00", "campaign.jsonl")
def test_any_bytes_as_a_file_give_rows_problems_or_a_campaign_error(data: bytes, name: str) -> None:
    path = Path(_scratch()) / name
    path.write_bytes(data)
    with suppress(CampaignError):
        campaign = read_campaign(path, reading=ReadOptions(timezone="Europe/Berlin"))
        assert campaign.rows or campaign.problems
        for row in campaign.rows:
            assert row.fingerprint
            assert row.date.tzinfo is UTC
            row.content.encode()
        for problem in campaign.problems:
            assert problem.row is not None
            assert problem.where


def test_a_semicolon_that_is_not_quoted_is_named_where_semicolons_separate(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("channel;date;content\nx;2027-03-01T10:00Z;a;b\n", encoding="utf-8")
    (problem,) = read_campaign(path).problems
    assert "semicolon" in problem.hint


def test_a_mapped_column_that_is_a_slip_is_named_with_the_one_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("Kanal,Datum,Text\n", encoding="utf-8")
    reading = ReadOptions(columns={"Tekst": "content"})
    with pytest.raises(
        CampaignError, match=r"no column 'Tekst', .* Did you mean 'Text'\? It has: Kan"
    ):
        read_campaign(path, reading=reading)
