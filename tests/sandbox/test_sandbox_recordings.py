"""569 exchanges with a real server, replayed into the sandbox.

Those that need something outside of the server are set aside. Prose about networks is the sandbox's
own, and headers for browsers and caches (CORS, `Vary`, `ETag`, compression) are not compared: the
sandbox has none.
"""

from __future__ import annotations

import sys
from collections import Counter

from recorded import TOPICS, exchanges
from sandbox_lab import Lab
from sandbox_replay import Exchange, Names, Replay
from sandbox_unrecorded import before

PLATFORM = "the answer of a platform"
KEYLESS = "an instance without the keys of a platform"
CACHE = "a cache of the client"
NO_NETWORK = "a network that no release has"

OUTSIDE = {
    ("analytics", "platform: x (no network behind it)"): PLATFORM,
    ("lab-platform-answers", "trigger: discord channels"): PLATFORM,
    ("lab-platform-answers", "analytics: platform"): PLATFORM,
    ("lab-platform-answers", "analytics: post"): PLATFORM,
    ("oauth", "dashboard: create an OAuth app"): "a route of the dashboard",
    ("posts-errors", "draft to an integration of an unknown provider"): NO_NETWORK,
    ("protocol", "the same with If-None-Match"): CACHE,
    ("social-connect", "social: x"): KEYLESS,
}


def set_aside(topic: str, exchange: Exchange) -> str | None:
    """Why an exchange cannot be replayed; None for those that can."""
    return OUTSIDE.get((topic, exchange["name"]))


async def play(topic: str, tally: Counter[str]) -> list[str]:
    """Play a topic; returns the differences."""
    differences: list[str] = []
    lab = Lab(topic)
    async with lab.sandbox:
        replay = Replay(lab, Names())
        for index, exchange in enumerate(exchanges(topic)):
            await before(replay, topic, exchange["name"])
            reason = set_aside(topic, exchange)
            if reason is not None:
                tally[reason] += 1
                continue
            found = await replay.play(exchange)
            tally["different" if found else "equal"] += 1
            differences += [f"{topic} {index} {exchange['name']}: {each}" for each in found]
    return differences


async def test_recordings() -> None:
    tally: Counter[str] = Counter()
    differences = [each for topic in TOPICS for each in await play(topic, tally)]
    equal, replayable = tally["equal"], tally["equal"] + tally["different"]
    others = {reason: count for reason, count in tally.items() if reason not in NAMES}
    sys.stdout.write(
        f"recordings: {equal} of {replayable} replayable equal, "
        f"{sum(others.values())} need a platform or are outside of the model: {others}\n"
    )
    assert not differences, "\n".join(differences)
    assert (equal, sum(tally.values())) == (561, 569)


NAMES = {"equal", "different"}
