"""The page for a client: posts, pictures and links, and nothing that is the operator's."""

from __future__ import annotations

import base64
import io
import logging
import re
from pathlib import Path

import pytest
from campaign_lab import Lab, at
from samples import PNG

from postiz_async import CampaignStatus
from postiz_async._campaign.after.report.client import client_page
from postiz_async._campaign.after.report.data import Facts
from postiz_async._campaign.after.report.pages import Pictures
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.media_files import MediaFolders
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._delivery.outcomes import RowState
from postiz_async._wire import parse_date
from postiz_async.errors import ConfigurationError
from postiz_async.models.insights import Figures

DATE = parse_date("2027-01-15T08:00:00.000Z")


def row(
    number: int, state: RowState = RowState.PUBLISHED, text: str = "", **more: object
) -> RowRecord:
    said = {"content": text or f"text {number}", "media": more.pop("media", ())}
    said |= {"type": more.pop("type", "schedule"), "thread": more.pop("thread", ())}
    values: dict[str, object] = {
        "ref": f"ref{number}",
        "number": number,
        "fingerprint": "f",
        "channel": "cmchannelid",
        "seconds": DATE.timestamp() + 60 * number,
        "state": state,
        "post_id": f"cmpost{number}",
        "name": "Our page",
        "note": "a reason for the operator",
        "said": SaidRow(date=DATE, channel="x", **said).write(),  # type: ignore[arg-type]
    }
    return RowRecord(**(values | more))  # type: ignore[arg-type]


def page(*rows: RowRecord, **more: object) -> str:
    given = {"campaign": "spring.csv", "server": "https://postiz.internal", "made_at": 0.0}
    facts = Facts(rows=rows, **(given | more))  # type: ignore[arg-type]
    return client_page(facts, lambda name: f"data:image/jpeg;base64,{name}")


def test_it_says_nothing_of_the_work() -> None:
    rows = [
        row(2, link="https://x.com/1"),
        row(3, RowState.REFUSED),
        row(4, RowState.STORED, finding=Finding.EDITED, remark="moved in Postiz from cmother"),
        row(5, RowState.UNDECIDED),
    ]
    shown = page(*rows, remarks=["a remark of the run"], limit=30)
    for word in (
        *("reason for", "remark", "moved in Postiz", "cmpost", "cmchannelid", "cmother", "ref2"),
        *("postiz.internal", "postiz-async", "quota", "request", "journal", "spring.csv"),
    ):
        assert word not in shown.partition("</style>")[2], word
    assert ">spring<" in shown
    assert 'href="https://x.com/1"' in shown
    assert "<script" not in shown
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in shown


@pytest.mark.parametrize(
    ("record", "label"),
    [
        (row(2), "● published"),
        (row(2, finding=Finding.DELETED), "● published"),
        (row(2, RowState.STORED), "✓ scheduled"),
        (row(2, RowState.STORED, finding=Finding.UNTAGGED), "✓ scheduled"),
        (row(2, RowState.STORED, type="draft"), "✎ draft"),
        (row(2, RowState.UNKNOWN), "○ planned"),
        (row(2, RowState.PLANNED), "○ planned"),
        (row(2, RowState.STORED, finding=Finding.STUCK), "! not published"),
        (row(2, RowState.STORED, finding=Finding.HIDDEN), "! not published"),
        (row(2, RowState.FAILED), "! not published"),
        (row(2, RowState.LATE), "! not published"),
    ],
)
def test_states_are_those_of_a_client(record: RowRecord, label: str) -> None:
    assert f">{label}</span>" in page(record)


@pytest.mark.parametrize(
    "record",
    [
        row(2, RowState.WITHDRAWN),
        row(2, RowState.SKIPPED),
        row(2, RowState.STORED, finding=Finding.DELETED),
    ],
)
def test_what_was_taken_back_is_not_in_it(record: RowRecord) -> None:
    shown = page(record, row(3, RowState.STORED))
    assert "text 2" not in shown
    assert "0 of 1 post published, 1 to come." in shown


def test_one_post_on_several_channels_is_told_once() -> None:
    together = {"seconds": DATE.timestamp(), "text": "Hello\nyou", "media": ("a.jpg",)}
    rows = [row(n, name=f"Channel {n}", **together) for n in (2, 3)]  # type: ignore[arg-type]
    figures = Figures({"cmpost2": {"Views": 1000}, "cmpost3": {"Views": 250, "Rate": 0.5}})
    shown = page(*rows, row(4, seconds=DATE.timestamp(), text="Hello"), figures=figures)
    assert shown.count("Hello\nyou") == 1
    assert shown.count("<article") == 2
    assert shown.count("<img") == 1
    assert "<b>1,250</b> <span><bdi>Views</bdi>" in shown
    assert "<bdi>Rate</bdi></span></div>" not in shown, "rates have no sum"
    assert "All 3 posts are published." in shown


@pytest.mark.parametrize(
    ("name", "shown"), [("x", "X"), ("instagram", "Instagram"), ("Our x page", "Our x page")]
)
def test_a_provider_that_stands_for_a_channel_is_written_as_people_do(
    name: str, shown: str
) -> None:
    assert f"<li><bdi>{shown}</bdi> " in page(row(2, name=name))


