"""The application of `sample_saas.py`: requests hand posts over, ended tickets are billed."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import psycopg
from fastapi import APIRouter, Depends, FastAPI

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool, TicketEvent
from postiz_async.clock import AcceleratedClock
from postiz_async.contrib.fastapi import (
    Credentials,
    add_exception_handlers,
    postiz_for,
    postiz_lifespan,
    postiz_router,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DATABASE = os.environ["POSTIZ_STORE"]
CLOCK = AcceleratedClock(float(os.environ["SPEED"]))


async def key_of(organization: str) -> str:
    return f"sandbox-{organization}"


async def bill(event: TicketEvent) -> None:
    async with await psycopg.AsyncConnection.connect(DATABASE, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO billed (organization, ticket, state, process) VALUES (%s, %s, %s, %s)",
            [event.organization, event.ticket.id, event.ticket.state.value, os.getpid()],
        )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    pool = PostizPool(store=DATABASE, credentials=key_of, advanced=AdvancedOptions(clock=CLOCK))
    async with postiz_lifespan(app, pool, consumers={"billing": bill}):
        yield


async def whose(organization: str) -> Credentials:
    return Credentials(await key_of(organization), organization=organization)


TenantPostiz = Annotated[Postiz, Depends(postiz_for(whose))]

tenant = APIRouter(prefix="/{organization}")


@tenant.post("/posts", status_code=202)
async def post(text: str, at: datetime, postiz: TenantPostiz) -> str:
    """Hand a post over; the same request again has the same ticket."""
    ticket = await postiz.outbox.put(NewPost("mastodon", text), at=at, idempotency_key=text)
    return ticket.id


app = FastAPI(lifespan=lifespan)
add_exception_handlers(app)
app.include_router(postiz_router(webhook_path=None, health_path="/health"))
app.include_router(tenant)
