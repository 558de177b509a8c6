"""The ng protocol's octets, its client against a node that is slow, deaf or lying, and the choice of a node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.rtpengine import Node, bencode
from gateway.media.rtpengine.bencode import DEEPEST, LONGEST, Value, decode, encode
from gateway.media.rtpengine.ng import NgClient, NgRefusedError, NgSilentError
from gateway.media.rtpengine.nodes import FULL_SECONDS, MOST_MISSES, Pool
from tests.media.rig import Ear

VALUES = st.recursive(
    st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read(value: Value) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_octets_are_a_value_or_refused(octets: bytes) -> None:
    try:
        value = decode(octets)
    except ValueError:
        return
    assert decode(encode(value)) == value


@given(st.binary(max_size=30))
def test_a_text_may_hold_any_octets(octets: bytes) -> None:
    written = b"%d:%s" % (len(octets), octets)
    assert encode(decode(written)) == written


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"i12",
        b"ie",
        b"i1_0e",
        b"i" + b"9" * 30 + b"e",
        b"5:four",
        b"-1:",
        b"99999999999999999999999:",
        b"l",
        b"d3:key",
        b"di1e1:ae",
        b"1:ab",
        b"l" * 5000,
        b"l" * DEEPEST + b"i1e" + b"e" * DEEPEST,
        b"1" * (LONGEST + 1),
    ],
)
def test_what_is_none_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"octet|deeper|longer"):
        decode(octets)


# ----------------------------------------------------------------------------------------------------------- the client


@asynccontextmanager
async def client(tries: int = 3) -> AsyncIterator[tuple[NgClient, Ear]]:
    """A client, and the socket that is its node."""
    node = await Ear.open()
    asking = NgClient(*node.address, tries=tries, try_seconds=0.05)
    yield asking, node
    asking.close()
    node.close()


def cookie(datagram: bytes) -> bytes:
    return datagram.partition(b" ")[0]


async def test_a_request_is_repeated_with_its_cookie_and_no_other_has_it() -> None:
    async with client(tries=400) as (asking, node):
        first = asyncio.create_task(asking.request("ping"))
        heard = await node.hears(2)
        assert heard[0] == heard[1]
        assert decode(heard[0].partition(b" ")[2]) == {"command": "ping"}
        second = asyncio.create_task(asking.request("query", {"call-id": "1"}))
        while not any(b"query" in one for one in node.heard):
            await node.hears(len(node.heard) + 1)
        other = next(one for one in node.heard if b"query" in one)
        assert cookie(other) != cookie(heard[0])
        node.send(cookie(other) + b" " + encode({"result": "second"}), node.sources[0])
        node.send(cookie(heard[0]) + b" " + encode({"result": "first"}), node.sources[0])
        assert (await first)["result"] == "first"
        assert (await second)["result"] == "second"


async def test_what_is_no_answer_is_not_taken_for_one() -> None:
    async with client(tries=400) as (asking, node):
        request = asyncio.create_task(asking.request("ping"))
        (heard,) = (await node.hears(1))[:1]
        for lie in (b"", b"other " + encode({"result": "pong"}), cookie(heard) + b" nonsense", cookie(heard) + b" 1:a"):
            node.send(lie, node.sources[0])
        node.send(cookie(heard) + b" " + encode({"result": "pong"}), node.sources[0])
        assert await request == {"result": "pong"}
        node.send(cookie(heard) + b" " + encode({"result": "late"}), node.sources[0])


async def test_an_error_is_told_with_its_reason() -> None:
    async with client(tries=400) as (asking, node):
        request = asyncio.create_task(asking.request("query"))
        (heard,) = (await node.hears(1))[:1]
        node.send(
            cookie(heard) + b" " + encode({"result": "error", "error-reason": "Unknown call-id"}), node.sources[0]
        )
        with pytest.raises(NgRefusedError, match="Unknown call-id"):
            await request


async def test_what_no_datagram_holds_is_refused_at_once_and_is_no_silence_of_the_node() -> None:
    client = NgClient("127.0.0.1", 9)
    try:
        with pytest.raises(NgRefusedError, match="datagram"):
            await client.request("offer", {"sdp": "x" * LONGEST})
    finally:
        client.close()


async def test_silence_is_told() -> None:
    async with client() as (asking, node):
        with pytest.raises(NgSilentError):
            await asking.request("ping")
        assert len(await node.hears(3)) == 3


async def test_who_waits_is_told_when_the_client_closes() -> None:
    async with client(tries=400) as (asking, node):
        request = asyncio.create_task(asking.request("ping"))
        await node.hears(1)
        asking.close()
        with pytest.raises(NgSilentError):
            await request
        with pytest.raises(NgSilentError):
            await asking.request("ping")


# ------------------------------------------------------------------------------------------------------------- the pool

ONE, TWO, THREE = Node("192.0.2.1", 2223, 1), Node("192.0.2.2", 2223, 3), Node("2001:db8::3", 2223, 0)


def test_calls_go_by_weight() -> None:
    pool = Pool((ONE, TWO, THREE))
    chosen = [pool.choose(0, step / 100) for step in range(100)]
    assert chosen.count(ONE) == 25
    assert chosen.count(TWO) == 75
    assert pool.choose(0, 0.99, {ONE, TWO}) is None
    assert str(THREE) == "[2001:db8::3]:2223"


def test_who_is_silent_is_given_no_calls_until_it_answers() -> None:
    pool = Pool((ONE, TWO))
    for _ in range(MOST_MISSES):
        assert pool.choose(0, 0) is ONE
        pool.missed(ONE)
    assert pool.choose(0, 0) is TWO
    assert not pool.answers(ONE)
    pool.answered(ONE)
    assert pool.choose(0, 0) is ONE


def test_who_is_full_is_asked_again_later() -> None:
    pool = Pool((ONE, TWO))
    pool.full(ONE, 10.0)
    assert pool.ready(10.0) == (TWO,)
    assert pool.ready(10.0 + FULL_SECONDS) == (ONE, TWO)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_a_drained_node_is_never_chosen(weights: list[int], draw: float) -> None:
    pool = Pool([Node(f"192.0.2.{index}", 2223, weight) for index, weight in enumerate(weights)])
    chosen = pool.choose(0, draw)
    assert (chosen is None) is (not any(weights))
    assert chosen is None or chosen.weight > 0


def test_the_longest_datagram_is_read() -> None:
    assert bencode.decode(b"65529:" + b"a" * 65_529) == "a" * 65_529
