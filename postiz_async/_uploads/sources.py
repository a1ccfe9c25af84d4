"""Sources of the bytes of an upload: files, memory, streams.

A source is inspected once and read once for each attempt, as long as it can be rewound. Files that
the caller opened are left open; files that were opened here are closed here.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from functools import partial
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeAlias, TypeVar, cast, runtime_checkable

import anyio
import anyio.lowlevel
import anyio.to_thread

from postiz_async._concurrency import in_thread
from postiz_async._uploads.inspect import check_path, open_resolved, refuse
from postiz_async._uploads.urls import is_url, shown
from postiz_async.errors import UploadError

T = TypeVar("T")

CHUNK = 256 * 1024
"""Bytes that are read at a time where the size is not known."""

SMALLEST, LARGEST = 64 * 1024, 1024 * 1024
"""The fewest and the most bytes read at a time from a file: a hundredth of it in between."""

HEAD = 64 * 1024
"""Bytes that an inspection needs for the kind, and for the pixels of nearly all pictures."""


@runtime_checkable
class BinaryFile(Protocol):
    """A binary file, such as `open(path, "rb")`, a `BytesIO` or a pipe."""

    def read(self, size: int = ..., /) -> bytes | None:
        """Read up to `size` bytes; empty at the end."""
        ...


class AsyncFile(Protocol):
    """An async file, such as one of anyio, a stream of asyncio or an `UploadFile` of FastAPI."""

    async def read(self, size: int = ..., /) -> bytes:
        """Read up to `size` bytes; empty at the end."""
        ...


UploadSource: TypeAlias = (
    Path | str | bytes | bytearray | memoryview | BinaryFile | AsyncFile | AsyncIterable[bytes]
)
"""The types that can be uploaded. A text that begins with `http://` or `https://` is a URL, else a
path."""


class Sink(Protocol):
    """A receiver of the bytes that are read, such as a hash."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...


class NullSink:
    """A sink that ignores the bytes, if no hash is wanted."""

    def update(self, data: bytes, /) -> None:
        """Do nothing."""


class Source(ABC):
    """A source of bytes to upload.

    `name` is for messages. `size` is in bytes, None if it is not known. `path` is the file's, if
    it is one of this machine.
    """

    name: str
    size: int | None = None
    can_rewind = True
    can_be_hashed = True
    """Whether reading it once more, before it is sent, costs next to nothing."""
    path: Path | None = None

    @abstractmethod
    async def look(self) -> bytes:
        """The first bytes, at least `HEAD` unless there are fewer. Called once, before `chunks`."""

    @abstractmethod
    def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        """All bytes, from the start; `digest` sees them too."""

    async def sha256(self) -> str:
        """The hash of all bytes; only of what `can_be_hashed`."""
        digest = hashlib.sha256()
        async for _ in self.chunks(digest):
            pass
        return digest.hexdigest()

    async def aclose(self) -> None:  # noqa: B027  (most sources open nothing)
        """Close the file if this source opened it."""


async def open_local(
    value: UploadSource, *, stall_timeout: float, is_resolved: bool = False
) -> Source:
    """A source of anything but a URL.

    Args:
        value: the source.
        stall_timeout: seconds for which a stream may be silent.
        is_resolved: whether a path is the real path of its file, so that no link is followed.

    Raises:
        InvalidInputError: it is neither a file nor a source of bytes.
    """
    if isinstance(value, str | Path):
        opening = partial(_Path.open, Path(value), is_resolved=is_resolved)
        return await in_thread(opening, undo=_Path.close)
    if isinstance(value, bytes | bytearray | memoryview):
        view = memoryview(value)
        return _Bytes(view.cast("B") if view.c_contiguous else memoryview(view.tobytes()))
    if hasattr(value, "read"):
        return await _open_file(cast("BinaryFile | AsyncFile", value), stall_timeout)
    if isinstance(value, AsyncIterable):
        return _Stream(aiter(value), "the stream", stall_timeout)
    raise refuse(
        f"an object of type {type(value).__name__} cannot be uploaded",
        "give a path, bytes, a binary file, an async iterator of bytes, or a URL",
    )


def name_of(value: object) -> str:
    """The name of a source in messages."""
    if isinstance(value, str) and is_url(value):
        return shown(value)
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "the data"
    if not hasattr(value, "read"):
        return "the stream"
    named = getattr(value, "filename", None) or getattr(value, "name", None)
    return str(named) if isinstance(named, str | Path) else "the file"


# ------------------------------------------------------------------ memory


class _Bytes(Source):
    def __init__(self, data: memoryview) -> None:
        self.name = "the data"
        self.size = len(data)
        self._data = data

    async def look(self) -> bytes:
        return bytes(self._data[:HEAD])

    async def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        for start in range(0, len(self._data), CHUNK):
            chunk = bytes(self._data[start : start + CHUNK])
            digest.update(chunk)
            yield chunk
            await anyio.lowlevel.checkpoint()


# ------------------------------------------------------------------ files


async def _call(file: object, name: str, *arguments: object, may_hang: bool = False) -> object:
    """Call a method of a file that may block or be a coroutine.

    A cancelled caller waits for its thread, which could otherwise move a file that others use by
    then; but not for a read of a pipe, which `may_hang` for ever.
    """
    method = getattr(file, name)
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    if may_hang:
        result = await anyio.to_thread.run_sync(method, *arguments, abandon_on_cancel=True)
    else:
        result = await in_thread(partial(method, *arguments))
    return await result if inspect.isawaitable(result) else result


