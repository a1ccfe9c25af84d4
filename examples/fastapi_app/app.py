"""A small web application that schedules posts: a form, a list, tickets, webhook and quota.

    python -m pip install '../..[fastapi]' uvicorn    # in this folder
    POSTIZ_API_KEY=... POSTIZ_API_URL=... uvicorn app:app --workers 2

All workers share the quota and the outbox: through two SQLite files in the folder `DATA`, or, when
`POSTIZ_STORE` is set, through that PostgreSQL, on any number of hosts
(with the extra `postgres`; once: `postiz-async outbox init`).
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel, Field

from postiz_async import NewPost, Secret
from postiz_async.contrib.fastapi import (
    CancelOnDisconnect,
    PostizDep,
    add_exception_handlers,
    postiz_lifespan,
    postiz_router,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DATA = Path(os.environ.get("DATA", "."))
DATABASE = Secret(os.environ.get("POSTIZ_STORE", ""))
WEBHOOK = os.environ.get("WEBHOOK_PATH", "/hooks/choose-a-path-that-nobody-guesses")
Seconds = Annotated[float, Query(allow_inf_nan=False)]

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with postiz_lifespan(app, store=DATABASE or DATA / "outbox.sqlite"):
        yield


app = FastAPI(title="Announcements", lifespan=lifespan)
add_exception_handlers(app)
app.add_middleware(CancelOnDisconnect)
app.include_router(postiz_router(webhook_path=WEBHOOK, health_path="/health"))


class Announcement(BaseModel):
    channel: str = Field(min_length=1)
    text: str = Field(min_length=1)
    at: AwareDatetime | None = None
    """When to publish; None: as soon as possible."""

    def to_post(self) -> NewPost:
        return NewPost(self.channel, self.text)


class Handed(BaseModel):
    ticket: str
    state: str
    leaves_in: float
    """Seconds."""
    reason: str = ""
    post_ids: list[str] = []


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE


@app.get("/channels")
async def channels(postiz: PostizDep) -> list[dict[str, str]]:
    listed = await postiz.channels.list()
    return [
        {"id": channel.id, "name": channel.name, "provider": channel.provider}
        for channel in listed
        if not channel.disabled
    ]


@app.post("/announcements", status_code=202)
async def announce(body: Announcement, postiz: PostizDep) -> Handed:
    """Hand over and answer at once; it is sent under the quota, whatever happens to us."""
    ticket = await postiz.outbox.put(body.to_post(), at=body.at)
    return Handed(ticket=ticket.id, state=ticket.state, leaves_in=ticket.leaves_in)


@app.get("/announcements/{ticket_id}")
async def announcement(ticket_id: str, postiz: PostizDep, wait: Seconds = 0.0) -> Handed:
    """How it stands; `wait` is for how many seconds to wait until it is over."""
    ticket = await postiz.outbox.wait(ticket_id, timeout=min(max(wait, 0.0), 30.0))
    return Handed(
        ticket=ticket.id,
        state=ticket.state,
        leaves_in=ticket.leaves_in,
        reason=ticket.reason,
        post_ids=list(ticket.post_ids),
    )


@app.post("/posts", status_code=201)
async def schedule(body: Announcement, postiz: PostizDep) -> list[str]:
    """Schedule while the caller waits: at most five seconds, else 503 with Retry-After."""
    at = body.at or datetime.now(UTC) + timedelta(minutes=5)
    created = await postiz.posts.schedule(body.to_post(), at=at)
    return [each.post_id for each in created]


@app.get("/posts")
async def posts(postiz: PostizDep, days: int = 14) -> list[dict[str, str]]:
    now = datetime.now(UTC)
    end = now + timedelta(days=min(max(days, 1), 60))
    return [
        {
            "id": post.id,
            "at": post.publish_date.isoformat(),
            "state": post.state,
            "channel": post.channel.name if post.channel else "",
            "text": post.text,
        }
        async for post in postiz.posts.list(start=now - timedelta(days=1), end=end)
    ]
