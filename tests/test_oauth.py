from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from network_lab import connect_proxy, recording, server_context, trusting

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    Postiz,
    PostizError,
    Secret,
)
from postiz_async._sandbox import HttpRequest
from postiz_async.errors import OAuthError
from postiz_async.oauth import OAuth, check_callback, new_state
from postiz_async.testing import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postiz_async.testing import OAuthApp


def test_authorize_url_carries_client_and_state() -> None:
    oauth = OAuth(client_id="pca_1", client_secret="pcs_secret", front_url="https://front.example/")
    url = urlsplit(oauth.authorize_url("a state"))
    assert url.path == "/oauth/authorize"
    assert parse_qs(url.query) == {
        "client_id": ["pca_1"],
        "response_type": ["code"],
        "state": ["a state"],
    }
    assert "pcs_secret" not in repr(oauth)


def test_nobody_guesses_a_state() -> None:
    """It goes into an address as it is, differs everywhere and has 128 bits at least."""
    states = [new_state() for _ in range(100)]
    assert all(re.fullmatch(r"[\w-]{22,}", state, re.ASCII) for state in states)
    assert all(len(set(signs)) > 20 for signs in zip(*states, strict=True))


@pytest.mark.parametrize("url", ["https://me.example/cb?code=c1&state=s1", "?code=c1&state=s1"])
def test_callback_gives_the_code(url: str) -> None:
    assert check_callback(url, "s1") == "c1"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://me.example/cb?code=c1&state=other", "is not the one that was sent"),
        ("https://me.example/cb?code=c1", "is not the one that was sent"),
        ("https://me.example/cb?error=access_denied&state=s1", "access_denied"),
        ("https://me.example/cb?state=s1", "has no code"),
    ],
)
def test_callback_that_is_forged_or_refused(url: str, says: str) -> None:
    with pytest.raises(OAuthError, match=says):
        check_callback(url, "s1")


@pytest.mark.parametrize("url", ["?code=c1", "?code=c1&state=", "?code=c1&state=other"])
def test_a_callback_cannot_be_checked_by_a_state_that_was_lost(url: str) -> None:
    with pytest.raises(OAuthError, match="is not known any more, so anybody may have"):
        check_callback(url, "")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as made:
        yield made


def oauth_of(sandbox: Sandbox, app: OAuthApp, **options: Any) -> OAuth:
    given = {"client_id": app.client_id, "client_secret": app.client_secret or ""}
    return OAuth(**(given | {"front_url": sandbox.url, "base_url": sandbox.url} | options))


@pytest.fixture
def app(sandbox: Sandbox) -> OAuthApp:
    return sandbox.add_oauth_app("Planner", "https://me.example/cb")


async def connected(sandbox: Sandbox, token: str) -> bool:
    transport = sandbox.transport()
    client = Postiz(
        api_key=token,
        base_url=sandbox.url,
        advanced=AdvancedOptions(clock=sandbox.clock, transport=transport),
    )
    async with client as postiz:
        return await postiz.channels.is_connected()


async def test_exchange_gives_a_token_that_works_like_a_key_and_works_once(
    sandbox: Sandbox, app: OAuthApp
) -> None:
    oauth, transport = oauth_of(sandbox, app), sandbox.transport()
    code = check_callback(sandbox.approve(oauth.authorize_url("s1")), "s1")
    token = await oauth.exchange(code, transport=transport)
    assert token.access_token not in repr(token)
    assert await connected(sandbox, token.access_token)
    with pytest.raises(OAuthError, match="was used before") as caught:
        await oauth.exchange(code, transport=transport)
    assert not caught.value.is_refusal
    sandbox.revoke(app)
    with pytest.raises(AuthenticationError, match="replaced or revoked"):
        await connected(sandbox, token.access_token)


async def test_a_code_that_is_too_old(sandbox: Sandbox, app: OAuthApp) -> None:
    oauth = oauth_of(sandbox, app)
    code = check_callback(sandbox.approve(oauth.authorize_url("s1")), "s1")
    await sandbox.clock.sleep(601)
    with pytest.raises(OAuthError, match="Code has expired"):
        await oauth.exchange(code, transport=sandbox.transport())


async def test_a_lost_answer_has_used_the_code_up(sandbox: Sandbox, app: OAuthApp) -> None:
    oauth, transport = oauth_of(sandbox, app), sandbox.transport()
    code = check_callback(sandbox.approve(oauth.authorize_url("s1")), "s1")
    sandbox.add_fault(Fault("drop_answer", route="oauth_token"))
    for said in ("the token was lost", "was used before"):
        with pytest.raises(OAuthError, match=said):
            await oauth.exchange(code, transport=transport)


async def test_what_was_not_sent_can_be_tried_again(sandbox: Sandbox, app: OAuthApp) -> None:
    away = oauth_of(sandbox, app, base_url="http://127.0.0.1:1")
    with pytest.raises(APIConnectionError):
        await away.exchange("code")


