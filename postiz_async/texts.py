"""Texts for a network: preview them, and split them into threads. PURE."""

from __future__ import annotations

from typing import NamedTuple, overload

from postiz_async import _content as contents
from postiz_async._content import Counts, Editor, Preview
from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models.posts import Content, Html, Markdown, Text
from postiz_async.providers._registry import PROVIDERS, closest_provider

__all__ = ["plain_text", "preview", "render", "split"]


class _Rules(NamedTuple):
    limit: int
    counts: Counts
    editor: Editor


def plain_text(html: str) -> str:
    """The plain text of content in the form in which Postiz stores it, such as `post.content`.

    Args:
        html: the stored content.
    """
    return contents.plain_text(html)


def preview(content: Content, provider: str, *, limit: int | None = None) -> Preview:
    """The text that a network publishes, and its length as the server counts it.

    Args:
        content: plain text, `Text` with mentions, `Markdown` or `Html`.
        provider: the network, as in `channel.provider`: `x`, `linkedin-page`.
        limit: in place of the network's usual one: 4000 for a verified account on X. The
            channel's own is the `max_length` of `postiz.channels.settings(channel)`.

    Raises:
        InvalidInputError: the provider is unknown and there is no limit; HTML or Markdown that
            is longer than any request may be.
    """
    rules = _rules_of(provider, limit)
    return contents.preview(content, limit=rules.limit, counts=rules.counts, editor=rules.editor)


def render(content: Content, provider: str) -> str:
    """The `content` of a create request for a network, even one that the library does not know.

    Plain text goes as it is, or as paragraphs where that makes it fit one of the network's limits.

    Args:
        content: a plain text, or a `Text`, `Markdown` or `Html`.
        provider: identifier of the network, for example `linkedin`.

    Raises:
        InvalidInputError: Markdown that is longer than any request may be.
    """
    return contents.render_for(content, provider)


@overload
def split(
    content: str | Text, provider: str, *, limit: int | None = None, numbering: bool = False
) -> list[Text]: ...
@overload
def split(
    content: Markdown, provider: str, *, limit: int | None = None, numbering: bool = False
) -> list[Markdown]: ...
def split(
    content: Content, provider: str, *, limit: int | None = None, numbering: bool = False
) -> list[Text] | list[Markdown]:
    """Split a text into the parts of a thread: `NewPost(channel, parts[0], thread=parts[1:])`.

    Each part fits as the server counts. It ends at the end of a sentence or line where one fits,
    else between words, else between characters, never inside of a link or a mention. Blank text
    has no parts. With `numbering` each part ends with its place, ` (2/5)`.

    Args:
        content: plain text, `Text` with mentions, or `Markdown`.
        provider: the network, as in `channel.provider`.
        limit: characters of a part; None: the network's usual limit.
        numbering: whether the parts are numbered, if there are several.

    Raises:
        InvalidInputError: a link or mention alone is too long; the text has more characters than
            a request, in which a whole thread goes, has bytes (102,400); the provider is unknown
            and there is no limit; the content is `Html`, which cannot be cut.
    """
    limit, counts, editor = _rules_of(provider, limit)
    if isinstance(content, Html):
        problem = Problem("content", "HTML cannot be split", hint="use Markdown or plain text")
        raise InvalidInputError([problem])
    if isinstance(content, Markdown):
        return contents.split(
            content, limit=limit, counts=counts, editor=editor, numbering=numbering
        )
    text = Text(content) if isinstance(content, str) else content
    return contents.split(text, limit=limit, counts=counts, editor=editor, numbering=numbering)


def _rules_of(provider: str, limit: int | None) -> _Rules:
    if limit is not None and limit < 1:
        raise InvalidInputError([Problem("limit", f"{limit} leaves no room for any text")])
    known = PROVIDERS.get(provider)
    if known is not None:
        usual = known.limits[-1].characters
        return _Rules(usual if limit is None else limit, known.counts, known.editor)
    if limit is None:
        close = closest_provider(provider)
        hint = f"{close!r}?" if close else "give a limit"
        raise InvalidInputError([Problem("provider", f"{provider!r} is unknown", hint=hint)])
    return _Rules(limit, "plain", "normal")
