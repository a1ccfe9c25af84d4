"""Writes `docs/providers.md` from what the library knows: python docs/make_providers.py."""

from __future__ import annotations

import inspect
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import astuple

from postiz_async.providers import PROVIDERS, guide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postiz_async.providers import Guide

PAGE = Path(__file__).with_name("providers.md")

HEAD = """\
# Providers

What Postiz accepts for each of {count} social networks: how long a text may be and how it is
counted, which settings a post needs, which media it may have, and pitfalls that the server does not
report. `postiz-async providers NAME` shows the same, `postiz_async.providers.PROVIDERS` contains
it, and every request is checked against it before it is sent.

This page is generated from that table by `docs/make_providers.py`; it describes the newest server.

Write settings as structs, `providers.X(who_can_reply_post="following")`, or as mappings with the
names below, also in the `settings` column of a campaign. Attributes of structs are in snake case:
`postType` is `post_type`. Settings that you leave out have their default. The maximum length
applies to each part of a post.
"""


def page() -> str:
    """The whole page."""
    guides = [guide(each) for each in PROVIDERS.values()]
    parts = [HEAD.format(count=len(guides)), "\n".join(_overview(guides)) + "\n"]
    parts += ["\n".join(_section(each)) + "\n" for each in guides]
    return "\n".join(parts)


def _overview(guides: Iterable[Guide]) -> Iterator[str]:
    yield from _table(
        ("provider", "characters", "further parts"),
        ((f"[{each.provider.name}](#{_anchor(each)})", each.limit, each.parts) for each in guides),
    )


def _anchor(shown: Guide) -> str:
    return shown.provider.identifier


def _look_up(name: str, inputs: tuple[str, ...]) -> str:
    return _code(name) + (f" ({', '.join(inputs)})" if inputs else "")


def _section(shown: Guide) -> Iterator[str]:
    provider = shown.provider
    yield f'<a id="{_anchor(shown)}"></a>'
    yield ""
    yield f"## {provider.name}"
    yield ""
    yield inspect.cleandoc(provider.settings.__doc__ or "").partition("\n\nArgs:")[0]
    yield ""
    yield f"- Identifier: `{provider.identifier}`; settings: `providers.{_struct(shown)}`"
    yield f"- Characters: {shown.limit}"
    yield f"- Counted: {shown.counting}"
    yield f"- Published as: {_EDITORS[provider.editor]}"
    yield f"- Further parts: {shown.parts}"
    if provider.tools:
        look_ups = ", ".join(starmap(_look_up, provider.tools.items()))
        yield f"- Look-ups of `channels.trigger`: {look_ups}"
    if provider.analytics:
        yield f"- Analytics: of the {' and the '.join(provider.analytics)}"
    if provider.since:
        yield f"- Since {provider.since}"
    for title, lines in (("Media", shown.media), ("Pitfalls", shown.notes)):
        if lines:
            yield from ("", f"{title}:", "", *(f"- {line}" for line in lines))
    if shown.fields:
        yield ""
        rows = ((_code(each.name), *astuple(each)[1:]) for each in shown.fields)
        yield from _table(("setting", "type", "required", "limits", "meaning"), rows)
    yield from ("", f"A minimal post: {_code(shown.example)}")


_EDITORS = {"normal": "plain text", "markdown": "Markdown", "html": "HTML"}


def _struct(shown: Guide) -> str:
    return shown.provider.settings.__name__


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield _line(columns)
    yield _line(["---"] * len(columns))
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")  # noqa: T201 - a script
