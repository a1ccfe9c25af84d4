"""`quota`, `profiles`, `oauth`: what is left of the hour, whose it is, tokens of applications."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.text import Text

from postiz_async import Secret
from postiz_async._cli.connection import Connection, find_target, open_client, zone_of
from postiz_async._cli.options import Json
from postiz_async._cli.output import Output, clock_time, moment
from postiz_async._cli.profiles import Profile, profiles_path, read_profiles
from postiz_async._wire import CLOUD_URL
from postiz_async.documents import VERSION, ProfileObject, ProfilesDocument, QuotaDocument
from postiz_async.errors import ConfigurationError, describe_seconds
from postiz_async.oauth import FRONT_URL, OAuth, check_callback, new_state

if TYPE_CHECKING:
    from postiz_async import Quota


async def quota(
    *,
    spend_one: bool = False,
    explain: bool = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Show the quota as last seen. It can only be refreshed by a create request.

    Args:
        spend_one: Send an empty create to read the headers; it is refused and costs one request.
        explain: Explain why bulk work waits, and which slots are kept for whom.
    """
    output = Output(as_json=json, says_results=True)
    target = find_target(connection)
    async with open_client(target) as postiz:
        if spend_one:
            await postiz.posts.probe()
        view = await postiz.quota()
        lines = await postiz.explain_quota() if explain else []
    seen_at = view.as_of
    if json:
        when = datetime.fromtimestamp(seen_at, UTC) if seen_at is not None else None
        said: QuotaDocument = {
            "version": VERSION,
            "quota": view,
            "seen_at": when,
            "key_from": target.source,
        }
        if explain:
            said["explanation"] = lines
        output.json(said)
        return 0
    if view.blocked:
        output.say(f"locked out for {describe_seconds(view.blocked_for)}", "bold red")
    if seen_at is None:
        output.say("Nothing is known yet. Look with: postiz-async quota --spend-one")
        return 0
    age = describe_seconds(target.clock.time() - seen_at)
    output.say(_left(view), "bold")
    output.say(
        f"last seen {age} ago ({moment(seen_at, zone_of(connection))}); key from {target.source}"
    )
    for line in lines:
        output.say(line)
    return 0


def _left(view: Quota) -> str:
    """What is left of the window, and how long it runs."""
    if view.limit is None:
        return "No answer has told the limit yet."
    window = "the window has ended, a new one starts with the next create"
    if view.resets_in is not None:
        window = f"new window in {clock_time(view.resets_in)}"
    return f"{view.remaining or 0:,} of {view.limit:,} requests left, {window}"


def profiles(*, json: Json = False) -> int:
    """List the profiles: names, addresses and time zones, never keys."""
    output = Output(as_json=json, says_results=True)
    path, in_use = profiles_path(), os.environ.get("POSTIZ_PROFILE")
    read = read_profiles()
    faulty = {name: str(each) for name, each in read.items() if not isinstance(each, Profile)}
    found: list[ProfileObject] = [
        {
            "name": each.name,
            "url": each.url or CLOUD_URL,
            "zone": each.zone.key if each.zone is not None else None,
            "key_from": each.key_from,
            "in_use": each.name == in_use,
        }
        for each in read.values()
        if isinstance(each, Profile)
    ]
    if json:
        said: ProfilesDocument = {
            "version": VERSION,
            "path": str(path),
            "profiles": found,
            "faulty": faulty,
        }
        output.json(said)
    elif found:
        output.say(str(path))
        output.table(
            ["profile", "server", "zone", "key from", ""],
            [
                (p["name"], p["url"], p["zone"] or "", p["key_from"], "in use" * p["in_use"])
                for p in found
            ],
        )
    elif not faulty:
        output.say(
            f"There are no profiles. They are tables of {path}, which you alone may read "
            '(chmod 600): [work], url = "...", key = "..." or key_command = "...", zone = "..."'
        )
    if not json:
        for why in faulty.values():
            output.say(f"cannot be used: {why}", "yellow")
    return 0


app = App(name="oauth", help="Get an access token for an application.")

ClientId = Annotated[str, Parameter(help="The client id (pca_...).")]


@app.command
def url(
    client_id: ClientId,
    /,
    *,
    front: str = FRONT_URL,
) -> int:
    """Print the URL where a user agrees, and the state to check afterwards.

    Args:
        front: The web page of Postiz.
    """
    state = new_state()
    Output().show(Text(OAuth(client_id=client_id, front_url=front).authorize_url(state)))
    Output(as_json=True).say(f"state: {state}")
    return 0


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
    url: str = CLOUD_URL,
) -> int:
    """Exchange the callback's code for a token, and print it. Works once.

    Args:
        callback: The address to which the user came back.
        client_secret: The client secret (pcs_...), or - for the first line of standard input; else
            POSTIZ_CLIENT_SECRET, else you are asked. On a command line other users see it.
        state: The state that was printed.
        url: The backend of Postiz.
    """
    code = check_callback(callback, state)
    secret = _find_client_secret(client_secret)
    oauth = OAuth(client_id=client_id, client_secret=secret, base_url=url)
    Output().show(Text((await oauth.exchange(code)).access_token))
    return 0


def _find_client_secret(given: Secret | None) -> Secret:
    """The secret that was given, or is in the environment; a person types it unseen.

    Raises:
        ConfigurationError: there is none.
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
