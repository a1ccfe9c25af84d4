"""`doctor`: why the connection does not work, and what to change."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from postiz_async.cli.output import Output
from postiz_async.cli.settings import Connection, Json, find_key, find_target, open_client
from postiz_async.doctor import CheckResult, CheckStatus, examine
from postiz_async.transport import AiohttpTransport

__all__ = ["doctor"]

_STYLES = {CheckStatus.FINE: "green", CheckStatus.WARNING: "yellow", CheckStatus.WRONG: "bold red"}


async def doctor(
    *,
    spend_one: Annotated[
        bool,
        Parameter(
            help="Also look at the quota with one empty create: refused, but it costs one.",
        ),
    ] = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Find out why the connection does not work: address, key, clock, age of the server."""
    output = Output(as_json=json)
    target = find_target(connection)
    given_key, _, _ = find_key(connection)
    transport = AiohttpTransport()
    try:
        findings = await examine(transport, target.clock, api_key=given_key, base_url=target.root)
    finally:
        await transport.aclose()
    findings.insert(
        0, CheckResult("settings", CheckStatus.FINE, f"the key comes from {target.source}")
    )
    is_well = all(finding.verdict is not CheckStatus.WRONG for finding in findings)
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


def _found(findings: list[CheckResult]) -> bool:
    """Whether the API was found, at another address than the one that was given, and works."""
    accepted = any(f.subject == "key" and f.verdict is CheckStatus.FINE for f in findings)
    only_addresses = all(
        f.subject.startswith("address") for f in findings if f.verdict is CheckStatus.WRONG
    )
    return accepted and only_addresses


def _show(output: Output, findings: list[CheckResult]) -> None:
    for finding in findings:
        line = Text()
        line.append(f"{finding.verdict.value:8}", _STYLES[finding.verdict])
        line.append(f"{finding.subject}: {finding.text}")
        output.out.print(line)
        if finding.advice:
            output.out.print(Text(f"        {finding.advice}", "bold"))
