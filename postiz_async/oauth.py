"""OAuth: let users connect their own Postiz organisation to your application.

    oauth = OAuth(client_id="pca_...", client_secret="pcs_...")
    state = new_state()
    redirect_to(oauth.authorize_url(state))          # the user agrees in the browser
    code = check_callback(callback_url, state)
    token = await oauth.exchange(code)               # works wherever an API key does

Since server release v2.20.0. `contrib.fastapi.oauth_router` does it all in a FastAPI application.
An `OAuthError` means: this attempt is over, begin again with `authorize_url`.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from postiz_async import _wire as wire
from postiz_async._transport import Transport, make_transport
from postiz_async._transport.settings import ConnectionSettings, headers_of_environment
from postiz_async._wire import WireRequest
from postiz_async._wire.address import split_url
from postiz_async._wire.endpoints import OAUTH_TOKEN
from postiz_async._wire.headers import checked_headers
from postiz_async._wire.secrets import Secret, stripped
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    ConfigurationError,
    Delivery,
    OAuthError,
    PostizError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    from postiz_async.models.oauth import Token

__all__ = ["OAuth", "check_callback", "new_state"]

_FRONT_URL = "https://platform.postiz.com"
"""The web page of the hosted service."""


def new_state() -> str:
    """A random state that ties a callback to the browser that was redirected."""
    return secrets.token_urlsafe(33)


def check_callback(url: str, state: str) -> str:
    """The code in the URL that the user was redirected to.

    Args:
        url: the whole URL, or only its query.
        state: the state that was passed to `authorize_url`.

    Raises:
        OAuthError: the user refused (`is_refusal`), or the state does not match (a forged callback)
            or was lost.
    """
    if not state:
        raise OAuthError(
            "the state that was sent is not known any more, so anybody may have made this "
            "callback: begin again with authorize_url"
        )
    query = parse_qs(urlsplit(url).query or url.lstrip("?"))
    returned = query.get("state", [""])[0]
    if not secrets.compare_digest(returned.encode(), state.encode()):
        raise OAuthError("the state of the callback is not the one that was sent")
    refused = query.get("error", [""])[0]
    code = query.get("code", [""])[0]
    if refused or not code:
        raise OAuthError(refused or "the callback has no code", is_refusal=bool(refused))
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """An application that is registered with Postiz. The environment may say what it is.

    Args:
        client_id: begins with `pca_`; else `POSTIZ_CLIENT_ID`.
        client_secret: begins with `pcs_`; kept as a `Secret`; else `POSTIZ_CLIENT_SECRET`.
        front_url: the web page of Postiz; else `POSTIZ_FRONT_URL`, else that of the cloud, or
            `base_url` without its `/api`.
        base_url: its backend, as for `Postiz`; else `POSTIZ_API_URL`, else the cloud.
        headers: added to the request, for example for a gateway; else `POSTIZ_HEADERS`.
        ssl: a context with the CAs to trust; None: the system's, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy; empty: none; None: that of the environment.

    Raises:
        ConfigurationError: there is no client id, or an address is not one.
    """

    client_id: str = ""
    client_secret: str | Secret = ""
    front_url: str = ""
    base_url: str = ""
    headers: Mapping[str, str | Secret] | None = field(default=None, repr=False)
    ssl: SSLContext | None = field(default=None, repr=False)
    proxy: str | Secret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("client_id", "client_secret", "front_url"):
            given = Secret.of(getattr(self, name)).reveal()
            known = given.strip() or os.environ.get(f"POSTIZ_{name.upper()}", "").strip()
            object.__setattr__(self, name, Secret(known) if name == "client_secret" else known)
        if not self.client_id or self.client_id.startswith("pcs_"):  # users see it
            raise ConfigurationError(
                "There is no client id, or the secret (pcs_...) is in its place. Create an "
                "application in Postiz, and pass client_id=... or set POSTIZ_CLIENT_ID."
            )
        self._backend()  # may raise
        if self.front_url and split_url(self.front_url) is None:
            raise ConfigurationError(
                f"front_url is {self.front_url!r}. Write it like https://postiz.example.com."
            )
        if self.proxy is not None:
            object.__setattr__(self, "proxy", Secret.of(self.proxy))
        if self.headers is not None:
            object.__setattr__(self, "headers", dict(checked_headers(self.headers)))

    def _backend(self) -> str:
        """The root of the backend."""
        url = self.base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        return wire.api_root(url).removesuffix("/public/v1")

    def authorize_url(self, state: str) -> str:
        """The URL for the user. Postiz redirects back to the address stored with the application.

        Args:
            state: a text from `new_state`, which comes back in the callback.
        """
        query = {"client_id": self.client_id, "response_type": "code", "state": state}
        backend = self._backend()
        usual = _FRONT_URL if backend == wire.CLOUD_URL else backend.removesuffix("/api")
        return f"{(self.front_url or usual).rstrip('/')}/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: str, *, transport: Transport | None = None) -> Token:
        """Exchange a code for a token. Never retried, because the first attempt uses the code up.

        Args:
            code: the code from the callback.
            transport: another transport, for tests; None: the real one.

        Raises:
            OAuthError: begin again with `authorize_url`: the code is unknown, used or older than
                ten minutes, or the answer was lost, and with it the token.
            AuthenticationError: the client id or secret is wrong.
            ConfigurationError: there is no client secret.
            APIConnectionError: nothing was sent; the same code can be tried again.
        """
        if not self.client_secret:
            raise ConfigurationError("There is no client secret.")
        request = self._request(Secret(code))
        del code
        used = transport or make_transport(
            ConnectionSettings.checked(ssl=self.ssl, proxy=self.proxy)
        )
        try:
            return wire.decode(OAUTH_TOKEN, await used.send(request))
        except PostizError as error:
            raise stripped(_meaning(error))  # noqa: B904  (a frame below has the token)
        finally:
            if transport is None:
                await used.aclose()

    def _request(self, code: Secret) -> WireRequest:
        secret = Secret.of(self.client_secret)
        said = {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "client_id": self.client_id,
            "client_secret": secret.reveal(),
        }
        return WireRequest(
            OAUTH_TOKEN.method,
            self._backend() + OAUTH_TOKEN.path,
            (
                ("User-Agent", "postiz-async"),
                ("Accept", "application/json"),
                ("Content-Type", "application/json"),
                *checked_headers(headers_of_environment(self.headers)),
            ),
            Secret(json.dumps(said)),
            OAUTH_TOKEN.timeout,
            secrets=(code, secret),
        )


def _meaning(error: PostizError) -> PostizError:
    """What an error of the exchange means for the user who is to be connected."""
    if isinstance(error, BadRequestError) and "invalid_grant" in str(error.body):
        return OAuthError(str(error))
    if isinstance(error, APIConnectionError) and error.delivery is not Delivery.NOT_SENT:
        return OAuthError(
            f"the answer with the token was lost ({error.message}), and the code is used up: begin "
            "again with authorize_url"
        )
    return error
