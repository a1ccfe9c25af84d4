"""Columns as people call them: comments, alt texts, links, and notes that are nobody's."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli_lab import Cli, Result, write_campaign
from processes import Server
from samples import PNG

WHEN = "2031-05-01T09:00Z"

pytestmark = pytest.mark.usefixtures("server")


def offered(result: Result) -> list[str]:
    """The options that an error offers for copying."""
    return shlex.split(result.err[result.err.index("--column") :])


def said(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("comment", "alt", "link"),
    [
        ("First comment", "Alt text", "Link"),
        ("Erster Kommentar", "Alternativtext", "URL"),
        ("Premier commentaire", "Alt-Text", "Lien"),
    ],
)
def test_comments_alt_texts_and_links_are_recognised_and_sent(
    cli: Cli, server: Server, tmp_path: Path, comment: str, alt: str, link: str
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    row = (
        "mastodon",
        WHEN,
        f"Hi {tmp_path}",
        "a.png",
        "And more",
        "A cup",
        "https://example.com/a",
    )
    head = f"Kanal,Datum,Text,Bild,{comment},{alt},{link},Notiz"
    path = write_campaign(tmp_path / "c.csv", (*row, ""), columns=head)
    options = offered(cli("plan", path))
    assert options == ["--column", "Notiz="]
    assert cli("run", path, *options).code == 0
    (post,) = (post for post in server.posts if str(tmp_path) in post["content"])
    assert post["content"].count("https://example.com/a") == 1
    assert [part["content"] for part in post["thread"]] == ["And more"]


def test_a_comment_where_the_network_has_none_is_a_clear_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    settings = '{"board": "b1"}'
    row = ("pinterest", WHEN, "Hi", "a.png", "And more", settings)
    head = "channel,date,content,media,First comment,settings"
    path = write_campaign(tmp_path / "c.csv", row, columns=head)
    for command in ("plan", "run"):
        refused = cli(command, path, "--column", "First comment=thread 2")
        assert refused.code == 2
        assert "row 2, First comment: Pinterest does not publish comments" in said(refused.err)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("a.png;b.png", "only one", ""), "alt: has 1 text for 2 files"),
        (("", "of nothing", ""), "alt: has a text, and the row has no media"),
        (("", "", "www.example.com"), "link: 'www.example.com' is not a web address"),
        (("", "", "https://example.com and more"), "is not a web address"),
    ],
)
def test_alt_texts_and_links_that_are_wrong(
    cli: Cli, tmp_path: Path, cells: tuple[str, str, str], words: str
) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PNG)
    row = ("mastodon", WHEN, "Hi", *cells)
    path = write_campaign(tmp_path / "c.csv", row, columns="channel,date,content,media,alt,link")
    refused = cli("plan", path)
    assert refused.code == 2
    assert words in said(refused.err)


def test_an_alt_text_that_changes_is_an_edit_that_run_applies(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    path = tmp_path / "c.csv"

    def write(alt: str) -> None:
        row = ("mastodon", WHEN, f"Hi {tmp_path}", "a.png", alt)
        write_campaign(path, row, columns="channel,date,content,media,alt")

    write("A cup")
    assert cli("run", path).code == 0
    write("A cup of tea")
    assert 'alt "A cup" -> "A cup of tea"' in said(cli("plan", path).out)
    assert cli("run", path, "--yes").code == 0
    assert "The file differs" not in cli("plan", path).out


def test_a_link_that_the_text_has_already_is_not_added(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    link = "https://example.com/b"
    row = ("telegram", WHEN, f"See {link} {tmp_path}", link)
    path = write_campaign(tmp_path / "c.csv", row, columns="channel,date,content,link")
    assert cli("run", path).code == 0
    (post,) = (post for post in server.posts if str(tmp_path) in post["content"])
    assert post["content"].count(link) == 1


@pytest.mark.parametrize("option", [(), ("--skip-invalid",)])
def test_nothing_is_sent_without_a_column_that_is_unknown(
    cli: Cli, server: Server, tmp_path: Path, option: tuple[str, ...]
) -> None:
    before = server.state["creates"]
    row = ("mastodon", WHEN, f"Hi {tmp_path}", "more")
    path = write_campaign(tmp_path / "c.csv", row, columns="channel,date,content,Kommentar")
    told = cli("run", path, *option)
    assert (told.code, server.state["creates"]) == (2, before)
    assert offered(told) == ["--column", "Kommentar=thread 2"]
    (tmp_path / "c.toml").write_text('[columns]\nKommentar = "thread 2"\n', encoding="utf-8")
    assert cli("run", path).code == 0
    assert [part["content"] for part in server.posts[-1]["thread"]] == ["more"]