def test_videos_threads_and_many_pictures() -> None:
    media = ("a.jpg", "https://example.com/film.MP4?x=1", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    shown = page(row(2, media=media, thread=("one", "two")), row(3, RowState.STORED, "=1+1"))
    assert "▶ Video" in shown
    assert shown.count("<img") == 3
    assert "and 2 more<" in shown
    assert "and 2 more parts of the thread" in shown


def test_no_posts_and_very_many() -> None:
    assert "The campaign has no posts yet." in page()
    shown = page(*(row(n) for n in range(2, 1_202)))
    assert shown.count("<article") == 1_000
    assert "The first 1,000 of 1,200 posts." in shown


# ------------------------------------------------------------------ pictures


PIL = pytest.importorskip("PIL.Image", reason="the extra pictures has it")


def picture(path: Path, size: tuple[int, int] = (1200, 800), **options: object) -> Path:
    made = PIL.new("RGBA" if path.suffix == ".png" else "RGB", size, (200, 10, 10))
    made.save(path, **options)
    return path


def shown_in(text: str) -> list[tuple[int, int]]:
    """The sizes of the pictures of a page."""
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    return [PIL.open(io.BytesIO(base64.b64decode(data))).size for data in found]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.channel("mastodon", id="c1", name="Our page")
    return made


async def ran(lab: Lab, *media: str) -> CampaignStatus:
    rows = [
        {"channel": "c1", "date": at(24 + n), "content": f"post {n}", "media": [name]}
        for n, name in enumerate(media)
    ]
    lab.write(rows)
    async with lab.sandbox:
        await lab.run()
    return CampaignStatus.read(lab.path)


async def test_pictures_are_small_upright_and_without_what_else_is_in_the_file(lab: Lab) -> None:
    turned = PIL.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    turned[0x010E] = "secret place"
    picture(lab.folder / "a.jpg", exif=turned.tobytes())
    picture(lab.folder / "b.png", (10, 20))
    page = (await ran(lab, "a.jpg", "b.png")).html_report(audience="client")
    assert shown_in(page) == [(240, 360), (10, 20)]
    assert "Our page" in page, "not the id by which the campaign calls it"
    assert "secret place" not in base64.b64decode(page.split("base64,")[1].split('"')[0]).decode(
        "latin-1"
    )


async def test_what_is_left_out_is_logged(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("gone.png", "broken.png", "out.png"):
        picture(lab.folder / name, (20, 20))
    status = await ran(lab, "gone.png", "broken.png", "out.png")
    (lab.folder / "gone.png").unlink()
    (lab.folder / "broken.png").write_bytes(PNG[:40])
    (lab.folder / "out.png").unlink()
    elsewhere = picture(lab.folder.parent / "elsewhere.png")
    (lab.folder / "out.png").symlink_to(elsewhere)
    page = status.html_report(audience="client")
    elsewhere.unlink()
    assert shown_in(page) == []
    assert "post 2" in page
    said = [r.getMessage() for r in caplog.records if r.name == "postiz_async.campaign"]
    assert "The page is without gone.png: is missing" in said
    assert any(each.startswith("The page is without broken.png: cannot be read") for each in said)
    assert any("out.png: is a link to" in each for each in said)
    folders = MediaFolders.of(lab.folder, ())
    pictures = Pictures(folders)
    assert pictures.source("https://u:pw@example.com/a.png?k=1") == ""
    pictures.report()
    web = "The page is without https://example.com/a.png: a web address, which is not fetched"
    assert caplog.records[-1].getMessage() == web
    assert all("missing" not in part for part in page.split("</style>")[1:])


def test_the_page_keeps_its_size(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(tmp_path / "a.png")
    folders = MediaFolders.of(tmp_path, ())
    one = len(Pictures(folders).source("a.png"))
    pictures = Pictures(folders, room=3 * one)
    assert [bool(pictures.source("a.png")) for _ in range(5)] == [True, True, True, False, False]
    pictures.report()
    assert "The page is without a.png: no room is left in the page" in caplog.text


async def test_a_picture_of_too_many_pixels_is_not_opened(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    picture(lab.folder / "a.png", (10, 10))
    status = await ran(lab, "a.png")
    PIL.new("1", (12_000, 12_000)).save(lab.folder / "a.png")
    caplog.set_level(logging.WARNING)
    assert shown_in(status.html_report(audience="client")) == []
    assert "a.png: cannot be read (ValueError)" in caplog.text


async def test_a_campaign_makes_it_too_and_other_audiences_are_named(lab: Lab) -> None:
    picture(lab.folder / "a.png")
    lab.write([{"channel": "c1", "date": at(24), "content": "Hi", "media": ["a.png"]}])
    async with lab.sandbox, lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.run()
        page = await campaign.html_report(audience="client")
        with pytest.raises(ConfigurationError, match="for operator or client, not for 'boss'"):
            await campaign.html_report(audience="boss")  # type: ignore[arg-type]
    assert len(shown_in(page)) == 1
