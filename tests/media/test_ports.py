"""Ports come from the range, in pairs, and go back to it."""

import errno
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AnchorError
from gateway.media.embedded.ports import Ports
from tests.peers import loopback

HOST = loopback.address()
LOW = 8_000  # which no ephemeral port is


@pytest.mark.conformance("MED-11")
def test_a_pair_is_even_and_odd_of_the_range() -> None:
    ports = Ports(LOW + 1, LOW + 10)
    opened = [ports.pair(HOST) for _ in range(4)]
    for rtp, rtcp in opened:
        assert rtp.getsockname()[1] % 2 == 0
        assert rtcp.getsockname()[1] == rtp.getsockname()[1] + 1
        assert LOW + 2 <= rtp.getsockname()[1] <= LOW + 9
    with pytest.raises(AnchorError) as caught:
        ports.pair(HOST)
    assert caught.value.status == 503
    assert ports.free == 0
    for one in opened[0]:
        ports.close(one)
        ports.close(one)
    again = ports.pair(HOST)
    for pair in (*opened[1:], again):
        for one in pair:
            ports.close(one)
    assert ports.free == 8


@given(st.lists(st.sampled_from(["pair", "single", "close"]), max_size=40), st.randoms())
def test_every_port_comes_back(steps: list[str], random: object) -> None:
    ports = Ports(LOW + 20, LOW + 27)
    opened: list[socket.socket] = []
    try:
        for step in steps:
            try:
                if step == "pair":
                    opened += ports.pair(HOST)
                elif step == "single":
                    opened.append(ports.single(HOST))
                elif opened:
                    ports.close(opened.pop(random.randrange(len(opened))))  # type: ignore[attr-defined]
            except AnchorError:
                assert ports.free == 0 or step == "pair"
            numbers = [one.getsockname()[1] for one in opened]
            assert len(set(numbers)) == len(numbers)
            assert ports.free == 8 - len(opened)
    finally:
        for one in opened:
            ports.close(one)
    assert ports.free == 8
    whole = [ports.pair(HOST) for _ in range(4)]
    for pair in whole:
        for one in pair:
            ports.close(one)


def test_singles_use_both_halves() -> None:
    ports = Ports(LOW + 30, LOW + 33)
    opened = [ports.single(HOST) for _ in range(4)]
    assert sorted(one.getsockname()[1] for one in opened) == [LOW + 30, LOW + 31, LOW + 32, LOW + 33]
    for one in opened:
        ports.close(one)


def test_a_port_that_another_program_has_is_passed_over() -> None:
    ports = Ports(LOW + 40, LOW + 43)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, LOW + 41))
        rtp, rtcp = ports.pair(HOST)
        assert rtp.getsockname()[1] == LOW + 42
        with pytest.raises(AnchorError):
            ports.pair(HOST)
        ports.close(rtp)
        ports.close(rtcp)


def test_an_address_that_is_not_ours_is_told_at_once() -> None:
    with pytest.raises(AnchorError, match="no socket for media: "):
        Ports(LOW, LOW + 100).pair("192.0.2.1")


def test_packets_are_marked() -> None:
    ports = Ports(LOW + 50, LOW + 59, dscp=46)
    one = ports.single(HOST)
    six = ports.single("::1")
    assert one.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 46 << 2
    assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 46 << 2
    ports.close(one)
    ports.close(six)


def test_an_empty_range_has_no_port() -> None:
    with pytest.raises(AnchorError):
        Ports(LOW + 1, LOW + 1).single(HOST)


def test_without_a_file_descriptor_there_is_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    ports = Ports(LOW, LOW + 9)
    monkeypatch.setattr(socket, "socket", full)
    for open_ in (ports.pair, ports.single):
        with pytest.raises(AnchorError, match="no socket for media: Too many open files") as caught:
            open_(HOST)
        assert caught.value.status == 503
    assert ports.free == 10
