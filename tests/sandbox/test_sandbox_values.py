"""Ids, dates, JSON texts and forms."""

from __future__ import annotations

import random

import pytest
from sandbox_lab import read_pieces

from postiz_async._sandbox.dates import iso, naive_iso, read_date
from postiz_async._sandbox.json import MalformedJSONError, read_json, write_json
from postiz_async._sandbox.messages import FormError, UploadedFile
from postiz_async._sandbox.rows import IdSource
from postiz_async._validation.constraints import is_iso_date


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - reproducible, not secret


def test_ids_of_rows_sort_in_the_order_of_their_making_even_when_the_clock_steps_back() -> None:
    ids = IdSource(seeded(1))
    made = [ids.row(now) for now in (1.8e9, 1.8e9, 1.9e9, 1.7e9, 1.8e9)]
    assert made == sorted(made)
    assert {len(each) for each in made} == {25}
    assert all(each.startswith("c") for each in made)


def test_ids_are_the_same_again_with_the_same_seed() -> None:
    first, second = IdSource(seeded(7)), IdSource(seeded(7))
    assert (first.row(1.0), first.uuid()) == (second.row(1.0), second.uuid())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-03-01T10:00:00Z", "2030-03-01T10:00:00.000Z"),
        ("2030-03-01T10:00:00.123Z", "2030-03-01T10:00:00.123Z"),
        ("2030-03-01T10:00", "2030-03-01T10:00:00.000Z"),
        ("2030-03-01", "2030-03-01T00:00:00.000Z"),
        ("2030-03", "2030-03-01T00:00:00.000Z"),
        ("2030-03-01T10:00:00-05:30", "2030-03-01T15:30:00.000Z"),
        ("2030-03-01T10:00:00+0200", "2030-03-01T08:00:00.000Z"),
        ("2030-02-30T10:00:00Z", "2030-03-02T10:00:00.000Z"),
        ("2030-060", "2030-05-31T00:00:00.000Z"),
        ("2030-03-01T10:00:00.5", "2030-03-01T10:00:00.005Z"),
        ("1969-12-31T00:00:00Z", "1969-12-31T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ],
)
def test_dates_as_the_server_reads_them(text: str, moment: str) -> None:
    assert is_iso_date(text)
    milliseconds = read_date(text)
    assert milliseconds is not None
    assert iso(milliseconds) == moment
    assert naive_iso(milliseconds) == moment[:19]


@pytest.mark.parametrize("text", ["20300301T100000Z", "2030-W09-5", "2030-W03-2"])
def test_dates_that_only_the_validator_takes(text: str) -> None:
    assert is_iso_date(text)
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "Expected property name or '}' in JSON at position 1 (line 1 column 2)"),
        (
            '{"a": 1,\n ',
            "Expected double-quoted property name in JSON at position 10 (line 2 column 2)",
        ),
        ('{"a" 1}', "Expected ':' after property name in JSON at position 5 (line 1 column 6)"),
        (
            '{"a":[1 2]}',
            "Expected ',' or ']' after array element in JSON at position 8 (line 1 column 9)",
        ),
        (
            '{"a":"[" 2}',
            "Expected ',' or '}' after property value in JSON at position 9 (line 1 column 10)",
        ),
        ('{"a":"x', "Unterminated string in JSON at position 7 (line 1 column 8)"),
        ("[1] x", "Unexpected non-whitespace character after JSON at position 4 (line 1 column 5)"),
        ("abc", "Unexpected token 'a', \"abc\" is not valid JSON"),
        (
            "[NaN, 123456789012345678901]",
            "Unexpected token 'N', \"[NaN, 12345\"... is not valid JSON",
        ),
        ("[1,", "Unexpected end of JSON input"),
    ],
)
def test_malformed_json_is_described_as_the_engine_does(text: str, complaint: str) -> None:
    with pytest.raises(MalformedJSONError) as caught:
        read_json(text)
    assert str(caught.value) == complaint


def test_numbers_are_of_one_kind() -> None:
    assert write_json(read_json("[1.0, 1e2, 1.5, 9007199254740993]")) == (
        "[1,100,1.5,9007199254740992]"
    )


FORM = (
    b"preamble\r\n--B\r\nContent-Disposition: form-data; name=note\r\n\r\nhi"
    b'\r\n--B\r\nContent-Disposition: form-data; name="file"; filename="a\\"b.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\r\n--A data\r\n--B--\r\nepilogue"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_forms_are_read_in_pieces_of_any_size(size: int) -> None:
    pieces = (FORM[start : start + size] for start in range(0, len(FORM), size))
    file = await read_pieces("multipart/form-data; boundary=B", pieces)
    assert isinstance(file, UploadedFile)
    assert (file.field, file.filename, file.size) == ("file", 'a"b.png', 10)
    assert file.head == b"\r\n--A data"


async def test_of_a_file_only_the_beginning_is_kept() -> None:
    start = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    pieces = [start, *[b"x" * 10_000] * 100, b"\r\n--B--"]
    file = await read_pieces('multipart/form-data; boundary="B"', pieces)
    assert isinstance(file, UploadedFile)
    assert file.size == 1_000_000
    assert len(file.head) == 8192


async def test_forms_that_cannot_be_read() -> None:
    form = "multipart/form-data; boundary=B"
    no_boundary = await read_pieces("multipart/form-data", [])
    assert no_boundary == FormError("Multipart: Boundary not found")
    for end in (0, 5, 60, len(FORM) - 20):
        cut = await read_pieces(form, [FORM[:end]])
        assert cut == FormError("Multipart: Unexpected end of form"), end
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'
    twice = await read_pieces(form, [part, part, b"--B--"])
    assert twice == FormError("Unexpected field - file")


async def test_parts_that_are_no_file_are_passed_over() -> None:
    form = "multipart/form-data; boundary=B"
    text = b"--B\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n"
    assert await read_pieces(form, [text, b"--B\r\n\r\nx\r\n", b"--B--"]) is None


async def test_a_name_that_is_not_utf_8_can_be_told() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="\xe9"; filename="\xe9"\r\n\r\nx\r\n--B--'
    file = await read_pieces("multipart/form-data; boundary=B", [part])
    assert isinstance(file, UploadedFile)
    assert (file.field, file.filename) == ("\ufffd", "\ufffd")
