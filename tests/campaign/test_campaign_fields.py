"""Each field of a row reaches all that rows are for, or is named with the reason why not."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest
from campaign_lab import START, Lab
from msgspec.structs import fields
from samples import PNG
from spreadsheet_files import write_xlsx

from postiz_async import CampaignRow, Mention, Text
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.rows import Row, SaidRow
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._sandbox import HttpRequest, MemoryServer, Response

AT = START + timedelta(hours=24)
PLAIN: dict[str, Any] = {"channel": "Our X", "date": AT, "content": "Hello", "ref": "a"}
PICTURE = {"media": ["a.png"]}
UNDATED = {"date": "2027-01-02 09:00", "timezone": "UTC"}

Cells = dict[str, Any]


class Case(NamedTuple):
    """What a row says more, in the field that is tried and in others beside it."""

    more: Cells
    beside: Cells = {}


CASES: dict[str, Case] = {
    "channel": Case({"channel": "Other X"}),
    "date": Case({"date": AT + timedelta(hours=1)}),
    "at": Case({"date": AT + timedelta(hours=1)}),
    "time": Case({"time": "10:00"}, {"date": "2027-01-02", "time": "9:00", "timezone": "UTC"}),
    "timezone": Case({"timezone": "Asia/Tokyo"}, UNDATED),
    "content": Case({"content": "Good morning"}),
    "format": Case({"format": "markdown"}, {"content": "**Hello**"}),
    "media": Case(PICTURE),
    "alt": Case({"alt": ["A picture"]}, PICTURE),
    "link": Case({"link": "https://example.com/a"}),
    "settings": Case({"settings": {"who_can_reply_post": "following"}}),
    "tags": Case({"tags": ["news"]}),
    "type": Case({"type": "draft"}),
    "thread": Case({"thread": ["And more"]}),
    "short_link": Case({"short_link": True}),
    "repeat_days": Case({"repeat_days": 7}),
    "ref": Case({"ref": "b"}),
    "post": Case(
        {"content": Text("Hi @a", (Mention("did:plc:a", "a"),))},
        {"channel": "Blue", "content": "Hi @a"},
    ),
}
"""For each field of a row another row, which has to differ wherever rows go."""

NOT_TOLD = (
    *("content", "format", "media", "alt", "link", "settings", "tags", "type", "thread"),
    *("short_link", "repeat_days", "post"),
)
"""Fields that no result has: it tells which row it was, and what became of it."""
NOWHERE = {
    "tolerance": "it only says how far a plan may move the date",
    "number": "it is the row's place, which the result has as it is",
    "moved_from": "it is the date that a plan has moved; no cell says it",
    "own_media": "it says which of `media` a program vouches for",
}
"""Fields that no row says to anybody."""


def test_each_field_of_a_row_has_a_case_or_a_reason() -> None:
    kinds = (CampaignRow, Row, SaidRow)
    names = {*COLUMNS, *(each.name for kind in kinds for each in fields(kind))}
    assert names == CASES.keys() | NOWHERE.keys()
    assert CASES.keys().isdisjoint(NOWHERE)


class Noting(MemoryServer):
    """Notes the bodies of creates."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bodies: list[Any] = []

    async def handle(self, request: HttpRequest) -> Response:
        if (request.method, request.path.rpartition("/")[2]) == ("POST", "posts"):
            self.bodies.append(json.loads(request.body))
        return await super().handle(request)


class Went(NamedTuple):
    """Where the fields of rows went."""

    rows: tuple[Row, ...]
    request: Any
    said: tuple[SaidRow, ...]
    result: Any


