"""What each store of deliveries does; see `Deliveries`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from deliveries_lab import HOLD, NOISE, columns_of, new

from postiz_async import UsageError
from postiz_async.stores._deliveries import MOST_COUNTED, TakenError

if TYPE_CHECKING:
    from deliveries_lab import DeliveriesLab

LONG = 10_000.0


def is_about(seconds: float, wanted: float) -> bool:
    """Whether the clock of a real database may have shown so."""
    return wanted - NOISE <= seconds <= wanted


# ------------------------------------------------------------------ one delivery


async def test_what_is_put_is_there(lab: DeliveriesLab) -> None:
    put = await lab.put("acme", "one")
    assert put[3:] == (put.number, "acme", "one", b"body")
    assert put.value == b"value"
    for found in (await lab.store.get("one"), await lab.store.get("one", "acme")):
        assert found is not None
        assert found._replace(time=put.time) == put
        assert 0.0 <= found.time - put.time <= NOISE
    assert await lab.store.get("one", "globex") is None
    assert await lab.store.get("two") is None
    assert await lab.store.get("\0") is None
    assert await lab.store.get("\ud800", "acme") is None


async def test_numbers_grow_and_never_come_again(lab: DeliveriesLab) -> None:
    first, second = await lab.put(), await lab.put()
    assert first.number < second.number
    await lab.end(first)
    await lab.end(second)
    await lab.advance(LONG)
    assert await lab.store.prune(timedelta(0)) == 2
    third = await lab.put()
    assert third.number > second.number
    assert len({first.version, second.version, third.version}) == 3


async def test_many_put_at_once(lab: DeliveriesLab) -> None:
    kept = await asyncio.gather(*(lab.put("acme", f"{n % 5}") for n in range(20)))
    assert {each.id for each in kept} == {*"01234"}
    assert len({each.number for each in kept}) == 5
    assert await lab.store.counts("acme") == {"planned": 5}


async def test_a_file_has_no_part_in_a_transaction(lab: DeliveriesLab) -> None:
    with pytest.raises(UsageError, match="nothing was"):
        await lab.store.put("acme", new(), connection=object())
    assert await lab.store.counts() == {}


async def test_moments_are_kept_to_the_microsecond(lab: DeliveriesLab) -> None:
    """Also where a database shows few digits of a float."""
    before = await lab.now()
    kept = await lab.put(due=1_893_456_123.123457, until=before + 987.654321)
    assert before <= kept.time <= await lab.now()
    assert [each.due for each in await lab.store.overview()] == [1_893_456_123.123457]
    next_in = await lab.store.next_in()
    assert before + 987.654320 - await lab.now() <= next_in <= 987.654322


# ------------------------------------------------------------------ swaps


async def test_of_many_swaps_one_wins(lab: DeliveriesLab) -> None:
    put = await lab.put()
    swaps = (
        lab.store.swap(put.number, put.version, b"%d" % n, columns_of(state=f"by {n}"))
        for n in range(10)
    )
    results = await asyncio.gather(*swaps)
    [winner] = [kept for done, kept in results if done]
    assert winner is not None
    assert {kept and (kept.value, kept.version) for _, kept in results} == {
        (winner.value, winner.version)
    }
    assert await lab.store.counts() == {f"by {winner.value.decode()}": 1}


async def test_a_swap_of_what_is_gone(lab: DeliveriesLab) -> None:
    put = await lab.put()
    assert await lab.store.swap(put.number + 1, put.version, b"", columns_of()) == (False, None)


async def test_posts_of_a_delivery_come_one_after_another(lab: DeliveriesLab) -> None:
    kept = await lab.put()
    for post_ids in (("a",), ("a", "b"), (), ("b", "b", "c")):
        kept = await lab.swap(kept, state="leaving", post_ids=post_ids)
    assert await lab.store.known("acme", [*"abcd"], []) == ({*"abc"}, set())
    assert await lab.store.known("globex", [*"abcd"], [1]) == (set(), set())
    assert await lab.store.known("acme", [], []) == (set(), set())


async def test_of_a_scope_no_two_have_one_post(lab: DeliveriesLab) -> None:
    one, two, other = await lab.put(), await lab.put(), await lab.put("globex")
    await lab.end(one, post_ids=("a", "b"))
    with pytest.raises(TakenError):
        await lab.end(two, mark=7, post_ids=("c", "b"))
    await lab.end(other, post_ids=("a", "b"))
    unchanged = await lab.store.get(two.id)
    assert unchanged is not None
    assert unchanged.version == two.version
    assert await lab.store.known("acme", ["a", "b", "c"], [7]) == ({"a", "b"}, set())
    assert await lab.store.counts("acme") == {"stored": 1, "planned": 1}


async def test_of_many_who_want_one_mark_and_post_one_has_them(lab: DeliveriesLab) -> None:
    puts = [await lab.put() for _ in range(8)]
    results = await asyncio.gather(
        *(lab.swap(each, state="leaving", mark=5, post_ids=("p",)) for each in puts),
        return_exceptions=True,
    )
    assert sum(isinstance(each, TakenError) for each in results) == 7
    assert sum(isinstance(each, tuple) for each in results) == 1
    assert await lab.store.counts() == {"planned": 7, "leaving": 1}


# ------------------------------------------------------------------ what waits


async def test_what_a_delivery_waits_for(lab: DeliveriesLab) -> None:
    later, ahead = await lab.put_ahead(due=20.0)
    assert ahead == (0, 1, 0.0, "", "acme & sons", "https://postiz.example")
    sooner, ahead = await lab.put_ahead(due=10.0)
    assert ahead[:2] == (0, 2)
    second, ahead = await lab.put_ahead("acme", "second", due=10.0)
    assert ahead[:2] == (1, 3)
    await lab.put("globex", due=1.0)
    assert (await lab.put_ahead("acme", "second", due=99.0))[1][:2] == (1, 3), "it is as it was"
    assert (await lab.store.ahead(later.scope, later.number, 20.0))[:2] == (2, 3)
    assert (await lab.store.ahead(second.scope, second.number, 10.0))[:2] == (1, 3)
    await lab.swap(sooner, state="leaving")
    assert (await lab.store.ahead(later.scope, later.number, 20.0))[:2] == (1, 2)
    assert (await lab.store.ahead(later.scope, later.number, 5.0))[:2] == (0, 2), (
        "as its value says"
    )


@pytest.mark.exhaustive
async def test_very_many_are_not_counted(lab: DeliveriesLab) -> None:
    await lab.store.register("acme", "acme", "https://postiz.example")
    for _ in range(11):
        puts = (lab.store.put("acme", new(due=1.0)) for _ in range(100))
        await asyncio.gather(*puts)
    _, ahead = await lab.put_ahead(due=2.0)
    assert ahead[:2] == (MOST_COUNTED, MOST_COUNTED)
    assert await lab.names() == ["acme"]
    taken = await lab.store.take("acme", "me", HOLD, 3)
    assert taken is not None
    assert (len(taken.deliveries), taken.planned) == (3, MOST_COUNTED)


async def test_trouble_is_told_to_who_waits(lab: DeliveriesLab) -> None:
    kept = await lab.put()
    await lab.rest(500.0, failures=3, trouble="the key \0is\ud800 refused")
    for ahead in (await lab.store.ahead(kept.scope, kept.number, 1.0), (await lab.put_ahead())[1]):
        assert is_about(ahead.rests, 500.0)
        assert ahead.trouble == "the key is? refused"
    await lab.advance(500.0 + NOISE)
    assert (await lab.store.ahead(kept.scope, kept.number, 1.0)).rests == 0.0
    assert [scope[3:] for scope in await lab.line()] == [(3, "the key is? refused", False)]
    assert (await lab.store.ahead(kept.scope, kept.number, 1.0)).rests == 0.0, "while it is held"
    await lab.taken()
    await lab.store.rest("acme", "me", 500.0)
    assert (await lab.store.ahead(kept.scope, kept.number, 1.0))[2:4] == (0.0, "")


async def test_a_rest_after_failures_ends_early_only_if_that_is_said(lab: DeliveriesLab) -> None:
    kept = await lab.put()
    await lab.rest(500.0, failures=3, trouble="refused")
    await lab.store.rouse("acme")
    assert is_about((await lab.store.ahead(kept.scope, kept.number, 1.0)).rests, 500.0)
    await lab.store.rouse("acme", failed=True)
    assert (await lab.store.ahead(kept.scope, kept.number, 1.0)).rests == 0.0
    assert [scope[3:] for scope in await lab.line()] == [(3, "refused", False)]


# ------------------------------------------------------------------ whose scopes are


async def test_a_scope_is_registered_as_it_was_first(lab: DeliveriesLab) -> None:
    await lab.store.register("acme", "a\0c\ud800me", "https://one.example")
    await lab.store.register("acme", "other", "https://two.example")
    await lab.store.put("acme", new())
    assert await lab.line() == [("acme", "ac?me", "https://one.example", 0, "", False)]


async def test_a_key_is_of_one_organisation(lab: DeliveriesLab) -> None:
    for name in ("acme", "globex"):
        await lab.store.register(name, name.upper(), "https://postiz.example")
    for _ in range(2):
        assert await lab.store.key_owner("acme", "key") is None
        assert await lab.store.key_owner("globex", "key") == "ACME"
    assert await lab.store.key_owner("acme", "new key") is None
    assert await lab.store.key_owner("globex", "key") is None


async def test_of_many_who_ask_each_scope_has_one_holder(lab: DeliveriesLab) -> None:
    names = sorted(f"scope {n}" for n in range(30))
    for name in names:
        await lab.put(name)
    lines = await asyncio.gather(*(lab.names(f"holder {n}", limit=9) for n in range(6)))
    lines += [await lab.names("last")]  # past others' locks
    assert sorted(name for line in lines for name in line) == names


async def test_a_hold_ends_when_it_is_not_renewed(lab: DeliveriesLab) -> None:
    await lab.put()
    assert await lab.names("one") == ["acme"]
    await lab.advance(HOLD)
    assert await lab.store.hold(["acme", "other"], "one", HOLD) == {"acme"}, "it is nobody else's"
    assert await lab.names("two") == []
    await lab.advance(HOLD)
    assert await lab.taken(holder="one") is not None, "which renews it too"
    assert await lab.names("two") == []
    await lab.advance(HOLD)
    [scope] = await lab.line("two")
    assert scope.was_left
    assert await lab.store.hold(["acme"], "one", HOLD) == set()
    assert await lab.taken(holder="one") is None
    await lab.store.rest("acme", "one", 0.0)
    assert await lab.names("three") == []
    assert await lab.store.hold([], "two", HOLD) == set()


# ------------------------------------------------------------------ what is to be done


async def test_what_is_in_doubt_comes_first_then_what_is_due(lab: DeliveriesLab) -> None:
    await lab.put("acme", "late", due=30.0)
    await lab.put("acme", "soon", due=10.0)
    await lab.put("acme", "same", due=10.0)
    await lab.swap(await lab.put("acme", "lost", due=90.0), state="lost", due=90.0)
    now = (await lab.swap(await lab.put("acme", "other", due=95.0), state="x", due=95.0)).time
    await lab.end(await lab.put("acme", "over"))
    await lab.put("acme", "resting", until=now + 500.0)
    await lab.swap(await lab.put("acme", "at work"), state="leaving", until=now + 500.0)
    assert await lab.names() == ["acme"]
    in_doubt, due = ["lost", "other"], ["soon", "same", "late"]
    taken = await lab.store.take("acme", "me", HOLD, 100)
    assert taken is not None
    assert [each.id for each in taken.deliveries] == in_doubt + due
    assert taken.planned == 4
    assert await lab.taken(limit=2) == in_doubt + due[:2]
    assert await lab.taken(limit=0) == in_doubt
    besides = [each.number for each in taken.deliveries if each.id in {"lost", "soon"}]
    assert await lab.taken(limit=2, besides=besides) == ["other", "same", "late"]
    await lab.advance(500.0)
    assert sorted(await lab.taken() or ()) == sorted([*in_doubt, *due, "resting", "at work"])


async def test_a_row_of_another_version_harms_no_other(lab: DeliveriesLab) -> None:
    await lab.swap(await lab.put("acme", "strange"), state="of tomorrow")
    await lab.put("acme", "plain")
    assert await lab.names() == ["acme"]
    assert await lab.taken() == ["strange", "plain"]
    assert await lab.store.counts() == {"of tomorrow": 1, "planned": 1}
    [found] = await lab.store.overview()
    assert found.states == {"of tomorrow": 1, "planned": 1}


# ------------------------------------------------------------------ what is left


async def test_nameless_scopes_that_nobody_sends_for(lab: DeliveriesLab) -> None:
    for name in ("mine", "other"):
        await lab.store.register(name, "", "https://postiz.example")
        for _ in range(3):
            kept, _ = await lab.store.put(name, new())
        await lab.end(kept)
    await lab.put("acme")
    assert await lab.store.abandoned("mine") == 2
    assert await lab.names("its own", only="other") == ["other"]
    assert await lab.store.abandoned("mine") == 0
    await lab.advance(HOLD)
    assert await lab.store.abandoned("mine") == 2
    assert not await lab.store.has_work("me", "nobody's")
    await lab.names()
    assert not await lab.store.has_work("me too")


# ------------------------------------------------------------------ endings


async def ended(lab: DeliveriesLab, first: int = 0, **options: Any) -> list[tuple[int, str]]:
    """Numbers and ids of what has ended."""
    found = await lab.store.endings(first, 100, **options)
    return [(each.number, each.delivery.id) for each in found.endings]


async def test_a_swap_that_came_too_late_ends_nothing(lab: DeliveriesLab) -> None:
    one, two = await lab.put("acme", "one"), await lab.put("acme", "two")
    await lab.end(one, mark=1)
    for stale in (one, two._replace(version=one.version)):
        columns = columns_of("stored", is_over=True)
        done, _ = await lab.store.swap(stale.number, stale.version, b"", columns)
        assert not done
    with pytest.raises(TakenError):
        await lab.end(two, mark=1)
    await lab.end(two, mark=2)
    assert await ended(lab) == [(1, "one"), (2, "two")]


async def test_what_was_removed_is_told_by_scope(lab: DeliveriesLab) -> None:
    for name in ("one", "two"):
        await lab.end(await lab.put("acme", name))
    await lab.end(await lab.put("globex", "three"))
    await lab.put("initech", "waits")
    await lab.advance(LONG)
    assert await lab.store.prune(timedelta(0)) == 3
    await lab.end(await lab.put("acme", "four"))
    assert await ended(lab) == [(4, "four")], "numbers go on"
    removed = {"acme": 2, "globex": 3, "initech": 0, "nobody's": 0, None: 3}
    for only, number in removed.items():
        assert (await lab.store.endings(0, 1, only)).removed == number


async def test_the_records_of_the_same_place(lab: DeliveriesLab) -> None:
    records = lab.store.records
    done, kept = await records.swap("consumer", "billing", 0, b"value", keep=None)
    assert done
    assert (await records.get("consumer", "billing"))[:2] == kept[:2] == (b"value", kept.version)


# ------------------------------------------------------------------ all of it


async def test_how_all_of_it_stands(lab: DeliveriesLab) -> None:
    assert await lab.store.overview() == []
    await lab.put("acme", due=30.0)
    await lab.put("globex", due=20.0)
    await lab.put("initech", due=40.0)
    await lab.end(await lab.put("over", due=10.0))
    await lab.rest(500.0, "globex", failures=1, trouble="away")
    assert await lab.names(only="initech") == ["initech"]
    url, waits = "https://postiz.example", {"planned": 1}
    assert [each[:6] for each in await lab.store.overview()] == [
        ("acme & sons", url, "", False, waits, 30.0),
        ("globex & sons", url, "away", False, waits, 20.0),
        ("initech & sons", url, "", True, waits, 40.0),
        ("over & sons", url, "", False, {}, None),
    ]
    await lab.advance(HOLD)
    assert not any(each.is_held for each in await lab.store.overview())
    [found] = await lab.store.overview("globex")
    assert found[:6] == ("globex & sons", url, "away", False, waits, 20.0)
    assert await lab.store.overview("nobody's") == []


async def test_what_has_waited_longest(lab: DeliveriesLab) -> None:
    first = await lab.put("acme", due=9e9)
    await lab.advance(1_000.0)
    second = await lab.put("acme")
    await lab.advance(500.0)

    async def found() -> tuple[dict[str, int], float]:
        [seen] = await lab.store.overview()
        return dict(seen.states), seen.age

    assert await found() == ({"planned": 2}, pytest.approx(1_500.0, abs=NOISE))
    leaving = await lab.swap(first, state="sending")
    assert await found() == ({"planned": 1, "sending": 1}, pytest.approx(500.0, abs=NOISE))
    await lab.swap(leaving, state="planned")
    assert await found() == ({"planned": 2}, pytest.approx(1_500.0, abs=NOISE)), "since it was put"
    for each in (leaving, second):
        kept = await lab.store.get(each.id)
        assert kept is not None
        await lab.end(kept)
    assert await found() == ({}, 0.0)


async def test_counts_of_one_and_of_all(lab: DeliveriesLab) -> None:
    await lab.put("acme")
    await lab.end(await lab.put("acme"))
    await lab.put("globex")
    assert await lab.store.counts("acme") == {"planned": 1, "stored": 1}
    assert await lab.store.counts("nobody's") == {}
    assert await lab.store.counts() == {"planned": 2, "stored": 1}


async def test_what_was_over_for_long_is_removed(lab: DeliveriesLab) -> None:
    await lab.put("acme", "waits")
    first = await lab.end(await lab.put("acme", "first"), mark=1, post_ids=("p", "q"))
    await lab.advance(500.0)
    await lab.swap(first, state="undecided", is_over=True, mark=1)
    await lab.end(await lab.put("acme", "second"), mark=2, post_ids=("r",))
    assert await lab.store.prune(timedelta(seconds=500 + NOISE)) == 0
    await lab.advance(2 * NOISE)
    assert await lab.store.prune(timedelta(seconds=500 + NOISE)) == 1, "from when it was over"
    assert await lab.store.get("first") is None
    assert await lab.store.known("acme", [*"pqr"], [1, 2]) == ({"r"}, {2})
    assert await lab.store.prune(timedelta(days=1_000_000)) == 0
    assert await lab.store.counts() == {"planned": 1, "stored": 1}
    await lab.end(await lab.put("acme", "anew"), mark=1, post_ids=("p",))


@pytest.mark.exhaustive
async def test_very_much_is_removed_in_pieces(lab: DeliveriesLab) -> None:
    kept = [await lab.put() for _ in range(1_050)]
    for each in kept:
        await lab.end(each, post_ids=(each.id,))
    await lab.advance(LONG)
    assert await lab.store.prune(timedelta(0)) == 1_050
    assert await lab.store.counts() == {}
    assert (await lab.store.known("acme", [each.id for each in kept], []))[0] == set()
