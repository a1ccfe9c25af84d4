from __future__ import annotations

import pytest

from postiz_async import ConfigurationError
from postiz_async.clock import JumpingClock, SystemClock
from postiz_async.doctor import Finding, Verdict, candidates, examine
from postiz_async.sandbox import Fault, Sandbox
from postiz_async.sandbox.http import serve
from postiz_async.testing import SandboxTransport
from postiz_async.transport import AiohttpTransport


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


async def look(
    sandbox: Sandbox, key: str = "sandbox", url: str = "http://sandbox.invalid"
) -> dict[str, Finding]:
    async with sandbox:
        findings = await examine(
            SandboxTransport(sandbox), sandbox.clock, api_key=key, base_url=url
        )
    return by_subject(findings)


def test_the_three_forms_of_an_address_are_tried() -> None:
    assert candidates("https://postiz.example.com") == [
        "https://postiz.example.com/public/v1",
        "https://postiz.example.com/api/public/v1",
    ]
    assert candidates("https://platform.postiz.com")[1] == "https://api.postiz.com/public/v1"


async def test_all_is_well() -> None:
    found = await look(Sandbox(clock=JumpingClock()))
    assert all(finding.verdict is Verdict.FINE for finding in found.values())
    assert found["server"].text == "Postiz v2.21.9 or newer"


async def test_a_wrong_key_is_refused() -> None:
    found = await look(Sandbox(clock=JumpingClock()), key="wrong")
    assert found["key"].verdict is Verdict.WRONG
    assert "Invalid API key" in found["key"].text
    assert "wrong" not in found["key"].text


@pytest.mark.parametrize("key", ["Bearer sandbox", "  sandbox\n"])
async def test_a_key_with_decorations_is_understood(key: str) -> None:
    found = await look(Sandbox(clock=JumpingClock()), key=key)
    assert found["key"].verdict is Verdict.FINE


async def test_a_client_secret_is_no_key() -> None:
    found = await look(Sandbox(clock=JumpingClock()), key="pcs_abc")
    assert found["key form"].verdict is Verdict.WRONG


async def test_no_key_at_all() -> None:
    with pytest.raises(ConfigurationError, match="There is no API key"):
        await look(Sandbox(clock=JumpingClock()), key=" ")


async def test_an_old_server_is_recognised() -> None:
    found = await look(Sandbox(clock=JumpingClock(), release="v2.18.0"))
    assert found["server"].text.startswith("Postiz v2.18.0 or newer, older than v2.19.0")


async def test_a_connection_that_breaks_half_way_is_a_finding() -> None:
    sandbox = Sandbox(clock=JumpingClock())
    sandbox.faults.add(Fault("reset", route="list_notifications"))
    found = await look(sandbox)
    assert found["key"].verdict is Verdict.FINE
    assert found["server"].verdict is Verdict.WRONG
    assert found["server"].text == "The connection to the sandbox broke."


async def test_a_clock_that_is_off() -> None:
    sandbox = Sandbox(clock=JumpingClock())
    async with sandbox:
        findings = await examine(
            SandboxTransport(sandbox),
            JumpingClock(start=1_800_000_000 - 4000),
            api_key="sandbox",
            base_url="http://sandbox.invalid",
        )
    assert "ahead of yours" in by_subject(findings)["clock"].text


async def test_a_container_whose_api_lies_below_api() -> None:
    clock = SystemClock()
    transport = AiohttpTransport()
    try:
        async with Sandbox(base="container") as sandbox, serve(sandbox) as served:
            findings = await examine(transport, clock, api_key="sandbox", base_url=served.url)
    finally:
        await transport.aclose()
    found = by_subject(findings)
    assert found[f"address {served.url}/public/v1"].verdict is Verdict.WRONG
    right = found[f"address {served.url}/api/public/v1"]
    assert right.advice == f"Set POSTIZ_API_URL={served.url}/api"
    assert found["key"].verdict is Verdict.FINE
