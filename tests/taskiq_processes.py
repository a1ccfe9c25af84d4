"""TaskIQ's workers and its scheduler as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from processes import PATIENCE


@asynccontextmanager
async def taskiq(folder: Path, environment: dict[str, str], *command: str) -> AsyncGenerator[None]:
    """Run `taskiq` in a folder until the block ends; it has to end on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "taskiq", *command, "--log-level", "WARNING"),
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    try:
        yield
        assert process.returncode is None, f"taskiq {command[0]} ended by itself"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
