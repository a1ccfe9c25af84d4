"""The least that each network wants of a post."""

from __future__ import annotations

from typing import Any

SUBREDDIT = {"subreddit": "/r/x", "title": "tt", "type": "self", "is_flair_required": False}
_TAG = {"value": "a", "label": "b"}
_TIKTOK = {
    "privacy_level": "SELF_ONLY",
    "duet": False,
    "stitch": False,
    "comment": True,
    "autoAddMusic": "no",
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
    "content_posting_method": "UPLOAD",
}

SETTINGS: dict[str, dict[str, Any]] = {
    "reddit": {"subreddit": [{"value": SUBREDDIT}]},
    "lemmy": {"subreddit": [{"value": {"subreddit": "rust", "id": "1", "title": "tt"}}]},
    "youtube": {"title": "tt", "type": "public"},
    "pinterest": {"board": "b"},
    "dribbble": {"title": "t"},
    "tiktok": _TIKTOK,
    "tiktok-business": _TIKTOK,
    "discord": {"channel": "1"},
    "slack": {"channel": "1"},
    "kick": {},
    "twitch": {},
    "x": {"who_can_reply_post": "everyone"},
    "linkedin": {},
    "linkedin-page": {},
    "instagram": {"post_type": "post"},
    "instagram-standalone": {"post_type": "story"},
    "medium": {"title": "tt", "subtitle": "ss"},
    "devto": {"title": "tt"},
    "wordpress": {"title": "tt", "type": "posts"},
    "hashnode": {"title": "tttttt", "publication": "p", "tags": [_TAG]},
    "listmonk": {"subject": "s", "preview": "", "list": "1"},
    "gmb": {},
    "wrapcast": {},
    "facebook": {},
    "threads": {},
    "mastodon": {},
    "bluesky": {},
    "telegram": {},
    "nostr": {},
    "vk": {},
    "moltbook": {"submolt": "general"},
    "skool": {"group": "g", "label": "l", "title": "t"},
    "whop": {"company": "c", "experience": "e"},
    "mewe": {"postType": "timeline"},
    "tumblr": {},
}
"""By identifier, in the order in which the server names them."""

_VIDEO, _PICTURE = ["v.mp4"], ["a.png"]
MEDIA = {
    "youtube": _VIDEO,
    "tiktok": _VIDEO,
    "tiktok-business": _VIDEO,
    "instagram": _PICTURE,
    "instagram-standalone": _PICTURE,
    "pinterest": _PICTURE,
    "dribbble": _PICTURE,
}
"""File names, where media are wanted."""


def media(*names: str) -> list[dict[str, Any]]:
    """Media objects; a name with a `+` before it has a thumbnail."""
    return [
        {"id": name, "path": f"https://cdn.example.com/{name.lstrip('+')}"}
        | ({"thumbnail": "https://cdn.example.com/t.png"} if name.startswith("+") else {})
        for name in names
    ]
