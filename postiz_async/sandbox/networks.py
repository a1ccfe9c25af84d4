"""The social networks that the server knows: what the API says about each."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["NETWORKS", "Network"]


@dataclass(frozen=True, slots=True)
class Network:
    """One network.

    Attributes:
        max_length: Longest text.
        has_settings: Whether posts carry settings of its own.
        is_oauth: Whether connecting a channel begins at a web page.
        tools: Names of its look-ups, each with the keys that it takes.
        analytics: What can be counted: the channel, its posts, or both.
    """

    max_length: int
    has_settings: bool = True
    is_oauth: bool = True
    tools: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    analytics: frozenset[str] = frozenset()


_BOTH = frozenset({"channel", "post"})

NETWORKS: dict[str, Network] = {
    "x": Network(280, analytics=_BOTH),
    "linkedin": Network(3000, has_settings=False),
    "linkedin-page": Network(3000, has_settings=False, analytics=_BOTH),
    "facebook": Network(63206, analytics=_BOTH),
    "instagram": Network(2200, tools={"audioSearch": ("q", "type")}, analytics=_BOTH),
    "instagram-standalone": Network(2200, analytics=_BOTH),
    "threads": Network(500, has_settings=False, analytics=_BOTH),
    "bluesky": Network(300, has_settings=False, is_oauth=False),
    "mastodon": Network(500, has_settings=False),
    "telegram": Network(4096, has_settings=False, is_oauth=False),
    "nostr": Network(100_000, has_settings=False, is_oauth=False),
    "vk": Network(2048, has_settings=False),
    "kick": Network(500, has_settings=False),
    "twitch": Network(500),
    "youtube": Network(5000, analytics=_BOTH),
    "tiktok": Network(2000, analytics=_BOTH),
    "tiktok-business": Network(
        2200, tools={"musicSearch": ("genre",), "locationSearch": ("q",)}, analytics=_BOTH
    ),
    "reddit": Network(10_000, tools={"subreddits": ("word",), "restrictions": ("subreddit",)}),
    "lemmy": Network(10_000, is_oauth=False, tools={"subreddits": ("word",)}),
    "wrapcast": Network(800, is_oauth=False, tools={"subreddits": ("word",)}),
    "discord": Network(1980, tools={"channels": ()}),
    "slack": Network(400_000, tools={"channels": ()}),
    "pinterest": Network(500, tools={"boards": ()}, analytics=_BOTH),
    "dribbble": Network(40_000, tools={"teams": ()}, analytics=frozenset({"post"})),
    "medium": Network(100_000, is_oauth=False, tools={"publications": ()}),
    "devto": Network(100_000, is_oauth=False, tools={"tags": (), "organizations": ()}),
    "hashnode": Network(10_000, is_oauth=False, tools={"tagsList": (), "publications": ()}),
    "wordpress": Network(
        100_000, is_oauth=False, tools={"postTypes": (), "categoriesList": (), "tagsList": ()}
    ),
    "listmonk": Network(100_000_000, is_oauth=False, tools={"list": (), "templates": ()}),
    "gmb": Network(1500, analytics=_BOTH),
    "moltbook": Network(300, is_oauth=False),
    "skool": Network(5000, is_oauth=False, tools={"groups": (), "label": ("id",)}),
    "whop": Network(50_000, tools={"companies": (), "experiences": ("id",)}),
    "mewe": Network(63206, tools={"groups": ()}),
    "tumblr": Network(32_768),
}
