from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio.to_thread
import pytest
from cli_lab import Cli, misfits
from processes import Server
from rich.console import Console
from samples import GIF, MP4, PNG

from postiz_async._cli.media import UploadDisplay
from postiz_async._cli.output import Output
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve


@pytest.fixture
def files(tmp_path: Path) -> Path:
    contents = {"a.png": PNG, "b.gif": GIF, "c.mp4": MP4, "same.png": PNG, "page.png": b"<html>"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def site(files: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=files)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_several_files_equal_ones_once(cli: Cli, server: Server, files: Path) -> None:
    before = server.state["uploads"]
    names = [files / name for name in ("a.png", "b.gif", "c.mp4", "same.png")]
    told = cli("media", "upload", *names, "--json")
    assert (told.code, told.err) == (0, "")
    assert [each["path"][-4:] for each in told.document] == [".png", ".gif", ".mp4", ".png"]
    assert told.document[0] == told.document[3]
    assert server.state["uploads"] == before + 3
    lines = cli("media", "upload", *names[:2]).out.splitlines()
    assert lines[0].split() == ["source", "id", "path"]
    assert lines[1].startswith(f"{files}/a.png ")


def test_a_failure_does_not_end_the_others(cli: Cli, server: Server, files: Path) -> None:
    sources = [files / "page.png", files / "a.png", files / "none.png"]
    told = cli("media", "upload", *sources, "--json")
    assert told.code == 1
    wrong, fine, missing = told.document
    assert fine["path"].endswith(".png")
    assert wrong["source"] == str(files / "page.png")
    assert wrong["error"]["type"] == "InvalidInputError"
    assert "PNG, JPEG, GIF, WebP and MP4 can be posted" in wrong["error"]["message"]
    assert missing["error"]["message"] == f"{files / 'none.png'} does not exist"
    assert told.err == ""
    shown = cli("media", "upload", *sources)
    assert (shown.code, len(shown.out.splitlines())) == (1, 2)
    assert shown.err.count("error: ") == 2


def test_when_all_fail_the_code_says_so(cli: Cli, server: Server, files: Path) -> None:
    one = cli("media", "upload", files / "page.png", "--json")
    assert one.code == 2
    assert one.error["type"] == one.document[0]["error"]["type"] == "InvalidInputError"
    two = cli("media", "upload", files / "page.png", files / "none.png")
    assert two.code == 2
    assert f"error: {files / 'none.png'} does not exist" in two.err
    assert cli("media", "upload", files / "a.png", "--concurrency", "0").code == 2


def test_a_url_that_is_refused_shows_no_secret(cli: Cli, server: Server, files: Path) -> None:
    del server
    url = "https://user:pass@pictures.example.com/a.png?token=s3cret"
    told = cli("media", "upload", url, files / "b.gif")
    assert told.code == 1
    assert "https://pictures.example.com/a.png: 400: URL must be a public HTTPS URL" in told.err
    assert "s3cret" not in told.err + told.out


def test_a_terminal_shows_a_bar_for_what_is_under_way() -> None:
    output = Output()
    output.notes = Console(file=io.StringIO(), force_terminal=True, width=100)
    with UploadDisplay(output, ["/a/very/long/path/of/a/picture/sunrise.png", "film.mp4"]) as bars:
        bars.sent(0, 0, 2_000_000)
        bars.sent(0, 1_000_000, 2_000_000)
        bars.sent(1, 300_000, None)
        bars.sent(1, 0, None)
        bars.sent(0, 2_000_000, 2_000_000)
        bars.sent(1, 500_000, None)
    assert isinstance(output.notes.file, io.StringIO)
    seen = output.notes.file.getvalue()
    assert "...th/of/a/picture/sunrise.png" in seen
    assert "film.mp4" in seen
    assert "500.0/? kB" in seen


async def test_media_are_listed_and_searched(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async with MemoryServer(release="next") as box, serve(box) as served:
        for name in ("moon.png", "sunrise.jpg", "sunset.jpg"):
            box.add_media(name)
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        listed = await anyio.to_thread.run_sync(cli, "media", "list", "--search", "SUN", "--json")
        assert [each["originalName"] for each in listed.document] == ["sunset.jpg", "sunrise.jpg"]
        assert misfits("media list", listed.document) == []
        shown = await anyio.to_thread.run_sync(cli, "media", "list", "--limit", "2")
        head, *rows = shown.out.splitlines()
        assert head.split()[-4:] == ["original", "name", "id", "path"]
        assert [box.uploads[2].id in rows[0], box.uploads[1].id in rows[1]] == [True, True]


def test_a_server_that_lists_no_media_says_so(cli: Cli, server: Server) -> None:
    refused = cli("media", "list", "--search", "sun")
    assert refused.code == 2
    assert "came with a release after v2.23.0" in refused.err
