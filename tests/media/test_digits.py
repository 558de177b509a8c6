"""Digits as RTP events: read, made, and brought to another clock."""

import itertools
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.anchor import PHONE, DigitHeard
from gateway.media.embedded.digits import (
    ENDS,
    GAP_SECONDS,
    MOST_QUEUED,
    SIGNS,
    SILENT_SECONDS,
    Digit,
    EventReader,
    EventSender,
    Rescaler,
    payload_offset,
)
from gateway.signals import Side
from mappings.description import Codec
from tests.media.rig import EVENTS, PCMU, rigged, rtp
from tests.peers.program import until

CALLER, CALLEE = Side
OPUS = Codec(id=96, name="opus", clockrate=48000, channels=2)
EVENTS_48 = Codec(id=110, name="telephone-event", clockrate=48000)
_HEADER = struct.Struct("!BBHII")


def event(
    sequence: int,
    digit: str,
    duration: int,
    *,
    end: bool = False,
    first: bool = False,
    number: int = 101,
    timestamp: int = 8000,
    ssrc: int = 0x1234,
) -> bytes:
    """An event packet."""
    second = number | (0x80 if first else 0)
    header = _HEADER.pack(0x80, second, sequence, timestamp, ssrc)
    return header + struct.pack("!BBH", SIGNS.index(digit), 10 | (0x80 if end else 0), duration)


def said(packet: bytes) -> tuple[int, bool, int, int, int, bool, int]:
    """Payload type, marker, sequence, timestamp, event, end, duration."""
    _, second, sequence, timestamp, _ = _HEADER.unpack_from(packet)
    number, flags, duration = struct.unpack("!BBH", packet[12:16])
    return second & 0x7F, bool(second & 0x80), sequence, timestamp, number, bool(flags & 0x80), duration


def source(packet: bytes) -> int:
    """Its SSRC."""
    return int(_HEADER.unpack_from(packet)[4])


# ----------------------------------------------------------------------------------------------------------------- read


