"""What connections are made with: what can be given, beside what, and that it holds."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from network_lab import (
    ca_file,
    ca_folder,
    client_files,
    connect_proxy,
    locked_key,
    recording,
    server_context,
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
from postiz_async._transport.settings import ConnectionSettings, tls_context
from postiz_async.testing._transport import SandboxTransport

PASSWORD = "secret-word-of-the-proxy"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# ------------------------------------------------------------------ whom to trust


async def test_a_file_a_folder_and_a_context_are_trusted(tmp_path: Path) -> None:
    ca = ca_file(tmp_path)
    context = ssl.create_default_context()
    context.load_verify_locations(ca)
    with recording(server_context()) as server:
        for trust in (ca, str(ca), ca_folder(tmp_path), context):
            async with Postiz(api_key="key", base_url=server.url, ssl=trust) as postiz:
                assert await postiz.channels.is_connected()
            async with PostizPool(base_url=server.url, ssl=trust) as pool:
                postiz = await pool.client("key")
                assert await postiz.channels.is_connected()


async def test_the_environment_says_whom_to_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_CA_FILE", str(ca_file(tmp_path)))
    with recording(server_context()) as server:
        async with Postiz(api_key="key", base_url=server.url) as postiz:
            assert await postiz.channels.is_connected()
        system = ssl.create_default_context()
        async with Postiz(api_key="key", base_url=server.url, ssl=system, max_retries=0) as postiz:
            with pytest.raises(APIConnectionError, match="does not know"):
                await postiz.channels.is_connected()


def test_trust_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for trust, said in (
        (False, "ssl=False would let anybody on the way read the API key"),
        (True, "an ssl.SSLContext, or a file or folder"),
        (7, "an ssl.SSLContext, or a file or folder"),
        (tmp_path / "none.pem", "none.pem cannot be read: No such file"),
        (text, "has no certificates in PEM form"),
        (tmp_path, "has no certificates that OpenSSL finds"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Postiz(api_key="key", ssl=trust)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=said):
            PostizPool(ssl=trust)  # type: ignore[arg-type]


def test_a_client_certificate_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    certificate, key = client_files(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = client_files(other)
    locked = locked_key(tmp_path, key, "word")
    for given, said in (
        ((certificate, None), "that is not a PEM file with a certificate and a key"),
        ((None, key), "A client's key alone identifies nobody"),
        ((certificate, foreign), "its key is of another certificate"),
        ((tmp_path / "none.pem", None), "none.pem cannot be read"),
        ((certificate, tmp_path / "none.key"), "none.key cannot be read"),
        ((certificate, locked), "is encrypted"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            tls_context(certificate=given[0], key=given[1])
    assert tls_context(certificate=certificate, key=key).get_ca_certs() != []


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
            client = Postiz(api_key="key", base_url=server.url, ssl=ca_file(tmp_path), proxy=url)
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


# ------------------------------------------------------------------ connectors


async def test_a_connector_of_the_users_own_is_used_and_stays_open() -> None:
    connector = aiohttp.TCPConnector(keepalive_timeout=4, limit=7)
    with recording() as server:
        for _ in range(2):
            async with Postiz(
                api_key="key", base_url=server.url, advanced=AdvancedOptions(connector=connector)
            ) as postiz:
                assert await postiz.channels.is_connected()
            async with PostizPool(
                base_url=server.url, advanced=AdvancedOptions(connector=connector)
            ) as pool:
                postiz = await pool.client("key")
                assert await postiz.channels.is_connected()
        assert not connector.closed
        await connector.close()
        with pytest.raises(UsageError, match=r"is closed\. Close it after the client"):
            await Postiz(
                api_key="key", base_url=server.url, advanced=AdvancedOptions(connector=connector)
            ).open()


async def test_a_connector_that_is_closed_meanwhile_sends_nothing() -> None:
    connector = aiohttp.TCPConnector()
    with recording() as server:
        client = Postiz(
            api_key="key",
            base_url=server.url,
            max_retries=0,
            advanced=AdvancedOptions(connector=connector),
        )
        async with client as postiz:
            await connector.close()
            with pytest.raises(APIConnectionError, match="is closed") as caught:
                await postiz.channels.is_connected()
            assert caught.value.delivery.value == "not sent"
        assert server.seen == []


def test_a_connector_of_another_event_loop_is_told() -> None:
    async def made() -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector()

    async def used(connector: aiohttp.TCPConnector) -> None:
        with pytest.raises(UsageError, match="made in another event loop"):
            await Postiz(api_key="key", advanced=AdvancedOptions(connector=connector)).open()

    with asyncio.Runner() as runner:
        connector = runner.run(made())
        asyncio.run(used(connector))
        runner.run(connector.close())


async def test_what_cannot_be_obeyed_together_is_refused(tmp_path: Path) -> None:
    connector = aiohttp.TCPConnector()
    ca = ca_file(tmp_path)
    async with MemoryServer() as sandbox:
        way = SandboxTransport(sandbox)
        for options, said in (
            ({"connector": connector, "ssl": ca}, "ssl= cannot be given beside connector="),
            ({"connector": object()}, r"an aiohttp\.BaseConnector such as"),
            ({"transport": way, "ssl": ca}, "ssl= cannot be given beside transport="),
            ({"transport": way, "connector": connector, "proxy": ""}, "proxy= and connector="),
        ):
            given: dict[str, Any] = dict(options)
            moved = {name: given.pop(name) for name in ("connector", "transport") if name in given}
            given["advanced"] = AdvancedOptions(**moved)
            with pytest.raises(UsageError, match=said):
                Postiz(api_key="key", **given)
            with pytest.raises(UsageError, match=said):
                PostizPool(**given)
        with pytest.raises(UsageError, match="connections= cannot be given beside"):
            PostizPool(connections=5, advanced=AdvancedOptions(connector=connector))
    await connector.close()


@pytest.mark.parametrize(
    ("limits", "connections"), [({"limit": 7}, 7), ({"limit": 0, "limit_per_host": 5}, 5)]
)
async def test_a_pool_shares_as_many_connections_as_the_connector_has(
    limits: dict[str, int], connections: int
) -> None:
    connector = aiohttp.TCPConnector(**limits)  # type: ignore[arg-type]
    assert ConnectionSettings.checked(connector=connector).connections == connections
    await connector.close()
