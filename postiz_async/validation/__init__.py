"""What the server would say about a request, known before it is sent. PURE."""

from __future__ import annotations

from postiz_async.validation.checking import validate
from postiz_async.validation.media import MediaFacts
from postiz_async.validation.schema import schema_problems
from postiz_async.validation.texts import server_message

__all__ = ["MediaFacts", "schema_problems", "server_message", "validate"]
