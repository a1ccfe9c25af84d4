"""What people write, as the server stores, counts and publishes it. PURE."""

from __future__ import annotations

from postiz_async._content.html import (
    sanitise as sanitise,
)
from postiz_async._content.input_types import (
    content_problems as content_problems,
)
from postiz_async._content.input_types import (
    described as described,
)
from postiz_async._content.input_types import (
    input_type_problems as input_type_problems,
)
from postiz_async._content.input_types import (
    request_type_problems as request_type_problems,
)
from postiz_async._content.length import (
    Counts as Counts,
)
from postiz_async._content.length import (
    counted_text as counted_text,
)
from postiz_async._content.length import (
    length as length,
)
from postiz_async._content.length import (
    utf16_length as utf16_length,
)
from postiz_async._content.preview import (
    Preview as Preview,
)
from postiz_async._content.preview import (
    plain_text as plain_text,
)
from postiz_async._content.preview import (
    preview as preview,
)
from postiz_async._content.preview import (
    published_text as published_text,
)
from postiz_async._content.render import (
    Editor as Editor,
)
from postiz_async._content.render import (
    may_change as may_change,
)
from postiz_async._content.render import (
    render as render,
)
from postiz_async._content.split import (
    split as split,
)
