"""Tasks for dramatiq: `put` them, one of them twice."""

import os

from announcements import announce, broker

CHANNEL, AT = os.environ["CHANNEL"], os.environ["AT"]

first = announce.message(CHANNEL, "first", AT)
for _ in range(2):
    broker.enqueue(first)
for text in ("second", "x" * 600):
    announce.send(CHANNEL, text, AT)
broker.join("default")
