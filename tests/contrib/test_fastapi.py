"""The adapter for FastAPI, in an application that a real uvicorn serves."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request
from httpx2 import ASGITransport, AsyncClient
from processes import PATIENCE, until
from web_lab import call, serving

from postiz_async import AdvancedOptions, ConfigurationError, NewPost, Postiz, PostizPool
from postiz_async._resources.api import OpenClient, opened, options_of
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.clock import AcceleratedClock
from postiz_async.contrib.fastapi import (
    CancelOnDisconnect,
    Credentials,
    PostizDep,
    add_exception_handlers,
    get_postiz,
    postiz_for,
    postiz_lifespan,
    postiz_router,
)
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from aiohttp import ClientSession

    from postiz_async import TicketEvent
    from postiz_async.clock import Clock
    from postiz_async.pytest_plugin import SandboxServer

URL = "http://sandbox.invalid"
SECRET = "key-that-nobody-may-see-8f2c"


@pytest.fixture
async def sandbox() -> AsyncIterator[MemoryServer]:
    async with MemoryServer(api_key=SECRET, limit=2, work_per_post=0.0) as made:
        yield made


def client_of(
    sandbox: MemoryServer, api_key: str = SECRET, *, clock: Clock | None = None
) -> Postiz:
    transport = SandboxTransport(sandbox)
    url = "http://sandbox.invalid"
    return Postiz(
        api_key=api_key, base_url=url, advanced=AdvancedOptions(transport=transport, clock=clock)
    )


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


class App:
    """An application with one route that schedules, and what became of its handlers."""

    def __init__(self, client: Postiz | PostizPool, **options: Any) -> None:
        self.events: list[str] = []
        self.app = FastAPI(lifespan=self.lifespan)
        self.client, self.options = client, options
        add_exception_handlers(self.app)
        self.app.add_middleware(CancelOnDisconnect)
        self.app.include_router(postiz_router())

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncGenerator[None]:
        async with postiz_lifespan(app, self.client, **self.options):
            yield

    def schedules(self, dependency: Any = PostizDep) -> App:
        async def schedule(channel: str, text: str, postiz: Postiz) -> str:
            try:
                made = await postiz.posts.schedule(NewPost(channel, text), at=in_an_hour())
            except asyncio.CancelledError:
                self.events.append("cancelled")
                raise
            return made[0].post_id

        schedule.__annotations__["postiz"] = dependency
        self.app.add_api_route("/schedule", schedule, methods=["POST"])
        return self


async def post(session: ClientSession, channel: str, text: str = "hello") -> tuple[int, Any]:
    return await call(session, "POST", "/schedule", params={"channel": channel, "text": text})


async def test_errors_are_answers_that_say_what_is_theirs_to_mend(sandbox: MemoryServer) -> None:
    channel = sandbox.add_channel("mastodon").id
    async with serving(App(client_of(sandbox)).schedules().app) as session:
        status, body = await post(session, channel, "x" * 600)
        assert status == 422
        assert body["detail"][0]["loc"] == ["body", "posts", 0, "value", 0, "content"]
        assert [(await post(session, channel))[0] for _ in range(2)] == [200, 200]
        async with session.post("/schedule", params={"channel": channel, "text": "x"}) as answer:
            assert answer.status == 503
            assert 3_600 - PATIENCE < int(answer.headers["Retry-After"]) <= 3_606
            assert (await answer.json())["retry_after"] == int(answer.headers["Retry-After"])
        _, health = await call(session, "GET", "/postiz/health")
    assert health["status"] == "ok"
    assert (health["quota"]["limit"], health["quota"]["remaining"]) == (2, 0)
    assert len(sandbox.creates) == 2


async def test_a_request_that_is_repeated_with_its_key_is_carried_out_once(
    sandbox: MemoryServer,
) -> None:
    channel = sandbox.add_channel("mastodon").id
    at = in_an_hour()
    made = App(client_of(sandbox), max_wait=PATIENCE)

    async def order(text: str, postiz: PostizDep, idempotency_key: Annotated[str, Header()]) -> str:
        new = NewPost(channel, text)
        created = await postiz.posts.schedule(new, at=at, idempotency_key=idempotency_key)
        return created[0].post_id

    order.__annotations__ |= {"postiz": PostizDep, "idempotency_key": Annotated[str, Header()]}
    made.app.add_api_route("/orders", order, methods=["POST"])
    headers = {"Idempotency-Key": "order-1"}
    async with serving(made.app) as session:
        calls = [
            call(session, "POST", "/orders", params={"text": "hello"}, headers=headers)
            for _ in range(10)
        ]
        answers = await asyncio.gather(*calls)
        assert {answer[0] for answer in answers} == {200}
        assert {answer[1] for answer in answers} == {sandbox.posts[0].id}
        status, body = await call(
            session, "POST", "/orders", params={"text": "other"}, headers=headers
        )
        assert status == 422
        assert body["detail"][0]["loc"] == ["body", "posts", 0, "content"]
        for key in ("", "x" * 256):
            status, body = await call(
                session, "POST", "/orders", params={"text": "x"}, headers={"Idempotency-Key": key}
            )
            assert status == 422
            assert body["detail"][0]["loc"] == ["body", "idempotency_key"]
            assert body["detail"][0]["msg"].endswith("characters; a key has 1 to 255")
    assert len(sandbox.creates) == 1


async def test_a_key_of_ours_that_is_refused_is_no_business_of_the_caller(
    sandbox: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(App(client_of(sandbox, SECRET + "-old")).schedules().app) as session:
        status, body = await post(session, "any")
    assert (status, body) == (502, {"detail": "Postiz does not carry this out at the moment."})
    assert "401" in caplog.text
    assert SECRET not in caplog.text


async def test_a_server_that_is_away_is_a_bad_gateway(sandbox: MemoryServer) -> None:
    channel = sandbox.add_channel("mastodon").id
    async with serving(App(client_of(sandbox)).schedules().app) as session:
        sandbox.faults.add(Fault("drop_answer", route="create_post"))
        status, body = await post(session, channel)
        assert (status, "may be stored" in body["detail"]) == (502, True)


async def test_an_error_of_the_connection_ends_the_handler_and_is_raised() -> None:
    """The listener had it, and the application waited for a message for ever."""

    async def receive() -> Any:
        raise OSError("the connection broke")

    async def send(_: Any) -> None:
        raise AssertionError("there is nobody to answer")

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()

    with pytest.raises(OSError, match="the connection broke"):
        await CancelOnDisconnect(app)({"type": "http"}, receive, send)


async def test_a_client_that_is_gone_gives_its_place_back(sandbox: MemoryServer) -> None:
    channel = sandbox.add_channel("mastodon").id
    made = App(client_of(sandbox), max_wait=None).schedules()
    async with serving(made.app) as session:
        assert [(await post(session, channel))[0] for _ in range(2)] == [200, 200]
        waiting = asyncio.create_task(post(session, channel))
        assert isinstance(made.client, Postiz)
        queue = opened(made.client).scheduler.queue
        await until(lambda: queue.view().queued.interactive == 1)
        waiting.cancel()
        await until(lambda: queue.view().queued.interactive == 0)
        assert opened(made.client).scheduler.under_way == 0
    assert made.events == ["cancelled"]
    assert len(sandbox.creates) == 2


async def test_what_runs_after_the_answer_is_not_cancelled(sandbox: MemoryServer) -> None:
    made = App(client_of(sandbox))
    done = asyncio.Event()

    async def later() -> None:
        await asyncio.sleep(0.05)
        done.set()

    async def quick(tasks: BackgroundTasks) -> str:
        tasks.add_task(later)
        return "ok"

    async def echo(request: Request) -> int:
        return len(await request.body())

    quick.__annotations__["tasks"] = BackgroundTasks
    echo.__annotations__["request"] = Request
    made.app.add_api_route("/quick", quick)
    made.app.add_api_route("/echo", echo, methods=["POST"])
    async with serving(made.app) as session:
        assert await call(session, "GET", "/quick", headers={"Connection": "close"}) == (200, "ok")
        async with asyncio.timeout(PATIENCE):
            await done.wait()
        assert await call(session, "POST", "/echo", data=BytesIO(b"x" * 3_000_000)) == (
            200,
            3_000_000,
        )


async def test_a_delivery_is_a_hint_whatever_it_says(sandbox: MemoryServer) -> None:
    channel = sandbox.add_channel("mastodon").id
    client = client_of(sandbox, clock=AcceleratedClock(50))  # it looks once a second at most
    async with serving(App(client).app) as session:
        at = in_an_hour().replace(microsecond=0)
        made = await client.posts.schedule(NewPost(channel, "later"), at=at)
        waiting = asyncio.create_task(client.posts.wait_published(made[0].post_id, at=at))
        for body in (b"", b"{not json"):
            await asyncio.sleep(0.01)
            asked = sandbox.requests
            status, _ = await call(session, "POST", "/postiz/webhook", data=body)
            assert status == 204
            await until(lambda asked=asked: sandbox.requests > asked)
        async with session.post("/postiz/webhook", data=BytesIO(b" " * 1_100_000)) as answer:
            assert answer.status == 413
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_test_puts_its_client_in_the_place_of_a_tenants() -> None:
    """No pool, no lifespan and no credentials are needed then."""
    local = Sandbox(organizations=["acme", "globex"], channels=["mastodon"])

    def whose(x_key: Annotated[str, Header()]) -> Credentials:
        return Credentials(x_key)

    whose.__annotations__ = {"x_key": Annotated[str, Header()], "return": Credentials}
    tenant = postiz_for(whose)
    app = FastAPI()

    async def channels(postiz: Postiz) -> list[str]:
        return [each.id for each in await postiz.channels.list()]

    channels.__annotations__["postiz"] = Annotated[Postiz, Depends(tenant)]
    app.add_api_route("/channels", channels)
    http = AsyncClient(transport=ASGITransport(app), base_url="http://test")
    async with local.client("globex") as postiz, http:
        app.dependency_overrides[tenant] = lambda: postiz
        answer = await http.get("/channels")
    assert answer.json() == [local.channel("mastodon", organization="globex").id]


async def test_every_request_has_the_client_of_its_own_organisation(
    sandbox: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    other = sandbox.add_organization(api_key="another-key")
    ours = sandbox.add_channel("mastodon").id
    theirs = sandbox.add_channel("mastodon", organization=other).id

    def whose(x_key: Annotated[str, Header()], x_org: Annotated[str, Header()]) -> Credentials:
        return Credentials(x_key, organization=x_org)

    whose.__annotations__ = {
        "x_key": Annotated[str, Header()],
        "x_org": Annotated[str, Header()],
        "return": Credentials,
    }
    pool = PostizPool(
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(transport=SandboxTransport(sandbox)),
    )
    tenant = Annotated[Postiz, Depends(postiz_for(whose))]
    made = App(pool).schedules(tenant)

    async def channels(postiz: Postiz) -> list[str]:
        return [each.id for each in await postiz.channels.list()]

    channels.__annotations__["postiz"] = tenant
    made.app.add_api_route("/channels", channels)
    heads = [{"x-key": SECRET, "x-org": "us"}, {"x-key": "another-key", "x-org": "them"}]
    async with serving(made.app) as session:
        answers = await asyncio.gather(
            *(call(session, "GET", "/channels", headers=heads[n % 2]) for n in range(20))
        )
        assert [body for _, body in answers] == [[ours], [theirs]] * 10
        crossed = {"channel": theirs, "text": "x"}
        options: dict[str, Any] = {"params": crossed, "headers": heads[0]}
        assert (await call(session, "POST", "/schedule", **options))[0] == 422
        options = {"params": crossed, "headers": {"x-key": "wrong", "x-org": "them"}}
        assert (await call(session, "POST", "/schedule", **options))[0] == 502
        assert any(each.startswith("'them': POST /schedule: 401") for each in caplog.messages)
        assert (await call(session, "POST", "/postiz/webhook"))[0] == 204
        assert (await call(session, "GET", "/postiz/health"))[1]["clients"] == 3
    assert not sandbox.posts
    assert SECRET not in repr(Credentials(SECRET))


async def test_a_pool_keeps_a_client_open_for_the_length_of_a_request(
    sandbox: MemoryServer,
) -> None:
    sandbox.add_organization("other", api_key="other")
    pool = PostizPool(
        base_url=URL, max_clients=1, advanced=AdvancedOptions(transport=SandboxTransport(sandbox))
    )
    made, others_came, used = App(pool), asyncio.Event(), list[OpenClient]()

    async def whose(x_key: Annotated[str, Header()]) -> Credentials:
        return Credentials(x_key)

    async def slow(postiz: Postiz) -> int:
        used.append(opened(postiz))
        await others_came.wait()
        return len(await postiz.channels.list())

    slow.__annotations__["postiz"] = Annotated[Postiz, Depends(postiz_for(whose))]
    made.app.add_api_route("/slow", slow)
    async with serving(made.app) as session:
        first = asyncio.create_task(call(session, "GET", "/slow", headers={"X-Key": SECRET}))
        await until(lambda: used)
        for key in ("other", "another", "third"):
            await pool.client(key)
        assert used[0].is_open
        others_came.set()
        assert await first == (200, 0)
        await pool.client("other")
        assert not used[0].is_open, "it is let go when the request is over"


async def test_the_budget_may_depend_on_the_request(sandbox: MemoryServer) -> None:
    made = App(client_of(sandbox), max_wait=lambda request: float(request.headers["x-wait"]))

    async def budget(postiz: PostizDep) -> float | None:
        return options_of(postiz).max_wait

    budget.__annotations__["postiz"] = PostizDep
    made.app.add_api_route("/budget", budget)
    async with serving(made.app) as session:
        assert await call(session, "GET", "/budget", headers={"x-wait": "2"}) == (200, 2.0)


async def test_a_mistake_of_the_programmer_is_said_in_the_log(
    sandbox: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    pool = PostizPool(
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(transport=SandboxTransport(sandbox)),
    )
    async with (
        serving(App(pool).schedules().app) as session,
        session.post("/schedule?channel=any&text=hello") as answer,
    ):
        assert (answer.status, await answer.text()) == (500, "Internal Server Error")
    assert "Depends(postiz_for(...))" in caplog.text


async def test_what_is_missing_in_the_application_is_said_in_the_log(
    sandbox: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    add_exception_handlers(app)
    app.include_router(postiz_router())
    async with serving(app) as session, session.get("/postiz/health") as answer:
        assert answer.status == 500
    assert "enter postiz_lifespan(app) in its lifespan" in caplog.text

    tenant = Annotated[Postiz, Depends(postiz_for(lambda: Credentials("any")))]
    async with (
        serving(App(client_of(sandbox)).schedules(tenant).app) as session,
        session.post("/schedule?channel=any&text=hello") as answer,
    ):
        assert answer.status == 500
    assert "postiz_for needs postiz_lifespan(app, PostizPool(...))" in caplog.text


@pytest.mark.parametrize("found", ["key-of-acme", None])
async def test_a_dependency_that_tells_no_credentials_is_told_so(
    found: object, sandbox: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def whose() -> object:
        return found

    async def route(postiz: Postiz) -> None:
        await postiz.channels.list()

    made = App(PostizPool(advanced=AdvancedOptions(transport=SandboxTransport(sandbox))))
    tenant = postiz_for(whose)  # type: ignore[arg-type]
    route.__annotations__["postiz"] = Annotated[Postiz, Depends(tenant)]
    made.app.add_api_route("/mistake", route)
    async with serving(made.app) as session, session.get("/mistake") as answer:
        assert (answer.status, await answer.text()) == (500, "Internal Server Error")
    assert f"no Credentials but {type(found).__name__}" in caplog.text
    assert "key-of-acme" not in caplog.text


async def _no_outbox(_: Postiz, postiz: Postiz) -> None:
    await postiz.outbox.put(NewPost("any", "hello"))


async def _no_seconds(_: Postiz, postiz: Postiz) -> None:
    postiz.with_options(max_wait=-1.0)


async def _closed(client: Postiz, postiz: Postiz) -> None:
    await client.aclose()
    await postiz.channels.list()


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (_no_outbox, "has no open outbox"),
        (_no_seconds, "max_wait is -1.0"),
        (_closed, "closed or closing"),
    ],
)
async def test_a_bug_of_the_application_is_not_said_to_be_one_of_the_connection(
    mistake: Callable[[Postiz, Postiz], Awaitable[None]],
    said: str,
    sandbox: MemoryServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = client_of(sandbox)
    made = App(client)

    async def route(postiz: Postiz) -> None:
        await mistake(client, postiz)

    route.__annotations__["postiz"] = PostizDep
    made.app.add_api_route("/mistake", route)
    async with serving(made.app) as session, session.get("/mistake") as answer:
        assert (answer.status, await answer.text()) == (500, "Internal Server Error")
    assert said in caplog.text
    assert "in route" in caplog.text, "the traceback leads to the line"


async def test_one_line_for_many_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_lifespan: Callable[..., Awaitable[Any]]
) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", SECRET)
    monkeypatch.setenv("POSTIZ_API_URL", "http://127.0.0.1:9")
    quota, outbox = tmp_path / "quota.sqlite", tmp_path / "outbox.sqlite"
    client = await run_lifespan(store=str(quota), outbox=outbox)
    assert not client.is_open
    assert outbox.exists()
    with pytest.raises(ConfigurationError, match="Give store and outbox to the client"):
        await run_lifespan(client=Postiz(), store=quota)


async def test_consumers_are_told_of_tickets_for_as_long_as_the_application_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postiz_sandbox_server: SandboxServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", postiz_sandbox_server.api_key)
    monkeypatch.setenv("POSTIZ_API_URL", postiz_sandbox_server.url)
    channel = postiz_sandbox_server.add_channel("mastodon").id
    store = tmp_path / "postiz.sqlite"
    billed, mailed, names = list[str](), list[str](), list[str]()

    async def bill(event: TicketEvent) -> None:
        billed.append(event.ticket.id)

    consumers = {"billing": bill, "mail": lambda event: mailed.append(event.ticket.id)}
    for _ in range(2):
        app = FastAPI()
        async with postiz_lifespan(app, store=store, consumers=consumers):
            postiz = await get_postiz(Request({"type": "http", "app": app}))
            names.append((await postiz.outbox.put(NewPost(channel, "hello"))).id)
            scope = f"consumer of {opened(postiz).quota_name}"
            await until(lambda: billed == mailed == names)
    kept = SqliteStore(store)
    place = await kept.get(scope, "mail")
    await kept.swap(scope, "mail", place.version, b'{"cursor": "lost"}', keep=None)
    await kept.aclose()
    async with postiz_lifespan(FastAPI(), store=store, consumers=consumers):
        await until(lambda: "the consumer 'mail' has ended" in caplog.text)
    with pytest.raises(ConfigurationError, match="has no open outbox"):
        async with postiz_lifespan(FastAPI(), consumers=consumers):
            pass


async def test_what_a_worker_spends_is_written_where_others_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postiz_sandbox_server: SandboxServer
) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", postiz_sandbox_server.api_key)
    monkeypatch.setenv("POSTIZ_API_URL", postiz_sandbox_server.url)
    channel = postiz_sandbox_server.add_channel("mastodon").id
    quota = tmp_path / "quota.sqlite"
    app = FastAPI()
    async with postiz_lifespan(app, store=quota):
        postiz = await get_postiz(Request({"type": "http", "app": app}))
        await postiz.posts.schedule(NewPost(channel, "hello"), at=in_an_hour())
    store = SqliteStore(quota)
    async with Postiz(store=store) as other:
        assert (await other.quota()).remaining == 29
    await store.aclose()


@pytest.fixture
def run_lifespan() -> Callable[..., Awaitable[Any]]:
    async def run(client: Postiz | None = None, **options: Any) -> Any:
        app = FastAPI()
        async with postiz_lifespan(app, client, **options):
            opened = await get_postiz(Request({"type": "http", "app": app}))
            assert opened.is_open
            return opened

    return run


@pytest.mark.postiz(channels=["mastodon"])
async def test_the_lifespan_is_one_by_itself(
    monkeypatch: pytest.MonkeyPatch, postiz_sandbox_server: SandboxServer
) -> None:
    for name, value in postiz_sandbox_server.environment().items():
        monkeypatch.setenv(name, value)
    app = FastAPI(lifespan=postiz_lifespan)

    @app.get("/channels")
    async def channels(postiz: PostizDep) -> list[str]:
        return [each.provider for each in await postiz.channels.list()]

    async with app.router.lifespan_context(app) as state:
        assert state is None
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as http:
            assert (await http.get("/channels")).json() == ["mastodon"]


def test_the_path_of_the_webhook_is_not_in_the_schema() -> None:
    """It has to be hard to guess; the schema is there for everybody."""
    app = FastAPI()
    app.include_router(postiz_router(webhook_path="/hooks/7d1c0a9e", health_path="/health"))
    schema = app.openapi()
    assert "7d1c0a9e" not in str(schema)
    assert "/health" in schema["paths"]
