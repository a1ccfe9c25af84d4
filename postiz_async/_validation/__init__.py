"""Check a request as the server would, before it is sent. PURE."""

# pyright: reportUnusedImport=false

from __future__ import annotations

from postiz_async._validation.media import MediaFacts
from postiz_async._validation.settings import schema_problems
from postiz_async._validation.validate import validate
