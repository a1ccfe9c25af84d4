"""What the server would say about a request, known before it is sent. PURE."""

from __future__ import annotations

from postiz_async._validation.media import (
    MediaFacts as MediaFacts,
)
from postiz_async._validation.messages import (
    server_message as server_message,
)
from postiz_async._validation.settings import (
    schema_problems as schema_problems,
)
from postiz_async._validation.validate import (
    validate as validate,
)
