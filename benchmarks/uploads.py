"""A 1 GB video: memory that sending it takes, and its speed beside curl.

Goals: at most 32 MB of extra memory, and at least 0.95 of the speed of curl sending the same file.
Both are measured against the sandbox (`postiz-async sandbox`, a process of its own that reads,
hashes and forgets) and, because that sandbox is the slower end of the line, against a bare sink
too: an asyncio server of a dozen lines that only counts. Client and curl take turns in one run,
and in who goes first; the ratio is the median of the rounds, and its spread tells how far a busy
machine can be trusted. A client's memory is the peak of its process less what the process had when
the client was open and had uploaded one small picture. Run:
python benchmarks/uploads.py [--mib 1024] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from figures import CHILD_ENVIRONMENT, Figure, note, skip

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
KEY = "benchmark"
HEAD = b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"

CLIENT = """
import asyncio, json, sys, time
from pathlib import Path
from postiz_async import Postiz

PNG = bytes.fromhex(sys.argv[3])

def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024

async def main():
    async with Postiz(api_key="benchmark", base_url=sys.argv[1]) as postiz:
        await postiz.media.upload(PNG)
        before = memory("VmRSS")
        start, used = time.perf_counter(), time.process_time()
        media = await postiz.media.upload(Path(sys.argv[2]))
        seconds, cpu = time.perf_counter() - start, time.process_time() - used
        told = {"seconds": seconds, "cpu": cpu, "size": media.size}
        print(json.dumps(told | {"before": before, "after": memory("VmHWM")}))
asyncio.run(main())
"""

SINK = """
import asyncio, re

BODY = b'{"id":"1","name":"a","path":"http://127.0.0.1/a.mp4"}'
ANSWER = (b"HTTP/1.1 201 Created\\r\\nContent-Type: application/json\\r\\nContent-Length: "
          + str(len(BODY)).encode() + b"\\r\\n\\r\\n" + BODY)

async def handle(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = re.search(rb"content-length: (\\d+)", head.lower())
            if b"100-continue" in head.lower():
                writer.write(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
            left = int(length[1])
            while left:
                left -= len(await reader.read(min(left, 1 << 18)))
            writer.write(ANSWER)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 18)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def make_video(path: Path, mib: int) -> None:
    """A file that begins like an MP4 and has no holes, as a real one."""
    block = os.urandom(MIB)
    with path.open("wb") as file:
        file.write(HEAD + block[len(HEAD) :])
        for _ in range(mib - 1):
            file.write(block)


@contextmanager
def sandbox() -> Iterator[tuple[str, int]]:
    """URL and process id of a sandbox."""
    with subprocess.Popen(
        [sys.executable, "-m", "postiz_async", "sandbox", "--port", "0", "--api-key", KEY],
        stdout=subprocess.PIPE,
        text=True,
        env=CHILD_ENVIRONMENT,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "POSTIZ_API_URL=" in line:
                    yield line.partition("POSTIZ_API_URL=")[2].split()[0], process.pid
                    break
        finally:
            process.terminate()


@contextmanager
def sink() -> Iterator[tuple[str, int]]:
    """URL and process id of a server that only counts bytes."""
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
        finally:
            process.terminate()


def with_client(url: str, path: Path) -> dict[str, float]:
    """Seconds and memory of an upload by this library."""
    run = subprocess.run(
        [sys.executable, "-c", CLIENT, url, str(path), PNG.hex()],
        capture_output=True,
        text=True,
        check=True,
        env=CHILD_ENVIRONMENT,
    )
    told: dict[str, float] = json.loads(run.stdout)
    return told


def with_curl(url: str, path: Path) -> dict[str, float]:
    """Seconds of the same upload by curl, its start not counted in the time that passed."""
    form = f"file=@{path};type=video/mp4;filename=upload.mp4"
    written = "%{time_total} %{http_code}"
    options = ["-sS", "--noproxy", "*", "-o", os.devnull, "-w", written, "-H", "Expect:"]
    header = f"Authorization: {KEY}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        ["curl", *options, "-H", header, "-F", form, f"{url}/public/v1/upload"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, status = run.stdout.split()
    assert status == "201", run.stdout
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": float(seconds), "cpu": cpu}


def peak_of(pid: int) -> float:
    """Most memory that a process had at once, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return float("nan")
    line = next(
        line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def compare(name: str, url: str, pid: int, path: Path, rounds: int) -> None:
    size = path.stat().st_size / MIB
    before = peak_of(pid)
    curls: list[dict[str, float]] = []
    ours: list[dict[str, float]] = []
    for number in range(rounds):
        ways = [(curls, with_curl), (ours, with_client)]
        for told, way in ways if number % 2 else reversed(ways):
            told.append(way(url, path))
    assert {told["size"] for told in ours} == {path.stat().st_size}
    ratios = [c["seconds"] / o["seconds"] for c, o in zip(curls, ours, strict=True)]
    print(f"{size:,.0f} MiB to {name}, median of {rounds}")
    for who, told in (("curl", curls), ("this client", ours)):
        seconds, cpu = (statistics.median(each[key] for each in told) for key in ("seconds", "cpu"))
        print(f"  {who:12} {size / seconds:6.0f} MiB/s, {cpu:.2f} s of processor time")
    base = size / statistics.median(told["seconds"] for told in curls)
    speed = Figure(
        name=f"{size:,.0f} MiB to {name}",
        value=base * statistics.median(ratios),
        unit="MiB/s",
        baseline="curl",
        base=base,
        compared="ratio",
        target=0.95,
        better="more",
    )
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"  this client / curl {speed.judged:.2f}   ({note(speed).goal}; rounds {spread})")
    extra = max(told["after"] - told["before"] for told in ours)
    memory = Figure(name=f"extra memory, to {name}", value=extra, unit="MiB", target=32)
    print(f"  extra memory of the client {extra:6.1f} MiB at most ({note(memory).goal})")
    print(f"  extra memory of the server {peak_of(pid) - before:6.1f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("curl") is None:
        skip("curl is not installed")
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        free = shutil.disk_usage(folder).free / MIB
        if free < 2 * options.mib:
            skip(
                f"the folder for temporary files has {free:,.0f} MiB free, not {2 * options.mib:,}"
            )
            return
        path = folder / "video.mp4"
        make_video(path, options.mib)
        for name, server in (("the sandbox", sandbox), ("a bare sink", sink)):
            with server() as (url, pid):
                time.sleep(0.2)
                compare(name, url, pid, path, options.rounds)


if __name__ == "__main__":
    main()
