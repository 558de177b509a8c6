"""What is counted and concluded: loss, jitter, reports, opinion."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.embedded import rtcp
from gateway.media.embedded.feedback import FIR, NACK, PLI, Feedbacks
from gateway.media.embedded.quality import Meter, mos
from tests.media.rig import picture_loss, receiver_report, rtp, sender_report


@given(
    st.integers(0, 0xFFFF), st.lists(st.booleans(), min_size=1, max_size=300).filter(lambda came: came[0] and came[-1])
)
def test_what_does_not_come_is_lost_wherever_the_numbers_begin(first: int, came: list[bool]) -> None:
    meter = Meter("audio")
    for number, here in enumerate(came):
        if here:
            meter.take(rtp(first + number), 8000, number * 0.02)
    assert meter.lost == came.count(False)
    assert meter.packets == came.count(True)
    assert meter.jitter == pytest.approx(0, abs=1e-6)


@given(st.permutations(range(1, 20)))
def test_what_comes_in_disorder_is_not_lost(order: list[int]) -> None:
    meter = Meter("audio")
    for number in (0, *order, 20):
        meter.take(rtp(0x10000 - 10 + number), 8000, 0.0)
    assert meter.lost == 0


def test_another_source_begins_a_new_count_and_keeps_the_old_one() -> None:
    meter = Meter("audio")
    for number in (1, 3):
        meter.take(rtp(number), 8000, 0.0)
    for number in (30000, 30002):
        meter.take(rtp(number, ssrc=9), 8000, 0.0)
    meter.take(rtp(100, ssrc=9), 8000, 0.0)  # the same source begins anew
    assert (meter.lost, meter.packets, meter.ssrc) == (2, 5, 9)


def test_repeated_packets_make_nothing_of_the_lost_ones() -> None:
    meter = Meter("audio")
    for number in (1, 1, 1, 2):
        meter.take(rtp(number), 8000, 0.0)
    assert meter.lost == 0


def test_jitter_is_rfc_3550s() -> None:
    meter = Meter("audio")
    for number in range(2000):
        meter.take(rtp(number), 8000, number * 0.02 + (0.005 if number % 2 else 0.0))
    assert meter.jitter == pytest.approx(0.005, rel=0.01)


def test_a_format_of_another_rate_begins_a_new_jitter() -> None:
    meter = Meter("audio")
    for number in range(50):
        meter.take(rtp(number), 8000, number * 0.02 + (0.005 if number % 2 else 0.0))
    meter.take(rtp(50), 48000, 1.0)
    assert meter.jitter == 0
    meter.take(rtp(51), 0, 9.0)  # an event: its timestamp stands still
    assert meter.jitter == 0


# R = 93.2 - Id - Ie,eff by G.107's formulae, with 40 ms of our own in the delay, and MOS of it by its annex B.
@pytest.mark.parametrize(
    ("codec", "lost", "times", "expected"),
    [
        ("PCMU", 0, (0.0, None), 4.39),  # R = 92.2
        ("PCMU", 200, (0.02, 0.1), 2.69),  # 130 ms: Id = 3.1; 16.7 % of loss: Ie,eff = 37.9; R = 52.2
        ("PCMU", 0, (0.0, 0.8), 2.77),  # 440 ms: Id = 39.5; R = 53.7
        ("G729", 0, (0.0, None), 4.07),  # Ie = 11; R = 81.2
        (None, 100_000, (0.5, 3.0), 1.0),
    ],
)
def test_an_opinion_is_what_the_model_says(
    codec: str | None, lost: int, times: tuple[float, float | None], expected: float
) -> None:
    assert mos(codec, 1000, lost, *times) == pytest.approx(expected, abs=0.02)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 10), st.floats(0, 10))
def test_an_opinion_is_between_one_and_four_and_a_half_and_falls_with_loss(
    packets: int, lost: int, jitter: float, trip: float
) -> None:
    found = mos("PCMU", packets, lost, jitter, trip)
    if not packets:
        assert found is None
        return
    better = mos("PCMU", packets, 0, jitter, trip)
    assert found is not None
    assert better is not None
    assert 1 <= found <= better <= 4.5


# ----------------------------------------------------------------------------------------------------------------- RTCP


def test_a_compound_is_cut_into_its_packets() -> None:
    compound = sender_report(1) + receiver_report(2, 3, lost=4, last=5, delay=65536) + picture_loss(2, 3)
    found = list(rtcp.packets(compound))
    assert [(packet.kind, packet.end - packet.start) for packet in found] == [(200, 28), (201, 32), (206, 12)]
    (block,) = rtcp.blocks(compound, found[1])
    assert block == rtcp.Block(3, 4, 0, 5, 1.0)
    assert (rtcp.author(compound), rtcp.about(compound)) == (1, 3)
    assert rtcp.about(picture_loss(2, 7)) == 7
    assert rtcp.about(sender_report(1)) is None
    assert rtcp.report_time(compound, found[0]) == 0x33445566
    assert Feedbacks(lambda: None).fitted(compound) == compound[:60]
    assert Feedbacks(lambda: None).fitted(picture_loss(1, 2)) == b""


def test_fewer_than_no_packets_are_not_lost() -> None:
    report = receiver_report(1, 2, lost=0xFFFFFF)
    (block,) = rtcp.blocks(report, next(rtcp.packets(report)))
    assert block.lost == 0


@given(st.binary(min_size=8, max_size=200))
def test_no_octets_break_the_reader(data: bytes) -> None:
    for packet in rtcp.packets(data):
        list(rtcp.blocks(data, packet))
        rtcp.report_time(data, packet)
    rtcp.about(data)
    rtcp.author(data)
    assert len(Feedbacks(lambda: None).fitted(data)) <= len(data)
    every = Feedbacks(lambda: None)
    every.known = frozenset({"nack", "pli", "fir", "other"})
    assert data.startswith(every.fitted(data))


def test_a_packet_that_says_to_be_longer_than_it_is_ends_the_compound() -> None:
    cut = struct.pack("!BBHI", 0x81, 201, 7, 1)
    assert list(rtcp.packets(sender_report(1) + cut)) == [rtcp.Packet(200, 0, 0, 28)]
    whole = struct.pack("!BBHI", 0x9F, 201, 1, 1)
    (packet,) = rtcp.packets(whole)
    assert list(rtcp.blocks(whole, packet)) == []


def full_intra(ssrc: int, *about: tuple[int, int]) -> bytes:
    """A FIR (RFC 5104 §4.3.1.1) of these sources and counts."""
    entries = b"".join(struct.pack("!IBxxx", source, count) for source, count in about)
    return struct.pack("!BBHII", 0x84, 206, 2 + 2 * len(about), ssrc, 0) + entries


def test_a_picture_is_asked_for_in_the_way_that_a_peer_knows() -> None:
    loss = struct.pack("!BBHIIHH", 0x81, 205, 3, 1, 2, 77, 0)
    fir, pli = Feedbacks(lambda: None), Feedbacks(lambda: None)
    fir.known, pli.known = frozenset({FIR, NACK}), frozenset({PLI})
    report = receiver_report(1, 2)
    assert fir.fitted(report + picture_loss(1, 2) + loss) == report + full_intra(1, (2, 1)) + loss
    assert fir.fitted(picture_loss(1, 2)) == full_intra(1, (2, 2))  # another command
    assert pli.fitted(full_intra(1, (2, 9), (3, 9)) + loss) == picture_loss(1, 2) + picture_loss(1, 3)
    assert pli.fitted(picture_loss(1, 2)) == picture_loss(1, 2)
    assert fir.fitted(picture_loss(1, 2)[:8]) == b""
