"""What `Sandbox.client` and `Sandbox.pool` take is what `Postiz` and `PostizPool` take."""

from __future__ import annotations

import inspect

import pytest

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool, QuotaWaitError, ServerError
from postiz_async.clock import JumpingClock
from postiz_async.testing import ClientOptions, Fault, PoolOptions, Sandbox


def declared(kind: type) -> dict[str, str]:
    """The options of a class, as they are written."""
    signature = inspect.signature(kind)
    return {name: each.annotation for name, each in signature.parameters.items()}


def of_the_type(options: type) -> dict[str, str]:
    return {
        name: getattr(each, "__forward_arg__", each)
        for name, each in inspect.get_annotations(options).items()
    }


def test_a_client_takes_every_option_of_postiz() -> None:
    """But for the organisation, which is one of the sandbox's."""
    options = declared(Postiz)
    del options["organization"]
    assert of_the_type(ClientOptions) == options


def test_a_pool_takes_every_option_of_postiz_pool() -> None:
    assert of_the_type(PoolOptions) == declared(PostizPool)


async def test_options_of_a_client() -> None:
    sandbox = Sandbox(channels=["mastodon"], limit=1)
    sandbox.add_fault(Fault("error_before", status=503, route="list_channels", times=1))
    async with sandbox.client(max_retries=0, max_wait=5) as postiz:
        with pytest.raises(ServerError):
            await postiz.channels.list()
        at = sandbox.in_an_hour()
        await postiz.posts.schedule(NewPost("mastodon", "one"), at=at)
        with pytest.raises(QuotaWaitError):
            await postiz.posts.schedule(NewPost("mastodon", "two"), at=at)


async def test_options_that_the_sandbox_would_have_set() -> None:
    """Advanced options keep the sandbox's transport, unless they have one."""
    sandbox = Sandbox(channels=["mastodon"])
    sandbox.add_organization("globex", api_key="key-of-globex")
    clock = JumpingClock()
    advanced = AdvancedOptions(clock=clock)
    async with sandbox.client(api_key="key-of-globex", advanced=advanced) as postiz:
        assert await postiz.channels.list() == []
        assert postiz.clock is clock


async def test_options_of_a_pool() -> None:
    sandbox = Sandbox(organizations=["acme", "globex"], channels=["mastodon"])
    async with sandbox.pool(max_clients=1, advanced=AdvancedOptions(pacing="smooth")) as pool:
        for each in sandbox.organizations:
            postiz = await pool.client(each.api_key)
            assert [channel.provider for channel in await postiz.channels.list()] == ["mastodon"]
        assert len(pool) == 1
