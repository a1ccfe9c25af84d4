"""`doctor`: why a connection does not work."""

from __future__ import annotations

from rich.text import Text

from postiz_async._cli.connection import Connection, Target, find_target, open_client
from postiz_async._cli.options import Json
from postiz_async._cli.output import Output, print_hanging
from postiz_async._transport import make_transport
from postiz_async.doctor import CheckResult, CheckStatus, examine

_STYLES = {CheckStatus.FINE: "green", CheckStatus.WARNING: "yellow", CheckStatus.WRONG: "bold red"}


async def doctor(
    *,
    spend_one: bool = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Find out why the connection does not work: address, key, clock, server version.

    Args:
        spend_one: Also read the quota with an empty create, which is refused and costs one request.
    """
    output = Output(as_json=json)
    target = find_target(connection)
    transport = make_transport(target.connection)
    try:
        findings = await examine(
            api_key=target.given,
            base_url=target.root,
            headers=dict(target.headers),
            clock=target.clock,
            transport=transport,
        )
    finally:
        await transport.aclose()
    findings.insert(0, CheckResult("settings", CheckStatus.FINE, _settings(target)))
    is_well = all(finding.status is not CheckStatus.WRONG for finding in findings)
    if spend_one and is_well:
        async with open_client(target) as postiz:
            await postiz.posts.probe()
            view = await postiz.quota()
        text = f"{view.remaining} of {view.limit} create requests left"
        findings.append(CheckResult("quota", CheckStatus.FINE, text))
    elif not spend_one:
        text = "not looked at: reads do not show it (--spend-one costs one request)"
        findings.append(CheckResult("quota", CheckStatus.FINE, text))
    if json:
        output.json(findings)
    else:
        _show(output, findings)
    return 0 if is_well or _found(findings) else 2


def _settings(target: Target) -> str:
    """Where the key comes from and what is on the way to the server, without secrets."""
    said = [f"the key comes from {target.source}"]
    if target.headers:
        said.append(f"sends {', '.join(name for name, _ in target.headers)}")
    proxy = target.connection.proxy_to(target.root)
    if proxy is not None:
        said.append(f"goes by the proxy {proxy.url} ({proxy.source})")
    return "; ".join(said)


def _found(findings: list[CheckResult]) -> bool:
    """Whether the API was found, at another address than the one that was given, and works."""
    accepted = any(f.subject == "key" and f.status is CheckStatus.FINE for f in findings)
    only_addresses = all(
        f.subject.startswith("address") for f in findings if f.status is CheckStatus.WRONG
    )
    return accepted and only_addresses


def _show(output: Output, findings: list[CheckResult]) -> None:
    for finding in findings:
        line = Text()
        line.append(f"{finding.status.value:8}", _STYLES[finding.status])
        line.append(f"{finding.subject}: {finding.text}")
        if finding.advice:
            line.append(f"\n        {finding.advice}", "bold")
        print_hanging(output.out, line, hang=8)
