"""What servers and files say steers no terminal, and hides in no document."""

from __future__ import annotations

import csv
import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import Any

import anyio
import pytest
from cli_lab import Cli, write_campaign
from spread import spread

from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async._sandbox.http import serve

if sys.platform != "win32":
    from terminals import on_terminal

STEERING = (
    "\x1b]0;owned\x07 \x1b[2J \x9b2J \x9d0;a\x9c \x7f \x08 \u202e \u2066 \u200f \u061c \u2028"
)
MARKS = [mark for mark in dict.fromkeys(STEERING) if not mark.isascii() or not mark.isprintable()]
PLAIN = {"id", "identifier", "type", "state", "publishDate", "date", "customer", "internalType"}
"""What a program has to understand, or nothing comes to be shown."""


class Steering(MemoryServer):
    """A server whose texts all steer a terminal; it may refuse everything with one."""

    def __init__(self, status: int = 0, kind: str = "application/json") -> None:
        super().__init__(api_key="sandbox-key-5d1f0c77")
        self.refusal = status
        self.kind = kind

    async def handle(self, request: HttpRequest) -> Response:
        answer = await super().handle(request)
        if self.refusal:
            body = json.dumps({"message": STEERING, "error": STEERING}, ensure_ascii=False)
            if "html" in self.kind:
                body = f"<title>{STEERING}</title>{STEERING}"
            return Response(self.refusal, (("content-type", self.kind),), body.encode())
        if not answer.body:
            return answer
        steering = json.dumps(steered(answer.json()), ensure_ascii=False).encode()
        headers = [each for each in answer.headers if each[0].lower() != "content-length"]
        return Response(answer.status, tuple(headers), steering)


