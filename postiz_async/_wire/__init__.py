"""Calls to HTTP requests, HTTP responses to values, readings or errors. PURE.

The only place that knows the API's JSON and header names.
"""

from postiz_async._wire.address import (
    CLOUD_URL as CLOUD_URL,
)
from postiz_async._wire.address import (
    api_root as api_root,
)
from postiz_async._wire.address import (
    clean_key as clean_key,
)
from postiz_async._wire.address import (
    origin_of as origin_of,
)
from postiz_async._wire.headers import (
    Headers as Headers,
)
from postiz_async._wire.headers import (
    HiddenText as HiddenText,
)
from postiz_async._wire.headers import (
    checked_headers as checked_headers,
)
from postiz_async._wire.headers import (
    headers_in as headers_in,
)
from postiz_async._wire.headers import (
    merged_headers as merged_headers,
)
from postiz_async._wire.proof import (
    is_refusal as is_refusal,
)
from postiz_async._wire.proof import (
    proves_nothing_stored as proves_nothing_stored,
)
from postiz_async._wire.rate_headers import (
    Observation as Observation,
)
from postiz_async._wire.rate_headers import (
    QuotaEffect as QuotaEffect,
)
from postiz_async._wire.rate_headers import (
    observe as observe,
)
from postiz_async._wire.requests import (
    POST_YEARS as POST_YEARS,
)
from postiz_async._wire.requests import (
    WireRequest as WireRequest,
)
from postiz_async._wire.requests import (
    WireResponse as WireResponse,
)
from postiz_async._wire.requests import (
    check_id as check_id,
)
from postiz_async._wire.requests import (
    encode as encode,
)
from postiz_async._wire.requests import (
    encode_body as encode_body,
)
from postiz_async._wire.requests import (
    format_date as format_date,
)
from postiz_async._wire.requests import (
    own_headers as own_headers,
)
from postiz_async._wire.responses import (
    LONG as LONG,
)
from postiz_async._wire.responses import (
    decode as decode,
)
from postiz_async._wire.responses import (
    decoding as decoding,
)
from postiz_async._wire.responses import (
    failure as failure,
)
from postiz_async._wire.responses import (
    lacks_route as lacks_route,
)
from postiz_async._wire.responses import (
    parse_date as parse_date,
)
from postiz_async._wire.responses import (
    transient as transient,
)
from postiz_async._wire.secrets import (
    Secret as Secret,
)
