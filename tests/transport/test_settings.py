"""What connections are made with: what can be given, beside what, and that it holds."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from network_lab import (
    connect_proxy,
    recording,
    server_context,
    trusting,
)

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    ConfigurationError,
    Postiz,
    PostizPool,
    Secret,
    UsageError,
)
from postiz_async._sandbox import MemoryServer
from postiz_async.testing._transport import SandboxTransport

PASSWORD = "secret-word-of-the-proxy"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# ------------------------------------------------------------------ whom to trust


async def test_a_context_says_whom_to_trust(tmp_path: Path) -> None:
    trust = trusting(tmp_path)
    with recording(server_context()) as server:
        async with Postiz(api_key="key", base_url=server.url, ssl=trust) as postiz:
            assert await postiz.channels.is_connected()
        async with PostizPool(base_url=server.url, ssl=trust) as pool:
            postiz = await pool.client("key")
            assert await postiz.channels.is_connected()
        async with Postiz(api_key="key", base_url=server.url, max_retries=0) as postiz:
            with pytest.raises(APIConnectionError, match="its certificate is not trusted"):
                await postiz.channels.is_connected()


@pytest.mark.parametrize("trust", [False, True, "ca.pem", Path("ca.pem")])
def test_only_a_context_is_one(trust: object) -> None:
    said = r"ssl must be an ssl\.SSLContext, not .*\. For a CA of your own: ssl=ssl\.create_default"
    with pytest.raises(UsageError, match=said):
        Postiz(api_key="key", ssl=trust)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=said):
        PostizPool(ssl=trust)  # type: ignore[arg-type]


async def test_what_makes_its_connections_itself_takes_no_settings_of_them() -> None:
    async with MemoryServer() as sandbox:
        given = {"ssl": ssl.create_default_context(), "proxy": ""}
        advanced = AdvancedOptions(transport=SandboxTransport(sandbox))
        with pytest.raises(UsageError, match="ssl= and proxy= cannot be given beside transport="):
            Postiz(api_key="key", advanced=advanced, **given)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="ssl= and proxy= cannot be given beside transport="):
            PostizPool(advanced=advanced, **given)  # type: ignore[arg-type]


# ------------------------------------------------------------------ proxies


async def test_a_proxy_that_is_given_comes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with recording() as ours, recording() as theirs:
        monkeypatch.setenv("HTTP_PROXY", theirs.url)
        async with Postiz(
            api_key="key", base_url="http://postiz.invalid", proxy=ours.url
        ) as postiz:
            assert await postiz.channels.is_connected()
        monkeypatch.setenv("POSTIZ_PROXY", ours.url)
        async with Postiz(api_key="key", base_url="http://postiz.invalid") as postiz:
            assert await postiz.channels.is_connected()
        assert len(ours.seen) == 2
        assert ours.seen[0][1] == "http://postiz.invalid/public/v1/is-connected"
        assert theirs.seen == []


async def test_no_proxy_at_all_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as server, recording() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("POSTIZ_PROXY", proxy.url)
        async with Postiz(api_key="key", base_url=server.url, proxy="") as postiz:
            assert await postiz.channels.is_connected()
        assert (len(server.seen), proxy.seen) == (1, [])


async def test_user_and_password_go_to_the_proxy_alone_and_are_shown_nowhere(
    tmp_path: Path,
) -> None:
    with recording(server_context()) as server:
        async with connect_proxy() as proxy:
            url = Secret(proxy.url.replace("//", f"//me:{PASSWORD}@"))
            client = Postiz(api_key="key", base_url=server.url, ssl=trusting(tmp_path), proxy=url)
            async with client as postiz:
                assert await postiz.channels.is_connected()
                assert PASSWORD not in repr([vars(postiz), postiz])
    assert "proxy-authorization" not in server.seen[0][2]
    assert "proxy-authorization: basic" in proxy.heads[0].lower()


@pytest.mark.parametrize("proxy", [f"socks5://me:{PASSWORD}@h:1", f"http://me:a/{PASSWORD}@h:1"])
def test_a_proxy_that_cannot_be_used_is_refused_at_once(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="The proxy in proxy= is") as caught:
        Postiz(api_key="key", proxy=proxy)
    assert PASSWORD not in str(caught.value)
    assert "NO_PROXY" not in str(caught.value)


@pytest.mark.parametrize("proxy", [False, 3128, ["http://proxy.example.com"]])
def test_a_proxy_is_a_text(proxy: object) -> None:
    with pytest.raises(UsageError, match="proxy must be the URL of a proxy, or '' for none"):
        Postiz(api_key="key", proxy=proxy)  # type: ignore[arg-type]
