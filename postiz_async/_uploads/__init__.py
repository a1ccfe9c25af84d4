"""Files, bytes, streams and URLs to stored media: looked at, refused early, streamed."""

from postiz_async._uploads.cache import MAX_AGE, UploadCache
from postiz_async._uploads.inspect import POSTABLE, FileFacts, inspect_file
from postiz_async._uploads.send import (
    AT_ONCE,
    STALL_TIMEOUT,
    URL_SUFFIXES,
    Progress,
    UploadOptions,
    fetch_by_server,
    upload,
    upload_all,
)
from postiz_async._uploads.sources import AsyncFile, BinaryFile, UploadSource
from postiz_async._uploads.urls import is_url

__all__ = [
    "AT_ONCE",
    "MAX_AGE",
    "POSTABLE",
    "STALL_TIMEOUT",
    "URL_SUFFIXES",
    "AsyncFile",
    "BinaryFile",
    "FileFacts",
    "Progress",
    "UploadCache",
    "UploadOptions",
    "UploadSource",
    "fetch_by_server",
    "inspect_file",
    "is_url",
    "upload",
    "upload_all",
]
