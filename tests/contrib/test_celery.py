"""The adapter for Celery: real workers in child processes, a real broker, windows of seconds."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery_processes import sender, worker
from processes import PATIENCE, wait_until
from rabbitmq_server import rabbitmq_server, why_no_rabbitmq
from redis import Redis
from redis_server import redis_server, why_no_redis

from postiz_async import ConfigurationError, InvalidPostError, NewPost
from postiz_async.testing import serve_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from celery import Celery

    from postiz_async.pytest_plugin import SandboxServer

AT = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
WINDOW = 2.0

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Celery has no processes there"),
    pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis()),
]


class Lab:
    """A worker, its broker, and the sandbox to which it sends."""

    def __init__(self, app: Celery, server: SandboxServer, redis: Redis, folder: Path) -> None:
        self.app = app
        self.server = server
        self.redis = redis
        self.folder = folder

    def send(self, name: str, *args: object, task_id: str | None = None, **options: Any) -> str:
        """Send a task; its id."""
        if task_id is not None:
            self.app.AsyncResult(task_id).forget()  # of an earlier delivery
        return self.app.send_task(name, args, task_id=task_id, **options).id

    def state(self, task_id: str) -> str:
        return self.app.backend.get_task_meta(task_id, cache=False)["status"]

    def result(self, task_id: str) -> Any:
        """What a task returned; if it failed, its error."""
        wait_until(lambda: self.state(task_id) in {"SUCCESS", "FAILURE"}, f"{task_id} ends")
        return self.app.backend.get_task_meta(task_id, cache=False)["result"]

    def get(self, name: str, *args: object, task_id: str | None = None, **options: Any) -> Any:
        return self.result(self.send(name, *args, task_id=task_id, **options))

    def organization(self, name: str) -> str:
        """A new organisation, of which the worker finds the key."""
        self.server.add_organization(name)
        self.server.add_channel("mastodon", organization=name)
        self.change_key(name, f"key-of-{name}")
        return name

    def change_key(self, name: str, key: str) -> None:
        [organization] = [each for each in self.server.organizations if each.name == name]
        organization.api_key = key
        self.redis.hset("keys", name, key)

    def kept(self) -> Iterator[str]:
        """All that is in the broker, but for the keys that the tests put there."""
        with Redis.from_url(self.app.conf.broker_url) as redis:
            kinds = {b"string": redis.get, b"hash": redis.hgetall, b"set": redis.smembers}
            for key in set(redis.keys()) - {b"keys"}:
                kind = redis.type(key)
                if kind == b"none":  # the worker has removed it meanwhile
                    continue
                ranged = {b"list": redis.lrange, b"zset": redis.zrange}.get(kind)
                found = ranged(key, 0, -1) if ranged else kinds[kind](key)
                yield f"{key!r} {found!r}"

    def contents(self, name: str) -> list[str]:
        """The texts of posts that begin with this name."""
        return sorted(post.content for post in self.server.posts if post.content.startswith(name))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A worker with two processes for many organisations."""
    folder = tmp_path_factory.mktemp("many")
    with redis_server() as redis, serve_sandbox(limit=2, window=WINDOW) as server:
        environment = {
            "REDIS_URL": redis.url,
            "POSTIZ_API_URL": server.url,
            "POSTIZ_STORE": redis.url,
        }
        options = ("--concurrency", "2", "--queues", "celery,other")
        with (
            worker(folder, environment, *options),
            sender(redis.url) as app,
            Redis.from_url(redis.url, decode_responses=True) as client,
        ):
            yield Lab(app, server, client, folder)


def test_a_task_that_is_delivered_twice_creates_once(many: Lab) -> None:
    acme = many.organization("twice")
    [first] = many.get("announce", acme, AT, "twice", task_id="task-1")
    for _ in range(2):  # its result is gone, as when it has expired
        assert many.get("announce", acme, AT, "twice", task_id="task-1") == [first]
    assert many.contents("twice") == ["twice"]


def test_two_queues_may_have_the_same_id_for_the_same_post(many: Lab) -> None:
    acme = many.organization("queues")
    [first] = many.get("announce", acme, AT, "queues", task_id="task-2")
    assert many.get("announce", acme, AT, "queues", task_id="task-2", queue="other") == [first]
    error = many.get("announce", acme, AT, "queues!", task_id="task-2", queue="other")
    assert "was used for something else" in str(error)
    assert many.contents("queues") == ["queues"]


