"""Many organisations of one server, a pool, and its outbox in PostgreSQL."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from outbox_lab import SHORT

from postiz_async import AdvancedOptions, NewPost, OutboxOptions, PostizPool
from postiz_async._sandbox import MemoryServer
from postiz_async._wire.secrets import Secret
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from postgres_lab import Place

    from postiz_async import Ticket
    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.clock import Clock
    from postiz_async.stores import Records

__all__ = ["PoolLab"]

START = datetime(2027, 1, 1, 8, tzinfo=UTC)


class PoolLab:
    """Each organisation has a server of its own behind one transport, and a channel there.

    Args:
        place: of the outbox.
        names: of the organisations; their keys are `key-of-NAME`.
        clock: of all; it jumps unless another one is given.
        options: of each sandbox.
    """

    def __init__(
        self, place: Place, *names: str, clock: Clock | None = None, **options: Any
    ) -> None:
        self.place = place
        if clock is not None:
            place.server.clock_file.unlink(missing_ok=True)  # whose database has the real time
        self.clock = clock or place.clock(START.timestamp())
        self.keys = {name: f"key-of-{name}" for name in names}
        self.asked: list[str] = []
        """For whom credentials were asked, in order."""
        self.order: list[str] = []
        """Whose creates arrived, in order."""
        settings = {"limit": 30, "window": SHORT, "work_per_post": 0.0} | options
        self.boxes = {
            name: MemoryServer(api_key=key, clock=self.clock, **settings)
            for name, key in self.keys.items()
        }
        self.channels = {name: box.add_channel("mastodon").id for name, box in self.boxes.items()}
        self._by_key = {key: name for name, key in self.keys.items()}
        self._ways = {name: SandboxTransport(box, latency=0.1) for name, box in self.boxes.items()}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[PoolLab]:
        async with AsyncExitStack() as stack:
            for box in self.boxes.values():
                await stack.enter_async_context(box)
            yield self

    def renew_key(self, name: str, key: str) -> None:
        """Give an organisation another key, at the server and in the user's system."""
        self.boxes[name].organization.api_key = self.keys[name] = key
        self._by_key[key] = name

    # -------------------------------------------------------------- as a transport

    async def send(self, request: WireRequest) -> WireResponse:
        key = Secret.of(dict(request.headers)["Authorization"]).reveal()
        name = self._by_key.get(key, next(iter(self.boxes)))
        if request.method == "POST" and request.url.endswith("/posts"):
            self.order.append(name)
        return await self._ways[name].send(request)

    async def aclose(self) -> None:
        """There is nothing to close."""

    # -------------------------------------------------------------- as a user

    async def credentials(self, organization: str) -> str:
        self.asked.append(organization)
        return self.keys[organization]

    @asynccontextmanager
    async def pool(
        self,
        *,
        credentials: Any = None,
        base_url: str = "http://sandbox.invalid",
        keep: int = 100,
        drain: float = 0.0,
        transport: Any = None,
        store: Records | None = None,
        on_attempt: Any = None,
        on_call: Any = None,
        **options: Any,
    ) -> AsyncGenerator[PostizPool]:
        """A pool of a new process."""
        async with PostizPool(
            base_url=base_url,
            outbox=OutboxOptions(self.place.url, schema=self.place.schema, **options),
            credentials=credentials or self.credentials,
            store=store,
            max_clients=keep,
            drain=drain,
            advanced=AdvancedOptions(
                clock=self.clock,
                transport=transport or self,
                on_attempt=on_attempt,
                on_call=on_call,
            ),
        ) as pool:
            yield pool

    def post(self, name: str, text: object) -> NewPost:
        return NewPost(self.channels[name], f"{name} {text}")

    def at(self, hours: float = 24.0) -> datetime:
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        return (now + timedelta(hours=hours)).replace(microsecond=0)

    async def put(self, pool: PostizPool, name: str, count: int = 1) -> list[Ticket]:
        return [
            await pool.outbox.put(self.post(name, n), organization=name, at=self.at())
            for n in range(count)
        ]

    def organization(self, name: str, column: str) -> Any:
        """A column of an organisation's row."""
        query = f"SELECT {column} FROM scopes WHERE organization = '{name}'"
        return self.place.run(query)[0][0]

    def pause(self, name: str) -> float:
        """Seconds for which an organisation rests, by the database's clock."""
        left = "ready_at / 1000000.0 - extract(epoch FROM clock_timestamp())"
        return float(self.organization(name, left))

    def has_work(self, name: str) -> bool:
        """Whether somebody sends for it, or something of it is not over."""
        is_open = "SELECT FROM deliveries WHERE scope = scopes.name AND ended_at IS NULL"
        return bool(self.organization(name, f"holder IS NOT NULL OR EXISTS ({is_open})"))

    def fill(self, name: str, count: int, scope: str = "") -> None:
        """Make copies of the one ticket that an organisation has, in its scope or in another one.

        They are due one second after the other, or else they seem to be stored already.
        """
        self.place.run(
            "INSERT INTO deliveries "
            "(id, scope, version, state, due, is_dated, until, value, body) "
            f"SELECT d.id || '{scope}' || n, coalesce(nullif('{scope}', ''), d.scope), d.version, "
            "d.state, d.due + 1000000 * n, d.is_dated, d.until, "
            "convert_to(jsonb_set(convert_from(d.value, 'UTF8')::jsonb, '{due}', "
            "to_jsonb(d.due / 1000000.0 + n))::text, 'UTF8'), "
            "convert_to(replace(convert_from(d.body, 'UTF8'), "
            f"""'{name} 0"', '{name} ' || n || '"'), 'UTF8') """
            f"FROM deliveries d, generate_series(1, {count}) n "
            f"WHERE d.scope = (SELECT name FROM scopes WHERE organization = '{name}')"
        )

    def assert_each_once(self, counts: Mapping[str, int]) -> None:
        """That so many posts are stored for each organisation, all of them its own."""
        for name, box in self.boxes.items():
            stored = Counter(post.content for post in box.posts)
            wanted = [f"{name} {number}" for number in range(counts.get(name, 0))]
            assert stored == Counter(wanted)
            assert box.refusals == 0
