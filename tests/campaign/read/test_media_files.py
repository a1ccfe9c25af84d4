"""A campaign may come from a stranger: its cells name no file but those that they may have."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, at
from samples import PNG

from postiz_async import CampaignRow
from postiz_async.errors import CampaignError, ConfigurationError, Problem

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and paths of POSIX")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A campaign folder with a picture, beside a folder of somebody else."""
    folder, private = tmp_path / "campaign", tmp_path / "private"
    (folder / "sub").mkdir(parents=True)
    private.mkdir()
    (folder / "a.png").write_bytes(PNG)
    (folder / "inner.png").symlink_to("a.png")
    (folder / "inner").symlink_to("sub")
    (folder / "sub" / "b.png").write_bytes(PNG + b"b")
    (private / "x.png").write_bytes(PNG + b"private")
    (folder / "link.png").symlink_to(private / "x.png")
    (folder / "linked").symlink_to(private)
    (folder / "far.png").symlink_to("sub/../../private/x.png")
    made = Lab(folder)
    made.channel("mastodon", id="c1")
    return made


def write(lab: Lab, *media: object) -> None:
    lab.write({"channel": "c1", "date": at(24 + n), "media": m} for n, m in enumerate(media))


async def problems_of(lab: Lab, source: Any = None, **options: Any) -> tuple[Problem, ...]:
    async with (
        lab.sandbox,
        lab.client() as postiz,
        postiz.campaign(source or lab.path, **options) as campaign,
    ):
        problems = campaign.problems
    assert {request.method for request in lab.transport.sent} == {"GET"}, "nothing was sent"
    return problems


async def test_a_path_as_windows_writes_it_is_found(lab: Lab) -> None:
    (lab.folder / "sub" / "deep").mkdir()
    (lab.folder / "sub" / "deep" / "c.png").write_bytes(PNG + b"c")
    (lab.folder / "odd\\name.png").write_bytes(PNG + b"odd")
    write(lab, "sub\\b.png", "sub\\deep\\c.png", "sub\\deep/c.png", "odd\\name.png", ".\\a.png")
    assert await problems_of(lab) == ()


OUTSIDE: dict[str, Callable[[Lab], str]] = {
    "dots": lambda _: "../private/x.png",
    "dots of Windows": lambda _: "..\\private\\x.png",
    "a link of Windows": lambda _: "linked\\x.png",
    "dots within": lambda _: "sub/../../private/x.png",
    "absolute": lambda lab: str(lab.folder.parent / "private" / "x.png"),
    "two slashes": lambda lab: f"/{lab.folder.parent}/private/x.png",
    "nothing is there": lambda _: "../private/nothing.png",
    "link": lambda _: "link.png",
    "folder that is a link": lambda _: "linked/x.png",
    "dots behind a link": lambda _: "linked/../private/x.png",
    "link with dots": lambda _: "far.png",
}


@pytest.mark.parametrize("how", OUTSIDE)
async def test_what_leaves_the_folder_is_a_problem_of_its_row_and_column(
    lab: Lab, how: str
) -> None:
    name = OUTSIDE[how](lab)
    write(lab, ["a.png"], [name, "a.png"])
    (problem,) = await problems_of(lab)
    assert (problem.row, problem.where) == (2, "media")
    assert problem.message.startswith(f"{name} ")
    assert f"lies outside of the campaign's folder ({lab.folder})" in problem.message
    assert "media_root=" in problem.hint
    assert ("is a link to" in problem.message) is ("link" in how)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("~/x.png", "begins with ~, which only a shell replaces"),
        ("~somebody/x.png", "begins with ~"),
        ("C:\\pictures\\x.png", "is a Windows path"),
        ("c:/pictures/x.png", "is a Windows path"),
        ("\\\\server\\share\\x.png", "is a Windows path"),
        ("http://example.com/x.png", "cannot be fetched by the server"),
    ],
)
async def test_what_no_path_of_this_machine_is_says_so(lab: Lab, name: str, words: str) -> None:
    write(lab, [name])
    (problem,) = await problems_of(lab, media_root="/")
    assert (problem.row, problem.where) == (1, "media")
    assert words in problem.message


