"""Texts that are refused on demand: which posts they meet, and in what words.

No social network tells its rules, so a test says them: posts with these words are refused, by the
server when they are created or by the network when they are published.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class TextRule:
    """One reason to refuse a post.

    Attributes:
        words: What stands in the text, in letters of either case; empty: any text.
        because: The reason that is told.
        is_once: Whether it holds for one post only.
    """

    words: str
    because: str
    is_once: bool = False

    def meets(self, content: str) -> bool:
        """Whether the words stand in the text of a post, its markup left out."""
        return self.words.casefold() in html.unescape(_TAG.sub("", content)).casefold()


class TextRules:
    """Reasons to refuse posts, in the order in which they were given."""

    def __init__(self) -> None:
        self._rules: list[TextRule] = []

    def add(self, rule: TextRule) -> None:
        """Refuse posts from now on."""
        self._rules.append(rule)

    def why_refused(self, contents: Iterable[str]) -> str | None:
        """Why a post of these parts is refused, if it is; a rule for one post is used up then."""
        parts = tuple(contents)
        for rule in self._rules:
            if any(map(rule.meets, parts)):
                if rule.is_once:
                    self._rules.remove(rule)
                return rule.because
        return None
