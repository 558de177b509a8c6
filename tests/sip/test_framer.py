"""Messages out of a stream."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip import framer as module
from gateway.sip.message import Framer, Malformed, Ping, Pong, parse

ONE = (
    b"OPTIONS sip:desk@pbx.example SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKf1\r\n"
    b"From: <sip:a@b.example>;tag=1\r\nTo: <sip:desk@pbx.example>\r\nCall-ID: f1\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)
TWO = ONE.replace(b"Content-Length: 4", b"l:\r\n 06").replace(b"\r\n\r\nbody", b"\r\n\r\n\r\n\r\n\r\n")
"With a folded length, and a body of line breaks."


def fed(*pieces: bytes) -> list[bytes | Ping | Pong]:
    framer = Framer()
    return [item for piece in pieces for item in framer.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.conformance("SIP-24")
def test_two_messages_may_come_in_one_segment() -> None:
    assert fed(ONE + TWO) == [ONE, TWO]


@pytest.mark.conformance("SIP-24")
def test_one_message_may_come_in_ten_segments() -> None:
    size = len(ONE) // 10 + 1
    pieces = [ONE[start : start + size] for start in range(0, len(ONE), size)]
    assert len(pieces) == 10
    assert fed(*pieces) == [ONE]


@pytest.mark.conformance("SIP-24")
def test_two_line_breaks_between_messages_are_a_ping_and_one_is_nothing() -> None:
    assert fed(b"\r\n\r\n") == [Ping()]
    assert fed(b"\r\n", b"\r\n") == [Ping()]
    assert fed(b"\r", b"\n", b"\r", b"\n") == [Ping()]
    assert fed(b"\r\n") == []
    assert fed(b"\r\n" + ONE) == [ONE]
    assert fed(ONE + b"\r\n" + TWO + b"\r\n\r\n" + ONE) == [ONE, TWO, Ping(), ONE]


def test_one_line_break_answers_a_question_once() -> None:
    framer = Framer()
    framer.ask()
    assert framer.feed(ONE) == [ONE]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [Pong()]
    assert framer.feed(b"\r\n") == []
    assert framer.waiting == 0
    framer.ask()
    assert framer.feed(b"\r\n") == [Ping()]
    assert framer.feed(b"\r\n" + ONE) == [Pong(), ONE]


def test_a_flood_of_line_breaks_is_one_ping_a_segment() -> None:
    assert fed(b"\r\n" * 50_000) == [Ping()]


@pytest.mark.conformance("SIP-24")
@given(st.lists(st.sampled_from([ONE, TWO, b"\r\n\r\n"]), max_size=6), st.lists(st.integers(0), max_size=12))
def test_however_the_stream_is_cut_the_messages_are_the_same(parts: list[bytes], places: list[int]) -> None:
    wanted = [part for part in parts if part != b"\r\n\r\n"]
    assert [item for item in fed(*cut(b"".join(parts), places)) if isinstance(item, bytes)] == wanted


@given(st.lists(st.integers(0), max_size=12))
def test_however_the_stream_is_cut_pings_between_messages_are_seen(places: list[int]) -> None:
    items = fed(*cut(ONE + b"\r\n\r\n" + TWO, places))
    assert items == [ONE, Ping(), TWO]


def test_line_feeds_alone_end_a_head_too() -> None:
    plain = ONE.replace(b"\r\n", b"\n")
    assert fed(plain + plain) == [plain, plain]
    assert parse(plain) == parse(ONE)


# fmt: off
UNFRAMED = {
    "none": (b"", 400), "two": (b"Content-Length: 4\r\nl: 4\r\n", 400), "negative": (b"Content-Length: -4\r\n", 400),
    "no-number": (b"Content-Length: four\r\n", 400), "empty": (b"Content-Length:\r\n", 400),
    "too-large": (b"Content-Length: 1048577\r\n", 513), "far-too-large": (b"L: " + b"9" * 5000 + b"\r\n", 513),
}
# fmt: on


@pytest.mark.conformance("SIP-25")
@pytest.mark.parametrize("name", UNFRAMED)
def test_a_stream_without_a_usable_length_is_at_its_end(name: str) -> None:
    line, status = UNFRAMED[name]
    framer = Framer()
    with pytest.raises(Malformed) as caught:
        framer.feed(ONE.replace(b"Content-Length: 4\r\n", line))
    assert caught.value.status == status
    with pytest.raises(Malformed):
        framer.feed(ONE)


@pytest.mark.conformance("SIP-25")
def test_what_came_before_the_fault_is_handed_over_first() -> None:
    framer = Framer()
    assert framer.feed(ONE + ONE.replace(b"Content-Length", b"Content-Size")) == [ONE]
    with pytest.raises(Malformed):
        framer.feed(b"")


def test_a_head_has_a_limit_whether_it_ends_or_not() -> None:
    for data in (b"X: " + b"x" * 200, b"X: " + b"x" * 200 + b"\r\nl: 0\r\n\r\n"):
        with pytest.raises(Malformed) as caught:
            Framer(max_head=100).feed(data)
        assert caught.value.status == 513


def test_a_body_may_be_as_long_as_the_limit() -> None:
    assert Framer(max_body=4).feed(ONE) == [ONE]
    with pytest.raises(Malformed):
        Framer(max_body=3).feed(ONE)


def test_leading_zeros_of_a_length_count_nothing() -> None:
    padded = ONE.replace(b"Length: 4", b"Length: 00000000000004")
    assert fed(padded) == [padded]


def test_what_waits_is_counted() -> None:
    framer = Framer()
    framer.feed(ONE[:-1])
    assert framer.waiting == len(ONE) - 1
    framer.feed(ONE[-1:])
    assert framer.waiting == 0


class _Counting:
    """A pattern that counts the octets it is given to look at."""

    def __init__(self, pattern: Any) -> None:
        self.pattern, self.seen = pattern, 0

    def search(self, data: bytearray, start: int) -> Any:
        self.seen += len(data) - start
        return self.pattern.search(data, start)


@pytest.mark.parametrize("size", [1, 7])
def test_no_octet_is_looked_at_more_than_a_few_times(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    counting = _Counting(module.END_OF_HEAD)
    monkeypatch.setattr(module, "END_OF_HEAD", counting)
    data = b"OPTIONS sip:a SIP/2.0\r\nSubject: " + b"x" * 50_000 + b"\r\nContent-Length: 0\r\n\r\n"
    assert fed(*[data[start : start + size] for start in range(0, len(data), size)]) == [data]
    assert counting.seen < 4 * len(data)


def test_a_megabyte_of_messages_in_one_segment_is_cut_at_once() -> None:
    assert len(fed(ONE * 4000)) == 4000
