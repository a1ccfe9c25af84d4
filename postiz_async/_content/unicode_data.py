"""Data by which X counts: emoji sequences of Emoji 11, and the top-level domains. PURE.

A single emoji needs no entry: it weighs two anyway. The facts are in data files, and the sandbox
reads them by itself.
"""

from __future__ import annotations

import re
from importlib.resources import files


def _read(name: str) -> str:
    text = (files("postiz_async") / "data" / name).read_text(encoding="utf-8")
    return re.sub("^#.*", "", text, flags=re.MULTILINE)


def _characters(points: str) -> str:
    """Characters for the `[]` of a regular expression."""
    return re.sub(r"([0-9A-F]+)\s*", lambda found: chr(int(found[1], 16)), points).strip()


_, *_PARTS = re.split("([a-z-]+):", _read("emoji.txt"))
_FACTS = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))

_REGIONS = _FACTS["flags"].split()
_TAGGED_FLAGS = _FACTS["tagged-flags"].split()

_ZWJ, _VS16 = "\u200d", "\ufe0f"
_TONE = "[\U0001f3fb-\U0001f3ff]"

_WITH_TONE = _characters(_FACTS["tone"])
_WITH_VARIATION = _characters(_FACTS["variation"])
_WITH_VARIATION_AND_TONE = _characters(_FACTS["variation-and-tone"])

_GENDERED = _characters(_FACTS["gender"])
_GENDERED_WITHOUT_TONE = _characters(_FACTS["gender-without-tone"])
_GENDERED_WITH_VARIATION = _characters(_FACTS["gender-after-variation"])
_GENDER = f"{_ZWJ}[\u2640\u2642]{_VS16}"

_MAN, _WOMAN, _BOY, _GIRL = "\U0001f468", "\U0001f469", "\U0001f466", "\U0001f467"
_PARENTS = f"(?:[{_MAN}{_WOMAN}]{_ZWJ}{_WOMAN}|{_MAN}{_ZWJ}{_MAN}|[{_MAN}{_WOMAN}])"
_CHILDREN = f"{_ZWJ}(?:{_GIRL}(?:{_ZWJ}[{_BOY}{_GIRL}])?|{_BOY}(?:{_ZWJ}{_BOY})?)"
_HEART = f"{_ZWJ}\u2764{_VS16}{_ZWJ}(?:\U0001f48b{_ZWJ})?"
_COUPLE = f"(?:[{_MAN}{_WOMAN}]{_HEART}{_MAN}|{_WOMAN}{_HEART}{_WOMAN})"
_ROLE = (
    f"{_ZWJ}(?:[{_characters(_FACTS['role-with-variation'])}]{_VS16}"
    f"|[{_characters(_FACTS['role'])}])"
)


def _indicators(region: str) -> str:
    return "".join(chr(0x1F1E6 + ord(letter) - ord("A")) for letter in region)


def _tags(region: str) -> str:
    return "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"


_FIRST = (
    f"[#*0-9{_WITH_TONE}{_WITH_VARIATION}{_GENDERED}{_GENDERED_WITHOUT_TONE}"
    "\U0001f1e6-\U0001f1ff\U0001f3f4]"
)
"""The characters with which a sequence begins; all others are skipped at once."""

EMOJI = re.compile(
    f"(?={_FIRST})(?:{{}})".format(
        "|".join(
            (
                f"{_PARENTS}{_CHILDREN}",
                _COUPLE,
                f"[{_MAN}{_WOMAN}]{_TONE}?{_ROLE}",
                f"[{_GENDERED}]{_TONE}?{_GENDER}",
                f"[{_GENDERED_WITHOUT_TONE}]{_GENDER}",
                f"[{_GENDERED_WITH_VARIATION}](?:{_TONE}|{_VS16}){_GENDER}",
                f"\U0001f441{_ZWJ}\U0001f5e8",
                f"\U0001f3f3{_VS16}{_ZWJ}\U0001f308",
                f"\U0001f3f4{_ZWJ}\u2620{_VS16}",
                f"\U0001f3f4(?:{'|'.join(map(_tags, _TAGGED_FLAGS))})",
                "|".join(map(_indicators, _REGIONS)),
                f"[{_WITH_VARIATION_AND_TONE}]{_VS16}{_TONE}",
                f"[{_WITH_TONE}]{_TONE}",
                f"[{_WITH_VARIATION}]{_VS16}",
                f"[#*0-9]{_VS16}?\u20e3",
            )
        )
    )
)
"""Sequences of several code points, the longest first."""

SEQUENCE_SIGN = re.compile(
    f"[{_ZWJ}{_VS16}\u20e3\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e007f]"
)
"""Without any of these a text has no sequence."""


_DOMAINS = _read("top_level_domains.txt").split()

TOP_LEVEL_DOMAINS = frozenset(name for name in _DOMAINS if not name.startswith("xn--"))
"""Top-level domains, in lower case. A name below one of these is a link for X."""

TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS = frozenset(
    name.removeprefix("xn--").encode().decode("punycode")
    for name in _DOMAINS
    if name.startswith("xn--")
)
"""Top-level domains in other scripts, in lower case; in letters, not in the `xn--` encoding."""
