"""Facts that X counts by: the emoji of version 11, and the top-level domains of the internet.

They are in data files of the package, which the client reads by itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources


@cache
def top_level_domains() -> frozenset[str]:
    """In lower case; those of other scripts in both spellings."""
    names = frozenset(_words("top_level_domains.txt"))
    return names | {
        name[4:].encode().decode("punycode") for name in names if name.startswith("xn--")
    }


def _words(file: str) -> list[str]:
    lines = resources.files("postiz_async").joinpath("data", file).read_text("utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


_MAN, _WOMAN, _BOY, _GIRL = "\U0001f468", "\U0001f469", "\U0001f466", "\U0001f467"
_JOINER = "\u200d"
_HEART = f"{_JOINER}\u2764\ufe0f{_JOINER}(?:\U0001f48b{_JOINER})?"
_CHILDREN = f"(?:{_GIRL}{_JOINER}[{_BOY}{_GIRL}]|{_BOY}{_JOINER}{_BOY}|{_BOY}|{_GIRL})"
_PARENTS = f"(?:{_MAN}{_JOINER}[{_MAN}{_WOMAN}]|{_WOMAN}{_JOINER}{_WOMAN}|[{_MAN}{_WOMAN}])"
_TONE = "[\U0001f3fb-\U0001f3ff]"


def _indicators(letters: str) -> str:
    return "".join(chr(ord(letter) - ord("A") + 0x1F1E6) for letter in letters)


def _tags(letters: str) -> str:
    return "".join(chr(ord(letter) + 0xE0000) for letter in letters)


def _flags(regions: list[str]) -> str:
    firsts = sorted({region[0] for region in regions})
    seconds = ("".join(each[1] for each in regions if each[0] == first) for first in firsts)
    return "|".join(
        f"{_indicators(first)}[{_indicators(letters)}]"
        for first, letters in zip(firsts, seconds, strict=True)
    )


@cache
def emoji() -> re.Pattern[str]:
    """One of them, the longest first."""
    facts: dict[str, list[str]] = {}
    words: list[str] = []
    for word in _words("emoji.txt"):
        if word.endswith(":"):
            words = facts[word.removesuffix(":")] = []
        else:
            words.append(word)

    def any_of(name: str) -> str:
        points = (word.split("-") for word in facts[name])
        return f"[{''.join('-'.join(chr(int(end, 16)) for end in ends) for ends in points)}]"

    tools = f"{any_of('role-with-variation')}\ufe0f|{any_of('role')}"
    nations = "|".join(map(_tags, facts["tagged-flags"]))
    return re.compile(
        "|".join(
            (
                f"\U0001f3f4(?:{nations})\U000e007f",
                f"\U0001f3f4{_JOINER}\u2620\ufe0f",
                f"\U0001f3f3\ufe0f{_JOINER}\U0001f308",
                f"\U0001f441{_JOINER}\U0001f5e8",
                f"{_WOMAN}{_HEART}[{_MAN}{_WOMAN}]|{_MAN}{_HEART}{_MAN}",
                f"{_PARENTS}{_JOINER}{_CHILDREN}",
                f"[{_MAN}{_WOMAN}]{_TONE}?{_JOINER}(?:{tools})",
                f"{any_of('gender')}{_TONE}?{_JOINER}[\u2640\u2642]\ufe0f",
                f"{any_of('gender-after-variation')}(?:\ufe0f|{_TONE}){_JOINER}[\u2640\u2642]\ufe0f",
                f"{any_of('gender-without-tone')}{_JOINER}[\u2640\u2642]\ufe0f",
                "[#*0-9]\ufe0f?\u20e3",
                _flags(facts["flags"]),
                f"{any_of('tone')}{_TONE}",
                f"{any_of('variation-and-tone')}\ufe0f{_TONE}",
                f"{any_of('variation')}\ufe0f",
            )
        )
    )
