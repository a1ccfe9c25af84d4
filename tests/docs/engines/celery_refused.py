"""A task of Celery whose first retry meets a Redis that takes nothing; as a program, its sender.

The worker itself, which needs to write there too, would end if it had to in that time.
"""

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from redis import Redis

REDIS = os.environ["REDIS_URL"]
REFUSED, AGAIN = Path("refused"), Path("delivered-again")


class RefusedOnce(Task):
    abstract = True

    def retry(self, *args: Any, **options: Any) -> Any:
        if REFUSED.exists():
            AGAIN.touch()
            return super().retry(*args, **options)
        with Redis.from_url(REDIS) as redis:
            redis.config_set("maxmemory", 1)
            try:
                return super().retry(*args, **options)
            except Reject:
                REFUSED.touch()
                raise
            finally:
                redis.config_set("maxmemory", 0)


def main() -> None:
    app = Celery(broker=REDIS, backend=REDIS, set_as_current=False)
    for text in ("first", "second"):
        arguments = (os.environ["CHANNEL"], text, os.environ["AT"])
        sent = app.send_task("announcements.announce", arguments)
        if text == "first":
            sent.get()
    while not AGAIN.exists():
        time.sleep(0.05)
    assert sent.state != "FAILURE"


if __name__ == "__main__":
    main()
