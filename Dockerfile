# syntax=docker/dockerfile:1
# The command line, not as root, and on a read-only file system; docs/containers.md shows how to use it.
#   docker build --tag postiz-async .
#   docker run --rm --read-only --publish 127.0.0.1:4007:4007 postiz-async
FROM python:3.13-slim-trixie AS build
ARG EXTRAS=mcp,postgres
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY postiz_async postiz_async
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
    && python -m venv --without-pip /opt/postiz-async \
    && python -m pip --python /opt/postiz-async install --no-cache-dir --constraint constraints.txt \
        "$(echo /dist/*.whl)[${EXTRAS}]"

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="postiz-async" \
    org.opencontainers.image.description="The asyncio client for the Postiz public API, with a scheduler that stays within the hourly quota" \
    org.opencontainers.image.source="https://github.com/postiz-async/postiz-async" \
    org.opencontainers.image.documentation="https://github.com/postiz-async/postiz-async/tree/main/docs" \
    org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/postiz-async /opt/postiz-async
COPY --chmod=755 <<'EOF' /opt/postiz-async/bin/healthcheck
#!/opt/postiz-async/bin/python
"""Ask a sandbox whether it is there; any other command is healthy while it runs."""
import argparse
import os
import sys
from http.client import HTTPConnection
from pathlib import Path

words = Path("/proc/1/cmdline").read_text().split("\0")
names = [Path(word).name for word in words]
arguments = words[names.index("postiz-async") + 1 :] if "postiz-async" in names else []
if next((word for word in arguments if not word.startswith("-")), "") != "sandbox":
    sys.exit()
parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
parser.add_argument("--host", default=os.environ["POSTIZ_SANDBOX_HOST"])
parser.add_argument("--port", default=4007)
place, _ = parser.parse_known_args(arguments)
connection = HTTPConnection(place.host, place.port, timeout=5)
try:
    connection.request("GET", "/sandbox/state")
    with connection.getresponse() as answer:
        sys.exit(answer.status != 200)
except OSError as error:
    sys.exit(f"{place.host}:{place.port}: {error}")
finally:
    connection.close()
EOF

# For any --user: campaigns are mounted at /work, and a volume at /state remembers the quota.
RUN install --directory --mode=1777 /state /work
ENV PATH=/opt/postiz-async/bin:$PATH \
    HOME=/state \
    POSTIZ_SANDBOX_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/state
VOLUME /state
WORKDIR /work
USER 65532:65532
EXPOSE 4007
# PID 1 ignores SIGTERM unless it installs a handler, and not all commands do.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --start-interval=1s CMD ["healthcheck"]
ENTRYPOINT ["postiz-async"]
CMD ["sandbox"]
