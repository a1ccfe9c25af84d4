"""The commands `quota`, `doctor` and `oauth`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from getpass import getpass
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from postiz_async import Quota, Secret
from postiz_async._cli.connection import Connection, Target, find_target, open_client
from postiz_async._cli.help import COMMON, CONNECTION
from postiz_async._cli.options import ApiOptions, Json
from postiz_async._cli.output import Output, clock_time, moment, print_hanging
from postiz_async._transport import headers_of_environment, make_transport
from postiz_async._wire import checked_headers
from postiz_async.doctor import CheckResult, CheckStatus, examine
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import describe_seconds
from postiz_async.oauth import OAuth, check_callback, new_state


async def quota(
    *,
    spend_one: bool = False,
    explain: bool = False,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Show the quota as last seen. Only a create refreshes it.

    Args:
        spend_one: Send an empty create to read the headers; it is refused and costs one request.
        explain: Explain why bulk work waits, and which slots are kept for whom.
    """
    output = Output(as_json=api.json, says_results=True)
    target = find_target(api.connection)
    async with open_client(target) as postiz:
        if spend_one:
            await postiz.posts.probe()
        view = await postiz.quota()
        lines = await postiz.explain_quota() if explain else []
    if api.json:
        output.json(lines if explain else view)
        return
    seen_at = view.as_of
    if view.halted:
        output.say(f"All creates have been halted {view.halted}.", "bold red")
    if view.blocked:
        output.say(f"locked out for {describe_seconds(view.blocked_for)}", "bold red")
    if seen_at is None:
        output.say("Nothing is known yet. Look with: postiz-async quota --spend-one")
        return
    age = describe_seconds(target.clock.time() - seen_at.timestamp())
    output.say(_left(view), "bold")
    output.say(
        f"last seen {age} ago ({moment(seen_at.timestamp(), api.zone)}); key from {target.source}"
    )
    for line in lines:
        output.say(line)


def _left(view: Quota) -> str:
    """The slots left in the window, and the time until it ends."""
    if view.limit is None:
        return "No answer has told the limit yet."
    window = "the window has ended, a new one starts with the next create"
    if view.resets_in is not None:
        window = f"new window in {clock_time(view.resets_in)}"
    return f"{view.remaining or 0:,} of {view.limit:,} requests left, {window}"


app = App(name="oauth", help="Get an access token for an application.", group_parameters=COMMON)

ClientId = Annotated[str, Parameter(help="The client id (pca_...).")]


@app.command
def url(client_id: ClientId, /, *, front_url: str = "", json: Json = False) -> None:
    """Print the URL where a user agrees, and the state to check afterwards.

    Args:
        front_url: The web page of Postiz; else POSTIZ_FRONT_URL, else that of POSTIZ_API_URL
            without its /api, else the cloud's.
    """
    state = new_state()
    address = OAuth(client_id=client_id, front_url=front_url).authorize_url(state)
    if json:
        Output().json({"url": address, "state": state})
        return
    Output().show(Text(address))
    Output(as_json=True).say(f"state: {state}")


@app.command
async def exchange(
    callback: str,
    /,
    *,
    client_id: ClientId,
    client_secret: Annotated[
        Secret | None, Parameter(accepts_keys=False, allow_leading_hyphen=True)
    ] = None,
    state: str,
    url: str = "",
    json: Json = False,
) -> None:
    """Exchange the callback's code for a token, and print it. Works once.

    Args:
        callback: The address to which the user came back.
        client_secret: The client secret (pcs_...), or - for the first line of standard input; else
            POSTIZ_CLIENT_SECRET, else you are asked. On a command line other users see it.
        state: The state that was printed.
        url: The backend of Postiz; else POSTIZ_API_URL, else the cloud's.
    """
    code = check_callback(callback, state)
    secret = _find_client_secret(client_secret)
    oauth = OAuth(client_id=client_id, client_secret=secret, base_url=url)
    token = await oauth.exchange(code)
    if json:
        Output().json(token)
    else:
        Output().show(Text(token.access_token))


def _find_client_secret(given: Secret | None) -> Secret:
    """The secret that was given, or that of the environment; else a person types it unseen.

    Raises:
        ConfigurationError: there is no secret.
    """
    secret = given or Secret(os.environ.get("POSTIZ_CLIENT_SECRET", ""))
    if secret.reveal() == "-":
        secret = Secret((sys.stdin.readline() if sys.stdin else "").strip())
    elif not secret and sys.stdin and sys.stdin.isatty():
        with suppress(EOFError):
            secret = Secret(getpass("Client secret: ").strip())
    if not secret:
        raise ConfigurationError(
            "There is no client secret. Keep it in POSTIZ_CLIENT_SECRET, or write it to standard "
            "input and say --client-secret -"
        )
    return secret


_STYLES = {CheckStatus.FINE: "green", CheckStatus.WARNING: "yellow", CheckStatus.WRONG: "bold red"}


async def doctor(
    *,
    json: Json = False,
    connection: Annotated[Connection, Parameter(name="*", group=CONNECTION)] = Connection(),
) -> int:
    """Find out why the connection to Postiz does not work.

    It checks address, key and clock, and tells the version of the server.
    """
    output = Output(as_json=json)
    target = find_target(connection)
    transport = make_transport(target.connection)
    try:
        findings = await examine(
            api_key=target.given,
            base_url=target.root,
            clock=target.clock,
            transport=transport,
        )
    finally:
        await transport.aclose()
    findings.insert(0, CheckResult("settings", CheckStatus.FINE, _settings(target)))
    is_well = all(finding.status is not CheckStatus.WRONG for finding in findings)
    text = "not looked at: reads do not show it (postiz-async quota --spend-one costs one request)"
    findings.append(CheckResult("quota", CheckStatus.FINE, text))
    if json:
        output.json(findings)
    else:
        _show_checks(output, findings)
    return 0 if is_well or _found_elsewhere(findings) else 2


def _settings(target: Target) -> str:
    """The source of the key and the settings of the connection, without secrets."""
    said = [f"the key comes from {target.source}"]
    if headers := checked_headers(headers_of_environment(None)):
        said.append(f"sends {', '.join(name for name, _ in headers)}")
    proxy = target.connection.proxy_to(target.root)
    if proxy is not None:
        said.append(f"goes by the proxy {proxy.url} ({proxy.source})")
    return "; ".join(said)


def _found_elsewhere(findings: list[CheckResult]) -> bool:
    """Whether the API was only found at another address than the given one, where the key works."""
    accepted = any(f.subject == "key" and f.status is CheckStatus.FINE for f in findings)
    only_addresses = all(
        f.subject.startswith("address") for f in findings if f.status is CheckStatus.WRONG
    )
    return accepted and only_addresses


def _show_checks(output: Output, findings: list[CheckResult]) -> None:
    for finding in findings:
        line = Text()
        line.append(f"{finding.status.value:8}", _STYLES[finding.status])
        line.append(f"{finding.subject}: {finding.text}")
        print_hanging(output.out, line, hang=8)
        if finding.advice:
            print_hanging(output.out, Text(f"{'':8}{finding.advice}", "bold"), hang=8)
