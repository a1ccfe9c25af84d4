"""For any task queue: when to try a task again.

A task that sends gives its own id as `idempotency_key` and a `max_wait` of seconds. Even if the
queue delivers it twice, or again after its worker died, the post is created once; and a worker
does not sleep while the quota is used up, but takes another task.
"""

from __future__ import annotations

from postiz_async.errors import (
    APIConnectionError,
    DeliveryUnknownError,
    QuotaError,
    ServerError,
    StoreError,
)

__all__ = ["retry_in"]


def retry_in(error: BaseException, *, pause: float = 60.0) -> float | None:
    """Seconds after which a task that failed with this error should be tried again.

        except PostizError as error:
            seconds = retry_in(error)

    | error                                               | seconds                        |
    |-----------------------------------------------------|--------------------------------|
    | `QuotaError`                                        | its `retry_after`              |
    | `DeliveryUnknownError` of a create with a key       | its `retry_after`, if any      |
    | `APIConnectionError`, `ServerError`, `StoreError`   | `pause`                        |
    | anything else                                       | None: another try fails as well |

    Args:
        error: the error of the task.
        pause: seconds, while Postiz or the store is unavailable.
    """
    match error:
        case QuotaError() | DeliveryUnknownError():
            return error.retry_after
        case APIConnectionError() | ServerError() | StoreError():
            return pause
        case _:
            return None
