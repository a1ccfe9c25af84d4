"""Hands orders over: one JSON object a line (organization, channel, text, at), as `tasks` says."""

from __future__ import annotations

import asyncio
import json
import sys

from tasks import announce, broker


async def main() -> None:
    await broker.startup()
    for line in sys.stdin:
        order = await announce.kiq(**json.loads(line))
        print(order.task_id)  # noqa: T201
    await broker.shutdown()


asyncio.run(main())
