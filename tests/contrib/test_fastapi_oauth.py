"""The routes that connect a user's organisation, as a browser calls them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from httpx2 import ASGITransport, AsyncClient, Response as Answer

from postiz_async import ConfigurationError, Postiz, UsageError
from postiz_async.contrib.fastapi import add_exception_handlers, oauth_router
from postiz_async.errors import OAuthError
from postiz_async.oauth import OAuth
from postiz_async.testing import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.models.oauth import Token
    from postiz_async.testing import OAuthApp, SandboxServer

HOME = "https://me.example"
CALLBACK = f"{HOME}/postiz/callback"


async def user(x_user: Annotated[str, Header()] = "") -> str:
    if not x_user:
        raise HTTPException(401, "Sign in first.")
    return x_user


class Site:
    """An application with the routes, and the browsers of its users."""

    def __init__(
        self,
        sandbox: SandboxServer,
        app: OAuthApp,
        *,
        save_token: Callable[[str, Token], object] | None = None,
        client_secret: str = "",
        **options: str,
    ) -> None:
        self.tokens = defaultdict[str, list[str]](list)
        self.oauth = OAuth(
            client_id=app.client_id,
            client_secret=client_secret or app.client_secret or "",
            front_url="https://postiz.example.com",
            base_url=sandbox.url,
        )
        self.app = FastAPI()
        add_exception_handlers(self.app)
        self.app.include_router(oauth_router(self.oauth, user, save_token or self.save, **options))

    async def save(self, organization: str, token: Token) -> None:
        self.tokens[organization].append(token.access_token)

    def browser(self, name: str, home: str = HOME) -> AsyncClient:
        """A browser in which a user of our application has signed in."""
        return AsyncClient(
            transport=ASGITransport(self.app), base_url=home, headers={"X-User": name}
        )


@pytest.fixture
def app(postiz_sandbox_server: SandboxServer) -> OAuthApp:
    return postiz_sandbox_server.add_oauth_app("Planner", CALLBACK)


@pytest.fixture
def site(postiz_sandbox_server: SandboxServer, app: OAuthApp) -> Site:
    return Site(postiz_sandbox_server, app)


async def sent_to(browser: AsyncClient, path: str = "/postiz/connect") -> str:
    """The consent page to which the application sends the user."""
    answer = await browser.get(path)
    assert answer.status_code == 303
    return answer.headers["Location"]


def refused(answer: Answer) -> bool:
    return (answer.status_code, answer.json()["detail"][:30]) == (
        400,
        "The account was not connected.",
    )


async def test_a_user_connects(site: Site, postiz_sandbox_server: SandboxServer) -> None:
    async with site.browser("acme") as browser:
        consent = await sent_to(browser)
        assert consent.startswith("https://postiz.example.com/oauth/authorize?")
        answer = await browser.get(postiz_sandbox_server.approve(consent))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert not browser.cookies
    [token] = site.tokens["acme"]
    async with Postiz(api_key=token, base_url=postiz_sandbox_server.url) as postiz:
        assert await postiz.channels.is_connected()


@pytest.mark.parametrize("home", [HOME, "http://localhost"])
async def test_the_cookie_is_for_our_server_alone(site: Site, home: str) -> None:
    async with site.browser("acme", home) as browser:
        cookie = (await browser.get("/postiz/connect")).headers["Set-Cookie"]
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=3600"} <= flags
    assert ("secure" in flags) == (home == HOME)


async def test_a_user_who_refuses(site: Site, postiz_sandbox_server: SandboxServer) -> None:
    async with site.browser("acme") as browser:
        assert refused(await browser.get(postiz_sandbox_server.deny(await sent_to(browser))))
    assert not site.tokens


async def test_an_application_has_pages_of_its_own_for_errors(
    site: Site, postiz_sandbox_server: SandboxServer
) -> None:
    @site.app.exception_handler(OAuthError)
    async def page(_: Request, error: OAuthError) -> JSONResponse:
        return JSONResponse({"is_refusal": error.is_refusal})

    async with site.browser("acme") as browser:
        denied = postiz_sandbox_server.deny(await sent_to(browser))
        assert (await browser.get(denied)).json() == {"is_refusal": True}
        assert (await browser.get(f"{CALLBACK}?code=c")).json() == {"is_refusal": False}


async def test_a_callback_of_somebody_else(
    site: Site, postiz_sandbox_server: SandboxServer
) -> None:
    """Mallory sends the callback of his own consent to somebody of acme."""
    async with site.browser("mallory") as his, site.browser("acme") as browser:
        callback = postiz_sandbox_server.approve(await sent_to(his))
        assert refused(await browser.get(callback)), "no state cookie"
        await sent_to(browser)
        assert refused(await browser.get(callback)), "another state"
        browser.cookies.set("postiz_oauth", his.cookies["postiz_oauth"], domain="me.example")
        assert refused(await browser.get(callback)), "his state, as a subdomain could set it"
        browser.cookies.delete("postiz_oauth")
        browser.cookies.set("postiz_oauth", "a.b", domain="me.example")
        assert refused(await browser.get(f"{CALLBACK}?code=c&state=x")), "no state of ours"
        assert not site.tokens
        assert (await his.get(callback)).status_code == 303, "the code was not used up"
    assert [*site.tokens] == ["mallory"]


async def test_who_signs_in_as_another_in_between_begins_again(
    site: Site, postiz_sandbox_server: SandboxServer
) -> None:
    async with site.browser("acme") as browser:
        callback = postiz_sandbox_server.approve(await sent_to(browser))
        assert refused(await browser.get(callback, headers={"X-User": "globex"}))
        assert (await browser.get(callback, headers={"X-User": ""})).status_code == 401
        assert (await browser.get(callback)).status_code == 303
    assert [*site.tokens] == ["acme"]


async def test_a_code_that_comes_twice(site: Site, postiz_sandbox_server: SandboxServer) -> None:
    async with site.browser("acme") as browser:
        callback = postiz_sandbox_server.approve(await sent_to(browser))
        cookie = browser.cookies["postiz_oauth"]
        assert (await browser.get(callback)).status_code == 303
        assert refused(await browser.get(callback)), "the cookie is gone"
        browser.cookies.set("postiz_oauth", cookie, domain="me.example")
        assert refused(await browser.get(callback)), "the code is used up"
        again = postiz_sandbox_server.approve(await sent_to(browser))
        assert (await browser.get(again)).status_code == 303
    assert len(site.tokens["acme"]) == 2


async def test_a_lost_answer_means_to_begin_again(
    site: Site, postiz_sandbox_server: SandboxServer
) -> None:
    postiz_sandbox_server.add_fault(Fault("drop_answer", route="oauth_token"))
    async with site.browser("acme") as browser:
        callback = postiz_sandbox_server.approve(await sent_to(browser))
        assert refused(await browser.get(callback))
    assert not site.tokens


async def test_a_wrong_secret_is_ours_to_mend(
    postiz_sandbox_server: SandboxServer, app: OAuthApp, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(postiz_sandbox_server, app, client_secret="pcs_of_last_year")
    async with site.browser("acme") as browser:
        answer = await browser.get(postiz_sandbox_server.approve(await sent_to(browser)))
    assert answer.status_code == 502
    assert "client" not in answer.text
    assert "The client id (pca_...) or the client secret (pcs_...)" in caplog.text
    assert "of_last_year" not in caplog.text


async def test_paths_and_answers_are_the_applications(
    postiz_sandbox_server: SandboxServer, app: OAuthApp
) -> None:
    def page(organization: str, token: Token) -> Response:
        return PlainTextResponse(f"{organization} is connected: {bool(token.access_token)}")

    def nothing(organization: str, token: Token) -> None:
        """A function that is not async."""

    site = Site(
        postiz_sandbox_server, app, save_token=page, connect_path="/in", callback_path="/back"
    )
    async with site.browser("acme") as browser:
        callback = postiz_sandbox_server.approve(await sent_to(browser, "/in"))
        answer = await browser.get(callback.replace("/postiz/callback", "/back"))
        assert answer.text == "acme is connected: True"
        assert not browser.cookies
    site = Site(postiz_sandbox_server, app, save_token=nothing, after="/settings?connected=1")
    async with site.browser("acme") as browser:
        answer = await browser.get(postiz_sandbox_server.approve(await sent_to(browser)))
        assert answer.headers["Location"] == "/settings?connected=1"
    assert site.app.openapi()["paths"] == {}


async def test_bugs_of_the_application(postiz_sandbox_server: SandboxServer, app: OAuthApp) -> None:
    async def save(organization: str, token: Token) -> None:
        raise AssertionError

    public = OAuth(client_id="pca_1", base_url=postiz_sandbox_server.url)
    with pytest.raises(ConfigurationError, match="no client secret"):
        oauth_router(public, user, save)

    async def nobody() -> None:
        """Forgets to return the name."""

    site = Site(postiz_sandbox_server, app)
    site.app.include_router(oauth_router(site.oauth, nobody, save, connect_path="/x"))  # type: ignore[arg-type]
    async with site.browser("acme") as browser:
        with pytest.raises(UsageError, match="the name of an organisation, and not None"):
            await browser.get("/x")


async def test_the_state_is_another_each_time(site: Site) -> None:
    async with site.browser("acme") as browser:
        consents = [await sent_to(browser) for _ in range(3)]
    states = {parse_qs(urlsplit(each).query)["state"][0] for each in consents}
    assert len(states) == 3
