# ruff: noqa: RUF001, SIM905 - letters that look like others are the point, and lists of pieces
"""Texts that glue what may be part of a link to what may not, and to what may look like one."""

from __future__ import annotations

import random

_SCHEMES = """
    https:// http:// HTTPS:// Http:// ftp:// https:/ https: //
""".split()
_LABELS = """
    a B example EXAMPLE t www e 1 127 main node exa_mple x_y _a a_ -a a- a-b xn--r8jz45g
    xn--é xn--日 bücher straße ünï é 日本 例え パス 한국어 пример Ελλάδα ι هند 👍 a👍
    👍\U0001f3fd 日_本 👍_a “a” \"a a—b 日本。a e\u0301 a\u200db © １
""".split()
_LABELS += ["l" * 63, "l" * 64, "日" * 20]
_TOPS = """
    com COM de jp co io org museum py md js txt g onion web music an active etisalat comé
    com日本 com— comx com2 com_ com- com@ com+ みんな みんなで рф РФ 한국 中国 中國a
    嘉里大酒店 भारतम् vermögensberater xn--p1ai xn--p1ai日 xn-- Com c co.uk com. com👍
""".split()
_PORTS = """
    :80 :8080 : :a :٣
""".split()
_PATHS = """
    / // /a /a/b /aBc1 /a. /a! /a/? /a_(b) /a(b(c)d) /(a /() /a) /(a(b(c))) /(!) /(a)(b)!
    /@me /@me/ /Straße /é! /e\u0301 /パス /ι /ⱥ /а/б /– /a– /a—b /a,b; /a#b /# /a%20b
    /main.py /b.com /a@b.com /[a] /a|b~ /'a' /a* /a“b” /👍 /a👍\U0001f3fd /1\ufe0f\u20e3
""".split()
_PATHS += ["/x" + "y" * 41]
_QUERIES = """
    ?a=b ?a=b&c ? ?é ?a! ?a=(b) ?# ?a=b. ?a?b ?a_ ?日本 ?a=é
""".split()
_EMOJI = """
    😀 👍 👍\ufe0f 👍\U0001f3fd 👍\U0001f3fd\ufe0f 👨\u200d👩\u200d👧\u200d👦 👩\u200d🚀
    👩\U0001f3fd\u200d🚀 🧑\u200d🚀 ❤\ufe0f ❤ ❤\ufe0f\u200d🔥 1\ufe0f\u20e3 1\u20e3
    #\ufe0f\u20e3 *\ufe0f\u20e3 \U0001f1e9\U0001f1ea \U0001f1e9
    \U0001f1e9\U0001f1ea\U0001f1eb
    🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🏳\ufe0f\u200d🌈 🏳\u200d🌈
    🏴\u200d☠\ufe0f © ©\ufe0f ®\ufe0f ™ ™\ufe0f ☺\ufe0f 🕵\ufe0f\u200d♀\ufe0f
    🕵\U0001f3fd\u200d♂\ufe0f 🕴\ufe0f 🏋\ufe0f\u200d♂\ufe0f 🏃\u200d♀\ufe0f
    🏃\U0001f3fd\u200d♀\ufe0f 👯\u200d♂\ufe0f 👁\ufe0f\u200d🗨\ufe0f 👁\u200d🗨 💏
    👩\u200d❤\ufe0f\u200d💋\u200d👨 🤼\u200d♀\ufe0f 🧔\U0001f3fd ♀\ufe0f ♀ ✈\ufe0f
    ☝\U0001f3fd ☝\ufe0f ⛹\ufe0f\u200d♀\ufe0f \ufe0f \ufe0e \u200d \u20e3 \U0001f3fd ‼\ufe0f
    〰\ufe0f 🅰\ufe0f
""".split()
_WORDS = """
    see e.g. i.e. v2.0 README.md main.py a.b.c me@example.com #tag $a.com 日本語 テキスト。
    を見て 한국어 中文， Köln élan naïve Å e\u0301te\u0301 İ ſ привет Ελλ ﬁ ｆｕｌｌ العربية
    हिन्दी ไทย t.co T.CO/a com .de https://t.co/aBc1 https://t.co/a?b=c http://t.co/é
    https://T.co/ab/c.d https://example.com/a example.org www.example.co.jp 2.5 ...
""".split()
_WORDS += ["x" * 30, "https://t.co/" + "z" * 41]
_GLUE = """
    - _ . / @ # $ & % : ; , ! ? ' \" ( ) [ ] { } < > | ~ ^ ` * + = \\ ＠ ＃ 。 ． 、 … — – “
    ” ’ • → \u200b \u200e \u200f \u202a \u061c \u2066 \ufeff \ufffe \u180e \u2060 \xad \x00
    \x7f
""".split()
_GLUE += ["\u3000", "\xa0", "\t", "\n", "\x85", "\u2028", "\x1f"]


def make_texts(seed: int, number: int) -> list[str]:
    """So many texts of one to fourteen pieces, always the same for a seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return ["".join(_pieces(dice)) for _ in range(number)]


def _pieces(dice: random.Random) -> list[str]:
    spacing = dice.choice([0.0, 0.1, 0.5])
    pieces: list[str] = []
    for _ in range(dice.randint(1, 7)):
        pieces.append(_piece(dice))
        if dice.random() < spacing:
            pieces.append(" ")
    return pieces


def _piece(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.45:
        return _link(dice)
    if kind < 0.6:
        return dice.choice(_EMOJI)
    if kind < 0.75:
        return dice.choice(_WORDS)
    return dice.choice(_GLUE)


def _link(dice: random.Random) -> str:
    """What looks like a link and may be one."""
    labels = [dice.choice(_LABELS) for _ in range(dice.choice([1, 1, 1, 2, 2, 3]))]
    parts = [
        dice.choice(_SCHEMES[:3] if dice.random() < 0.7 else _SCHEMES) * (dice.random() < 0.5),
        ".".join([*labels, dice.choice(_TOPS)]),
        dice.choice(_PORTS) * (dice.random() < 0.1),
        dice.choice(_PATHS) * (dice.random() < 0.5),
        dice.choice(_PATHS) * (dice.random() < 0.1),
        dice.choice(_QUERIES) * (dice.random() < 0.2),
    ]
    return "".join(parts)