def test_creates_with_names_may_come_in_any_order(many: Lab) -> None:
    acme = many.organization("names")
    many.get("in_any_order", acme, AT, "names 1", "names 2", task_id="task-4")
    many.get("in_any_order", acme, AT, "names 2", "names 1", task_id="task-4")
    assert many.contents("names") == ["names 1", "names 2"]


def test_what_a_process_created_before_it_was_killed_is_not_created_again(many: Lab) -> None:
    acme = many.organization("killed")
    [post_id] = many.get("dies", acme, AT, "killed")
    assert (many.folder / "died-killed").exists()
    assert [post.id for post in many.server.posts if post.content == "killed"] == [post_id]


def test_an_organization_without_a_key_fails_its_tasks(many: Lab) -> None:
    assert isinstance(many.get("announce", "nobody", AT, "nobody"), ConfigurationError)


@pytest.mark.parametrize("kind", ["one is wrong", "wrong", "foreign"])
def test_an_error_that_does_not_say_when_to_retry_fails_the_task(many: Lab, kind: str) -> None:
    error = many.get("fails", kind)
    assert isinstance(error, Exception)
    assert "wrong" in str(error)


def test_a_task_for_many_has_to_say_for_whom(many: Lab) -> None:
    assert "self.postiz_of(organization)" in many.get("misused")


@pytest.fixture(scope="module")
def waiting(many: Lab) -> dict[str, str]:
    """Ids of tasks that have to come back: two posts of each organisation fit into a window."""
    sent = {
        task: many.send(task, many.organization(name), AT, *(f"{name} {n}" for n in range(3)))
        for task, name in (("announce", "keys"), ("by_parts", "parts"))
    }
    sent |= {kind: many.send("fails", kind) for kind in ("away", "both away")}
    wait_until(lambda: "PENDING" not in map(many.state, sent.values()), "all have begun")
    return sent


def test_each_create_of_a_task_has_a_key_of_its_own(many: Lab, waiting: dict[str, str]) -> None:
    made = many.result(waiting["announce"])
    texts = ["keys 0", "keys 1", "keys 2"]
    assert many.get("announce", "keys", AT, *texts, task_id=waiting["announce"]) == made
    assert len(set(made)) == 3
    assert many.contents("keys") == texts
    assert many.server.refusals == 0


def test_a_key_may_change_while_a_task_waits(many: Lab) -> None:
    acme = many.organization("changed")
    task_id = many.send("in_two_attempts", acme, AT, "changed 0", "changed 1")
    wait_until(lambda: many.state(task_id) == "RETRY", "the first attempt has ended")
    many.change_key(acme, "another-key-of-changed")
    (many.folder / "changed").touch()
    many.result(task_id)
    assert many.contents("changed") == ["changed 0", "changed 1"]


def test_a_key_may_change_in_the_middle_of_a_task(many: Lab) -> None:
    acme = many.organization("middle")
    task_id = many.send("in_the_middle", acme, AT, "middle")
    wait_until((many.folder / "asked").exists, "it has its key")
    many.change_key(acme, "another-key-of-middle")
    (many.folder / "replaced").touch()
    assert many.result(task_id) == 1
    assert many.contents("middle") == ["middle"]


def test_a_task_that_is_called_like_a_function_is_a_part_of_the_other(
    many: Lab, waiting: dict[str, str]
) -> None:
    many.result(waiting["by_parts"])
    assert many.contents("parts") == ["parts 0", "parts 1", "parts 2"]


@pytest.mark.parametrize("kind", ["away", "both away"])
def test_an_error_that_says_when_makes_celery_retry(
    many: Lab, waiting: dict[str, str], kind: str
) -> None:
    assert many.result(waiting[kind]) == 1


def test_keys_are_neither_in_the_broker_nor_in_results_or_logs(many: Lab) -> None:
    acme = many.organization("secret")
    many.get("announce", acme, AT, "secret")
    assert isinstance(many.get("announce", acme, AT, "x" * 600), InvalidPostError)
    [reply] = many.app.control.inspect(timeout=PATIENCE, limit=1).conf().values()
    log = (many.folder / "worker.log").read_text(encoding="utf-8")
    assert "announce" in log
    kept = [*many.kept()]
    assert "secret" in "".join(kept)  # the result of the failed one
    assert not [place for place in (repr(reply), log, *kept) if "key-of-" in place]


