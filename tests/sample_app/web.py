"""A FastAPI application for several organisations, on one pool."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

from agency import Agency, Announcement, Overview
from fastapi import Depends, FastAPI, HTTPException

from postiz_async import Created, Media, NewPost, Post, Postiz, PostizPool
from postiz_async.contrib.fastapi import (
    Credentials,
    add_exception_handlers,
    postiz_for,
    postiz_lifespan,
)

__all__ = ["make_app"]


def make_app(agency: Agency) -> FastAPI:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        pool = PostizPool(base_url=agency.base_url, headers={"X-Gateway": "sample"}, max_retries=1)
        async with postiz_lifespan(app, pool):
            yield

    async def whose(organization: str) -> Credentials:
        if organization not in agency.keys:
            raise HTTPException(404, "There is no such organisation.")
        return Credentials(await agency.key_of(organization), organization=organization)

    client_of = postiz_for(whose)
    app = FastAPI(lifespan=lifespan)
    add_exception_handlers(app)

    @app.post("/{organization}/posts", status_code=201)
    async def announce(
        body: Announcement, postiz: Annotated[Postiz, Depends(client_of)]
    ) -> list[Created]:
        media: list[Media] = []
        return await postiz.posts.schedule(body.to_post(*media), at=body.at)

    @app.post("/{organization}/raw", status_code=201)
    async def announce_all(
        body: list[NewPost], postiz: Annotated[Postiz, Depends(client_of)]
    ) -> int:
        answer = await postiz.with_raw_response(
            postiz.posts.schedule(*body, at=datetime.now(UTC) + timedelta(hours=1))
        )
        return answer.status

    @app.get("/{organization}/posts")
    async def posts(postiz: Annotated[Postiz, Depends(client_of)]) -> list[Post]:
        now = datetime.now(UTC)
        patient = postiz.with_options(timeout=10)
        week = timedelta(days=7)
        return [post async for post in patient.posts.list(start=now - week, end=now + week)]

    @app.get("/{organization}")
    async def overview(
        organization: str, postiz: Annotated[Postiz, Depends(client_of)]
    ) -> Overview:
        return Overview(
            organization=organization, posts=await posts(postiz), quota=await postiz.quota()
        )

    return app