@pytest.mark.parametrize("how", ["dots", "absolute", "link", "folder that is a link"])
async def test_a_media_root_allows_it(lab: Lab, how: str) -> None:
    write(lab, [OUTSIDE[how](lab)])
    private = lab.folder.parent / "private"
    roots = [private, str(lab.folder / "sub")]
    async with (
        lab.sandbox,
        lab.client() as postiz,
        postiz.campaign(lab.path, media_root=roots) as campaign,
    ):
        assert (await campaign.run()).complete
    assert len(lab.sandbox.uploads) == 1


async def test_links_and_dots_that_stay_inside_are_fine(lab: Lab) -> None:
    write(lab, ["inner.png"], ["inner/b.png"], ["sub/../a.png"], [str(lab.folder / "a.png")])
    assert await problems_of(lab) == ()


@pytest.mark.skipif(sys.platform == "darwin", reason="the names are one there")
@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("Latte.PNG", "latte.png"),
        ("SUB/Latte.png", "sub/latte.png"),
        ("STRASSE.png", "stra\u00dfe.png"),
        ("Pictures\\Latte.png", "pictures/latte.png"),
    ],
)
async def test_a_name_that_is_another_one_only_here_is_proposed(
    lab: Lab, written: str, there: str
) -> None:
    """A campaign made on macOS or Windows: the file is found there, and here it is not."""
    (lab.folder / there).parent.mkdir(exist_ok=True)
    (lab.folder / there).write_bytes(PNG)
    write(lab, [written])
    (problem,) = await problems_of(lab)
    assert problem.message == f"{written} does not exist"
    assert problem.hint.startswith(f"there is {there}; here names differ by capitals")


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("K\u00e4se.png", "Ka\u0308se.png"),
        ("Ka\u0308se.png", "K\u00e4se.png"),
        ("f\u00fcr uns/K\u00e4se.png", "fu\u0308r uns/Ka\u0308se.png"),
        ("f\u00fcr uns\\K\u00e4se.png", "fu\u0308r uns/Ka\u0308se.png"),
    ],
)
async def test_a_file_is_found_whatever_form_its_accents_have(
    lab: Lab, written: str, there: str
) -> None:
    (lab.folder / there).parent.mkdir(exist_ok=True)
    (lab.folder / there).write_bytes(PNG)
    write(lab, [written])
    async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
        assert campaign.problems == ()
        assert (await campaign.run()).complete
    assert len(lab.sandbox.posts) == 1


async def test_of_two_files_the_one_whose_name_is_written_so_is_taken(lab: Lab) -> None:
    (lab.folder / "K\u00e4se.png").write_bytes(PNG)
    (lab.folder / "Ka\u0308se.png").write_bytes(b"no picture")
    write(lab, ["K\u00e4se.png"])
    assert await problems_of(lab) == ()


async def test_accents_lead_to_no_link_out_of_the_folder(lab: Lab) -> None:
    private = lab.folder.parent / "private"
    (lab.folder / "Ka\u0308se.png").symlink_to(private / "x.png")
    (lab.folder / "fu\u0308r uns").mkdir()
    (lab.folder / "fu\u0308r uns" / "x.png").symlink_to(private / "x.png")
    write(lab, ["K\u00e4se.png"], ["f\u00fcr uns/x.png"])
    one, two = await problems_of(lab)
    assert one.message == "K\u00e4se.png does not exist"
    assert "lies outside of the campaign's folder" in two.message


@pytest.mark.parametrize("name", ["B.png", "LINKED/x.png", "Sub/nothing.png", "LINK.png"])
async def test_what_may_mean_several_or_leads_away_is_not(lab: Lab, name: str) -> None:
    if not (lab.folder / "b.PNG").exists():
        (lab.folder / "b.PNG").write_bytes(PNG)
        (lab.folder / "b.png").write_bytes(PNG)
    write(lab, [name])
    (problem,) = await problems_of(lab)
    assert problem.hint == f"it is looked for in {lab.folder}"


async def test_one_file_by_two_names_is_sent_once_and_two_files_are_two(lab: Lab) -> None:
    """As on macOS, where `A.png` and `a.png` are one; a link shows the same here."""
    (lab.folder / "A.png").hardlink_to(lab.folder / "a.png")
    (lab.folder / "sub" / "B.png").write_bytes(PNG + b"another")
    write(lab, ["a.png"], ["A.png"], ["sub/b.png"], ["sub/B.png"])
    async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
        assert (await campaign.run()).complete
        assert len(lab.sandbox.uploads) == 3
        media = [post.media[0] for post in sorted(lab.sandbox.posts, key=lambda post: post.date)]
    assert media[0] == media[1]
    assert media[2] != media[3]


