"""What people write, as the server stores, counts and publishes it. PURE."""

from __future__ import annotations

from postiz_async._content.html import sanitise
from postiz_async._content.input_types import (
    content_problems,
    described,
    input_type_problems,
    request_type_problems,
)
from postiz_async._content.length import Counts, counted_text, length, utf16_length
from postiz_async._content.preview import Preview, plain_text, preview, published_text
from postiz_async._content.render import Editor, may_change, render
from postiz_async._content.split import split

__all__ = [
    "Counts",
    "Editor",
    "Preview",
    "content_problems",
    "counted_text",
    "described",
    "input_type_problems",
    "length",
    "may_change",
    "plain_text",
    "preview",
    "published_text",
    "render",
    "request_type_problems",
    "sanitise",
    "split",
    "utf16_length",
]
