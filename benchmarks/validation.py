"""Validation of create requests: one typical post, and 100,000 posts of 12 providers.

Goals: a typical post takes at most 50 us, 100,000 posts at most 1.8 s on one core. Baseline in the
same run: msgspec encoding and decoding the same bodies, which sending needs anyway. Times are
those of the processor, so that other work on the machine counts little.
Run: python benchmarks/validation.py
"""

from __future__ import annotations

import gc
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from figures import Figure, note

from postiz_async._validation import MediaFacts, validate
from postiz_async.models.channels import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

POSTS = 100_000
ROUNDS = 9
NOW = datetime(2029, 1, 1, tzinfo=UTC)

TEXT = (
    "We open our new shop at noon, with coffee, cake and music. Come by and say hello to us all! "
)
IMAGE = {"id": "m1", "path": "https://uploads.example.com/2030/01/a1b2c3.png"}
VIDEO = {"id": "m2", "path": "https://uploads.example.com/2030/01/d4e5f6.mp4"}
TIKTOK: dict[str, object] = {
    "privacy_level": "PUBLIC_TO_EVERYONE",
    "duet": False,
    "stitch": False,
    "comment": True,
    "autoAddMusic": "no",
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
    "content_posting_method": "DIRECT_POST",
}
SUBREDDIT = {"subreddit": "/r/coffee", "title": "Open", "type": "self", "is_flair_required": False}

KINDS: tuple[tuple[str, dict[str, object], list[str], list[dict[str, str]]], ...] = (
    ("x", {"who_can_reply_post": "everyone"}, [TEXT, "See https://example.com/shop"], []),
    ("mastodon", {}, [TEXT * 2], [IMAGE]),
    ("bluesky", {}, [TEXT], [IMAGE, IMAGE]),
    ("linkedin", {}, [TEXT * 9], []),
    ("linkedin-page", {}, [f"<p>{{}} {TEXT}</p><p>{TEXT}</p>"], [IMAGE]),
    ("facebook", {"url": "https://example.com/shop"}, [TEXT * 4], []),
    ("instagram", {"post_type": "post"}, [TEXT * 3], [IMAGE, VIDEO]),
    ("tiktok", TIKTOK, [TEXT], [VIDEO]),
    ("youtube", {"title": "We open", "type": "public"}, [TEXT * 5], [VIDEO]),
    ("reddit", {"subreddit": [{"value": SUBREDDIT}]}, [TEXT * 6], []),
    ("pinterest", {"board": "b1"}, [TEXT], [IMAGE]),
    ("telegram", {}, [TEXT * 8 + "caf\u00e9 \u2615 \U0001f389"], []),
)
FACTS = {IMAGE["path"]: MediaFacts(width=1200, height=630, size=300_000)}
CHANNELS = {name: Channel(id=name, name=name, provider=name) for name, *_ in KINDS}


def body(number: int) -> dict[str, object]:
    name, settings, texts, media = KINDS[number % len(KINDS)]
    text = texts[0].format(number) if "{}" in texts[0] else f"{number} {texts[0]}"
    entries = [{"content": text, "image": media}]
    entries += [{"content": text, "image": []} for text in texts[1:]]
    post = {
        "integration": {"id": name},
        "value": entries,
        "settings": {"__type": name, **settings},
    }
    return {
        "type": "schedule",
        "date": "2030-01-15T09:00:00.123Z",
        "shortLink": False,
        "tags": [{"value": "news", "label": "news"}],
        "posts": [post],
    }


def judge(request: dict[str, object]) -> None:
    problems = validate(request, channels=CHANNELS, media=FACTS, now=NOW)
    assert not problems, problems


def there_and_back(request: dict[str, object]) -> None:
    msgspec.json.decode(msgspec.json.encode(request))


def seconds(work: Callable[[dict[str, object]], None], requests: list[dict[str, object]]) -> float:
    start = time.process_time()
    for request in requests:
        work(request)
    return time.process_time() - start


def each(work: Callable[[dict[str, object]], None], request: dict[str, object]) -> float:
    """Microseconds of a single call, the quickest of several rounds."""
    repeated = [request] * 2_000
    rounds = [seconds(work, repeated) for _ in range(ROUNDS)]
    return min(rounds) / len(repeated) * 1e6


def main() -> None:
    for number in range(len(KINDS)):
        judge(body(number))  # compiles the rules of each provider
    gc.disable()
    print(f"one post, best of {ROUNDS} rounds            validate   encode and decode")
    for number, (name, *_) in enumerate(KINDS):
        request = body(number)
        ours, base = each(judge, request), each(there_and_back, request)
        print(f"  {name:34} {ours:8.1f} us   {base:8.1f} us")
    gc.enable()
    typical = note(
        Figure(
            name="a typical post (mastodon)",
            value=each(judge, body(1)),
            unit="us",
            baseline="encoding and decoding it",
            base=each(there_and_back, body(1)),
            target=50,
        )
    )
    print(f"  typical (mastodon): {typical.value:.1f} us ({typical.goal})")
    requests = [body(number) for number in range(POSTS)]
    gc.freeze()  # what was made before is no work of those who are measured
    all_ = note(
        Figure(
            name=f"{POSTS:,} posts of {len(KINDS)} providers",
            base=seconds(there_and_back, requests),
            value=seconds(judge, requests),
            unit="s",
            baseline="encoding and decoding them",
            target=1.8,
        )
    )
    print(f"{all_.name}: {all_.value:.2f} s ({all_.goal})")
    print(f"  encoding and decoding them: {all_.base:.2f} s")


if __name__ == "__main__":
    main()