@given(st.sampled_from(SIGNS), st.integers(1, 40), st.sampled_from([8000, 48000]), st.integers(1, 5))
def test_a_digit_is_heard_once_with_its_whole_duration(sign: str, packets: int, rate: int, ends: int) -> None:
    reader, heard = EventReader(), []
    step = rate // 50
    for count in range(1, packets + 1):
        heard += reader.read(event(count, sign, min(count * step, 0xFFFF), first=count == 1), rate, 0.0)
    assert heard == []
    total = min(packets * step, 0xFFFF)
    for count in range(ends):
        heard += reader.read(event(packets + 1 + count, sign, total, end=True), rate, 0.0)
    assert heard == [Digit(sign, total * 1000 // rate)]


def test_a_digit_whose_end_is_lost_is_heard_with_the_next_or_after_a_while() -> None:
    reader = EventReader()
    assert reader.read(event(1, "5", 800, first=True), 8000, 1.0) == []
    assert reader.read(event(9, "6", 160, first=True, timestamp=16000), 8000, 1.2) == [Digit("5", 100)]
    assert reader.expire(2.0) == []
    assert reader.expire(2.3) == [Digit("6", 20)]
    assert reader.expire(9.0) == []


def test_the_same_digit_twice_is_two_digits() -> None:
    reader = EventReader()
    first = reader.read(event(1, "1", 800, end=True), 8000, 1.0)
    assert first == reader.read(event(5, "1", 800, end=True, timestamp=20000), 8000, 1.0) == [Digit("1", 100)]


def test_a_packet_that_comes_late_begins_nothing() -> None:
    reader = EventReader()
    reader.read(event(5, "2", 160, first=True, timestamp=20000), 8000, 1.0)
    assert reader.read(event(1, "1", 800, end=True, timestamp=8000), 8000, 1.0) == []
    assert reader.read(event(6, "2", 320, end=True, timestamp=20000), 8000, 1.0) == [Digit("2", 40)]


def test_a_long_digit_in_segments_is_one() -> None:
    reader = EventReader()
    assert reader.read(event(1, "3", 0xFFFF, first=True, timestamp=0), 8000, 1.0) == []
    assert reader.read(event(2, "3", 8000, timestamp=0xFFFF, end=True), 8000, 9.0) == [Digit("3", (0xFFFF + 8000) // 8)]


def test_events_that_are_no_digits_and_damaged_ones_are_not_heard() -> None:
    reader = EventReader()
    flash = event(1, "0", 800, end=True)[:12] + struct.pack("!BBH", 16, 0x8A, 800)
    assert reader.read(flash, 8000, 1.0) == []
    assert reader.read(event(2, "1", 800, end=True, timestamp=1)[:14], 8000, 1.0) == []


@given(st.binary(min_size=12, max_size=64))
def test_no_packet_breaks_the_reader(data: bytes) -> None:
    packet = bytes([0x80 | data[0] & 0x3F]) + data[1:]
    EventReader().read(packet, 8000, 0.0)
    assert len(Rescaler().take(packet, 8000, 48000)) == len(packet)
    assert payload_offset(packet) >= 12


@given(st.integers(0, 0x1FFF), st.sampled_from([8000, 16000, 48000]), st.sampled_from([8000, 16000, 48000]))
def test_a_duration_is_the_same_time_on_another_clock(duration: int, rate: int, wanted: int) -> None:
    packet = Rescaler().take(event(1, "7", duration, end=True), rate, wanted)
    assert packet[:14] == event(1, "7", duration, end=True)[:14]
    assert said(packet)[-1] == duration * wanted // rate


def joined(packets: list[bytes]) -> list[tuple[int, int]]:
    """Where each segment of an event begins, and how long it is: each begins where the one before it ended."""
    found: dict[int, int] = {}
    for packet in packets:
        *_, timestamp, _, _, duration = said(packet)
        assert duration >= found.get(timestamp, 0)
        found[timestamp] = duration
    begins = list(found)
    assert begins[1:] == [begin + found[begin] for begin in begins[:-1]]
    return list(found.items())


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40), st.sampled_from([(8000, 48000), (16000, 48000)]))
def test_what_is_too_long_on_another_clock_is_told_in_segments(steps: list[int], rates: tuple[int, int]) -> None:
    rate, wanted = rates
    totals = [total for total in itertools.accumulate(steps) if total <= 0xFFFF]
    rescaler = Rescaler()
    ended = [event(len(totals), "7", totals[-1], end=True)] * 3
    packets = [event(number, "7", total) for number, total in enumerate(totals)] + ended
    out = [rescaler.take(packet, rate, wanted) for packet in packets]
    segments = joined(out)
    assert segments[0][0] == 8000
    assert sum(duration for _, duration in segments) == totals[-1] * wanted // rate
    assert {packet[:4] for packet in out} == {packet[:4] for packet in packets}
    assert len({packet[4:] for packet in out[-3:]}) == 1
    reader = EventReader()
    heard = [digit for packet in out for digit in reader.read(packet, wanted, 0.0)]
    assert [digit.sign for digit in heard] == ["7"]
    assert abs(heard[0].duration - totals[-1] * 1000 // rate) <= 1


def test_a_packet_of_a_segment_that_is_over_says_nothing_new() -> None:
    rescaler = Rescaler()
    for number, total in enumerate((10_000, 10_900, 11_000)):
        last = rescaler.take(event(number, "7", total), 8000, 48000)
    late = rescaler.take(event(1, "7", 10_900), 8000, 48000)
    assert said(late)[3:] == said(last)[3:]


# ----------------------------------------------------------------------------------------------------------------- made


def replaced(sender: EventSender, count: int) -> list[bytes]:
    """What goes out for so many packets of speech; there is something for each."""
    out = [sender.replace(rtp(number), 1.0 + number * 0.02) for number in range(count)]
    assert None not in out
    return [packet for packet in out if packet is not None]


@pytest.mark.conformance("HLD-17")
def test_a_digit_takes_the_place_of_what_passes() -> None:
    sender = EventSender(99, 5)
    assert sender.queue("7", 400, 101, 8000)
    out = replaced(sender, 30)
    events = [said(packet) for packet in out if packet[1] & 0x7F == 101]
    assert [sequence for _, _, sequence, *_ in events] == list(range(len(events)))
    assert {timestamp for _, _, _, timestamp, *_ in events} == {0}
    assert [marker for _, marker, *_ in events] == [True] + [False] * (len(events) - 1)
    durations = [duration for *_, duration in events]
    assert durations == sorted(durations)
    assert durations[0] == 160
    assert [end for *_, end, _ in events] == [False] * (len(events) - ENDS) + [True] * ENDS
    assert durations[-ENDS:] == [3200] * ENDS
    assert out[len(events) :] == [rtp(number) for number in range(len(events), 30)]
    assert not sender.active


def test_digits_come_one_after_the_other_with_a_pause() -> None:
    sender = EventSender(99, 5)
    for sign in "1#A":
        assert sender.queue(sign, 40, 101, 8000)
    out = replaced(sender, 40)
    heard: list[Digit] = []
    reader = EventReader()
    for packet in out:
        if packet[1] & 0x7F == 101:
            heard += reader.read(packet, 8000, 0.0)
    assert heard == [Digit("1", 40), Digit("#", 40), Digit("A", 40)]
    speech = [number for number, packet in enumerate(out) if packet == rtp(number)]
    assert len([number for number in speech if number < 20]) >= 2 * int(GAP_SECONDS / 0.02)


def test_a_digit_where_nothing_passes_is_a_stream_of_its_own() -> None:
    sender = EventSender(99, 0xFFFE)
    sender.queue("D", 60, 110, 48000)
    out = [packet for count in range(20) if (packet := sender.tick(5.0 + count * 0.02)) is not None]
    assert [said(packet)[2] for packet in out] == [0xFFFE, 0xFFFF, 0, 1, 2]
    assert said(out[-1])[-1] == 2880
    assert not sender.active
    sender.queue("D", 60, 110, 48000)
    following = sender.tick(9.0)
    assert following is not None
    assert said(following)[2] == 3
    assert said(following)[3] != said(out[0])[3]


def test_a_digit_goes_on_where_speech_stops() -> None:
    sender = EventSender(99, 5)
    sender.queue("1", 100, 101, 8000)
    begun = sender.replace(rtp(40), 1.0)
    assert begun is not None
    assert sender.tick(1.02) is None
    late = 1.0 + SILENT_SECONDS
    out = [packet for count in range(20) if (packet := sender.tick(late + count * 0.02)) is not None]
    assert [said(packet)[2] for packet in out] == list(range(41, 41 + len(out)))
    assert {said(packet)[3] for packet in (begun, *out)} == {40 * 160}
    assert said(out[-1])[-2:] == (True, 800)


def test_a_digit_that_began_in_silence_is_one_though_speech_comes_back() -> None:
    """And receivers hear one source at a time: some begin anew with each change, and hear nothing between two."""
    sender = EventSender(99, 5)
    sender.queue("1", 100, 101, 8000)
    heard: list[Digit] = []
    reader, out = EventReader(), []
    for count in range(20):
        now = 5.0 + count * 0.02
        if count >= 2 and (passed := sender.replace(rtp(count), now)) is not None:
            out.append(passed)
        if sender.active and (packet := sender.tick(now + 0.01)) is not None:
            heard += reader.read(packet, 8000, now)
            out.append(packet)
    assert heard == [Digit("1", 100)]
    made = sum(packet[1] & 0x7F == 101 for packet in out)
    assert {source(packet) for packet in out[:made]} == {99}
    assert out[made:] == [rtp(count) for count in range(20 - len(out[made:]), 20)]
    assert len(out[made:]) >= 10


def test_a_short_gap_in_speech_is_no_silence() -> None:
    """What was late comes after it, with the numbers that follow."""
    sender = EventSender(99, 5)
    assert sender.replace(rtp(40), 1.0) == rtp(40)
    sender.queue("1", 100, 101, 8000)
    gap = [1.0 + count * 0.02 for count in range(1, 9)]
    assert {sender.tick(now) for now in gap} == {None}
    begun = sender.replace(rtp(41), gap[-1])
    assert begun is not None
    assert (said(begun)[2:4], source(begun)) == ((41, 41 * 160), source(rtp(41)))


@pytest.mark.parametrize("sign", ["", "E", "12", "x", "é"])
def test_what_is_no_digit_is_not_sent(sign: str) -> None:
    sender = EventSender(1, 1)
    assert not sender.queue(sign, 100, 101, 8000)
    assert not sender.active


def test_no_more_digits_wait_than_a_moment_holds() -> None:
    sender = EventSender(1, 1)
    assert all(sender.queue("1", 100, 101, 8000) for _ in range(MOST_QUEUED))
    assert not sender.queue("1", 100, 101, 8000)


@given(st.integers(-5, 100_000), st.sampled_from([8000, 48000]))
def test_a_digit_is_never_too_short_to_be_heard_and_a_long_one_is_told_in_segments(duration: int, rate: int) -> None:
    sender = EventSender(1, 1)
    sender.queue("1", duration, 101, rate)
    out = [packet for count in range(400) if (packet := sender.tick(1 + count * 0.02)) is not None]
    assert said(out[-1])[-2]
    first, *_ = segments = joined(out)
    assert first[0] == said(out[0])[3]
    told = min(max(duration, 40), 6000)
    assert sum(length for _, length in segments) == told * rate // 1000
    reader = EventReader()
    assert [digit for packet in out for digit in reader.read(packet, rate, 0.0)] == [Digit("1", told)]


# ------------------------------------------------------------------------------------------------------------ in a call


@pytest.mark.conformance("MED-09")
async def test_digits_pass_at_the_other_sides_number_and_rate() -> None:
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PHONE)
        other.told(await anchor.make_offer(CALLEE, ["audio"]))
        # Opus on both sides, but this one's digits are at 8000 only.
        await anchor.take_answer(CALLEE, other.description(replace(OPUS, id=111), EVENTS))
        await anchor.take_offer(CALLER, one.description(OPUS, EVENTS_48))
        one.told(await anchor.make_answer(CALLER))
        one.speak(event(1, "9", 4800, number=110), event(2, "9", 9600, end=True, number=110))
        heard = [said(packet) for packet in await other.speech.hears(2)]
        assert [(number, duration) for number, *_, duration in heard] == [(101, 800), (101, 1600)]
        digit = await told.expect(DigitHeard)
        assert digit == DigitHeard(CALLER, "9", 200, carried=True)
        other.speak(event(1, "4", 800, end=True, number=101, ssrc=7))
        back = said((await one.speech.hears(1))[0])
        assert (back[0], back[-1]) == (110, 4800)


async def test_a_digit_that_the_other_side_cannot_have_is_told() -> None:
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, told = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description(PCMU))
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(PCMU, EVENTS))
        one.told(await anchor.make_answer(CALLER))
        other.speak(event(1, "*", 800, first=True))
        other.speak(event(2, "*", 1600, end=True))
        digit = await told.expect(DigitHeard)
        assert digit == DigitHeard(CALLEE, "*", 200, carried=False)
        other.speak(rtp(3))
        assert await one.speech.hears(1) == [rtp(3)]
        assert not await anchor.digit(CALLER, "1", 100)


