"""Coverage-guided fuzzing of the decoder, by hand: nothing but our own errors ever comes out.

Needs the package `atheris` (Linux). Run: python tests/fuzz/decode.py -runs=200000
The suite holds the same property with hypothesis (tests/wire/test_wire.py).
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["postiz_async"]):
    from postiz_async import _wire as wire, webhooks
    from postiz_async._wire import WireResponse
    from postiz_async._wire.endpoints import ENDPOINTS
    from postiz_async.errors import PostizError

STATUSES = (200, 201, 204, 301, 400, 401, 402, 404, 413, 429, 500, 502)
TYPES = ("application/json; charset=utf-8", "text/html", "", "text/plain")
NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "date")


def check(data: bytes) -> None:
    """One input: a status, a type, some headers, a body."""
    source = atheris.FuzzedDataProvider(data)
    headers = {"content-type": TYPES[source.ConsumeIntInRange(0, len(TYPES) - 1)]}
    for name in NAMES:
        if source.ConsumeBool():
            headers[name] = source.ConsumeUnicodeNoSurrogates(12)
    status = STATUSES[source.ConsumeIntInRange(0, len(STATUSES) - 1)]
    endpoint = ENDPOINTS[source.ConsumeIntInRange(0, len(ENDPOINTS) - 1)]
    response = WireResponse(status, headers, source.ConsumeBytes(sys.maxsize))
    seen = wire.observe(response, now=1_800_000_000.0)
    if seen.reading is not None:
        assert seen.reading.limit >= seen.reading.remaining >= 0
    for read in (
        lambda: wire.decode(endpoint, response),
        lambda: webhooks.parse(response.body),
    ):
        try:
            read()
        except PostizError as error:
            str(error)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
