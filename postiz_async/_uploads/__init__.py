"""Files, bytes, streams and URLs to stored media: looked at, refused early, streamed."""

from postiz_async._uploads.cache import (
    MAX_AGE as MAX_AGE,
)
from postiz_async._uploads.cache import (
    UploadCache as UploadCache,
)
from postiz_async._uploads.inspect import (
    POSTABLE as POSTABLE,
)
from postiz_async._uploads.inspect import (
    FileFacts as FileFacts,
)
from postiz_async._uploads.inspect import (
    inspect_file as inspect_file,
)
from postiz_async._uploads.send import (
    AT_ONCE as AT_ONCE,
)
from postiz_async._uploads.send import (
    STALL_TIMEOUT as STALL_TIMEOUT,
)
from postiz_async._uploads.send import (
    URL_SUFFIXES as URL_SUFFIXES,
)
from postiz_async._uploads.send import (
    Progress as Progress,
)
from postiz_async._uploads.send import (
    UploadOptions as UploadOptions,
)
from postiz_async._uploads.send import (
    fetch_by_server as fetch_by_server,
)
from postiz_async._uploads.send import (
    upload as upload,
)
from postiz_async._uploads.send import (
    upload_all as upload_all,
)
from postiz_async._uploads.sources import (
    AsyncFile as AsyncFile,
)
from postiz_async._uploads.sources import (
    BinaryFile as BinaryFile,
)
from postiz_async._uploads.sources import (
    UploadSource as UploadSource,
)
from postiz_async._uploads.urls import (
    is_url as is_url,
)