def steered(value: Any, name: str = "") -> Any:
    """The same with the characters in each text that is not for programs."""
    if isinstance(value, dict):
        return {key: steered(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [steered(inner, name) for inner in value]
    is_shown = isinstance(value, str) and name not in PLAIN and not value[:4].isdecimal()
    return f"{value}{STEERING}" if is_shown else value


def passed(text: str) -> list[str]:
    return [ascii(mark) for mark in MARKS if mark in text]


LISTS = [
    ("doctor",),
    ("channels",),
    ("channels", "settings", "CHANNEL"),
    ("channels", "connect", "linkedin"),
    ("channels", "groups"),
    ("posts", "list", "--from", "2031-01-01", "--to", "2031-12-31"),
    ("posts", "watch", "POST", "--for", "0"),
    ("posts", "create", "nowhere", "a text", "--at", "2031-01-02 09:00", "--timezone", "UTC"),
    ("posts", "settings", "POST", "title=a"),
    ("media", "function", "image-text-slides", "loadVoices"),
    ("analytics", "channel", "CHANNEL"),
    ("notifications",),
    ("users",),
    ("plan", "FILE"),
    ("run", "FILE"),
    ("status", "FILE"),
    ("undo", "FILE", "--yes"),
    ("report", "FILE"),
]


async def said(
    cli: Cli, box: Steering, folder: Path, environment: pytest.MonkeyPatch, words: tuple[str, ...]
) -> tuple[str, str]:
    """What a command says of such a server: its output, and its errors."""
    async with box, serve(box) as served:
        channel = box.add_channel("mastodon", name=f"Our {STEERING}page")
        box.add_notification(f"Failed {STEERING}")
        box.add_tag(f"tag {STEERING}")
        environment.setenv("POSTIZ_API_URL", served.url)
        environment.setenv("POSTIZ_API_KEY", box.organization.api_key)
        row = ("mastodon", "2031-03-01 09:00Z", f"Text {STEERING}")
        file = write_campaign(folder / "c.csv", row, ("no\x1b[2J\u202e", *row[1:]))
        fine = write_campaign(folder / "d.csv", row)
        if not box.refusal:
            await anyio.to_thread.run_sync(cli, "run", fine)
        post = next((each.id for each in box.posts), "none")
        named = {"CHANNEL": channel.id, "FILE": str(file), "POST": post}
        arguments = [named.get(word, word) for word in words]
        plain = await anyio.to_thread.run_sync(cli, *arguments)
        document = await anyio.to_thread.run_sync(cli, *arguments, "--json")
    return plain.out + document.out, plain.err + document.err


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
async def test_no_text_of_a_server_steers(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    out, err = await said(cli, Steering(), tmp_path, monkeypatch, words)
    assert (passed(out), passed(err)) == ([], [])


@pytest.mark.parametrize(
    ("status", "kind"),
    spread(product([400, 401, 429, 403, 404, 500], ["application/json", "text/html"]), every=3),
)
@pytest.mark.parametrize("words", [LISTS[0], LISTS[1], LISTS[7]], ids=" ".join)
async def test_no_refusal_steers(
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    status: int,
    kind: str,
) -> None:
    out, err = await said(cli, Steering(status, kind), tmp_path, monkeypatch, words)
    assert (passed(out), passed(err)) == ([], [])


async def test_documents_keep_what_they_escape(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Steering() as box, serve(box) as served:
        box.add_channel("mastodon", name="Our page")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        told = await anyio.to_thread.run_sync(cli, "channels", "--json")
    assert [each["name"] for each in told.document] == [f"Our page{STEERING}"]
    assert "\\u009b2J" in told.out


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")
@pytest.mark.parametrize(
    "words",
    [
        LISTS[1],
        pytest.param(LISTS[5], marks=pytest.mark.exhaustive),
        pytest.param(
            ("posts", "list", "--from", "2031-01-01", "--to", "2031-12-31", "--csv"),
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=" ".join,
)
async def test_a_terminal_is_not_steered(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    async with Steering() as box, serve(box) as served:
        box.add_channel("mastodon", name="Our page")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        row = ("mastodon", "2031-03-01 09:00Z", "Text")
        await anyio.to_thread.run_sync(cli, "run", write_campaign(tmp_path / "c.csv", row))
        seen = (await anyio.to_thread.run_sync(on_terminal, words, os.environ)).screen
        box.refusal = 403
        seen += (await anyio.to_thread.run_sync(on_terminal, ("doctor",), os.environ)).screen
    assert seen.count("owned") > 1, "what is not shown cannot steer"
    steering = ("\x1b]", "\x1b[2J", *MARKS[1:])
    assert [mark for mark in steering if mark in seen and not mark.isspace()] == []


BREAKS = ("\n", "\r\n", "\v\n  \n")
FORGED = "All 60 posts are stored."
ROW = ("mastodon", "2031-03-01 09:00Z", "Text")
PLACES = {
    "a header that is unknown": ("channel,date,content,No{}te", (*ROW, "a"), "c.csv"),
    "a header that is guessed": ("Kanal{},date,content", ROW, "c.csv"),
    "a header of a thread": ("channel,date,content,thread 9{}", (*ROW, "a"), "c.csv"),
    "a header of settings": ("channel,date,content,settings.a{}", (*ROW, "a"), "c.csv"),
    "headers of one name": ("channel,date,content,No{}te,No{}te", (*ROW, "a", "b"), "c.csv"),
    "a header twice": ("channel,date,content,tags{},tags{}", (*ROW, "a", "b"), "c.csv"),
    "a name of a file": ("channel,date,content", ROW, "c{}.csv"),
    "a name of a file that is wrong": ("channel,date,content", ("x", "soon", "a"), "c{}.csv"),
    "a name of a file without columns": ("a,b,c", ROW, "c{}.csv"),
    "a name of a folder": ("channel,date,content", ROW, "c{}/d.csv"),
    "a name of a medium": ("channel,date,content,media", (*ROW, "a{}.png"), "c.csv"),
    "a name of a setting": ("channel,date,content,settings", (*ROW, '{{"a{}": 1}}'), "c.csv"),
}
"""Where a file of somebody else may have line breaks: its columns, a row, and its name."""
VERBS = ("plan", "run", "status", "undo", "report")


def forged(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip().startswith(FORGED)]


def with_breaks(folder: Path, place: str, broken: str) -> Path:
    """A campaign with line breaks in one place."""
    columns, row, name = PLACES[place]
    in_json = json.dumps(broken)[1:-1]
    path = folder / name.format(broken)
    path.parent.mkdir(exist_ok=True)
    cells = [cell.format(in_json if cell.startswith("{{") else broken) for cell in row]
    names = [each.format(broken) for each in columns.split(",")]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, cells])
    return path


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line_break", spread(BREAKS, every=3))
def test_no_line_break_of_a_file_begins_a_line(
    cli: Cli, tmp_path: Path, place: str, line_break: str
) -> None:
    if sys.platform == "win32" and "{" in PLACES[place][2]:
        pytest.skip("such names are not allowed")
    file = with_breaks(tmp_path, place, f"{line_break}{FORGED}{line_break}")
    told = [cli("plan", file.with_name(f"no {file.name}"))]
    told += [cli(verb, file, "--column", f"{line_break}{FORGED}=tags") for verb in VERBS[:2]]
    for verb in VERBS:
        told.append(cli(verb, file))
    for result in told:
        assert forged(result.out) + forged(result.err) == []
    assert any(FORGED in result.out + result.err for result in told)


@pytest.mark.usefixtures("server")
@pytest.mark.skipif(sys.platform == "win32", reason="it has no such terminals")
@pytest.mark.parametrize("place", spread(PLACES, every=4))
def test_nor_does_it_on_a_terminal(tmp_path: Path, place: str) -> None:
    file = with_breaks(tmp_path, place, f"\n{FORGED}\n")
    verbs = ("plan", "run", "status")
    seen = [on_terminal((verb, file), os.environ, "n", columns=400).text for verb in verbs]
    assert list(map(forged, seen)) == [[], [], []]
    assert FORGED in "".join(seen)


@pytest.mark.usefixtures("server")
def test_a_header_with_a_line_break_is_mapped_as_it_is_shown(cli: Cli, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", (*ROW[:2], f"Mapped {tmp_path}"))
    file.write_text(file.read_text().replace("channel", '"Kanal\n(Name)"'))
    assert "It has: Kanal (Name), date, content." in cli("plan", file).err
    assert cli("plan", file, "--column", "Kanal (Name)=channel").code == 0
