"""Microseconds to count a text of about 200 characters, as the server counts.

Claim: at most 5 us for text without markup on a network that counts UTF-16 units. Baseline in the
same run: encoding the text as UTF-16 and dividing by two. Run: python benchmarks/content.py
"""

from __future__ import annotations

import timeit
from functools import partial
from typing import TYPE_CHECKING

from figures import Figure, note

from postiz_async._content import length

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = {
    "ASCII": "We are live with version 2 of our tool today, come and see it as you like, friends! "
    * 2,
    "links": "We are live with v2.0 of our tool. See https://example.com/news and example.org now. "
    * 2,
    "ampersands": "We & they are live with version 2 of our tool today, come & see it as you like! "
    * 2,
    "accents": "Wir sind mit Version 2 für Köln da, komm und sieh es an, wann du möchtest! " * 2,
    "emoji": "We are live 👨‍👩‍👧‍👦 with version 2 🎉 of our tool, come ❤️ and see it as you like! "
    * 2,
    "CJK": "日本語テキスト。" * 25,
    "paragraphs": "<p>We are live with version 2 of our tool today, come and see.</p>" * 3,
}
CALLS = 2_000


def microseconds(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=7)) / CALLS * 1e6


def halved(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def main() -> None:
    print(f"{'':12}{'characters':>12}{'UTF-16':>10}{'plain':>10}{'X':>10}")
    for name, text in TEXTS.items():
        encode = microseconds(partial(halved, text))
        plain = microseconds(partial(length, text))
        weighted = microseconds(partial(length, text, "x-weighted"))
        print(f"{name:12}{len(text):12}{encode:10.2f}{plain:10.2f}{weighted:10.2f}")
    figure = note(
        Figure(
            name="length of a text without markup",
            value=microseconds(partial(length, TEXTS["ASCII"])),
            unit="us",
            baseline="encoding it as UTF-16",
            base=microseconds(partial(halved, TEXTS["ASCII"])),
            target=5,
        )
    )
    print(f"text without markup: {figure.value:.2f} us ({figure.goal})")


if __name__ == "__main__":
    main()