@pytest.mark.conformance("HLD-17")
@pytest.mark.parametrize("speaking", [True, False])
async def test_a_digit_of_ours_is_heard_at_the_other_side(speaking: bool) -> None:
    async with rigged() as rig:
        one, other = await rig.phone(), await rig.phone()
        anchor, _ = await rig.anchor(PHONE, PHONE)
        await anchor.take_offer(CALLER, one.description(PCMU))
        other.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, other.description(PCMU, EVENTS))
        one.told(await anchor.make_answer(CALLER))
        assert await anchor.digit(CALLEE, "5", 60)
        assert await anchor.digit(CALLEE, "6", 60)
        assert not await anchor.digit(CALLEE, "z", 60)
        heard: list[Digit] = []
        reader, read, sent = EventReader(), 0, 0

        def both() -> bool:
            nonlocal read, sent
            if speaking and sent == len(other.speech.heard):
                one.speak(rtp(sent))
                sent += 1
            for packet in other.speech.heard[read:]:
                read += 1
                if packet[1] & 0x7F == 101:
                    heard.extend(reader.read(packet, 8000, 0.0))
            return len(heard) >= 2

        await until(both, "two digits")
        assert heard == [Digit("5", 60), Digit("6", 60)]
        ssrcs = {_HEADER.unpack_from(packet)[4] for packet in other.speech.heard}
        assert (0x1234 in ssrcs) is speaking
