"""Files, bytes, streams and URLs to stored media: looked at, refused early, streamed."""

from postiz_async.uploads.addresses import is_url
from postiz_async.uploads.looking import POSTABLE, FileFacts, inspect_file
from postiz_async.uploads.many import AT_ONCE, upload_all
from postiz_async.uploads.sending import (
    STALL_TIMEOUT,
    URL_SUFFIXES,
    Progress,
    UploadOptions,
    fetch_by_server,
    upload,
)
from postiz_async.uploads.shelf import MAX_AGE, UploadCache
from postiz_async.uploads.sources import AsyncFile, BinaryFile, UploadSource

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
