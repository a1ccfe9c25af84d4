"""The key and the user's headers go to the server of the base URL, and to no other host."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from network_lab import connect_proxy, recording, server_context, trusting
from samples import PNG

from postiz_async import ConfigurationError, Postiz, PostizError, PostizPool
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.headers import checked_headers
from postiz_async.doctor import examine

pytestmark = pytest.mark.usefixtures("no_proxies")

KEY = "4f9c02e7d1b8a3650f4c1e97b2d8a603"
TOKEN = "token-of-the-gateway-5e71c94f"
PASS = {"X-Gateway": TOKEN}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    with recording() as server, recording() as elsewhere:
        server.status, server.more = status, {"Location": f"{elsewhere.url}/public/v1/posts"}
        async with Postiz(api_key=KEY, base_url=server.url, headers=PASS, max_retries=0) as postiz:
            for call in (
                postiz.channels.list(),
                postiz.media.upload(PNG),
                postiz.posts.delete("one"),
            ):
                with suppress(PostizError):
                    await call
        assert len(server.seen) >= 2
        assert server.has_seen(KEY)
        assert elsewhere.seen == []


async def test_a_proxy_sees_nothing_of_what_is_in_the_tunnel(tmp_path: Path) -> None:
    with recording(server_context()) as server:
        async with connect_proxy() as proxy:
            ca = trusting(tmp_path)
            async with Postiz(
                api_key=KEY, base_url=server.url, headers=PASS, ssl=ca, proxy=proxy.url
            ) as postiz:
                assert await postiz.channels.is_connected()
        assert server.has_seen(KEY)
        assert server.has_seen(TOKEN)
        assert proxy.heads
        assert all(text not in head for head in proxy.heads for text in (KEY, TOKEN, "X-Gateway"))


async def test_a_pool_keeps_its_headers_from_other_servers() -> None:
    with recording() as server, recording() as elsewhere:
        async with PostizPool(base_url=server.url, headers=PASS) as pool:
            with pytest.raises(ConfigurationError, match="must not go to"):
                await pool.client(KEY, base_url=elsewhere.url)
            assert await (await pool.client(KEY)).channels.is_connected()
        assert server.has_seen(TOKEN)
        assert elsewhere.seen == []


@dataclass
class NotFound:
    """A way to any server, none of which knows a route."""

    asked: list[WireRequest] = field(default_factory=list[WireRequest])

    async def send(self, request: WireRequest) -> WireResponse:
        self.asked.append(request)
        return WireResponse(404, {"content-type": "application/json"}, b"{}")

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [("https://platform.postiz.com", ["api.postiz.com"]), ("https://postiz.example.com/x", [])],
)
async def test_the_doctor_asks_other_hosts_without_the_headers(
    url: str, elsewhere: list[str]
) -> None:
    """Who gave the address of the hosted service's pages has its API looked for."""
    way, headers = NotFound(), checked_headers(PASS)
    await examine(api_key=KEY, base_url=url, headers=dict(headers), transport=way)
    hosts = {urlsplit(each.url).hostname: dict(each.headers) for each in way.asked}
    assert list(hosts) == [urlsplit(url).hostname, *elsewhere]
    for host, sent in hosts.items():
        assert ("X-Gateway" in sent) == (host == urlsplit(url).hostname)


async def test_answers_that_repeat_headers_show_them_to_nobody() -> None:
    with recording() as server:
        server.status, server.body = 400, f'{{"msg": "you sent {TOKEN}"}}'.encode()
        async with Postiz(api_key=KEY, base_url=server.url, headers=PASS) as postiz:
            with pytest.raises(PostizError) as caught:
                await postiz.channels.list()
            assert TOKEN not in str(caught.value)
            assert "you sent ***" in str(caught.value)


async def test_a_common_word_in_a_header_leaves_what_the_server_answers_alone() -> None:
    with recording() as server:
        server.body = b'[{"id": "1", "name": "production of films", "identifier": "mastodon"}]'
        headers = {"X-Environment": "production"}
        async with Postiz(api_key=KEY, base_url=server.url, headers=headers) as postiz:
            channels = await postiz.channels.list()
    assert [channel.name for channel in channels] == ["production of films"]
