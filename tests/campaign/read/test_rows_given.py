"""Rows that a program makes: with all that a post can have, and from tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab
from msgspec.structs import replace
from samples import PNG

from postiz_async import (
    CampaignRow,
    Html,
    InvalidPostError,
    Markdown,
    Mention,
    NewPost,
    Postiz,
    Text,
    UsageError,
)
from postiz_async._sandbox.server import StoredPost
from postiz_async.models.media import Media
from postiz_async.models.posts import ThreadPart

AT = START + timedelta(hours=24)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.sandbox:
        made.channel("bluesky", name="Blue")
        yield made


async def photo(lab: Lab, postiz: Postiz) -> Media:
    (lab.folder / "a.png").write_bytes(PNG)
    return await postiz.media.upload(lab.folder / "a.png")


def said(post: StoredPost) -> object:
    return post.content, post.media, [replace(part, id="") for part in post.thread]


async def test_a_row_has_what_a_post_has(lab: Lab) -> None:
    anna = Mention("did:plc:anna", "anna.example")
    async with lab.client() as postiz:
        channel = (await postiz.channels.list())[0]
        media = await photo(lab, postiz)
        post = NewPost(
            channel,
            Text("Hi @anna.example", (anna,)),
            media=[media],
            thread=["plain", Html("<p><b>bold</b></p>"), ThreadPart("later", (media,), 5)],
        )
        rows = [CampaignRow.of(post, at=AT, ref="a")]
        async with postiz.campaign(rows, journal=lab.journal) as campaign:
            assert (await campaign.run()).complete
        await postiz.posts.schedule(post, at=AT + timedelta(days=2))
        of_row, of_call = lab.sandbox.posts
        assert said(of_row) == said(of_call)
        async with postiz.campaign(rows, journal=lab.journal) as campaign:
            assert (campaign.is_done, campaign.edits.changed) == (True, ())
        bare = NewPost(channel, "Hi @anna.example", media=[media], thread=post.thread)
        rows = [CampaignRow.of(bare, at=AT, ref="a")]
        async with postiz.campaign(rows, journal=lab.journal) as campaign:
            (edit,) = campaign.edits.changed
            assert edit.names == {"post"}
            await campaign.run()
        assert [
            post.content for post in lab.sandbox.posts if post.date < AT + timedelta(days=1)
        ] == ["Hi @anna.example"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [("a <b>", "text"), (Markdown("**a**"), "markdown"), (Html("<p>a</p>"), "html")],
)
async def test_the_kind_of_a_content_is_the_format_of_a_column(
    lab: Lab, content: Any, kind: str
) -> None:
    text = content if isinstance(content, str) else content.source
    cells = {"channel": "Blue", "date": AT, "content": text, "format": kind, "ref": "a"}
    async with (
        lab.client() as postiz,
        postiz.campaign([CampaignRow("Blue", content, at=AT, ref="a")], journal=lab.journal) as one,
        postiz.campaign([cells], journal=lab.folder / "other.journal") as other,
    ):
        assert one.rows == other.rows
        assert one.rows[0].post is None


async def test_what_is_wrong_with_rows_is_told_by_their_fields(lab: Lab) -> None:
    async with lab.client() as postiz:
        media = await photo(lab, postiz)
        rows: list[Any] = [
            CampaignRow("Blue", "a", at="tomorrow"),
            CampaignRow("Blue", "a", at=AT, media=[media, lab.folder / "a.png"]),
            CampaignRow("Blue", at=AT, thread=[ThreadPart("")]),
            NewPost("Blue", "a"),
        ]
        async with postiz.campaign(rows, journal=lab.journal) as campaign:
            wrong = [(each.row, each.where, each.hint) for each in campaign.problems]
            with pytest.raises(InvalidPostError, match=r"\d problems"):
                await campaign.run()
    assert (1, "at") in [each[:2] for each in wrong]
    assert (2, "media", "upload all of them, or none") in wrong
    assert {(3, "content"), (3, "thread")} & {each[:2] for each in wrong}
    assert (4, "row", "CampaignRow.of(post, at=...)") in wrong


@pytest.mark.parametrize("tolerance", ["15m", 900, 900.0, timedelta(minutes=15)])
async def test_a_tolerance_is_a_text_seconds_or_a_timedelta(lab: Lab, tolerance: Any) -> None:
    rows = [CampaignRow("Blue", "a", at=AT, tolerance=tolerance)]
    async with lab.client() as postiz, postiz.campaign(rows, journal=lab.journal) as campaign:
        assert campaign.rows[0].tolerance == timedelta(minutes=15)


LIBRARIES = ["polars", pytest.param("pandas", marks=pytest.mark.exhaustive)]  # large to install

TABLE: list[dict[str, Any]] = [
    {"channel": "Blue", "date": AT, "content": "first", "repeat_days": 7, "tags": None},
    {"channel": "Blue", "date": AT + timedelta(days=1), "content": "second", "repeat_days": None},
    {"channel": "Blue", "date": AT + timedelta(days=2), "content": "third", "tags": "news"},
]


def frame_of(kind: str) -> Any:
    library = pytest.importorskip(kind)
    return library.DataFrame(TABLE)


@pytest.mark.parametrize("kind", LIBRARIES)
async def test_a_table_is_a_source_whose_empty_cells_are_empty(lab: Lab, kind: str) -> None:
    lab.sandbox.add_tag("news")
    async with (
        lab.client() as postiz,
        postiz.campaign(frame_of(kind), journal=lab.journal) as campaign,
    ):
        assert campaign.problems == ()
        assert [(row.content, row.repeat_days, row.tags) for row in campaign.rows] == [
            ("first", 7, ()),
            ("second", None, ()),
            ("third", None, ("news",)),
        ]
        assert [row.date for row in campaign.rows] == [AT + timedelta(days=n) for n in range(3)]
        assert (await campaign.run()).complete


@pytest.mark.parametrize("kind", LIBRARIES)
async def test_a_table_may_lack_dates_and_have_numbers_for_names(lab: Lab, kind: str) -> None:
    library = pytest.importorskip(kind)
    table = library.DataFrame(
        {
            "channel": ["Blue", "Blue"],
            "at": [datetime(2027, 1, 15, 9, tzinfo=UTC), None],
            "content": ["one", "two"],
            "ref": [1, 2],
        }
    )
    async with lab.client() as postiz, postiz.campaign(table, journal=lab.journal) as campaign:
        assert [(each.row, each.message) for each in campaign.problems] == [(2, "is missing")]
        assert [row.ref for row in campaign.rows] == ["1"]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"content": None}, "content"),
        ({"content": 5}, "content"),
        ({"channel": None}, "channel"),
        ({"thread": "hello"}, "thread"),
        ({"thread": [None]}, "thread.0"),
        ({"thread": [ThreadPart("b", delay_minutes=2.5)]}, "thread.0.delay_minutes"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        ({"media": "a.png"}, "media"),
        ({"media": None}, "media"),
        ({"tags": "news"}, "tags"),
        ({"alt": None}, "alt"),
        ({"content": Text("@bob", (Mention(12345, "bob"),))}, "content.mentions.0.id"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ],
)
async def test_a_value_of_a_wrong_type_is_a_problem_and_not_sent(
    lab: Lab, said: dict[str, Any], where: str
) -> None:
    """Beside those of other rows, which are found, too."""
    wrong = {"channel": "Blue", "content": "a"} | said
    rows = [
        CampaignRow(wrong.pop("channel"), wrong.pop("content"), at=AT, **wrong),
        CampaignRow("Blue", "", at=AT),
    ]
    async with lab.client() as postiz, postiz.campaign(rows, journal=lab.journal) as campaign:
        assert [(each.row, each.where) for each in campaign.problems] == [
            (1, where),
            (2, "content"),
        ]
        with pytest.raises(InvalidPostError):
            await campaign.run()
    assert not lab.sandbox.posts


async def test_mentions_may_be_a_list(lab: Lab) -> None:
    anna = Mention("did:plc:anna", "anna.example")
    text = Text("Hi @anna.example", [anna])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    rows = [CampaignRow("Blue", text, at=AT + timedelta(days=2 * n)) for n in range(2)]
    async with lab.client() as postiz, postiz.campaign(rows, journal=lab.journal) as campaign:
        assert (await campaign.run()).complete


async def test_what_only_one_process_knows_of_a_medium_is_no_edit(lab: Lab) -> None:
    async with lab.client() as postiz:
        media = await photo(lab, postiz)
        assert media.size
        for each in (media, type(media)(id=media.id, path=media.path)):
            rows = [CampaignRow("Blue", "a", at=AT, media=[each], ref="a")]
            async with postiz.campaign(rows, journal=lab.journal) as campaign:
                assert campaign.edits.changed == ()
                assert (await campaign.run()).complete
    assert len(lab.creates) == 1


async def test_a_number_in_a_column_of_tolerances_is_in_seconds(lab: Lab) -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(
        {
            "channel": ["Blue"] * 2,
            "date": [AT] * 2,
            "content": ["a", "b"],
            "tolerance": [60.0, None],
        }
    )
    async with lab.client() as postiz, postiz.campaign(table, journal=lab.journal) as campaign:
        assert [row.tolerance for row in campaign.rows] == [timedelta(minutes=1), None]
        with pytest.raises(UsageError, match="collected first"):
            async with postiz.campaign(table.lazy(), journal=lab.journal):
                pass