async def test_files_with_commas_between_them_are_told_how_to_write_them(lab: Lab) -> None:
    write(lab, ["a.png, b.png"])
    (problem,) = await problems_of(lab)
    assert problem.message == "a.png, b.png does not exist"
    assert problem.hint.endswith("; separate several files with ;")


async def test_wrong_files_of_a_row_are_told_in_its_order(lab: Lab) -> None:
    names = [f"{letter}.png" for letter in "qwertzuiop"]
    write(lab, names)
    said = [problem.message for problem in await problems_of(lab)]
    assert said == [f"{name} does not exist" for name in names]


async def test_a_media_root_that_is_no_folder_is_named(lab: Lab) -> None:
    write(lab, ["a.png"])
    with pytest.raises(ConfigurationError, match=r"media root .*a\.png is not a folder"):
        await problems_of(lab, media_root=lab.folder / "a.png")


async def test_the_path_of_a_program_is_its_own_and_its_text_is_not(lab: Lab) -> None:
    outside = lab.folder.parent / "private" / "x.png"
    rows = [
        CampaignRow(channel="c1", at=at(24), media=[outside]),
        CampaignRow(channel="c1", at=at(25), media=[str(outside)]),
        {"channel": "c1", "date": at(26), "media": [outside]},
        {"channel": "c1", "date": at(27), "media": f"{outside}"},
    ]
    problems = await problems_of(lab, rows, journal=lab.journal)
    assert [problem.row for problem in problems] == [2, 4]
    assert await problems_of(lab, rows, journal=lab.journal, media_root=outside.parent) == ()


@pytest.mark.parametrize("what", ["the file", "its folder"])
async def test_a_link_that_is_put_there_after_the_check_is_not_followed(
    lab: Lab, what: str
) -> None:
    """Equal contents, so that no hash tells the two files apart."""
    private = lab.folder.parent / "private"
    (private / "b.png").write_bytes((lab.folder / "sub" / "b.png").read_bytes())
    write(lab, ["sub/b.png"])
    async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
        assert campaign.problems == ()
        if what == "the file":
            (lab.folder / "sub" / "b.png").unlink()
            (lab.folder / "sub" / "b.png").symlink_to(private / "b.png")
        else:
            (lab.folder / "sub").rename(lab.folder / "away")
            (lab.folder / "sub").symlink_to(private)
        with pytest.raises(CampaignError, match=r"sub/b\.png is not what it was"):
            await campaign.run()
    assert lab.sandbox.uploads == ()
    assert lab.sandbox.posts == ()


@pytest.mark.parametrize("alt", ["A cup\nA pot", ["A cup", "A pot"]])
async def test_texts_for_people_who_cannot_see_are_sent_with_their_files(
    lab: Lab, alt: str | list[str]
) -> None:
    media = ["a.png", "sub/b.png"]
    lab.write([{"channel": "c1", "date": at(24), "media": media, "alt": alt}])
    async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
        assert (await campaign.run()).complete
    (body,) = (
        json.loads(request.body)
        for request in lab.transport.sent
        if request.url.endswith("/posts") and isinstance(request.body, bytes)
    )
    images = body["posts"][0]["value"][0]["image"]
    assert [image["alt"] for image in images] == ["A cup", "A pot"]


async def test_the_server_fetches_a_picture_on_the_web_once(lab: Lab) -> None:
    url = "https://pictures.example.com/sun.png"
    lab.sandbox.add_remote_file(url, PNG)
    lab.write({"channel": "c1", "date": at(24 + n), "media": url, "ref": f"r{n}"} for n in range(2))
    for _ in range(2):
        async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
            assert (await campaign.run()).complete
    assert len(lab.sandbox.uploads) == 1


async def test_a_picture_that_the_server_cannot_fetch_refuses_its_rows(lab: Lab) -> None:
    url = "https://u:secret@pictures.example.com/sun.png?k=secret"
    lab.write(
        [
            {"channel": "c1", "date": at(24), "media": url},
            {"channel": "c1", "date": at(25), "content": "no picture"},
        ]
    )
    async with lab.sandbox, lab.client() as postiz, postiz.campaign(lab.path) as campaign:
        report = await campaign.run()
    assert [row.state.value for row in report.rows] == ["refused", "stored"]
    assert report.rows[0].note.startswith("media https://pictures.example.com/sun.png: ")
    assert "secret" not in report.rows[0].note
