"""Creates that were made between two recorded exchanges and are not in the recordings.

All others are counted for real: the numbers in the headers of an answer are those of the creates
before it.
"""

from __future__ import annotations

__all__ = ["BEGUN_BEFORE", "EMPTIED", "UNRECORDED"]

UNRECORDED: dict[str, dict[str, int]] = {
    "billing": {
        "402: a draft too": 2,
    },
    "bulk": {
        "20 posts alternating two integrations: the answer keeps the order": 9,
        "validation failure in the last of 10: nothing is created": 2,
    },
    "content": {
        "content 7": 1,
        "content 11": 1,
        "content 13": 1,
        "content 20": 2,
        "content 25": 1,
        "content 27": 1,
        "content 31": 2,
        "content 40": 1,
        "content 55": 1,
        "content 64": 1,
        "content 70": 2,
        "content 73": 1,
    },
    "dates": {
        "create: 2030-03-01T10:00:00": 1,
        "create: 2030-03-01T10:00:00+02:00": 1,
        "create: 20300301T100000Z": 1,
        "create: 1898676000000": 1,
        "create: None": 2,
    },
    "outages": {
        "Redis back: POST": 1,
    },
    "posts-create": {
        "draft": 1,
        "with media": 2,
        "integration that needs a refresh": 1,
    },
    "posts-errors": {
        "no body at all": 1,
        "text/plain": 1,
        "posts empty": 1,
        "integration of another organisation": 2,
        "date missing": 1,
        "value empty": 1,
        "content null": 1,
        "draft with empty content": 1,
        "delay not a number": 1,
        "settings as string": 1,
        "x: exactly 280": 1,
        "mastodon: too long (501)": 1,
        "mastodon: 251 emoji": 1,
        "mastodon: 101 ampersands": 1,
        "too long as third of three": 2,
        "x: bad settings value": 1,
        "reddit: valid settings": 1,
        "tiktok: no media": 2,
        "pinterest: no board": 1,
        "linkedin: carousel flag without enough images": 1,
        "x: five images": 1,
        "draft to an integration of an unknown provider": 1,
    },
    "posts-lifecycle": {
        "type update with the value id": 1,
        "type update without an id creates a post": 1,
        "thread of three": 2,
    },
    "protocol": {
        "JSON with charset utf-8": 2,
    },
    "release-2.23.0": {
        "too long": 1,
        "missing settings": 1,
        "content with <": 1,
    },
    "throttling": {"limit 30: fill up 22": 21},
}
"""How many, by topic and the name of the exchange after them."""

BEGUN_BEFORE = {("bulk", "20 posts alternating two integrations: the answer keeps the order")}
"""Exchanges whose window began with a create that is not recorded, at a time of which it tells."""

EMPTIED = {("content", "content 61"), ("posts-errors", "discord: no channel")}
"""Exchanges before which the counter was emptied."""
