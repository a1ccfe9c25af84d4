"""Looking for a secret in everything that an exception leads to, and servers that repeat it."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import pickle
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING
from urllib.parse import quote

from rich.traceback import Traceback

if TYPE_CHECKING:
    Handler = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]

__all__ = ["Heard", "answering", "forms", "leaks", "listening", "repeated"]

HERE = str(Path(__file__).parent)
DEPTH = 8


# ------------------------------------------------------------------ looking


def forms(secret: str) -> list[str]:
    """The forms in which a secret is looked for; of base64 what all texts with it share."""
    raw = secret.encode()
    found = [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret)]
    found += [raw.hex(), raw.hex().upper(), *escaped(secret), *map(html.escape, escaped(secret))]
    found += [quote(quote(secret, safe=""), safe=""), html.escape(html.escape(secret))]
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(before) + raw).decode()
            found.append(encoded[skipped : (before + len(raw)) * 8 // 6])
    return list(dict.fromkeys(found))


def escaped(text: str) -> list[str]:
    """A text with each of its characters escaped, in the ways of pages, addresses and scripts."""
    ways = ("&#{};", "&#{:03};", "&#x{:x};", "&#x{:02X};", "%{:02x}", "%{:02X}", "\\x{:02x}")
    return ["".join(way.format(ord(char)) for char in text) for way in ways]


def leaks(error: BaseException, *secrets: str) -> list[str]:
    """Where an exception, its chain and their frames lead to a secret."""
    needle = re.compile("|".join(re.escape(form) for each in secrets for form in forms(each)))
    found = [where for where, text in _shown(error) if needle.search(text)]
    seen: dict[int, tuple[int, object]] = {}
    for number, link in enumerate(_chain(error)):
        for where, frame in _frames(link):
            found += [
                f"link {number}, {where}: {path}"
                for path in _walk(frame.f_locals, needle, "", DEPTH, seen)
            ]
        found += [f"link {number}: {path}" for path in _walk(link, needle, "", DEPTH, seen)]
    return found


def _chain(error: BaseException) -> Iterator[BaseException]:
    todo, seen = [error], set[int]()
    while todo:
        link = todo.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        todo += [each for each in (link.__cause__, link.__context__) if each is not None]
        if isinstance(link, BaseExceptionGroup):
            todo += link.exceptions


def _frames(error: BaseException) -> Iterator[tuple[str, FrameType]]:
    """All frames but those of tests, which know the secret."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if not code.co_filename.startswith(HERE):
            yield f"{code.co_filename}:{line} {code.co_qualname}", frame


def _shown(error: BaseException) -> Iterator[tuple[str, str]]:
    """What logs, error pages and other processes see of it."""
    yield "str", str(error)
    yield "repr", repr(error)
    yield "args", repr(error.args)
    yield "vars", repr(vars(error))
    yield "notes", repr(getattr(error, "__notes__", ()))
    yield "pickle", pickle.dumps(error).decode("latin-1")
    yield "traceback", "".join(traceback.format_exception(error))
    trace = Traceback.extract(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=9_999
    )
    for stack in trace.stacks:
        for frame in stack.frames:
            if not frame.filename.startswith(HERE):
                yield f"rich, {frame.filename}:{frame.lineno}", str(frame.locals or "")


_OPAQUE = (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
    asyncio.AbstractEventLoop,  # leads to everything that is under way in the process
    logging.Logger,  # leads to the handlers of the tests
    type,
)


def _walk(
    value: object,
    needle: re.Pattern[str],
    path: str,
    depth: int,
    seen: dict[int, tuple[int, object]],
) -> list[str]:
    """The paths from a value to the secret: containers, attributes, slots, and what it shows.

    `seen` has what was looked at, to which depth, and keeps it alive, so that no id is used twice.
    """
    if type(value) in _NUMBERS:
        return []
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("latin-1")
    if isinstance(value, str):
        return [path] if needle.search(str.__str__(value)) else []
    if isinstance(value, _OPAQUE) or seen.get(id(value), (-1, None))[0] >= depth:
        return []
    seen[id(value)] = depth, value
    found = [f"{path} shows itself"] if needle.search(_safe_repr(value)) else []
    if depth:
        for name, inner in _inside(value):
            found += _walk(inner, needle, f"{path}.{name}", depth - 1, seen)
    return found