@pytest.mark.parametrize("wrong", [{"client_secret": "pcs_old"}, {"client_id": "pca_other"}])
async def test_an_application_that_is_not_known(
    sandbox: Sandbox, app: OAuthApp, wrong: dict[str, str]
) -> None:
    code = check_callback(sandbox.approve(oauth_of(sandbox, app).authorize_url("s1")), "s1")
    with pytest.raises(AuthenticationError, match="An API key has no part in this"):
        await oauth_of(sandbox, app, **wrong).exchange(code, transport=sandbox.transport())


async def test_a_new_approval_ends_the_token_before(sandbox: Sandbox, app: OAuthApp) -> None:
    oauth = oauth_of(sandbox, app)
    tokens = list[str]()
    for _ in range(2):
        code = check_callback(sandbox.approve(oauth.authorize_url("s")), "s")
        made = await oauth.exchange(code, transport=sandbox.transport())
        tokens.append(made.access_token)
    with pytest.raises(AuthenticationError, match="each new approval ends the one before"):
        await connected(sandbox, tokens[0])
    assert await connected(sandbox, tokens[1])


# ------------------------------------------------------------------ public clients


async def registered(sandbox: Sandbox, *redirect_urls: str) -> str:
    """The id of a client that registered itself."""
    body = msgspec.json.encode({"client_name": "Desk", "redirect_uris": redirect_urls})
    headers = {"content-type": "application/json"}
    asked = HttpRequest("POST", "/oauth/register", (), headers, body)
    answer = await sandbox._server.handle(asked)
    return msgspec.convert(answer.json(), dict[str, Any])["client_id"]


async def test_the_sandbox_asks_for_a_public_client_that_postiz_would_ask_for(
    sandbox: Sandbox,
) -> None:
    back = "http://127.0.0.1:8123/cb"
    asked = f"?client_id={await registered(sandbox, 'https://me.example/cb', back)}"
    with pytest.raises(ValueError, match="would not ask the user: code_challenge is required"):
        sandbox.approve(asked)
    with pytest.raises(ValueError, match="Invalid redirect_uri"):
        sandbox.approve(f"{asked}&code_challenge=c&redirect_uri=https://other.example/cb")
    assert sandbox.approve(f"{asked}&code_challenge=c&redirect_uri={back}").startswith(back)


# ------------------------------------------------------------------ settings


def test_what_is_not_given_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CLIENT_ID": "pca_1",
        "CLIENT_SECRET": "pcs_1 ",
        "FRONT_URL": "https://front.example",
        "API_URL": "https://back.example",
    }.items():
        monkeypatch.setenv(f"POSTIZ_{name}", value)
    oauth = OAuth()
    assert (oauth.client_id, oauth.client_secret) == ("pca_1", Secret("pcs_1"))
    assert oauth.authorize_url("s").startswith("https://front.example/oauth/authorize?")
    assert OAuth(client_id="pca_2").client_id == "pca_2"


@pytest.mark.parametrize(
    ("base_url", "front"),
    [
        ("", "https://platform.postiz.com"),
        ("https://postiz.example.com/api", "https://postiz.example.com"),
        ("https://postiz.example.com/api/public/v1/", "https://postiz.example.com"),
        ("http://127.0.0.1:4007", "http://127.0.0.1:4007"),
    ],
)
def test_the_page_of_postiz_follows_from_its_backend(
    base_url: str, front: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTIZ_API_URL", raising=False)
    oauth = OAuth(client_id="pca_1", base_url=base_url)
    assert oauth.authorize_url("s").startswith(f"{front}/oauth/authorize?")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"client_id": " "}, "no client id.*POSTIZ_CLIENT_ID"),
        ({"client_id": "pcs_shown_to_everybody"}, "the secret .* is in its place"),
        ({"front_url": "platform.postiz.com"}, "front_url is 'platform.postiz.com'. Write"),
        ({"base_url": "postiz.example.com/api"}, "base URL .* is not a web address"),
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        OAuth(**({"client_id": "pca_1"} | wrong))
    assert "shown_to_everybody" not in str(caught.value)


async def test_exchange_without_a_secret_sends_nothing() -> None:
    with pytest.raises(ConfigurationError, match="no client secret"):
        await OAuth(client_id="pca_1").exchange("code")


async def test_an_exchange_in_a_companys_network(tmp_path: Path) -> None:
    trust = trusting(tmp_path)
    with recording(server_context()) as server:
        server.body = b'{"access_token": "pos_1", "token_type": "bearer"}'
        async with connect_proxy() as proxy:
            oauth = OAuth(
                client_id="pca_1",
                client_secret="pcs_1",
                base_url=server.url,
                headers={"X-Gateway": "let me in"},
                ssl=trust,
                proxy=proxy.url,
            )
            assert "let me in" not in repr(oauth)
            with suppress(PostizError):
                await oauth.exchange("code")
    assert [headers["x-gateway"] for _, _, headers in server.seen] == ["let me in"]
    assert [head.split()[0] for head in proxy.heads] == ["CONNECT"]
    with pytest.raises(ConfigurationError, match="the client's own"):
        OAuth(client_id="pca_1", headers={"Authorization": "x"})
