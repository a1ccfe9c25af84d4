"""Upload files, bytes, streams and URLs: inspect them, refuse bad ones early, stream the others."""

# pyright: reportUnusedImport=false

from postiz_async._media_types import POSTABLE
from postiz_async._uploads.cache import UploadCache
from postiz_async._uploads.inspect import FileFacts, inspect_file
from postiz_async._uploads.send import (
    AT_ONCE,
    STALL_TIMEOUT,
    Progress,
    UploadOptions,
    fetch_by_server,
    upload,
    upload_all,
)
from postiz_async._uploads.sources import UploadSource
from postiz_async._uploads.urls import inspect_url, is_url, shown_name
