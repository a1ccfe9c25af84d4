"""Content of posts, as the server stores, counts and publishes it. PURE."""

# pyright: reportUnusedImport=false

from __future__ import annotations

from postiz_async._content.html import sanitise
from postiz_async._content.length import Counts, length, utf16_length
from postiz_async._content.preview import Preview, plain_text, preview
from postiz_async._content.render import Editor, may_change, render, render_for
from postiz_async._content.split import split
