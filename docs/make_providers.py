"""Writes `docs/providers.md` from what the library knows: python docs/make_providers.py."""

from __future__ import annotations

import inspect
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async.providers import PROVIDERS, guide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postiz_async.providers import FieldLine, Guide

PAGE = Path(__file__).with_name("providers.md")

HEAD = """\
# Providers

What Postiz accepts for each of {count} social networks, on the newest server. `postiz-async
providers NAME` shows the same, `postiz_async.providers.PROVIDERS` contains it (this page is
generated from it by `docs/make_providers.py`), and every request is checked against it before it is
sent.

- **Characters** are UTF-16 units, so most emoji count 2 and more; on X, the larger of these and X's
  weighted length, in which a link counts 23, an emoji and a CJK character 2. The maximum applies to
  each part of a post.
- **Further parts** of a thread become replies or comments, with their media unless the table says
  otherwise; where it says "none", the server stores them and never publishes them.
- **Settings** are written as structs, `providers.X(who_can_reply_post="following")`, or as mappings
  with the names below, also in the `settings` column of a campaign. Attributes of structs are in
  snake case: `postType` is `post_type`. Settings are optional and strings unless it says otherwise.
  Those with a default are required by the server, and sent if you leave them out.
- **Look-ups** are those of `channels.trigger`, with their parameters.
- **Analytics** are of the channel and the post unless it says otherwise.
- **Rules** end with the message of the server for posts that break them.
- Where no minimal post is shown, `NewPost(channel, "text", settings=providers.NAME())` is one.
"""
PARTS = {
    "are stored and never published": "none",
    "become replies, with their media": "replies",
    "become comments, with their media": "comments",
    "become comments, without their media": "comments without media",
    "become comments, with their first medium only": "comments with their first medium",
    "become comments, and must have no media": "comments, which must have no media",
}
EDITORS = {"normal": "plain text", "markdown": "Markdown", "html": "HTML"}


def page() -> str:
    """The whole page."""
    guides = [guide(each) for each in PROVIDERS.values()]
    parts = [HEAD.format(count=len(guides)), "\n".join(_overview(guides)) + "\n"]
    parts += ["\n".join(_section(each, _twin(each, guides))) + "\n" for each in guides]
    return "\n".join(parts)


def _overview(guides: Iterable[Guide]) -> Iterator[str]:
    yield _line(("network", "characters", "published as", "further parts"))
    yield _line(["---"] * 4)
    for each in guides:
        provider = each.provider
        link = f"[{provider.name}](#{provider.identifier})"
        yield _line((link, each.limit, EDITORS[provider.editor], PARTS[each.parts]))


def _twin(shown: Guide, guides: Iterable[Guide]) -> Guide | None:
    """An earlier network with the same settings."""
    first = next(each for each in guides if each.fields == shown.fields)
    return first if shown.fields and first is not shown else None


def _section(shown: Guide, twin: Guide | None) -> Iterator[str]:
    provider = shown.provider
    yield f'<a id="{provider.identifier}"></a>'
    yield ""
    yield f"## {provider.name}"
    yield ""
    about = inspect.cleandoc(provider.settings.__doc__ or "").partition("\n\nArgs:")[0]
    _, _, more = about.partition("\n\n")  # than its limits, which the table has
    if more:
        yield from (more, "")
    since = f", since {provider.since}" if provider.since else ""
    yield f"Identifier `{provider.identifier}`, settings `providers.{_struct(shown)}`{since}."
    facts = list(_facts(shown))
    if facts:
        yield from ("", *(f"- {line}" for line in facts))
    if twin is not None:
        yield from (
            "",
            f"The settings are those of [{twin.provider.name}](#{twin.provider.identifier}).",
        )
    elif shown.fields:
        yield from ("", "Settings:", "", *(f"- {_setting(each)}" for each in shown.fields))
    if shown.example != f'NewPost(channel, "text", settings=providers.{_struct(shown)}())':
        yield from ("", f"A minimal post: `{shown.example}`")


def _struct(shown: Guide) -> str:
    return shown.provider.settings.__name__


def _facts(shown: Guide) -> Iterator[str]:
    provider = shown.provider
    if provider.tools:
        yield f"Look-ups: {', '.join(starmap(_look_up, provider.tools.items()))}"
    if provider.analytics:
        only = "" if len(provider.analytics) == 2 else f" of the {provider.analytics[0]}"
        yield f"Analytics{only}"
    yield from (f"Rule: {rule}" for rule in shown.media)
    yield from shown.notes


def _look_up(name: str, inputs: tuple[str, ...]) -> str:
    return f"`{name}`" + (f" ({', '.join(inputs)})" if inputs else "")


def _setting(field: FieldLine) -> str:
    needed, _, default = field.needed.partition("; ")
    words = [] if field.kind == "string" else [field.kind]
    if field.limits:
        said, matches, pattern = field.limits.partition("matches ")
        words.append(f"{said}matches `{pattern}`" if matches else said)
    if needed.startswith("when"):
        words.append(f"required {needed}")
    elif needed == "yes" and not default:
        words.append("required")
    elif needed not in {"yes", "no"}:
        words.append(needed)
    words += [default] if default else []
    limits = f" ({'; '.join(words)})" if words else ""
    return f"`{field.name}`{limits}: {field.meaning}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")  # noqa: T201 - a script
