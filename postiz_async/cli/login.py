"""`oauth`: the three steps by which an application gets a token."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from postiz_async.cli.output import Output
from postiz_async.oauth import FRONT_URL, OAuth, check_callback, new_state
from postiz_async.redaction import Secret
from postiz_async.wire import CLOUD_URL

__all__ = ["app"]

app = App(name="oauth", help="Get an access token for an application.")

ClientId = Annotated[str, Parameter(help="The client id (pca_...).")]


@app.command
def url(
    client_id: ClientId,
    /,
    *,
    front: Annotated[str, Parameter(help="The web page of Postiz.")] = FRONT_URL,
) -> int:
    """Print the address at which a user agrees, and the state to check afterwards."""
    state = new_state()
    print(OAuth(client_id=client_id, front_url=front).authorize_url(state))
    Output(as_json=True).say(f"state: {state}")
    return 0


@app.command
async def exchange(
    callback: Annotated[str, Parameter(help="The address to which the user came back.")],
    /,
    *,
    client_id: ClientId,
    client_secret: Annotated[
        Secret,
        Parameter(
            env_var="POSTIZ_CLIENT_SECRET",
            help="The client secret (pcs_...).",
            accepts_keys=False,
        ),
    ],
    state: Annotated[str, Parameter(help="The state that was printed.")],
    url: Annotated[str, Parameter(help="The backend of Postiz.")] = CLOUD_URL,
) -> int:
    """Turn what the user came back with into a token, and print it. Works once."""
    code = check_callback(callback, state)
    oauth = OAuth(client_id=client_id, client_secret=client_secret, base_url=url)
    print((await oauth.exchange(code)).access_token)
    return 0
