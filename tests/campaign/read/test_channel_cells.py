"""Cells that name several channels: the longest name wins, and each channel has its own row."""

from __future__ import annotations

from itertools import chain, pairwise, product

import pytest
from campaign_lab import Lab, at
from hypothesis import given, strategies as st

from postiz_async import CampaignStatus
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._resources.channel_names import folded
from postiz_async.types import RowState

NAMES = ["Acme", "Acme, Berlin", "Acme, Berlin, Mitte", "Söhne & Co", "Radio and TV", "X-Files"]
WORDS = ChannelWords.of((name, f"id-{place}", "mastodon") for place, name in enumerate(NAMES))
BETWEEN = st.sampled_from([", ", ";", " / ", "\n", " und ", " & ", " + ", " et "])


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Acme", ["Acme"]),
        ("Acme, Berlin", ["Acme, Berlin"]),
        ("Acme, Berlin, Acme", ["Acme, Berlin", "Acme"]),
        ("acme, BERLIN, Mitte, X", ["acme, BERLIN, Mitte", "X"]),
        ("X, Mastodon", ["X", "Mastodon"]),
        ("twitter / X, Twitter", ["twitter"]),
        ("Radio and TV and Söhne & Co", ["Radio and TV", "Söhne & Co"]),
        ("LinkedIn Page;\nFacebook Page", ["LinkedIn Page", "Facebook Page"]),
        ("X, Mastodn", ["X", "Mastodn"]),
        ("Nobody, Knows", ["Nobody, Knows"]),
        (", X,, ", ["X"]),
        ("", [""]),
    ],
)
def test_what_a_cell_names(cell: str, names: list[str]) -> None:
    assert list(WORDS.split(cell).values()) == names


@given(st.lists(st.sampled_from([*NAMES[3:], "X", "Bluesky"]), min_size=1, unique=True), st.data())
def test_names_come_back_from_between_any_signs(names: list[str], data: st.DataObject) -> None:
    between = [data.draw(BETWEEN) for _ in names[1:]]
    cell = "".join(chain.from_iterable(zip(names, [*between, ""], strict=True)))
    assert list(WORDS.split(cell).values()) == names


@given(st.text("Acme,Berin Mt/&xX\n", max_size=80))
def test_nothing_of_a_cell_is_lost_and_no_name_could_be_longer(cell: str) -> None:
    def letters(text: str) -> str:
        return "".join(filter(str.isalnum, text))

    found = list(WORDS.split(cell).values())
    assert all(letters(word) in letters(cell) for word in found)
    for one, other in pairwise(found):
        assert folded(f"{one}, {other}") not in WORDS.meant
    if len(found) == len(set(map(folded, found))) and len(found) > 1:
        assert WORDS.split(", ".join(found)) == WORDS.split(cell)


def test_a_cell_without_end_is_one_name() -> None:
    assert len(WORDS.split("X," * 60_000)) == 1


def test_the_common_name_of_a_network_is_that_of_its_only_channel() -> None:
    words = ChannelWords.of([("Northwind", "c1", "linkedin-page"), ("Anna", "c2", "x")])
    assert words.split("LinkedIn, X") == {"c1": "LinkedIn", "c2": "X"}
    assert words.provider("LinkedIn") == "linkedin-page"


async def test_each_channel_of_a_cell_is_a_row_with_an_identity_of_its_own(lab: Lab) -> None:
    first, second = lab.channel("mastodon"), lab.channel("telegram")

    def write(one: str, two: str) -> None:
        lines = [{"content": "one", "channel": one}, {"content": "two", "channel": two, "ref": "a"}]
        lab.write(line | {"date": at(24)} for line in lines)

    write("Mastodon", "telegram")
    await lab.run()
    lab.assert_each_once(["one", "two"])
    write("Mastodon, telegram", "Mastodon, telegram")
    report = await lab.run()
    assert report.complete
    assert [(row.number, row.state) for row in report.rows] == [
        (number, RowState.STORED) for number in (1, 1, 2, 2)
    ]
    stored = sorted((post.channel_id, post.content) for post in lab.sandbox.posts)
    assert stored == sorted(product((first, second), ("one", "two")))

    write("Telegram", "mastodon")
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.plan()).posts == 0
        assert sorted(each.name for each in campaign.edits.gone) == ["Mastodon", "telegram"]
    edits = CampaignStatus.read(lab.path).compare().edits
    assert (len(edits.gone), edits.new) == (2, ())


async def test_rows_of_one_cell_are_moved_and_packed_each_for_itself(lab: Lab) -> None:
    for provider in ("mastodon", "telegram", "threads"):
        lab.channel(provider)
    lab.write(
        {"channel": "mastodon; telegram; threads", "date": at(24 + n / 60), "content": f"{n} text"}
        for n in range(8)
    )
    report = await lab.run(align="1h")
    assert report.complete
    assert len(lab.sandbox.posts) == 24
    lab.assert_each_once([f"{n} text" for n in range(8)] * 3)
    assert len({(post.channel_id, post.date) for post in lab.sandbox.posts}) == 24


async def test_a_problem_of_all_channels_of_a_row_is_told_once(lab: Lab) -> None:
    lab.channel("mastodon")
    lab.channel("x")
    lab.write(
        [
            {"channel": "X, Mastodon", "date": "soon", "content": "a"},
            {"channel": "twitter, Mastodn", "date": at(24), "content": "b"},
        ]
    )
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert [str(problem).partition(" (")[0] for problem in campaign.problems] == [
            "row 1, date: 'soon' is not a date this program reads",
            "row 2, channel: there is no channel 'Mastodn'",
        ]