# ------------------------------------------------------------------ one organisation, one process


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A worker whose client was opened before its only process was forked; a post an hour."""
    folder = tmp_path_factory.mktemp("one")
    with redis_server() as redis, serve_sandbox(limit=1, channels=["mastodon"]) as server:
        environment = {
            **server.environment(),
            "REDIS_URL": redis.url,
            "POSTIZ_STORE": str(folder / "quota.sqlite"),
            "OPEN_EARLY": "1",
        }
        with (
            worker(folder, environment, "--concurrency", "1", is_killed=True),
            sender(redis.url) as app,
            Redis.from_url(redis.url, decode_responses=True) as client,
        ):
            yield Lab(app, server, client, folder)


def test_a_task_that_waits_for_the_quota_holds_no_process(one: Lab) -> None:
    sent = [one.send("announce", None, AT, f"slot {number}") for number in range(3)]
    wait_until(
        lambda: {*map(one.state, sent)} <= {"RETRY", "SUCCESS"}, "all but one wait for an hour"
    )
    assert one.get("process") > 0
    assert len(one.server.posts) == 1


def test_a_task_that_the_broker_does_not_take_back_is_not_dropped(one: Lab) -> None:
    if not one.server.posts:
        one.get("announce", None, AT, "full 0")  # all others wait for an hour
    task_id = one.send("refused_once", AT, "full 1")
    wait_until((one.folder / "delivered-again").exists, "it is delivered again")
    assert one.state(task_id) != "FAILURE"


def test_a_task_for_one_does_not_say_for_whom(one: Lab) -> None:
    assert "use self.postiz in place of" in one.get("misused")


# ------------------------------------------------------------------ Django, threads and pickles


def test_threads_of_a_django_project_share_one_client(tmp_path: Path) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    with redis_server() as redis, serve_sandbox(limit=4, channels=["mastodon"]) as server:
        environment = {"REDIS_URL": redis.url, "KEY": server.api_key, "URL": server.url}
        environment |= {"PYTHONWARNINGS": "default::ResourceWarning", "C_FORCE_ROOT": "1"}
        pickles = {f"{kind}_serializer": "pickle" for kind in ("task", "result")}
        options = ("--pool", "threads", "--concurrency", "4")
        with (
            worker(tmp_path, environment, *options, app="celery_django") as log,
            sender(redis.url, accept_content=["pickle"], **pickles) as app,
            Redis.from_url(redis.url) as client,
        ):
            lab = Lab(app, server, client, tmp_path)
            posts = [NewPost("mastodon", f"thread {number}") for number in range(4)]
            sent = [lab.send("announce_together", post, at) for post in posts]
            threads, clients, ids = map(set, zip(*map(lab.result, sent), strict=True))
            assert (len(threads), len(clients), len(ids)) == (4, 1, 4)
            error = lab.get("announce", NewPost("mastodon", "x" * 600), at)
            assert error.problems[0].where == "posts.0.value.0.content"
            late = lab.send("announce", NewPost("mastodon", "late"), at)
            wait_until(lambda: lab.state(late) == "RETRY", "the quota is used up")
            error = app.backend.get_task_meta(late)["result"]
            assert error.retry_after > 3_000
            assert "you allowed 50 s" in str(error)
        assert len(server.posts) == 4
    assert "was not closed" not in log.read_text(encoding="utf-8")


# ------------------------------------------------------------------ another broker


@pytest.mark.exhaustive
@pytest.mark.skipif(bool(why_no_rabbitmq()), reason=why_no_rabbitmq())
def test_a_rabbitmq_gives_tasks_of_killed_processes_and_workers_to_others(tmp_path: Path) -> None:
    with (
        redis_server() as redis,
        rabbitmq_server() as broker,
        serve_sandbox(limit=2, window=WINDOW) as server,
        sender(redis.url, broker=broker) as app,
        Redis.from_url(redis.url, decode_responses=True) as client,
    ):
        environment = {
            "REDIS_URL": redis.url,
            "BROKER_URL": broker,
            "POSTIZ_API_URL": server.url,
            "POSTIZ_STORE": redis.url,
        }
        lab = Lab(app, server, client, tmp_path)
        acme = lab.organization("rabbit")
        with worker(tmp_path, environment, "--concurrency", "2", is_killed=True):
            [first] = lab.get("announce", acme, AT, "rabbit 1", task_id="task-1")
            assert lab.get("announce", acme, AT, "rabbit 1", task_id="task-1") == [first]
            assert len(lab.get("dies", acme, AT, "rabbit 2")) == 1
            late = lab.send("in_two_attempts", acme, AT, "rabbit 3", "rabbit 4")
            wait_until(lambda: lab.state(late) == "RETRY", "it waits for its second attempt")
        with worker(tmp_path, environment, "--concurrency", "2"):
            (tmp_path / "changed").touch()
            assert lab.result(late) is None
        assert lab.contents("rabbit") == [f"rabbit {number}" for number in range(1, 5)]
        assert server.refusals == 0
