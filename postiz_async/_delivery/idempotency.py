"""The law of idempotency keys: how a call comes into Postiz once, from whichever process.

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
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from postiz_async._delivery.client import ask
from postiz_async._delivery.handle import Handle
from postiz_async._delivery.key_call import LEAST_WAIT, KeyedCall, known_in
from postiz_async._delivery.key_lookup import adopt_forgotten, look_up_key
from postiz_async._delivery.key_sending import FIRST_RECORD_LOOK, LAST_RECORD_LOOK, KeyedSending
from postiz_async._delivery.lookup import Fence
from postiz_async._delivery.pauses import Outage
from postiz_async.errors import (
    ConfigurationError,
    InvalidPostError,
    PostizError,
    QuotaWaitError,
    StoreError,
    UsageError,
    describe_seconds,
)
from postiz_async.stores._local_ledger import records_of_process
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import timedelta

    from postiz_async._delivery.client import KeyClient
    from postiz_async._resources.keyed import KeyedCreate
    from postiz_async.models.posts import Created
    from postiz_async.stores import Records


log = logging.getLogger("postiz_async")


def keyed_creator(
    client: KeyClient, store: Records | None, *, keep: timedelta, transport: object
) -> KeyedCreator:
    """What sees to the idempotency keys of a client.

    Args:
        client: the open client.
        store: that of its quota; None: it has none, and the records are this process's.
        keep: how long a record is kept.
        transport: the way to the server that the client was given; see `ledgers_of_process`.
    """
    kept = records_of_process(client.clock, transport) if store is None else store
    if isinstance(kept, MemoryStore) and not kept.are_keys_told_of:
        kept.are_keys_told_of = True
        log.warning(
            "idempotency keys are kept in the memory of this process: another one, or the next, "
            "does not know them. Give the client a store that lasts: quota=SqliteStore(...) or "
            "RedisStore(...)"
        )
    return KeyedCreator(client, kept, keep=keep)


@dataclass(slots=True)
class _KeyTurn:
    """Whose turn it is of the calls with one key, and how many there are."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    users: int = 0


class KeyedCreator:
    """Sees to the idempotency keys of one open client.

    Args:
        client: the client.
        store: has the records.
        keep: how long it has them, from their last change on.
    """

    def __init__(self, client: KeyClient, store: Records, *, keep: timedelta) -> None:
        self._client = client
        self._clock = client.clock
        self._store = store
        self._keep = keep.total_seconds()
        self._fence = Fence(client, Outage.of(client, log=log, waits_for=lambda _: False))
        self._turns: dict[str, _KeyTurn] = {}

    async def create(self, keyed: KeyedCreate) -> list[Created]:
        """See `resources.keyed.KeyedCreates`."""
        handle = Handle(self._store, self._client.quota_name, keyed.key, self._keep, self._clock)
        client = self._client.viewed(keyed.call.bound.options)
        call = KeyedCall(client=client, fence=self._fence, keyed=keyed, handle=handle)
        if not self._client.is_open:
            raise UsageError("This client is closed or closing; nothing was sent.")
        self._client.scheduler.call_began()
        try:
            return await self._answer(call)
        except (StoreError, ConfigurationError) as error:
            if call.lost is None:
                raise
            raise call.lost_for_now(error) from error
        finally:
            self._client.scheduler.call_ended()

    async def _answer(self, call: KeyedCall) -> list[Created]:
        answer = await call.look()
        if answer is not None:
            return answer
        async with self._turn(call) as turn:
            if turn != "at once":  # it has changed meanwhile
                answer = await call.look()
            if turn == "never" and answer is None:
                raise self._busy(call)
            while answer is None:
                answer = await self._step(call)
                if answer is None:
                    answer = await call.look()
        return answer

    async def _step(self, call: KeyedCall) -> list[Created] | None:
        """Do what is to be done next; None: it is to be looked at again."""
        kept, now = call.handle.record, call.handle.now()
        if kept.state == "planned":
            lost, call.lost = call.lost, None
            if lost is not None and isinstance(lost.__cause__, PostizError):
                refusal = lost.__cause__
                if refusal.may_be_stored:  # a firewall would refuse it again
                    refusal.may_be_stored = bool(kept.stored)
                    raise refusal
            return await self._send(call)
        is_leaving = kept.is_leaving_at(now) and kept.attempt != call.name
        if is_leaving or (kept.is_held_at(now) and kept.holder != call.name):
            return await self._wait(call)
        return await look_up_key(call)

    async def _send(self, call: KeyedCall) -> list[Created] | None:
        kept = call.handle.record
        try:
            body = await call.keyed.build()
        except InvalidPostError as error:
            if not kept.stored:
                raise
            ids = ", ".join(kept.stored.values())
            why = f"a part of it is stored ({ids}), and the rest can no longer be sent: {error}"
            raise call.unknown(why, retry_after=None) from error
        if not call.handle.version and await adopt_forgotten(call, body):
            return None
        if not self._client.scheduler.knows_server_time():
            await ask(self._client, retry=True)
        return await KeyedSending(call, body).run()

    async def _wait(self, call: KeyedCall) -> list[Created] | None:
        """Wait for what another call does with the key; None: it did it, or its time is over."""
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
                break
            if not call.wait.left:
                raise self._busy(call)
            await call.wait.sleep(min(pause, max(ends, LEAST_WAIT), call.wait.left))
            pause = min(2 * pause, LAST_RECORD_LOOK)
            await handle.read()
        return None

    # -------------------------------------------------------------- turns

    @asynccontextmanager
    async def _turn(self, call: KeyedCall) -> AsyncGenerator[Literal["at once", "later", "never"]]:
        """Let the calls of this client with one key work one by one.

        Yields when its turn came; `never`: that would be later than it may wait.
        """
        key = call.handle.key
        turn = self._turns.setdefault(key, _KeyTurn())
        turn.users += 1
        came: Literal["at once", "later", "never"] = "never"
        try:
            try:
                turn.lock.acquire_nowait()
                came = "at once"
            except anyio.WouldBlock:
                with call.wait.counted(), self._clock.move_on_after(call.wait.left):
                    await turn.lock.acquire()
                    came = "later"
            yield came
        finally:
            if came != "never":
                turn.lock.release()
            turn.users -= 1
            if not turn.users:
                del self._turns[key]

    # -------------------------------------------------------------- what is raised

    def _busy(self, call: KeyedCall) -> PostizError:
        """Another call has the key for longer than this one may wait."""
        kept, now = call.handle.record, call.handle.now()
        if kept.state not in {"leaving", "lost"}:
            wait = max(1.0, self._client.scheduler.leaves_in(1))
            return QuotaWaitError(
                f"another call with the idempotency key {call.handle.key!r} waits for the quota, "
                f"and this one has waited as long as it may; nothing was sent.\n"
                f"  Make it again in {describe_seconds(wait)} for the answer of the other.",
                retry_after=wait,
            )
        age = max(0.0, now - kept.left_at)
        if kept.is_leaving_at(now):  # mostly it is answered soon
            why, wait = "another call is sending it", min(age, kept.gone_at - now)
        else:
            why, wait = "another call is looking it up", known_in(age)
        return call.unknown(why, retry_after=wait)
