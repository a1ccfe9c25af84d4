"""Key, server, clock: one clear sentence, exit code 2, nothing sent."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_lab import Cli, Result, write_campaign
from processes import Server

WHERE = "Settings > Developers > Public API"
COMMANDS = ["plan FILE", "run FILE", "channels", "quota --spend-one", "posts list", "doctor"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hello"))


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, file: Path) -> list[str]:
    return [str(file) if word == "FILE" else word for word in request.param.split()]


def refused(result: Result, *texts: str, code: int = 2) -> None:
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("error: ")
    for text in texts:
        assert text in result.err


def test_no_key(
    cli: Cli, server: Server, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = server.state
    monkeypatch.delenv("POSTIZ_API_KEY")
    refused(cli(*command), "There is no API key", WHERE, "POSTIZ_API_KEY")
    assert server.state == before


@pytest.mark.parametrize("key", ["", "   ", "Bearer ", "wrong key", "schlüssel", "a\nb"])
def test_a_key_that_cannot_be_one(
    cli: Cli, server: Server, file: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = server.state
    monkeypatch.setenv("POSTIZ_API_KEY", os.fsdecode(key.encode()))
    refused(cli("run", file), "key", WHERE)
    assert server.state == before


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_wrong_key(
    cli: Cli, server: Server, file: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    creates = server.state["creates"]
    monkeypatch.setenv("POSTIZ_API_KEY", "wrong-key-0123")
    result = cli(verb, file)
    refused(result, "401", WHERE)
    assert "wrong-key-0123" not in result.err
    assert server.state["creates"] == creates
    assert not file.with_suffix(".journal").exists()


def test_a_wrong_key_for_programs(
    cli: Cli, server: Server, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", "wrong-key-0123")
    result = cli("run", file, "--json")
    assert result.code == 2
    assert result.error["type"] == "AuthenticationError"
    assert WHERE in result.error["message"]
    assert result.out == ""


def test_the_key_of_the_official_command_line(
    cli: Cli,
    server: Server,
    odd_servers: dict[str, str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = odd_servers["web page"]
    monkeypatch.delenv("POSTIZ_API_KEY")
    login = home / ".postiz" / "credentials.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"accessToken": server.api_key, "apiUrl": page}))
    assert cli("channels").code == 0  # the environment's server wins
    monkeypatch.delenv("POSTIZ_API_URL")
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    refused(cli("channels"), "not with the API")
    login.write_text("{")
    refused(cli("channels"), "There is no API key")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_nobody_answers(
    cli: Cli, server: Server, file: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_API_URL", nobody)
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    result = cli("run", file)
    refused(result, "No connection", nobody, code=1)
    assert result.err.count("\n") == 1
    assert not file.with_suffix(".journal").exists()


def test_nobody_answers_the_doctor(
    cli: Cli, server: Server, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    result = cli("doctor", "--url", nobody)
    assert result.code == 2
    assert nobody in result.out


def test_the_doctor_finds_nothing_that_works(
    cli: Cli, server: Server, odd_servers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    for name in ("another service", "web page"):
        result = cli("doctor", "--url", odd_servers[name])
        assert result.code == 2
        assert "API: found at none of these addresses" in result.out
    assert cli("doctor", "--url", odd_servers["container"]).code == 0, "found below /api"


@pytest.mark.parametrize("verb", ["channels", "doctor"])
def test_https_where_there_is_only_http(
    cli: Cli, server: Server, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    result = cli(verb, "--url", server.url.replace("http", "https"))
    assert result.code == (2 if verb == "doctor" else 1)
    told = " ".join(f"{result.err}{result.out}".split())
    assert f"does not use TLS. If that is intended, use {server.url}" in told
    monkeypatch.setenv("POSTIZ_SANDBOX_CLOCK", "1")
    result = cli(verb, "--url", server.url.replace("http", "https"))
    assert result.code == 2
    assert f"A sandbox has no TLS: is it {server.url}?" in result.err


def test_no_sandbox_is_there(cli: Cli, server: Server, command: list[str], nobody: str) -> None:
    result = cli(*command, "--url", nobody)
    refused(result, "no sandbox", nobody, "postiz-async sandbox")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("kind", "told"),
    [("web page", "/api"), ("container", "lacks /api")],
)
def test_a_web_page_answers(
    cli: Cli,
    odd_servers: dict[str, str],
    server: Server,
    file: Path,
    kind: str,
    told: str,
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    refused(cli(verb, file, "--url", odd_servers[kind]), "not with the API", told)


@pytest.mark.parametrize("url", ["postiz", "ftp://postiz.example.com", "http://", "https://[::1"])
def test_what_is_no_address(
    cli: Cli, server: Server, file: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    refused(cli("plan", file, "--url", url), "not a web address", "https://")


def test_the_clock_of_a_real_server_is_not_taken_over(cli: Cli, server: Server) -> None:
    refused(cli("channels", "--url", "https://postiz.example.com"), "not a sandbox")


def test_a_state_folder_that_cannot_be_used(
    cli: Cli, server: Server, file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "state").write_text("a file where a folder has to be")
    creates = server.state["creates"]
    result = cli("run", file)
    refused(result, "quota", str(home / "state"))
    assert result.err.count("error:") == 1
    assert server.state["creates"] == creates
    assert not file.with_suffix(".journal").exists()
