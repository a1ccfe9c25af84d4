"""What people write, as the server stores, counts and publishes it. PURE."""

from __future__ import annotations

from postiz_async.content.html import sanitise
from postiz_async.content.input_types import (
    faults,
    input_type_problems,
    misfits_of_body,
    misfits_of_request,
)
from postiz_async.content.length import Counts, counted_text, length, utf16_length
from postiz_async.content.preview import Preview, preview, published_text
from postiz_async.content.render import Editor, is_sent_as_it_is, render
from postiz_async.content.split import split

__all__ = [
    "Counts",
    "Editor",
    "Preview",
    "counted_text",
    "faults",
    "input_type_problems",
    "is_sent_as_it_is",
    "length",
    "misfits_of_body",
    "misfits_of_request",
    "preview",
    "published_text",
    "render",
    "sanitise",
    "split",
    "utf16_length",
]
