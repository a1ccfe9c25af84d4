"""Headers and proxies of commands: who says and gets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from network_lab import Recorder, ca_file, recording, server_context
from processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli_lab import Cli

    Write = Callable[[str], Path]

KEY = "4f9c02e7d1b8a3650f4c1e97b2d8a603"
TOKEN = "token-of-the-gateway-5e71c94f"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "postiz_api_url"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("POSTIZ_API_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))


@pytest.fixture
def gateway() -> Iterator[Recorder]:
    with recording() as it:
        yield it


@pytest.fixture
def write(home: Path) -> Write:
    def to_file(text: str) -> Path:
        path = home / "config" / "postiz-async" / "profiles.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return to_file


def sent(gateway: Recorder, name: str) -> set[str | None]:
    """What came as this header, with all requests since the last look."""
    found = {headers.get(name.lower()) for _, _, headers in gateway.seen}
    gateway.seen.clear()
    return found


def test_headers_are_on_each_request_and_shown_nowhere(
    cli: Cli, gateway: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_HEADERS", f"X-Gateway: {TOKEN}\nX-Trace:a:b c\n")
    given = ("--url", gateway.url)
    for command in (["channels"], ["posts", "list"], ["notifications"], ["doctor"]):
        done = cli(*command, *given)
        assert sent(gateway, "X-Gateway") == {TOKEN}, command
        assert TOKEN not in done.out + done.err
    cli("channels", *given)
    assert sent(gateway, "X-Trace") == {"a:b c"}
    gateway.status, gateway.body = 403, json.dumps({"msg": f"no {TOKEN} here"}).encode()
    done = cli("channels", *given)
    assert done.code != 0
    assert "no *** here" in done.err


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"X-Gateway {TOKEN}", "POSTIZ_HEADERS has no header but something without a colon"),
        (f"Authorization: {TOKEN}", "The header Authorization is the client's own"),
        ("X-Gateway:", "The header X-Gateway has no value in POSTIZ_HEADERS. Write it like"),
        (f"X Gateway: {TOKEN}", "'X Gateway' cannot be the name of a header"),
        (f"X-Gateway: ü{TOKEN}", "not printable ASCII"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(
    cli: Cli, gateway: Recorder, header: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_HEADERS", os.fsdecode(header.encode()))
    done = cli("channels", "--url", gateway.url)
    assert (done.code, done.out, gateway.seen) == (2, "", [])
    assert said in " ".join(done.err.split())
    assert TOKEN not in done.err


def test_headers_and_proxy_of_the_environment_are_for_the_server_of_a_profile_too(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'[work]\nurl = "http://postiz.invalid"\nkey = "{KEY}"\n')
    monkeypatch.setenv("POSTIZ_HEADERS", f"X-Gateway: {TOKEN}")
    with recording() as proxy:
        monkeypatch.setenv("POSTIZ_PROXY", proxy.url)
        assert cli("channels", "--profile", "work").code == 0
        assert proxy.has_seen("http://postiz.invalid/public/v1/integrations")
        assert sent(proxy, "X-Gateway") == {TOKEN}


def test_a_secret_that_lacks_its_option_is_not_repeated(cli: Cli) -> None:
    typed, said = ("doctor", f"http://me:{TOKEN}@b:1"), "doctor does not take that address"
    done = cli(*typed)
    assert done.code == 2
    assert said in done.err
    assert TOKEN not in done.err
    assert said in cli(*typed, "--json").error["message"]


def test_what_openssl_is_told_to_trust_is_trusted(cli: Cli, tmp_path: Path) -> None:
    with recording(server_context()) as server:
        done = subprocess.run(
            [sys.executable, "-m", "postiz_async", "channels", "--url", server.url],
            env=os.environ | {"SSL_CERT_FILE": str(ca_file(tmp_path)), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        done = cli("doctor", "--url", server.url)
    said = " ".join(done.out.split())
    assert "its certificate is not trusted (unable to get local issuer certificate)" in said
    assert said.count("wrong address") == 1


def test_a_proxy_is_told_by_doctor_without_its_password(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording() as proxy:
        url = proxy.url.replace("//", f"//me:{TOKEN}@")
        given = ("--url", "http://postiz.invalid")
        monkeypatch.setenv("POSTIZ_HEADERS", f"X-Gateway: {TOKEN}")
        monkeypatch.setenv("POSTIZ_PROXY", url)
        done = cli("doctor", *given)
        assert done.code == 0
        assert TOKEN not in done.out
        said = " ".join(done.out.split())
        assert f"sends X-Gateway; goes by the proxy {proxy.url} (POSTIZ_PROXY)" in said
        monkeypatch.delenv("POSTIZ_PROXY")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert f"by the proxy {proxy.url} (HTTP_PROXY)" in " ".join(
            cli("doctor", *given).out.split()
        )
        monkeypatch.setenv("NO_PROXY", "postiz.invalid")
        assert "proxy" not in cli("doctor", *given).out.split("wrong")[0]


def test_what_nginx_says_of_a_missing_certificate_is_understood(
    cli: Cli, gateway: Recorder
) -> None:
    gateway.status = 400
    gateway.body = b"<html><center>No required SSL certificate was sent</center></html>"
    gateway.more = {"Content-Type": "text/html"}
    done = cli("doctor", "--url", gateway.url)
    assert "the server wants a client certificate, and none was sent" in " ".join(done.out.split())


def test_a_gateway_that_sends_people_to_log_in_is_understood(cli: Cli, gateway: Recorder) -> None:
    gateway.status, gateway.more = 302, {"Location": "https://login.example.com/access"}
    said = " ".join(cli("doctor", "--url", gateway.url).out.split())
    assert "wants to know who asks: give its header with POSTIZ_HEADERS='Name: value'" in said
    gateway.more = {"Location": f"{gateway.url}/api/public/v1"}
    assert "POSTIZ_HEADERS" not in cli("doctor", "--url", gateway.url).out


def test_a_store_that_cannot_be_is_refused_before_anything_is_open(cli: Cli, home: Path) -> None:
    """Whatever is open by then would be closed without a word, or warned about."""
    file = home / "c.csv"
    file.write_text("channel,date,content\nx,2031-03-15 09:00Z,Hello\n", encoding="utf-8")
    done = cli("plan", file, "--store", "foo://host/database")
    assert done.code != 0
    assert "error: A store cannot be at foo://" in done.err
    assert len(done.err.splitlines()) == 1
