"""What an agency has: organisations with a key each, and what they announce."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import AwareDatetime, BaseModel

from postiz_async import Media, NewPost, Post, Quota, Secret, ThreadPart, providers

__all__ = ["Agency", "Announcement", "Overview"]


class Announcement(BaseModel):
    """The body of a request."""

    channel: str
    text: str
    at: AwareDatetime
    thread: list[str] = []

    def to_post(self, *media: Media) -> NewPost:
        """As the library takes it."""
        settings = providers.X(who_can_reply_post="following") if self.channel == "x" else None
        parts = [ThreadPart(part, delay_minutes=1) for part in self.thread]
        return NewPost(self.channel, self.text, media=media, settings=settings, thread=parts)


class Overview(BaseModel):
    """The body of an answer, with values of the library in its fields."""

    organization: str
    posts: list[Post]
    quota: Quota


@dataclass
class Agency:
    """Keys by the name of their organisation."""

    base_url: str
    keys: dict[str, Secret] = field(default_factory=dict[str, Secret])

    async def key_of(self, organization: str) -> Secret:
        """The key of an organisation, as a pool asks for it."""
        return self.keys[organization]