async def went(folder: Path, cells: Cells, *, as_object: bool) -> Went:
    """Run a campaign of one row on a server of its own."""
    lab = Lab(folder)
    lab.sandbox = Noting(clock=lab.clock, limit=30, work_per_post=0.0)
    async with lab.sandbox:
        for provider, name in (("x", "Our X"), ("x", "Other X"), ("bluesky", "Blue")):
            lab.channel(provider, name=name)
        lab.sandbox.add_tag("news")
        row: Any = cells
        if as_object:
            row = CampaignRow(**{"at" if name == "date" else name: cells[name] for name in cells})
        async with (
            lab.client() as postiz,
            postiz.campaign([row], journal=lab.journal, name="c") as campaign,
        ):
            report = await campaign.run()
            assert report.counts.keys() == {"stored"}
            rows = tuple(campaign.rows)
        for body in lab.sandbox.bodies:
            body["date"] = body["date"][:19]  # the rest is the mark of the request
            for post in body["posts"]:
                del post["settings"][CLIENT_REF]  # which is made of the row
        said = tuple(SaidRow.read(each.said) for each in read_summary(lab.journal).rows)
        return Went(rows, lab.sandbox.bodies, said, report.to_records())


@pytest.mark.parametrize("name", CASES)
async def test_a_field_of_a_row_reaches_request_journal_and_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(PNG)
    case, given = CASES[name], {each.name for each in fields(CampaignRow)} | {"date"}
    cells = PLAIN | case.beside
    forms = [False] * (name in COLUMNS) + [True] * ((cells | case.more).keys() <= given)
    assert forms
    for as_object in forms:
        before = await went(Path(mkdtemp(dir=tmp_path)), cells, as_object=as_object)
        after = await went(Path(mkdtemp(dir=tmp_path)), cells | case.more, as_object=as_object)
        reached = {
            place
            for place in ("request", "said", "result")
            if getattr(before, place) != getattr(after, place)
        }
        expected = {"request", "said", "result"} - {"result" if name in NOT_TOLD else ""}
        assert reached == ({"result"} if name == "ref" else expected), "marks are made of the ref"
        assert [row.said for row in after.rows] == list(after.said), "read back as it was"


FULL = {
    "channel": "Our X",
    "date": "2.1.2027",
    "time": "17:00",
    "timezone": "Asia/Tokyo",
    "content": "**Hello**",
    "format": "markdown",
    "media": "a.png",
    "alt": "A picture",
    "link": "https://example.com/a",
    "settings": '{"who_can_reply_post": "following"}',
    "tags": "news",
    "type": "schedule",
    "thread": '["And *more*"]',
    "short_link": "true",
    "repeat_days": "7",
    "tolerance": "15m",
    "ref": "mine",
}
"""A row with every column, as a sheet has it."""


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_a_row_with_every_column_is_one_request_that_says_it_all(
    tmp_path: Path, ending: str
) -> None:
    assert FULL.keys() == set(COLUMNS)
    (tmp_path / "a.png").write_bytes(PNG)
    path = tmp_path / f"c.{ending}"
    if ending == "xlsx":
        write_xlsx(path, [list(FULL), list(FULL.values())])
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([FULL.keys(), FULL.values()])
    lab = Lab(tmp_path)
    lab.sandbox = Noting(clock=lab.clock, limit=30, work_per_post=0.0)
    async with lab.sandbox:
        channel = lab.channel("x", name="Our X")
        lab.sandbox.add_tag("news")
        async with lab.client() as postiz, postiz.campaign(path) as campaign:
            report = await campaign.run()
    assert report.counts == {"stored": 1}
    assert [row.ref for row in report.rows] == ["mine"]
    [body] = lab.sandbox.bodies
    assert body["date"].startswith("2027-01-02T08:00:00.")
    assert (body["type"], body["shortLink"], body["inter"]) == ("schedule", True, 7)
    assert [tag["label"] for tag in body["tags"]] == ["news"]
    [post] = body["posts"]
    assert post["integration"] == {"id": channel}
    assert post["settings"]["who_can_reply_post"] == "following"
    first, second = post["value"]
    assert "https://example.com/a" in first["content"]
    assert "<strong>Hello</strong>" in first["content"]
    assert "more" in second["content"]
    [image] = first["image"]
    assert image["alt"] == "A picture"
