"""What people write, as the server stores, counts and publishes it. PURE."""

from __future__ import annotations

from postiz_async._content.html import (
    sanitise as sanitise,
)
from postiz_async._content.input_types import (
    content_problems as content_problems,
    described as described,
    input_type_problems as input_type_problems,
    request_type_problems as request_type_problems,
)
from postiz_async._content.length import (
    Counts as Counts,
    counted_text as counted_text,
    length as length,
    utf16_length as utf16_length,
)
from postiz_async._content.preview import (
    Preview as Preview,
    plain_text as plain_text,
    preview as preview,
    published_text as published_text,
)
from postiz_async._content.render import (
    Editor as Editor,
    may_change as may_change,
    render as render,
)
from postiz_async._content.split import (
    split as split,
)
