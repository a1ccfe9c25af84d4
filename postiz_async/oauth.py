"""OAuth: let users connect their own Postiz organisation to your application.

    oauth = OAuth(client_id=..., client_secret=..., front_url=..., base_url=...)
    state = new_state()
    redirect_to(oauth.authorize_url(state))          # the user agrees in the browser
    code = check_callback(callback_url, state)
    token = await oauth.exchange(code)               # works wherever an API key does

Since server release v2.20.0. A new approval by the same user invalidates the previous token at
once. A code works only once: if the answer is lost, start again.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from postiz_async import _wire as wire
from postiz_async._transport import Transport, make_transport
from postiz_async._transport.settings import ConnectionSettings, headers_of_environment
from postiz_async._wire import WireRequest
from postiz_async._wire.endpoints import OAUTH_TOKEN
from postiz_async._wire.headers import checked_headers
from postiz_async._wire.secrets import Secret, stripped
from postiz_async.errors import ConfigurationError, OAuthError, PostizError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from ssl import SSLContext

    from postiz_async.models.oauth import Token

__all__ = ["OAuth", "check_callback", "new_state"]

FRONT_URL = "https://platform.postiz.com"
"""The web page of the hosted service."""


def new_state() -> str:
    """A random state that ties a callback to the browser that was redirected."""
    return secrets.token_urlsafe(24)


def check_callback(url: str, state: str) -> str:
    """The code in the URL that the user was redirected to.

    Args:
        url: the whole URL, or only its query.
        state: the state that was passed to `authorize_url`.

    Raises:
        OAuthError: the user refused, or the state does not match (a forged callback) or
            was lost.
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
        raise OAuthError(refused or "the callback has no code")
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """An application that is registered with Postiz.

    Args:
        client_id: begins with `pca_`.
        client_secret: begins with `pcs_`; kept as a `Secret`.
        front_url: the web page of Postiz.
        base_url: its backend, as for `Postiz`.
        headers: added to the request, for example for a gateway; else `POSTIZ_HEADERS`.
        ssl: the CAs to trust: a context, or a file or folder of certificates; else
            `POSTIZ_CA_FILE`, else the system's.
        proxy: the URL of a proxy; empty: none; None: that of the environment.
    """

    client_id: str
    client_secret: str | Secret = ""
    front_url: str = FRONT_URL
    base_url: str = wire.CLOUD_URL
    headers: Mapping[str, str | Secret] | None = field(default=None, repr=False)
    ssl: SSLContext | Path | str | None = field(default=None, repr=False)
    proxy: str | Secret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_secret", Secret.of(self.client_secret))
        if self.proxy is not None:
            object.__setattr__(self, "proxy", Secret.of(self.proxy))
        if self.headers is not None:
            object.__setattr__(self, "headers", dict(checked_headers(self.headers)))

    def authorize_url(self, state: str) -> str:
        """The URL for the user. Postiz redirects back to the address stored with the application.

        Args:
            state: a text from `new_state`, which comes back in the callback.
        """
        query = {"client_id": self.client_id, "response_type": "code", "state": state}
        return f"{self.front_url.rstrip('/')}/oauth/authorize?{urlencode(query)}"

    async def exchange(self, code: str, *, transport: Transport | None = None) -> Token:
        """Exchange a code for a token. Never retried, because the first attempt uses the code up.

        Args:
            code: the code from the callback.
            transport: another transport, for tests; None: the real one.

        Raises:
            BadRequestError: the code is unknown, used or older than ten minutes.
            AuthenticationError: the client id or secret is wrong.
            APIConnectionError: the answer was lost; start again from `authorize_url`.
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
            raise stripped(error)  # noqa: B904  (the same; a frame below has the token)
        finally:
            if transport is None:
                await used.aclose()

    def _request(self, code: Secret) -> WireRequest:
        secret = Secret.of(self.client_secret)
        body = Secret(
            json.dumps(
                {
                    "grant_type": "authorization_code",
                    "code": code.reveal(),
                    "client_id": self.client_id,
                    "client_secret": secret.reveal(),
                }
            )
        )
        return WireRequest(
            OAUTH_TOKEN.method,
            wire.api_root(self.base_url).removesuffix("/public/v1") + OAUTH_TOKEN.path,
            (
                ("User-Agent", "postiz-async"),
                ("Accept", "application/json"),
                ("Content-Type", "application/json"),
                *checked_headers(headers_of_environment(self.headers)),
            ),
            body,
            OAUTH_TOKEN.timeout,
            secrets=(code, secret),
        )
