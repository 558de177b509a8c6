"""How much strangers may ask, and who is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip import strangers
from gateway.sip.flow import Flow
from gateway.sip.strangers import Strangers, source

SCANNER = Flow("UDP", "198.51.100.7", 5060, "here")
OPTIONS = b"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nTo: <sip:100@192.0.2.1>\r\n\r\n"


def gate(rate: float = 10, burst: float = 20) -> Strangers:
    """A gate that knows one trunk, one call and one request of ours."""
    return Strangers(
        rate=rate,
        burst=burst,
        is_trunk=lambda host, port: host == "192.0.2.10",
        is_call=lambda tag: tag == "ourtag",
        is_ours=lambda branch: branch == "z9hG4bKours",
    )


@given(steps=st.lists(st.floats(0, 0.5), min_size=1, max_size=200), rate=st.floats(0.5, 100), burst=st.integers(1, 50))
def test_no_more_than_the_burst_and_the_rate_get_in(steps: list[float], rate: float, burst: int) -> None:
    it, now, admitted = gate(rate, burst), 100.0, 0
    for step in steps:
        now += step
        admitted += it.admit(OPTIONS, SCANNER, now)
        assert admitted <= burst + (now - 100.0) * rate + 1e-6
    assert admitted >= min(len(steps), burst)


def test_who_waits_is_let_in_again_and_others_never_notice() -> None:
    it = gate()
    assert sum(it.admit(OPTIONS, SCANNER, 0.0) for _ in range(10_000)) == 20
    assert it.admit(OPTIONS, Flow("UDP", "198.51.100.8", 5060), 0.0)
    assert sum(it.admit(OPTIONS, SCANNER, 1.0) for _ in range(10_000)) == 10


@pytest.mark.parametrize(
    ("data", "admitted"),
    [
        (b"BYE sip:x SIP/2.0\r\nTo: <sip:x>;tag=ourtag\r\n\r\n", True),
        (b"BYE sip:x SIP/2.0\r\nt:<sip:x;a=b> ; x=y;Tag = ourtag;z\r\n\r\n", True),
        (b"BYE sip:x SIP/2.0\nTO: \"tag=no\" <sip:x>;tag=ourtag\n\n", True),
        (b"BYE sip:x SIP/2.0\r\nTo: <sip:x>;tag=other\r\n\r\n", False),
        (b"BYE sip:x SIP/2.0\r\nFrom: <sip:x>;tag=ourtag\r\n\r\n", False),
        (b"BYE sip:x SIP/2.0\r\nX: " + b"x" * 5000 + b"\r\nTo: <sip:x>;tag=ourtag\r\n\r\n", False),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us;rport;branch=z9hG4bKours\r\n\r\n", True),
        (b"sip/2.0 200 OK\r\nv:SIP/2.0/UDP us;branch=z9hG4bKours;received=192.0.2.1\r\n\r\n", True),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKguess\r\n\r\n", False),
        (b"SIP/2.0 200 OK\r\nTo: <sip:x>;tag=ourtag\r\n\r\n", False),
        (OPTIONS, False),
        (b"\xff\x00garbage", False),
        (b"", False),
    ],
)  # fmt: skip
def test_what_belongs_here_gets_in_when_the_bucket_is_empty(data: bytes, admitted: bool) -> None:
    it = gate(burst=1)
    it.admit(OPTIONS, SCANNER, 0.0)
    assert it.admit(data, SCANNER, 0.0) is admitted


def test_a_trunk_may_ask_as_much_as_it_likes() -> None:
    it = gate()
    trunk = Flow("TCP", "192.0.2.10", 40_000, "c1")
    assert all(it.admit(OPTIONS, trunk, now / 1000) for now in range(5_000))


def test_a_network_of_ipv6_is_one_source() -> None:
    it = gate()
    flows = [Flow("UDP", f"2001:db8::{number:x}", 5060) for number in range(1, 1000)]
    assert sum(it.admit(OPTIONS, flow, 0.0) for flow in flows) == 20
    assert source("fe80::1%eth0") == source("fe80::2")
    assert it.admit(OPTIONS, Flow("UDP", "2001:db8:0:1::1", 5060), 0.0)


def test_sources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MAX_SOURCES", 100)
    it = gate()
    for number in range(1000):
        it.admit(OPTIONS, Flow("UDP", f"10.0.{number // 250}.{number % 250}", 5060), 0.0)
    assert len(it) == 100
