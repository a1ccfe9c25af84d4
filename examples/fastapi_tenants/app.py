"""A web application for several organisations, each with its own Postiz key, quota and outbox.

    python -m pip install '../..[fastapi,postgres]' uvicorn    # in this folder
    export POSTIZ_STORE=postgresql://... POSTIZ_API_URL=... TENANTS=tenants.json
    postiz-async outbox init
    uvicorn app:app --workers 2

`TENANTS` is a file that nobody else may read, in the place of your database:

    {"acme": {"access_token": "sent by the people of acme", "postiz_key": "the key of acme"}}

The workers share quotas and outbox in PostgreSQL, on any number of hosts. Who calls says in the
path for whom, and proves it: `Authorization: Bearer <access_token>`.
"""

from __future__ import annotations

import os
import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, Field, SecretStr, TypeAdapter

from postiz_async import NewPost, Postiz, PostizPool, Secret
from postiz_async.contrib.fastapi import (
    CancelOnDisconnect,
    Credentials,
    add_exception_handlers,
    postiz_for,
    postiz_lifespan,
    postiz_router,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DATABASE = Secret(os.environ["POSTIZ_STORE"])


class Tenant(BaseModel):
    access_token: SecretStr
    postiz_key: SecretStr


TENANTS = TypeAdapter(dict[str, Tenant]).validate_json(Path(os.environ["TENANTS"]).read_bytes())


async def key_of(organization: str) -> Secret:
    """With what the outbox sends for an organisation; also long after the request is over."""
    return Secret(TENANTS[organization].postiz_key.get_secret_value())


async def whose(
    organization: str, shown: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> Credentials:
    """The organisation in the path of the request, if the caller belongs to it."""
    known = TENANTS.get(organization)
    if known is None or not secrets.compare_digest(
        shown.credentials.encode(), known.access_token.get_secret_value().encode()
    ):
        raise HTTPException(404, "There is no such organisation, or you are not of it.")
    return Credentials(await key_of(organization), organization=organization)


TenantPostiz = Annotated[Postiz, Depends(postiz_for(whose))]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    pool = PostizPool(store=DATABASE, credentials=key_of)
    async with postiz_lifespan(app, pool, drain=5.0):
        yield


tenant = APIRouter(prefix="/{organization}")


class Announcement(BaseModel):
    channel: str = Field(min_length=1)
    text: str = Field(min_length=1)
    at: AwareDatetime | None = None
    """When to publish; None: as soon as possible."""


class Handed(BaseModel):
    ticket: str
    state: str
    leaves_in: float
    """Seconds."""
    reason: str = ""


@tenant.get("/channels")
async def channels(postiz: TenantPostiz) -> dict[str, str]:
    return {channel.id: channel.name for channel in await postiz.channels.list()}


@tenant.post("/announcements", status_code=202)
async def announce(body: Announcement, postiz: TenantPostiz) -> Handed:
    """Hand over and answer at once: it is sent under the quota of this organisation."""
    ticket = await postiz.outbox.put(NewPost(body.channel, body.text), at=body.at)
    return Handed(ticket=ticket.id, state=ticket.state, leaves_in=ticket.leaves_in)


@tenant.get("/announcements/{ticket_id}")
async def announcement(ticket_id: str, postiz: TenantPostiz) -> Handed:
    ticket = await postiz.outbox.get(ticket_id)
    return Handed(
        ticket=ticket.id, state=ticket.state, leaves_in=ticket.leaves_in, reason=ticket.reason
    )


@tenant.post("/posts", status_code=201)
async def schedule(body: Announcement, postiz: TenantPostiz) -> list[str]:
    """Schedule while the caller waits: at most five seconds, else 503 with Retry-After."""
    at = body.at or datetime.now(UTC) + timedelta(minutes=5)
    created = await postiz.posts.schedule(NewPost(body.channel, body.text), at=at)
    return [each.post_id for each in created]


app = FastAPI(title="Announcements of many", lifespan=lifespan)
add_exception_handlers(app)
app.add_middleware(CancelOnDisconnect)
app.include_router(postiz_router(webhook_path=None, health_path="/health"))
app.include_router(tenant)