_NUMBERS = frozenset((bool, int, float, type(None)))


def _safe_repr(value: object) -> str:
    try:
        shown = repr(value)
        return shown if type(value).__str__ is object.__str__ else shown + str(value)
    except Exception:  # noqa: BLE001  (half-made objects)
        return ""


def _inside(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in list(value.items()):
            yield "key", key
            yield str(key)[:40], inner
    elif isinstance(value, list | tuple | set | frozenset) or type(value).__name__ == "deque":
        for place, inner in enumerate(list(value)):  # type: ignore[call-overload]
            yield str(place), inner
    yield from list(getattr(value, "__dict__", {}).items())
    for name, attribute in _slots(type(value)):
        yield name, getattr(value, attribute, None)


@cache
def _slots(kind: type) -> tuple[tuple[str, str], ...]:
    """The names of what has a place of its own in objects of a type, as written and as kept."""
    found: list[tuple[str, str]] = []
    for each in kind.__mro__:
        slots = getattr(each, "__slots__", ())
        names = {slots} if isinstance(slots, str) else {*slots}
        found += [
            (name, f"_{each.__name__}{name}" if name.startswith("__") else name)
            for name in names - {"__dict__", "__weakref__"}
        ]
    found += [(name, name) for name in getattr(kind, "__struct_fields__", ())]
    return tuple(found)


# ------------------------------------------------------------------ servers


@dataclass(frozen=True)
class Heard:
    """A request as a server of these tests sees it."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1].partition("?")[0]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncGenerator[str]:
    """A server on loopback that does with each request what `handler` does, then hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.strip().split("\r\n")
            headers = {
                n.strip().lower(): v.strip() for n, _, v in (e.partition(":") for e in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await handler(Heard(line, headers, body), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


def repeated(heard: Heard, *names: str) -> list[str]:
    """What was heard, in the forms in which servers, firewalls and their pages repeat it.

    Args:
        heard: the request.
        names: of headers; none: all of them, and the body.
    """
    said = [value for name, value in heard.headers.items() if name in names or not names]
    said += [] if names else [heard.body.decode("utf-8", "replace")]
    found: list[str] = []
    for text in said:
        found += [text, quote(text, safe=""), quote(text, safe="/").lower(), html.escape(text)]
        found += ["".join(f"%{byte:02x}" for byte in text.encode()), json.dumps(text)[1:-1]]
        found += ["".join(f"\\u{ord(char):04x}" for char in text)]
        found += [text.encode().hex(), quote(quote(text, safe=""), safe="")]
        found += [html.escape(html.escape(text)), *escaped(text), *map(html.escape, escaped(text))]
        found += [quote(form, safe="") for form in escaped(text)]
        found += [
            b64encode(f"{before}{text}".encode()).decode() for before in ("", "u:", "Bearer ")
        ]
        found += [urlsafe_b64encode(f"{before}{text}".encode()).decode() for before in ("", "ab:")]
    return found


def answering(status: int, kind: str) -> Handler:
    """Answers everything with this status, and repeats all that it heard everywhere."""

    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        texts = [t.replace("\r", "").replace("\n", "") for t in repeated(heard)]
        if kind == "json":
            body = '{"message": "no: ' + " ".join(json.dumps(t)[1:-1] for t in texts)
            body += " " + " ".join(t for t in texts if t.startswith("\\u")) + '"}'
        elif kind == "html":
            body = "<!doctype html><p>" + " ".join(texts)
        else:
            body = " ".join(texts)
        key = heard.headers.get("authorization", "none")
        shown = repeated(heard, "authorization", "proxy-authorization")
        lines = [
            f"HTTP/1.1 {status} {key}",
            f"Content-Type: {'application/json' if kind == 'json' else f'text/{kind}'}",
            f"Location: https://login.example.com/?token={quote(key)}&was={key}",
            *(f"X-Heard-{place}: {text}" for place, text in enumerate(shown)),
            f"Retry-After: {key}",
            f"Content-Length: {len(body.encode())}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body.encode())

    return handler
