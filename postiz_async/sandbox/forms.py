"""Reading a multipart form piece by piece; of a file only its beginning is kept."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from postiz_async.sandbox.exchange import FormError, UploadedFile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FormReader"]

_HEAD = 8 * 1024
"""Bytes that are kept of a file."""

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r';\s*(\w+)\*?=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class _ReceivedFile:
    def __init__(self, field: str, filename: str) -> None:
        self.field = field
        self._filename = filename
        self._head = b""
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._head += data[: _HEAD - len(self._head)]
        self._size += len(data)
        self._digest.update(data)

    def uploaded(self) -> UploadedFile:
        return UploadedFile(
            self.field, self._filename, self._size, self._digest.hexdigest(), self._head
        )


class FormReader:
    """Takes the body of a form in pieces of any size.

    Args:
        content_type: The header of the request, which names the boundary.
    """

    def __init__(self, content_type: str) -> None:
        found = _BOUNDARY.search(content_type)
        self._error = None if found else FormError("Multipart: Boundary not found")
        boundary = (found[1] or found[2]) if found else ""
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        # the first delimiter may stand at the very beginning, without a line before it
        self._buffer = b"\r\n"
        self._step: Callable[[], bool] = self._read_part
        self._part: _ReceivedFile | None = None
        self._file: _ReceivedFile | None = None
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._error is None and not self._ended:
            self._buffer += data
            while self._error is None and not self._ended and self._step():
                pass

    def finish(self) -> UploadedFile | FormError | None:
        """The file of the form, what is wrong with the form, or None where no file is in it."""
        if self._error is not None:
            return self._error
        if not self._ended:
            return FormError("Multipart: Unexpected end of form")
        return self._file.uploaded() if self._file is not None else None

    def _read_part(self) -> bool:
        """Read up to the next delimiter; what comes before the first one belongs to no part."""
        end = self._buffer.find(self._delimiter)
        if end < 0:
            safe = len(self._buffer) - len(self._delimiter) + 1
            if safe > 0:
                self._take(safe)
            return False
        self._take(end)
        self._buffer = self._buffer[len(self._delimiter) :]
        self._part = None
        self._step = self._read_delimiter_end
        return True

    def _take(self, count: int) -> None:
        if self._part is not None:
            self._part.add(self._buffer[:count])
        self._buffer = self._buffer[count:]

    def _read_delimiter_end(self) -> bool:
        if len(self._buffer) < len(b"--"):
            return False
        if self._buffer.startswith(b"--"):
            self._ended = True
        self._step = self._read_headers
        return True

    def _read_headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._open_part(self._buffer[:end])
        self._buffer = self._buffer[end + len(b"\r\n\r\n") :]
        self._step = self._read_part
        return True

    def _open_part(self, headers: bytes) -> None:
        disposition = _DISPOSITION.search(headers)
        text = disposition[1].decode(errors="replace") if disposition else ""
        parameters = {
            found[1].lower(): re.sub(r"\\(.)", r"\1", found[2] or found[3] or "")
            for found in _PARAMETER.finditer(text)
        }
        if not parameters.get("filename"):
            return
        self._part = _ReceivedFile(parameters.get("name", ""), parameters["filename"])
        if self._file is not None:
            self._error = FormError(f"Unexpected field - {self._part.field}")
        self._file = self._part
