"""Deleting one post with its thread, on servers of any age."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from postiz_async.errors import NotFoundError

if TYPE_CHECKING:
    from postiz_async.models.posts import Post
    from postiz_async.resources.posts import Posts

__all__ = ["delete_whole"]

log = logging.getLogger("postiz_async.batch")


async def delete_whole(posts: Posts, post: Post) -> None:
    """Delete a post by its own group where the server can, else by its id."""
    if post.group is not None:
        try:
            await posts.delete_group(post.group)
        except NotFoundError:
            log.info("the server has no route to delete a group")
        else:
            return
    await posts.delete(post.id)
