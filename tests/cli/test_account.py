"""What `postiz-async quota` says first, and where `oauth exchange` takes its secret from."""

from __future__ import annotations

import io
import json
import urllib.request

import pytest
from cli_lab import Cli, misfits

from postiz_async._cli.account import _left
from postiz_async._quota.view import Queued, Quota
from postiz_async.testing import OAuthApp, SandboxServer


@pytest.mark.parametrize(
    ("limit", "resets_in", "text"),
    [
        (30, 90.0, "12 of 30 requests left, new window in 01:30"),
        (
            30,
            None,
            "12 of 30 requests left, the window has ended, a new one starts with the next create",
        ),
        (None, None, "No answer has told the limit yet."),
    ],
)
def test_what_is_left(limit: int | None, resets_in: float | None, text: str) -> None:
    seen = Quota(
        limit=limit,
        remaining=None if limit is None else 12,
        resets_in=resets_in,
        next_in=0.0,
        bulk_waits_for=None,
        bulk_in=0.0,
        in_flight=0,
        queued=Queued(),
        blocked=False,
        blocked_for=0.0,
        as_of=1.0,
    )
    assert _left(seen) == text


@pytest.fixture
def app(postiz_sandbox_server: SandboxServer) -> OAuthApp:
    return postiz_sandbox_server.add_oauth_app("Planner", "https://me.example/cb")


@pytest.fixture
def callback(postiz_sandbox_server: SandboxServer, app: OAuthApp) -> str:
    """Where the consent page sends a user who agrees."""
    said = json.dumps({"client_id": app.client_id, "state": "s1", "action": "approve"})
    session = postiz_sandbox_server.organization.session
    request = urllib.request.Request(  # noqa: S310  (loopback)
        f"{postiz_sandbox_server.url}/oauth/authorize",
        said.encode(),
        {"auth": session, "content-type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)["redirect"]


@pytest.mark.parametrize("way", ["option", "environment", "standard input"])
def test_a_client_secret_need_not_stand_on_the_command_line(
    cli: Cli,
    postiz_sandbox_server: SandboxServer,
    app: OAuthApp,
    callback: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret: str = app.client_secret
    given = ["oauth", "exchange", callback, "--client-id", app.client_id, "--state", "s1"]
    given += ["--url", postiz_sandbox_server.url]
    if way == "option":
        given += ["--client-secret", secret]
    elif way == "environment":
        monkeypatch.setenv("POSTIZ_CLIENT_SECRET", secret)
    else:
        given += ["--client-secret", "-"]
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    as_json = ["--json"] if way == "environment" else []
    done = cli(*given, *as_json)
    assert (done.code, done.err) == (0, "")
    if as_json:
        assert misfits("oauth exchange", done.document) == []
    token = done.document["access_token"] if as_json else done.out
    assert token.startswith("pos_")
    assert secret not in done.out


@pytest.mark.parametrize("more", [[], ["--client-secret", "-"]])
def test_without_a_client_secret_it_is_said_where_it_belongs(
    cli: Cli, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    back = "https://me.example/cb?code=c1&state=s1"
    done = cli("oauth", "exchange", back, "--client-id", "pca_1", "--state", "s1", *more)
    assert (done.code, done.out) == (2, "")
    assert "There is no client secret. Keep it in POSTIZ_CLIENT_SECRET" in done.err
