from __future__ import annotations

import pytest

from postiz_async import ConfigurationError
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._transport.http import AiohttpTransport
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock, SystemClock
from postiz_async.doctor import CheckResult, CheckStatus, candidates, examine
from postiz_async.testing._transport import SandboxTransport


def by_subject(findings: list[CheckResult]) -> dict[str, CheckResult]:
    return {finding.subject: finding for finding in findings}


async def look(
    sandbox: MemoryServer, key: str = "sandbox", url: str = "http://sandbox.invalid"
) -> dict[str, CheckResult]:
    async with sandbox:
        findings = await examine(
            api_key=key, base_url=url, clock=sandbox.clock, transport=SandboxTransport(sandbox)
        )
    return by_subject(findings)


def test_the_three_forms_of_an_address_are_tried() -> None:
    assert candidates("https://postiz.example.com") == [
        "https://postiz.example.com/public/v1",
        "https://postiz.example.com/api/public/v1",
    ]
    assert candidates("https://platform.postiz.com")[1] == "https://api.postiz.com/public/v1"


async def test_all_is_well() -> None:
    found = await look(MemoryServer(clock=JumpingClock()))
    assert all(finding.status is CheckStatus.FINE for finding in found.values())
    assert found["server"].text == "Postiz v2.21.9 or newer"


async def test_a_wrong_key_is_refused() -> None:
    found = await look(MemoryServer(clock=JumpingClock()), key="wrong")
    assert found["key"].status is CheckStatus.WRONG
    assert "Invalid API key" in found["key"].text
    assert "wrong" not in found["key"].text


@pytest.mark.parametrize("key", ["Bearer sandbox", "  sandbox\n"])
async def test_a_key_with_decorations_is_understood(key: str) -> None:
    found = await look(MemoryServer(clock=JumpingClock()), key=key)
    assert found["key"].status is CheckStatus.FINE


async def test_a_client_secret_is_no_key() -> None:
    found = await look(MemoryServer(clock=JumpingClock()), key="pcs_abc")
    assert found["key form"].status is CheckStatus.WRONG


async def test_no_key_at_all() -> None:
    with pytest.raises(ConfigurationError, match="There is no API key"):
        await look(MemoryServer(clock=JumpingClock()), key=" ")


async def test_an_old_server_is_recognised() -> None:
    found = await look(MemoryServer(clock=JumpingClock(), release="v2.20.0"))
    assert found["server"].text.startswith("Postiz v2.19.0 or newer, older than v2.21.9")


async def test_a_connection_that_breaks_half_way_is_a_finding() -> None:
    sandbox = MemoryServer(clock=JumpingClock())
    sandbox.faults.add(Fault("reset", route="list_notifications"))
    found = await look(sandbox)
    assert found["key"].status is CheckStatus.FINE
    assert found["server"].status is CheckStatus.WRONG
    assert found["server"].text == "The connection to the sandbox broke."


async def test_a_clock_that_is_off() -> None:
    sandbox = MemoryServer(clock=JumpingClock())
    async with sandbox:
        findings = await examine(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            clock=JumpingClock(start=1_800_000_000 - 4000),
            transport=SandboxTransport(sandbox),
        )
    assert "1 h 06 min ahead of yours" in by_subject(findings)["clock"].text


async def test_a_container_whose_api_lies_below_api() -> None:
    clock = SystemClock()
    transport = AiohttpTransport()
    try:
        async with MemoryServer(base="container") as sandbox, serve(sandbox) as served:
            findings = await examine(
                api_key="sandbox", base_url=served.url, clock=clock, transport=transport
            )
    finally:
        await transport.aclose()
    found = by_subject(findings)
    assert found[f"address {served.url}/public/v1"].status is CheckStatus.WRONG
    right = found[f"address {served.url}/api/public/v1"]
    assert right.advice == f"Set POSTIZ_API_URL={served.url}/api"
    assert found["key"].status is CheckStatus.FINE


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (200, "text/plain", "ok", "answers, but not as Postiz does"),
        (200, "application/json", "[]", "answers, but not as Postiz does"),
        (204, "text/plain", "", "answers, but not as Postiz does"),
        (302, "text/plain", "", "answers with a redirect to /auth (302)"),
        (304, "text/plain", "", "304 (not modified)"),
        (403, "text/plain", "blocked", "403: blocked"),
    ],
)
async def test_what_answers_without_being_postiz_is_not_well(
    status: int, kind: str, body: str, words: str
) -> None:
    found = await answers(WireResponse(status, HEADERS | {"content-type": kind}, body.encode()))
    address = found["address http://odd.invalid/public/v1"]
    assert address.status is CheckStatus.WRONG
    assert words in address.text
    assert found["API"].status is CheckStatus.WRONG
    assert "key" not in found


@pytest.mark.parametrize(
    ("status", "kind", "advice"), [(401, "text/html", ""), (200, "text/html", "in a browser")]
)
async def test_a_browser_is_advised_where_nothing_else_is(
    status: int, kind: str, advice: str
) -> None:
    found = await answers(WireResponse(status, {"content-type": kind}, b"<title>Hello</title>"))
    assert f"({status}: Hello)" in found["address http://odd.invalid/public/v1"].text
    assert advice in found["API"].advice
    assert bool(found["API"].advice) is bool(advice)


async def test_a_server_that_is_not_connected_does_not_accept_the_key() -> None:
    for body in (b"{}", b'{"connected": false}'):
        response = WireResponse(200, HEADERS | {"content-type": "application/json"}, body)
        assert (await answers(response))["key"].status is CheckStatus.WRONG


async def test_a_replaced_token_is_not_to_be_copied_again() -> None:
    sandbox = MemoryServer(clock=JumpingClock())
    key = (await look(sandbox, key="pos_replaced"))["key"]
    assert (key.status, key.text) == (CheckStatus.WRONG, "refused: Invalid OAuth token")
    assert "each new approval ends the one before" in key.advice
    assert "API key" not in key.advice


HEADERS = {"location": "/auth"}


class Always:
    """A way to a server that answers everything alike."""

    def __init__(self, response: WireResponse) -> None:
        self.response = response

    async def send(self, _: WireRequest) -> WireResponse:
        return self.response

    async def aclose(self) -> None:
        pass


async def answers(response: WireResponse) -> dict[str, CheckResult]:
    return by_subject(
        await examine(
            api_key="k",
            base_url="http://odd.invalid",
            clock=JumpingClock(),
            transport=Always(response),
        )
    )


@pytest.mark.parametrize(
    "host",
    [
        "notpostiz.com",
        "postiz.com.example.org",
        "my-postiz.com",
        "xpostiz.com:8443",
        "postiz.community",
    ],
)
def test_a_key_of_a_server_of_ones_own_is_not_sent_to_the_cloud(host: str) -> None:
    assert all(f"//{host}/" in url for url in candidates(f"https://{host}"))


@pytest.mark.parametrize(
    "host", ["postiz.com", "www.postiz.com", "POSTIZ.com", "platform.postiz.com"]
)
def test_addresses_of_the_cloud_lead_to_its_api(host: str) -> None:
    assert candidates(f"https://{host}")[-1] == "https://api.postiz.com/public/v1"
