"""What goes wrong with certificates and proxies, by real handshakes, is told with a remedy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from network_lab import (
    HOST,
    ConnectProxy,
    authority,
    client_files,
    connect_proxy,
    recording,
    refusing,
    server_context,
    tls_front,
    trusting,
)
from ports import own_port

from postiz_async import APIConnectionError, Postiz
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._transport.faults import DOCTOR
from postiz_async._transport.http import AiohttpTransport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async.doctor import CheckStatus, examine
from postiz_async.errors import Delivery

pytestmark = pytest.mark.usefixtures("no_proxies")

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@asynccontextmanager
async def served_sandbox() -> AsyncGenerator[str]:
    async with MemoryServer() as sandbox, serve(sandbox) as served:
        yield served.url


async def told(
    url: str,
    settings: ConnectionSettings,
    proxy: str | None = None,
    delivery: Delivery = Delivery.NOT_SENT,
) -> str:
    """What a call raises, in whole, and that doctor says the same."""
    postiz = Postiz(
        api_key="sandbox", base_url=url, max_retries=0, proxy=proxy, ssl=settings.ssl or system()
    )
    async with postiz:
        with pytest.raises(APIConnectionError) as caught:
            await postiz.channels.is_connected()
    assert caught.value.delivery is delivery
    way = ConnectionSettings.checked(ssl=settings.ssl or system(), proxy=proxy)
    transport = AiohttpTransport(way)
    try:
        found = await examine(api_key="sandbox", base_url=url, transport=transport)
    finally:
        await transport.aclose()
    addresses = [each for each in found if each.subject.startswith("address")]
    assert [each.status for each in addresses] == [CheckStatus.WRONG], "the same is said once"
    assert addresses[0].text == caught.value.message
    assert addresses[0].advice == ("" if caught.value.hint == DOCTOR else caught.value.hint)
    return str(caught.value)


def system() -> ssl.SSLContext:
    return ssl.create_default_context()


async def test_a_certificate_of_the_company_is_trusted_when_its_authority_is(
    tmp_path: Path,
) -> None:
    async with served_sandbox() as plain, tls_front(plain, server_context()) as url:
        text = await told(url, ConnectionSettings())
        assert "its certificate is not trusted (unable to get local issuer certificate)" in text
        assert "SSL_CERT_FILE=ca.pem" in text
        async with Postiz(api_key="sandbox", base_url=url, ssl=trusting(tmp_path)) as postiz:
            assert await postiz.channels.is_connected()


@pytest.mark.parametrize(
    ("name", "dates", "said"),
    [
        (
            HOST,
            (NOW - 9 * DAY, NOW - DAY),
            "(certificate has expired). Whoever runs",
        ),
        (
            HOST,
            (NOW + DAY, NOW + 9 * DAY),
            "(certificate is not yet valid). Or the clock",
        ),
        ("postiz.example.com", (NOW - DAY, NOW + DAY), "Use the name that the certificate is for"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told(
    tmp_path: Path, name: str, dates: tuple[datetime, datetime], said: str
) -> None:
    made = authority().issue_cert(name, not_before=dates[0], not_after=dates[1])
    settings = ConnectionSettings(ssl=trusting(tmp_path))
    async with tls_front("http://127.0.0.1:9", server_context(made)) as url:
        text = await told(url, settings)
    assert f"No connection to {url}: its certificate" in text
    assert said in text


async def test_a_certificate_that_is_signed_by_itself_is_told(tmp_path: Path) -> None:
    own = server_context()
    pem = tmp_path / "own.pem"
    pem.write_bytes(authority("own").cert_pem.bytes() + authority("own").private_key_pem.bytes())
    own.load_cert_chain(pem)
    async with tls_front("http://127.0.0.1:9", own) as url:
        text = await told(url, ConnectionSettings())
    assert "its certificate is not trusted (self-signed certificate)" in text
    assert "SSL_CERT_FILE=ca.pem" in text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_to_know_who_asks(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(wants_client=True)
    context.maximum_version = version
    certificate, key = client_files(tmp_path)
    ours = trusting(tmp_path, certificate, key)
    async with (
        served_sandbox() as plain,
        tls_front(plain, context) as url,
        Postiz(api_key="sandbox", base_url=url, ssl=ours) as postiz,
    ):
        assert await postiz.channels.is_connected()
    foreign, foreign_key = client_files(tmp_path, "somebody")
    with refusing(context) as url:
        text = await told(url, ConnectionSettings(ssl=trusting(tmp_path)))
        assert "Mostly it wants a client certificate" in text
        theirs = trusting(tmp_path, foreign, foreign_key)
        text = await told(url, ConnectionSettings(ssl=theirs))
        assert "the server broke off the TLS handshake (unknown ca)" in text


async def test_a_server_that_ends_the_handshake_without_a_word(tmp_path: Path) -> None:
    context = server_context(wants_client=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    settings = ConnectionSettings(ssl=trusting(tmp_path))
    async with tls_front("http://127.0.0.1:9", context) as url:
        text = await told(url, settings)
    assert f"No connection to {url}: the server broke off the TLS handshake." in text
    assert "Mostly it wants a client certificate" in text


async def test_a_server_that_closes_the_connection_after_the_handshake(tmp_path: Path) -> None:
    """So it is where TLS 1.3 asks for a certificate, and where plain HTTP comes to TLS."""
    context = server_context(wants_client=True)
    settings = ConnectionSettings(ssl=trusting(tmp_path))
    async with tls_front("http://127.0.0.1:9", context) as url:
        text = await told(url, settings, delivery=Delivery.UNKNOWN)
        assert f"The connection to {url} broke before the answer: " in text
        assert "Error" not in text, "words, and no names of classes"
        assert "probably the server wants a client certificate (ssl=" in text
        plain = url.replace("https", "http")
        text = await told(plain, settings, delivery=Delivery.UNKNOWN)
        assert text.endswith(f"If this happens each time, probably the server wants TLS: {url}")


async def test_where_a_server_has_answered_its_address_is_not_in_doubt() -> None:
    async with MemoryServer() as sandbox, AsyncExitStack() as stack:
        async with serve(sandbox, port=own_port()) as served:
            client = Postiz(api_key="sandbox", base_url=served.url, max_retries=0)
            postiz = await stack.enter_async_context(client)
            sandbox.faults.add(Fault("reset"))
            with pytest.raises(APIConnectionError, match="probably the server wants TLS"):
                await postiz.channels.is_connected()
            assert await postiz.channels.is_connected()
            sandbox.faults.add(Fault("reset"))
            with pytest.raises(APIConnectionError, match="broke before the answer") as broken:
                await postiz.channels.is_connected()
        with pytest.raises(APIConnectionError, match="No connection to") as unreached:
            await postiz.channels.is_connected()
    for error in (broken.value, unreached.value):
        assert error.hint == "It has answered before: is it being restarted?"


async def test_a_server_that_is_not_reached_may_be_behind_a_proxy() -> None:
    text = await told("https://postiz.invalid", ConnectionSettings())
    assert "No connection to https://postiz.invalid: its name is not known here (" in text
    assert "POSTIZ_PROXY" in text
    with socket.socket() as taken:  # by nobody who listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = await told(f"https://127.0.0.1:{port}", ConnectionSettings())
    assert f"No connection to https://127.0.0.1:{port}: " in text
    assert "Connect call" not in text, "what asyncio calls it"
    assert "Is it up, and its port right?" in text
    assert "POSTIZ_PROXY" in text


# ------------------------------------------------------------------ proxies


async def test_a_proxy_makes_a_tunnel_for_who_may_pass(tmp_path: Path) -> None:
    wants = ConnectProxy(wants="Basic bWU6c2VjcmV0LXdvcmQ=")
    settings = ConnectionSettings(ssl=trusting(tmp_path))
    async with (
        served_sandbox() as plain,
        connect_proxy(wants) as proxy,
        tls_front(plain, server_context()) as url,
    ):
        text = await told(url, settings, proxy.url)
        assert f"The proxy on the way to {url} refused: 407" in text
        assert "http://user:password@host:port" in text
        proxy.heads.clear()
        mine = proxy.url.replace("//", "//me:secret-word@")
        async with Postiz(
            api_key="sandbox", base_url=url, ssl=trusting(tmp_path), proxy=mine
        ) as postiz:
            assert await postiz.channels.is_connected()
    assert [head.split()[0] for head in proxy.heads] == ["CONNECT"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "does not let this host or port through"), (502, "cannot reach the server")],
)
async def test_a_proxy_that_refuses(status: int, said: str) -> None:
    async with connect_proxy(ConnectProxy(status=status)) as proxy:
        text = await told("https://postiz.invalid", ConnectionSettings(), proxy.url)
    assert f"refused: {status}" in text
    assert said in text


async def test_a_proxy_for_plain_http_that_wants_a_password() -> None:
    async with connect_proxy(ConnectProxy(wants="Basic x")) as proxy:
        text = await told("http://postiz.invalid", ConnectionSettings(), proxy.url)
    assert "refused: 407" in text
    assert "It wants another user or password" in text


async def test_a_proxy_that_looks_into_tls_has_an_authority_of_its_own() -> None:
    shown = server_context(authority("inspection").issue_cert("postiz.invalid"))
    async with connect_proxy(ConnectProxy(inspects=shown)) as proxy:
        text = await told("https://postiz.invalid", ConnectionSettings(), proxy.url)
    assert "No connection to https://postiz.invalid: its certificate is not trusted" in text
    assert "or that of a proxy which looks into TLS" in text


async def test_a_proxy_that_is_not_there_is_named_with_who_named_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = await told("https://postiz.invalid", ConnectionSettings(), "http://proxy.invalid:3128")
    assert "No connection to the proxy http://proxy.invalid:3128 (proxy=)" in text
    assert "its name is not known here" in text
    text = await told("https://postiz.invalid", ConnectionSettings(), "http://127.0.0.1:9")
    assert "NO_PROXY" not in text, "it is not asked"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret-word@127.0.0.1:9")
    text = await told("https://postiz.invalid", ConnectionSettings())
    assert "the proxy http://127.0.0.1:9 (HTTPS_PROXY) on the way to https://postiz.inv" in text
    assert "NO_PROXY" in text


async def test_the_certificate_of_the_proxy_itself_is_not_taken_for_the_servers() -> None:
    async with connect_proxy(context=server_context()) as proxy:
        text = await told("https://postiz.invalid", ConnectionSettings(), proxy.url)
    assert f"No connection to the proxy {proxy.url}: its certificate is not trusted" in text


async def test_a_proxy_that_speaks_tls_or_does_not_unlike_its_address() -> None:
    async with connect_proxy(context=server_context()) as proxy:
        wrong = proxy.url.replace("https", "http")
        text = await told(
            "https://postiz.invalid", ConnectionSettings(), wrong, delivery=Delivery.UNKNOWN
        )
    assert f"by the proxy {wrong} (proxy=) broke before the answer: " in text
    assert "http:// where it wants https://" in text
    with recording() as plain:
        wrong = plain.url.replace("http", "https")
        text = await told("https://postiz.invalid", ConnectionSettings(), wrong)
    assert f"No connection to the proxy {wrong}: it does not use TLS." in text
    assert text.endswith(f"If that is intended, use {plain.url}")
