"""Tasks for Celery: `put` them, one of them twice."""

import os

from announcements import announce

TEXTS = ("first", "first", "second", "x" * 600)

arguments = [(os.environ["CHANNEL"], text, os.environ["AT"]) for text in TEXTS]
results = [announce.apply_async(each, task_id=f"order-{each[1][:6]}") for each in arguments]
for result in results:
    result.get(propagate=False)
assert [result.state for result in results] == [*["SUCCESS"] * 3, "FAILURE"]
