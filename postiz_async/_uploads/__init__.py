"""Files, bytes, streams and URLs to stored media: looked at, refused early, streamed."""

from postiz_async._uploads.cache import (
    MAX_AGE as MAX_AGE,
    UploadCache as UploadCache,
)
from postiz_async._uploads.inspect import (
    POSTABLE as POSTABLE,
    FileFacts as FileFacts,
    inspect_file as inspect_file,
)
from postiz_async._uploads.send import (
    AT_ONCE as AT_ONCE,
    STALL_TIMEOUT as STALL_TIMEOUT,
    URL_SUFFIXES as URL_SUFFIXES,
    Progress as Progress,
    UploadOptions as UploadOptions,
    fetch_by_server as fetch_by_server,
    upload as upload,
    upload_all as upload_all,
)
from postiz_async._uploads.sources import (
    AsyncFile as AsyncFile,
    BinaryFile as BinaryFile,
    UploadSource as UploadSource,
)
from postiz_async._uploads.urls import (
    is_url as is_url,
)
