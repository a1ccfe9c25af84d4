"""OAuth: apps, the consent of a user, codes and tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from postiz_async._sandbox import refusals
from postiz_async._sandbox.messages import Response, empty_response
from postiz_async._sandbox.state import (
    AuthorizationCode,
    OAuthApp,
    OpenCall,
    SandboxState,
)
from postiz_async._sandbox.verdicts import checked
from postiz_async._validation.constraints import DEFINED, TEXT, enum
from postiz_async._validation.javascript import as_list, as_object
from postiz_async._validation.schema import AS_TEXT, Field, Shape

_SCOPE = "mcp:read mcp:write"
_CODE_LIFE = 600_000
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


_QUESTION = Shape(
    Field("client_id", (DEFINED, TEXT), AS_TEXT, optional=False),
    Field("response_type", (enum(("code",)),), AS_TEXT, optional=False),
)


async def describe(call: OpenCall) -> object:
    """The facts about an app for the consent page, or that page itself for a browser."""
    query = call.request.query_values
    app, redirect_url = _asking(call.state, checked(_QUESTION, query))
    if "text/html" in call.request.headers.get("accept", ""):
        return _consent_page(call)
    shown = {"name": app.name, "description": None, "picture": None, "clientId": app.client_id}
    answer: dict[str, object] = {"app": shown | {"redirectUrl": redirect_url}}
    token = query.get("state")
    return answer if token is None else answer | {"state": token}


def _consent_page(call: OpenCall) -> Response:
    """The page on which a user decides, as the front end of Postiz has one."""
    asked = dict(call.request.query)
    if "action" in asked:
        return empty_response(303, ("Location", decided(call.state, asked.get("auth"), asked)))
    links = "".join(
        f'<p><a href="?{escape(urlencode(asked | {"auth": user.session, "action": action}))}">'
        f"{action} for {escape(user.name)}</a>"
        for user in call.state.organizations
        for action in ("approve", "deny")
    )
    return Response(200, (("Content-Type", "text/html; charset=utf-8"),), links.encode())


def _asking(state: SandboxState, given: Mapping[str, object]) -> tuple[OAuthApp, str]:
    """The application that asks, and the address to which the user returns.

    Only public clients choose among several addresses, and only they need a code challenge.

    Raises:
        HttpError: There is no such application, or it asked for another place or no challenge.
    """
    app, url = state.oauth.apps.get(str(given.get("client_id"))), _text(given, "redirect_uri")
    if app is None:
        raise refusals.status_only(400, "Invalid client_id")
    if app.client_secret is not None:
        return app, app.redirect_urls[0]
    if url is not None and url not in app.redirect_urls:
        raise refusals.status_only(400, "Invalid redirect_uri")
    if not _text(given, "code_challenge"):
        raise refusals.status_only(400, "code_challenge is required for this client")
    return app, url or app.redirect_urls[0]


async def authorize(call: OpenCall) -> object:
    """Handle the answer of a user, sent by the consent page with the user's session."""
    session = call.request.headers.get("auth")
    redirect = decided(call.state, session, as_object(call.body))
    return {"redirect": redirect}


def decided(state: SandboxState, session: str | None, given: Mapping[str, object]) -> str:
    """Carry out what a user decided; returns the address to which the browser is sent.

    Args:
        state: The server's state.
        session: The user's session.
        given: The request for access, and the user's `action`: approve or deny.

    Raises:
        HttpError: Nobody has this session, or the request for access cannot be granted.
    """
    user = next((each for each in state.organizations if each.session == session), None)
    if user is None:
        raise refusals.key_lookup_failed()
    app, redirect_url = _asking(state, given)
    answer: dict[str, str] = {"error": "access_denied"}
    if given.get("action") == "approve":
        # a new consent ends the former token at once, before the new code is even exchanged
        state.oauth.revoke(app.client_id, user)
        code = state.ids.letters(32)
        expires, challenge = state.now + _CODE_LIFE, _text(given, "code_challenge")
        state.oauth.codes[code] = AuthorizationCode(app, user, expires, challenge, redirect_url)
        answer = {"code": code}
    token = _text(given, "state")
    if token is not None:
        answer["state"] = token
    return f"{redirect_url}?{urlencode(answer)}"


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


_NAMES = ("grant_type", "code", "client_id")
_EXCHANGE = Shape(*(Field(each, (DEFINED, TEXT), AS_TEXT, optional=False) for each in _NAMES))


async def exchange_token(call: OpenCall) -> object:
    """Exchange a code for a token."""
    given = checked(_EXCHANGE, call.body)
    if given["grant_type"] != "authorization_code":
        raise refusals.of_oauth(400, "unsupported_grant_type")
    app = call.state.oauth.apps.get(str(given["client_id"]))
    if app is None or app.client_secret != _text(given, "client_secret"):
        raise refusals.of_oauth(401, "invalid_client")
    code = call.state.oauth.codes.get(str(given["code"]))
    if code is None or code.app is not app:
        raise refusals.of_oauth(400, "invalid_grant")
    _check_code(call, given, code)
    del call.state.oauth.codes[str(given["code"])]
    token = f"pos_{call.state.ids.letters(40)}"
    call.state.oauth.tokens[token] = (app.client_id, code.organization)
    answer = {"id": code.organization.id, "cus": None, "access_token": token}
    return answer | {"token_type": "bearer", "scope": _SCOPE}


def _check_code(call: OpenCall, given: Mapping[str, object], code: AuthorizationCode) -> None:
    if code.expires < call.state.now:
        raise refusals.of_oauth(400, "invalid_grant", error_description="Code has expired")
    if code.app.client_secret is not None:
        return
    if _text(given, "redirect_uri") != code.redirect_url:
        raise refusals.of_oauth(
            400,
            "invalid_grant",
            error_description="redirect_uri does not match the authorization request",
        )
    digest = hashlib.sha256((_text(given, "code_verifier") or "").encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
        raise refusals.of_oauth(400, "invalid_grant", error_description="Invalid code_verifier")


async def register(call: OpenCall) -> object:
    """Register a public client."""
    given = as_object(call.body)
    uris = as_list(given.get("redirect_uris"))
    if not uris:
        is_null = given.get("redirect_uris") is None
        raise refusals.invalid(
            [
                *["redirect_uris should not be null or undefined"] * is_null,
                "each value in redirect_uris must be a URL address",
                "redirect_uris should not be empty",
                "redirect_uris must be an array",
            ]
        )
    redirect_urls = tuple(map(str, uris))
    if not all(map(_is_safe, redirect_urls)):
        raise refusals.of_oauth(
            400,
            "invalid_redirect_uri",
            error_description="redirect_uris must use https (http is allowed for loopback only)",
        )
    name = _text(given, "client_name") or "Client"
    client_id = f"pcd_{call.state.ids.letters(32)}"
    call.state.oauth.apps[client_id] = OAuthApp(
        client_id=client_id, client_secret=None, name=name, redirect_urls=redirect_urls
    )
    answer: dict[str, object] = {
        "client_id": client_id,
        "client_id_issued_at": call.state.now // 1000,
        "client_name": name,
        "redirect_uris": redirect_urls,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": _SCOPE,
    }
    return answer


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
