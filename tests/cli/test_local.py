"""`sandbox --fault`, `--release`: what cannot be, and what it does."""

from __future__ import annotations

import html
import re
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin

import msgspec
import pytest
from cli_lab import Cli, write_campaign
from processes import PATIENCE, Server, ended, read_line, sandbox_process, start

from postiz_async.oauth import OAuth


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--fault=drop", "--fault drop: there is no kind 'drop'; say drop_answer"),
        (
            "--fault=reset:route=post",
            "--fault reset:route=post: there is no route 'post'; say ",
        ),
        ("--fault=reset:120%", "--fault reset:120%: 120% is not a probability"),
        ("--release=new", "--release new: a release is one of v2.20.0, v2.23.0, HEAD, next"),
        ("--organization=", "--organization: an organisation needs a name."),
        ("--organization=a --organization=a", "--organization: there is an organisation 'a'"),
        ("--organization=a --organization=A", "--organization: 'A' would have the key of 'a'."),
        ("--organization=a --api-key=k", "--api-key is for a sandbox without --organization: "),
        ("--host=203.0.113.7", "--host 203.0.113.7 is no address of this machine."),
    ],
)
def test_what_cannot_be_is_refused(cli: Cli, option: str, told: str) -> None:
    result = cli("sandbox", "--port", "0", *option.split(" "))
    assert result.code == 2
    assert result.err.startswith(f"error: {told}")


def test_on_all_addresses_it_says_one_to_reach_it(tmp_path: Path) -> None:
    with sandbox_process(tmp_path, "--host", "0.0.0.0") as server:  # noqa: S104
        assert server.url.startswith("http://127.0.0.1:")
        assert server.state["requests"] == 0


