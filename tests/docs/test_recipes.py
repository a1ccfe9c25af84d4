"""The recipes of two pages, each with its queue as far as that runs here.

Each creates a post, is delivered twice, waits for a window, and fails where another try would fail.
"""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE
from redis_server import redis_server, why_no_redis

from postiz_async import Postiz
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join(
    (DOCS / name).read_text(encoding="utf-8") for name in ("task-queues.md", "synchronous-code.md")
)
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AT = datetime.now(UTC) + timedelta(days=1)
WINDOW = 2.0
"""Seconds. Two windows are over soon, whatever the quota was when a test began."""


MISSING = {"arq": "arq is not installed, for it wants an older redis than RedisStore"}


def recipe(package: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that uses a package; skipped where it is not installed."""
    pytest.importorskip(package, reason=MISSING.get(package, f"{package} is not installed"))
    module = ModuleType(f"recipe_for_{package}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = next(block for block in BLOCKS if f"from {package} import" in block)
    exec(compile(text, "task-queues.md", "exec"), module.__dict__)  # noqa: S102
    return module


@pytest.fixture
async def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MemoryServer]:
    sandbox = MemoryServer(limit=1, window=WINDOW, work_per_post=0.0)
    async with sandbox, serve(sandbox) as served:
        monkeypatch.setenv("POSTIZ_API_KEY", sandbox.organization.api_key)
        monkeypatch.setenv("POSTIZ_API_URL", served.api_url)
        monkeypatch.setenv("POSTIZ_QUOTA", str(tmp_path / "quota.sqlite"))
        yield sandbox


@pytest.fixture
def channel(sandbox: MemoryServer) -> str:
    return sandbox.add_channel("mastodon").id


@asynccontextmanager
async def client(tmp_path: Path) -> AsyncGenerator[Postiz]:
    store = SqliteStore(tmp_path / "quota.sqlite")
    try:
        async with Postiz(store=store) as postiz:
            yield postiz
    finally:
        await store.aclose()


def contents(sandbox: MemoryServer) -> list[str]:
    return sorted(post.content for post in sandbox.posts)


# ------------------------------------------------------------------ Celery


def leave_logging_alone(**_: object) -> None:
    """Celery sets up the logging of the process unless somebody listens."""


@pytest.mark.skipif(sys.platform == "win32", reason="Celery does not run there")
async def test_celery(sandbox: MemoryServer, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER", "memory://")
    made = recipe("celery", monkeypatch)
    made.app.conf.update(result_backend="cache+memory://", broker_connection_retry_on_startup=False)
    from celery.contrib.testing.worker import start_worker  # noqa: PLC0415  (if it is there)
    from celery.signals import setup_logging  # noqa: PLC0415

    def order(text: str) -> Any:
        arguments = (channel, text, AT.isoformat())
        return made.announce.apply_async(arguments, task_id=f"id-of-{text[:10]}")

    def work() -> list[str]:
        with start_worker(made.app, pool="threads", concurrency=3, perform_ping_check=False):
            results = [order(text) for text in ("first", "first", "second")]
            ids = [result.get(timeout=PATIENCE) for result in results]
            with pytest.raises(Exception, match="nothing was sent"):
                order("x" * 600).get(timeout=PATIENCE)
            return ids

    setup_logging.connect(leave_logging_alone)
    try:
        first, again, second = await asyncio.to_thread(work)
    finally:
        setup_logging.disconnect(leave_logging_alone)
        made.close()
    assert first == again != second
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0


# ------------------------------------------------------------------ arq


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis())
async def test_arq(sandbox: MemoryServer, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        monkeypatch.setenv("REDIS_URL", redis.url)
        made = recipe("arq", monkeypatch)
        from arq import Worker, create_pool  # noqa: PLC0415  (if it is there)

        settings = made.WorkerSettings
        pool = await create_pool(settings.redis_settings)
        options = {"poll_delay": 0.05, "handle_signals": False, "redis_pool": pool}
        worker = Worker(
            settings.functions,
            on_startup=settings.on_startup,
            on_shutdown=settings.on_shutdown,
            **options,
        )
        running = asyncio.create_task(worker.async_run())

        async def result(text: str, number: str) -> str:
            job = await pool.enqueue_job("announce", channel, text, AT, _job_id=number)
            return await job.result(timeout=PATIENCE, poll_delay=0.05)

        first, second = await asyncio.gather(result("first", "1"), result("second", "2"))
        with pytest.raises(Exception, match="nothing was sent"):
            await result("x" * 600, "3")
        await pool.delete("arq:result:1")
        assert await result("first", "1") == first != second
        running.cancel()
        await asyncio.wait([running])
        await worker.close()
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0


# ------------------------------------------------------------------ Procrastinate


async def test_procrastinate(
    sandbox: MemoryServer, channel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe("procrastinate", monkeypatch)
    from procrastinate import testing  # noqa: PLC0415  (if it is there)

    connector = testing.InMemoryConnector()
    with made.app.replace_connector(connector) as app:
        async with app.open_async(), client(tmp_path) as postiz:
            worked = {"wait": False, "additional_context": {"postiz": postiz}}
            jobs = [
                await made.announce.defer_async(channel=channel, text=text, at=AT.isoformat())
                for text in ("first", "second", "x" * 600)
            ]
            await app.run_worker_async(**worked)
            first, second, wrong = (connector.jobs[job] for job in jobs)
            assert [job["status"] for job in (first, second, wrong)] == [
                *("succeeded", "todo", "failed")
            ]
            assert second["scheduled_at"] > datetime.now(UTC)
            await asyncio.sleep((second["scheduled_at"] - datetime.now(UTC)).total_seconds())
            first["status"] = "todo"  # as if its worker had died before it said so
            await app.run_worker_async(**worked)
            assert [job["status"] for job in (first, second)] == ["succeeded"] * 2
    assert contents(sandbox) == ["first", "second"]


# ------------------------------------------------------------------ Temporal


async def test_temporal(
    sandbox: MemoryServer, channel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe("temporalio", monkeypatch)
    from temporalio.exceptions import ApplicationError  # noqa: PLC0415  (if it is there)
    from temporalio.testing import ActivityEnvironment  # noqa: PLC0415

    async with client(tmp_path) as postiz:
        activities = made.Announcements(postiz)

        async def attempt(text: str, workflow: str, number: int = 1) -> str:
            environment = ActivityEnvironment()
            environment.info = replace(environment.info, workflow_id=workflow, attempt=number)
            return await environment.run(activities.announce, channel, text, AT)

        first = await attempt("first", "order-1")
        assert await attempt("first", "order-1", 2) == first
        with pytest.raises(ApplicationError) as caught:
            await attempt("second", "order-2")
        wait = caught.value.next_retry_delay
        assert (caught.value.type, caught.value.non_retryable) == ("QuotaWaitError", False)
        assert wait is not None
        await asyncio.sleep(wait.total_seconds())
        assert await attempt("second", "order-2", 2) != first
        with pytest.raises(ApplicationError) as caught:
            await attempt("x" * 600, "order-3")
        assert (caught.value.type, caught.value.non_retryable) == ("InvalidPostError", True)
    assert contents(sandbox) == ["first", "second"]
