"""Idempotency keys: how a call creates its posts once, from whichever process it is made.

The server knows no such keys. So a delivery (`record`) of each is in the store of the quota, and
whoever makes a call finds there how far it came, and goes on (`transitions`):

| the delivery is         | a call with the key and the same arguments                             |
|-------------------------|------------------------------------------------------------------------|
| not there               | is checked and looks for its mark in Postiz, where that is free: the   |
|                         | store may have forgotten it, or returned to an older state             |
| planned                 | is checked and waits for a slot; nothing is written meanwhile, but it  |
|                         | is looked whether another call was quicker. With a slot, before the    |
|                         | first byte, it writes that it leaves                                   |
| leaving                 | waits until that changes, or is over                                   |
| leaving and over, lost  | looks the request up, one call at a time                               |
| stored                  | has the same answer; Postiz is not asked                               |
| refused                 | is refused with the same words, and costs nothing                      |
| any, of other arguments | `IdempotencyError`; nothing is sent                                    |

What is proved not stored, or only in part, is planned again: the rest is sent with the same mark.
Where a channel is gone or the date has passed, nothing is written: `DeliveryUnknownError`, a person
has to look. In one process the calls with one key take turns. A caller that is cancelled before its
request leaves leaves nothing behind; afterwards the request comes to its end first. If the store
fails before that, nothing is sent; if it fails after the answer, the answer is returned, and the
next call finds the posts by their mark.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import anyio

from postiz_async._delivery.handle import KeyHandle
from postiz_async._delivery.key_call import LEAST_WAIT, KeyedCall
from postiz_async._delivery.key_delivery import (
    FIRST_RECORD_LOOK,
    LAST_RECORD_LOOK,
    KeyedSending,
    KeyLookUp,
    adopt_forgotten,
)
from postiz_async._delivery.lookup import Fence
from postiz_async._delivery.pauses import Outage, ask
from postiz_async._resources.api import OpenClient
from postiz_async._resources.keyed import KeyedCreate
from postiz_async.errors import (
    ConfigurationError,
    InvalidInputError,
    PostizError,
    StoreError,
    UsageError,
)
from postiz_async.models.posts import Created
from postiz_async.stores import Records
from postiz_async.stores._local_ledger import records_of_process
from postiz_async.stores.memory import MemoryStore

log = logging.getLogger("postiz_async")


def keyed_creator(
    client: OpenClient, store: Records | None, *, keep: timedelta, transport: object
) -> KeyedCreator:
    """The handler of a client's idempotency keys.

    Args:
        client: the open client.
        store: the store of its quota; None: records are kept in the memory of this process.
        keep: how long a record is kept, from its last change on.
        transport: the transport that the client was given; see `ledgers_of_process`.
    """
    kept = records_of_process(client.clock, transport) if store is None else store
    if isinstance(kept, MemoryStore) and not kept.are_keys_told_of:
        kept.are_keys_told_of = True
        log.warning(
            "idempotency keys are kept in the memory of this process: another one, or the next, "
            "does not know them. Give the client a store that lasts: store='postiz.sqlite' or "
            "'postgresql://...'"
        )
    return KeyedCreator(client, kept, keep.total_seconds())


class KeyedCreator:
    """The handler of the idempotency keys of one open client; see `keyed_creator`."""

    def __init__(self, client: OpenClient, store: Records, keep: float) -> None:
        self._client = client
        self._store = store
        self._keep = keep
        self._outage = Outage.of(client, log=log, waits_for=None)
        self._fence = Fence(client, self._outage)
        self._turns: dict[str, anyio.Lock] = {}
        """Locks by key: calls with the same key run one after another."""

    async def create(self, keyed: KeyedCreate) -> list[Created]:
        """Create posts with an idempotency key; see `resources.keyed.KeyedCreates`."""
        client = self._client
        handle = KeyHandle(self._store, client.quota_name, keyed.key, self._keep, client.clock)
        viewed = client.viewed(keyed.call.bound.options)
        call = KeyedCall(viewed, self._fence, self._outage, keyed, handle)
        if not client.is_open:
            raise UsageError("This client is closed or closing; nothing was sent.")
        client.scheduler.call_began()
        try:
            answer = await call.look()
            return await self._in_turn(call) if answer is None else answer
        except (StoreError, ConfigurationError) as error:
            if call.lost is None:
                raise
            raise call.lost_for_now(error) from error
        finally:
            client.scheduler.call_ended()

    async def created(self, key: str) -> list[Created] | None:
        """Read what became of a key; see `resources.keyed.KeyedCreates`."""
        client = self._client
        handle = KeyHandle(self._store, client.quota_name, key, self._keep, client.clock)
        kept = await handle.read()
        if kept.state == "planned":
            return None
        return [Created(post_id=post.id, channel=post.channel) for post in kept.posts if post.id]

    async def _in_turn(self, call: KeyedCall) -> list[Created]:
        """Make a call while no other call of this client with the same key runs."""
        turn = self._turns.setdefault(call.handle.key, anyio.Lock())
        answer: list[Created] | None = None
        has_turn = not turn.locked()
        try:
            if has_turn:
                turn.acquire_nowait()
            else:
                with call.wait.counted(), call.client.clock.move_on_after(call.wait.left):
                    await turn.acquire()
                    has_turn = True
                answer = await call.look()
                if answer is None and not has_turn:
                    raise call.busy()
            while answer is None:
                answer = await self._step(call) or await call.look()
        finally:
            if has_turn:
                turn.release()
            if not turn.locked():  # no other call waits
                self._turns.pop(call.handle.key, None)
        return answer

    async def _step(self, call: KeyedCall) -> list[Created] | None:
        """Do the next step of a call; None: read the record again."""
        kept, now = call.handle.record, call.handle.now()
        if kept.state == "planned":
            return await self._send(call)
        is_leaving = kept.is_leaving_at(now) and kept.attempt != call.name
        if is_leaving or (kept.is_held_at(now) and kept.holder != call.name):
            await self._wait(call)
            return None
        return await KeyLookUp(call).run()

    async def _send(self, call: KeyedCall) -> list[Created] | None:
        kept = call.handle.record
        refusal = call.lost and call.lost.__cause__
        call.lost = None
        if isinstance(refusal, PostizError) and refusal.may_be_stored:
            refusal.may_be_stored = bool(kept.stored)
            raise refusal  # a firewall would refuse it again
        try:
            call.body = await call.keyed.build()
        except InvalidInputError as error:
            if not kept.stored:
                raise
            ids = ", ".join(kept.stored.values())
            why = f"a part of it is stored ({ids}), and the rest can no longer be sent: {error}"
            raise call.unknown(why, retry_after=None) from error
        if not call.handle.version and await adopt_forgotten(call):
            return None
        if not self._client.scheduler.knows_server_time():
            await ask(self._client)
        return await KeyedSending(call).run()

    async def _wait(self, call: KeyedCall) -> None:
        """Wait until another call has changed the delivery, or until that call's time is over."""
        handle, version, pause = call.handle, call.handle.version, FIRST_RECORD_LOOK
        while handle.version == version:
            if not self._client.is_open:
                raise ConfigurationError(
                    "The client was closed while this call waited for another one with its "
                    "idempotency key; nothing was sent."
                )
            kept, now = handle.record, handle.now()
            ends = (kept.gone_at if kept.is_leaving_at(now) else kept.until) - now
            if ends <= 0:
                return
            if not call.wait.left:
                raise call.busy()
            await call.wait.sleep(min(pause, max(ends, LEAST_WAIT), call.wait.left))
            pause = min(2 * pause, LAST_RECORD_LOOK)
            await handle.read()