def test_a_fault_strikes_and_the_run_gets_over_it(tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hello"))
    options = ("--speed", "400", "--fault", "reset:route=create_post:times=1")
    with (
        sandbox_process(tmp_path / "sandbox", *options) as server,
        ended(start(["run", str(file), "--json"], tmp_path, server.environment)) as process,
    ):
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert server.struck == {"reset": 1}
        assert [post["content"] for post in server.posts] == ["Hello"]


def test_time_outs_on_the_clock_of_the_sandbox(tmp_path: Path) -> None:
    """The answer comes after ten seconds of the machine, before half a minute of it is over."""
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hello"))
    options = ("--speed", "400", "--fault", "hang:delay=4000:route=create_post:times=1")
    with sandbox_process(tmp_path / "sandbox", *options) as server:
        environment = server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"}
        err = ""
        while not server.struck:  # on a busy machine an answer before it may be late as well
            with ended(start(["run", str(file), "--json"], tmp_path, environment)) as process:
                _, err = process.communicate(timeout=PATIENCE)
        assert "did not answer within" in err
        assert len(server.posts) <= 1
        assert server.struck == {"hang": 1}


@pytest.mark.exhaustive
def test_a_window_of_seconds_ends_in_seconds(tmp_path: Path) -> None:
    rows = [("mastodon", f"2027-01-20 {hour:02}:00Z", "Hello") for hour in (9, 10)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    with (
        sandbox_process(tmp_path / "sandbox", "--limit", "1", "--window", "2") as server,
        ended(start(["run", str(file), "--json"], tmp_path, server.environment)) as process,
    ):
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert len(server.posts) == 2


def test_the_first_lines_say_how_long_a_window_is(tmp_path: Path) -> None:
    with ended(start(["sandbox", "--port", "0", "--window", "2"], tmp_path, {})) as process:
        read_line(process, lambda line: "30 creates every 2 s." in line)


TWO = ("--port", "0", "--organization", "acme", "--organization", "Globex & Sons", "--limit", "1")


def test_each_organisation_has_a_key_to_paste(tmp_path: Path) -> None:
    with ended(start(["sandbox", *TWO], tmp_path, {})) as process:
        read_line(process, lambda line: "2 organisations, each with 13 channels" in line)
        lines = [read_line(process, lambda _: True).strip() for _ in range(4)]
    assert [line for line in lines if line.startswith("#")] == ["# acme", "# Globex & Sons"]
    exports = [line.split(" ") for line in lines if line.startswith("export ")]
    assert [words[2] for words in exports] == [
        "POSTIZ_API_KEY=sandbox-acme",
        "POSTIZ_API_KEY=sandbox-globex-sons",
    ]
    assert {words[3] for words in exports} == {"POSTIZ_SANDBOX_CLOCK=1"}


def test_each_organisation_has_channels_and_quota_of_its_own(tmp_path: Path) -> None:
    with ended(start(["sandbox", *TWO, "--json"], tmp_path, {})) as process:
        lines: list[str] = []
        read_line(process, lambda line: lines.append(line) or line.startswith("}"))
        said: dict[str, Any] = msgspec.json.decode("".join(lines))
        found: set[str] = set()
        for organization in said["organizations"]:
            channels = {each["provider"]: each["id"] for each in organization["channels"]}
            found |= set(channels.values())
            how = ("--channel", channels["mastodon"], "--at", "2031-01-15T09:00Z")
            command = ["posts", "create", "Hello", *how, "--max-wait", "1"]
            with ended(start(command, tmp_path, organization["environment"])) as create:
                _, err = create.communicate(timeout=PATIENCE)
                assert create.returncode == 0, err
    assert len(found) == 26


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Shows where a browser would be sent."""

    def redirect_request(self, *_: object) -> None:
        """There is no other request."""


def test_an_application_is_connected_to_it_as_to_postiz(tmp_path: Path) -> None:
    back = "http://localhost:8000/postiz/callback"
    options = ("--port", "0", "--oauth-app", back, "--json")
    with ended(start(["sandbox", *options], tmp_path, {})) as process:
        lines: list[str] = []
        read_line(process, lambda line: lines.append(line) or line.startswith("}"))
        [only] = msgspec.json.decode("".join(lines))["organizations"]
        environment: dict[str, str] = only["environment"]
        client_id, url = environment["POSTIZ_CLIENT_ID"], environment["POSTIZ_API_URL"]
        consent = OAuth(client_id=client_id, base_url=url).authorize_url("state-1")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)
        browser = {"Accept": "text/html,*/*"}
        asked = urllib.request.Request(consent, headers=browser)  # noqa: S310  (loopback)
        with opener.open(asked) as answer:
            page = answer.read().decode()
        links = re.findall(r'href="(.*?)">(\w+) for ', page)
        chosen = {name: urljoin(consent, html.unescape(link)) for link, name in links}
        with pytest.raises(HTTPError) as sent:
            opener.open(urllib.request.Request(chosen["approve"], headers=browser))  # noqa: S310
        callback = sent.value.headers["Location"]
        sent.value.close()
        assert callback.startswith(f"{back}?code=")
        exchange = ["oauth", "exchange", callback, "--client-id", client_id]
        command = [*exchange, "--state", "state-1"]
        with ended(start(command, tmp_path, environment)) as done:
            out, err = done.communicate(timeout=PATIENCE)
    assert (out[:4], done.returncode) == ("pos_", 0), err


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--speed", "400"], 1), (["--start", "2027-01-15T09:00"], 1), ([], 0)],
)
def test_a_clock_of_its_own_is_told_to_those_who_write_programs(
    tmp_path: Path, options: list[str], told: int
) -> None:
    lines: list[str] = []
    with ended(start(["sandbox", "--port", "0", *options], tmp_path, {})) as process:
        read_line(process, lambda line: lines.append(line) or line.startswith("export "))
    assert "".join(lines).count("start one without") == told


def test_commands_with_and_without_the_clock_of_a_sandbox_share_its_quota(
    cli: Cli, narrow: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    create = ("posts", "create", "Hello", "--channel", "mastodon", "--at", "2031-01-15T09:00Z")
    for clock in ("1", "", "1"):
        monkeypatch.setenv("POSTIZ_SANDBOX_CLOCK", clock)
        assert cli(*create).code == 0
    monkeypatch.setenv("POSTIZ_SANDBOX_CLOCK", "")
    assert "The quota has no slot" in cli(*create, "--max-wait", "1").err
    assert (narrow.state["posts"], narrow.state["refusals"]) == (3, 0)
