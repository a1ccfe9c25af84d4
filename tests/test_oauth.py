from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from network_lab import ca_file, connect_proxy, recording, server_context

from postiz_async import (
    AdvancedOptions,
    BadRequestError,
    ConfigurationError,
    Postiz,
    PostizError,
)
from postiz_async._sandbox import HttpRequest, MemoryServer
from postiz_async.errors import OAuthError
from postiz_async.oauth import OAuth, check_callback, new_state
from postiz_async.testing import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


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


async def consent(sandbox: MemoryServer, client_id: str, state: str) -> str:
    """What the consent page does when the user agrees; returns where it sends the browser."""
    body = msgspec.json.encode({"client_id": client_id, "state": state, "action": "approve"})
    headers = {"auth": sandbox.organization.session, "content-type": "application/json"}
    answer = await sandbox.handle(HttpRequest("POST", "/oauth/authorize", (), headers, body))
    return msgspec.convert(answer.json(), dict[str, str])["redirect"]


async def test_exchange_gives_a_token_that_works_like_a_key_and_works_once() -> None:
    local = Sandbox()
    app = local.add_oauth_app("Planner", "https://me.example/cb")
    oauth = OAuth(
        client_id=app.client_id, client_secret=app.client_secret, base_url="http://sandbox.invalid"
    )
    async with local:
        transport = local.transport()
        code = check_callback(await consent(local._server, app.client_id, "s1"), "s1")
        token = await oauth.exchange(code, transport=transport)
        assert token.access_token not in repr(token)
        client = Postiz(
            api_key=token.access_token,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=local.clock, transport=transport),
        )
        async with client as postiz:
            assert await postiz.channels.is_connected()
        with pytest.raises(BadRequestError, match=r"invalid_grant|[Cc]ode"):
            await oauth.exchange(code, transport=transport)


async def test_exchange_without_a_secret_sends_nothing() -> None:
    with pytest.raises(ConfigurationError, match="no client secret"):
        await OAuth(client_id="pca_1").exchange("code")


async def test_an_exchange_in_a_companys_network(tmp_path: Path) -> None:
    trust = ca_file(tmp_path)
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