async def _open_file(file: BinaryFile | AsyncFile, stall_timeout: float) -> Source:
    name = name_of(file)
    try:
        if not hasattr(file, "seek") or (
            hasattr(file, "seekable") and not await _call(file, "seekable")
        ):
            return _Stream(_reading(file, name), name, stall_timeout)
        start, size = await _extent(file)
    except (OSError, ValueError) as error:
        raise refuse(f"{name} cannot be read: {_reason(error)}") from error
    return _File(file, name, start, size)


async def _extent(file: BinaryFile | AsyncFile) -> tuple[int, int | None]:
    """The position of a file, and the bytes that follow. An `UploadFile` is taken as a whole."""
    if not hasattr(file, "tell"):
        size = getattr(file, "size", None)
        return 0, size if isinstance(size, int) else None
    start = cast("int", await _call(file, "tell"))
    end = cast("int", await _call(file, "seek", 0, os.SEEK_END))
    await _call(file, "seek", start)
    return start, max(0, end - start)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _checked(data: object, name: str) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(cast("bytearray", data))
    what = type(data).__name__ if data is not None else "nothing"
    hint = "Open it in binary mode ('rb')." if isinstance(data, str) else "It has to give bytes."
    raise UploadError(f"{name} gave {what} where bytes belong. {hint}")


async def _read(file: object, name: str, method: str = "read", *, may_hang: bool = False) -> bytes:
    try:
        return _checked(await _call(file, method, CHUNK, may_hang=may_hang), name)
    except (OSError, ValueError) as error:
        raise UploadError(f"{name} cannot be read: {_reason(error)}.") from error


async def _reading(file: BinaryFile | AsyncFile, name: str) -> AsyncGenerator[bytes]:
    """The bytes of a file that cannot be rewound; a slow pipe is read without waiting for more."""
    method = "read1" if hasattr(file, "read1") else "read"
    while chunk := await _read(file, name, method, may_hang=True):
        yield chunk


class _File(Source):
    """A file object that can be rewound, from where it stood."""

    def __init__(self, file: object, name: str, start: int, size: int | None) -> None:
        self.name = name
        self.size = size
        self._file = file
        self._start = start

    async def look(self) -> bytes:
        await self._rewind()
        head = b""
        while len(head) < HEAD and (chunk := await _read(self._file, self.name)):
            head += chunk
        return head

    async def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        await self._rewind()
        while chunk := await _read(self._file, self.name):
            digest.update(chunk)
            yield chunk

    async def _rewind(self) -> None:
        try:
            await _call(self._file, "seek", self._start)
        except (OSError, ValueError) as error:
            raise UploadError(f"{self.name} cannot be rewound: {_reason(error)}.") from error


class _Path(Source):
    """A file given by its path. It stays open, so that all attempts send the same file."""

    @classmethod
    def open(cls, path: Path, *, is_resolved: bool) -> _Path:
        try:
            check_path(path)
            return cls(path, open_resolved(path) if is_resolved else path.open("rb", buffering=0))
        except OSError as error:
            raise refuse(f"{path} cannot be read: {_reason(error)}") from error

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self.name = str(path)
        self._file = file
        self._turn = Lock()  # an abandoned attempt may still be reading when the file is closed
        self._stat = os.fstat(file.fileno())
        self.size = self._stat.st_size

    async def look(self) -> bytes:
        return await self._in_thread(self._head)

    async def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        await self._in_thread(lambda: self._file.seek(0))
        size = min(LARGEST, max(SMALLEST, self._stat.st_size // 100))

        def step() -> bytes:
            data = self._file.read(size)
            digest.update(data)
            return data

        came = 0
        while chunk := await self._in_thread(step):
            came += len(chunk)
            yield chunk
        if (
            came == self.size
            and os.fstat(self._file.fileno()).st_mtime_ns != self._stat.st_mtime_ns
        ):
            raise UploadError(
                f"{self.name} changed while it was being sent. Upload it again when nobody writes "
                "to it."
            )

    def _head(self) -> bytes:
        self._file.seek(0)
        return self._file.read(HEAD)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def in_turn() -> T:
            with self._turn:
                return work()

        try:
            return await in_thread(in_turn)
        except OSError as error:
            raise UploadError(f"{self.name} cannot be read: {_reason(error)}.") from error

    def close(self) -> None:
        with self._turn:
            self._file.close()

    async def aclose(self) -> None:
        await in_thread(self.close)


# ------------------------------------------------------------------ streams


class _Stream(Source):
    """A stream of bytes that can be read only once."""

    can_rewind = False
    can_be_hashed = False

    def __init__(self, iterator: AsyncIterator[bytes], name: str, stall_timeout: float) -> None:
        self.name = name
        self._stall_timeout = stall_timeout
        self._iterator = iterator
        self._looked_at: list[bytes] = []

    async def look(self) -> bytes:
        size = 0
        while size < HEAD and (chunk := await self._next()):
            self._looked_at.append(chunk)
            size += len(chunk)
        return b"".join(self._looked_at)[:HEAD]

    async def chunks(self, digest: Sink) -> AsyncGenerator[bytes]:
        while self._looked_at:
            chunk = self._looked_at.pop(0)
            digest.update(chunk)
            yield chunk
        while chunk := await self._next():
            digest.update(chunk)
            yield chunk

    async def _next(self) -> bytes:
        """The next bytes, without empty pieces; empty at the end."""
        try:
            with anyio.move_on_after(self._stall_timeout):
                while not (chunk := _checked(await anext(self._iterator), self.name)):
                    pass
                return chunk
        except StopAsyncIteration:
            return b""
        except UploadError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            raise UploadError(f"{self.name} broke off ({why}).") from error
        raise UploadError(
            f"{self.name} gave nothing for {self._stall_timeout:g} s. Look at what makes it wait, "
            "or allow it more with stall_timeout=..."
        )
