"""Columns as people call them: comments, alt texts, links, and notes that are nobody's."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli_lab import Cli, Result, write_campaign
from processes import Server
from samples import PNG

WHEN = "2031-05-01T09:00Z"
HEAD = "Kanal,Datum,Text,Bild,Erster Kommentar,Alt text,Link,Notiz"

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
    assert f"{comment}=thread 2" in options
    assert f"{alt}=alt" in options
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


def test_what_is_offered_never_leaves_out_a_column_with_text(cli: Cli, tmp_path: Path) -> None:
    rows = [("mastodon", WHEN, f"Text {n}", "", "", "", "", "") for n in range(90)]
    rows[70] = (*rows[70][:7], "call Anna first")
    path = write_campaign(tmp_path / "c.csv", *rows, columns=HEAD)
    first = cli("plan", path)
    assert not any(option.endswith("=") for option in offered(first))
    second = cli("plan", path, *offered(first))
    assert second.code == 2
    assert "row 72, Notiz: is not a column of a campaign" in said(second.err)
    assert "Notiz=" not in second.err
    assert cli("plan", path, *offered(first), "--column", "Notiz=").code == 0


def test_an_unknown_column_without_text_is_nobodys_business(cli: Cli, tmp_path: Path) -> None:
    rows = [("mastodon", WHEN, f"Text {n}", "", "", "", "", " ") for n in range(3)]
    path = write_campaign(tmp_path / "c.csv", *rows, columns=HEAD)
    assert cli("plan", path, *offered(cli("plan", path))).code == 0


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


def test_an_alt_text_that_changes_is_an_edit_that_update_applies(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    path = tmp_path / "c.csv"

    def write(alt: str) -> None:
        row = ("mastodon", WHEN, f"Hi {tmp_path}", "a.png", alt)
        write_campaign(path, row, columns="channel,date,content,media,alt")

    write("A cup")
    assert cli("run", path).code == 0
    write("A cup of tea")
    assert 'alt "A cup" -> "A cup of tea"' in said(cli("plan", path).out)
    assert cli("update", path, "--yes").code == 0
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


def test_rows_with_text_in_an_unknown_column_are_not_sent_without_it(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    rows = [("mastodon", WHEN, f"{n} {tmp_path}", "more" if n == 1 else "") for n in range(3)]
    path = write_campaign(tmp_path / "c.csv", *rows, columns="channel,date,content,Kommentar")
    told = cli("run", path, "--skip-invalid")
    assert "row 3, Kommentar: is not a column of a campaign" in said(told.out)
    sent = [post["content"] for post in server.posts if str(tmp_path) in post["content"]]
    assert len(sent) == 2
    assert not any("1 " in text[:5] for text in sent)
