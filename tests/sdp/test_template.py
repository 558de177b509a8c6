"""The template language."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fields import Dropped
from gateway.sdp.template import template
from mappings.description import Candidate, Codec, Crypto, Feedback, Fingerprint, HeaderExtension
from mappings.record import SPELLINGS
from mappings.terms import CandidateType, Role, Senders

I = Role.INITIATOR  # noqa: E741 — the role
SPELLED = [cls for cls, spelling in SPELLINGS.items() if spelling.sdp is not None]


def test_keywords_come_in_any_order_among_unknown_ones() -> None:
    line = "7 1 udp 99 192.0.2.1 5000 typ srflx network 2 ufrag abc rport 4 raddr 192.0.2.2"
    found = template(Candidate, I).read(line, Dropped())
    assert found is not None
    assert (found.network, found.rel_port, found.rel_addr) == (2, 4, "192.0.2.2")


def test_optional_parts_are_left_out_where_the_field_is_none() -> None:
    extension = HeaderExtension(id=1, uri="urn:x")
    assert template(HeaderExtension, I).write(extension) == "a=extmap:1 urn:x"
    found = template(HeaderExtension, I).read("1 urn:x", Dropped())
    assert found == extension


def test_an_unreadable_optional_part_is_dropped_and_a_required_one_costs_the_line() -> None:
    dropped = Dropped()
    found = template(Codec, I).read("96 opus/48000/two", dropped)
    assert found == Codec(id=96, name="opus", clockrate=48000)
    assert template(Codec, I).read("960 opus/48000", dropped) is None
    assert template(Crypto, I).read("1", dropped) is None
    assert template(Feedback, I).read_of("*", dropped) is None
    assert dropped.names() == ("rtpmap channels", "rtpmap", "crypto", "rtcp-fb")


def test_upper_case_in_a_template_is_written_upper_case() -> None:
    found = template(Candidate, I).read("7 1 uDp 99 192.0.2.1 5000 typ host", Dropped())
    assert found is not None
    assert (found.protocol, found.type) == ("udp", CandidateType.HOST)
    assert template(Candidate, I).write(found) == "a=candidate:7 1 UDP 99 192.0.2.1 5000 typ host"


def test_several_blanks_and_tabs_separate_as_one() -> None:
    assert template(Fingerprint, I).read("sha-256 \t ab:CD", Dropped()) == Fingerprint(hash="sha-256", value="AB:CD")


@pytest.mark.parametrize("by", Role)
def test_a_direction_is_read_for_its_author(by: Role) -> None:
    found = template(HeaderExtension, by).read("1/recvonly urn:x", Dropped())
    assert found is not None
    assert found.senders is Senders(by.other.value)
    assert template(HeaderExtension, by).write(found) == "a=extmap:1/recvonly urn:x"


@pytest.mark.parametrize("cls", SPELLED, ids=lambda cls: cls.__name__)
@given(value=st.text("abAU019 /:=;,.-\t*", max_size=60))
def test_any_value_is_read_or_refused(cls: type, value: str) -> None:
    template(cls, I).values(value, Dropped())


@pytest.mark.parametrize("cls", SPELLED, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("unit", [" ", "a ", "1/", "1 ", "a=b;", ": ", "1 1 udp 1 ::1 1 typ host ", "\t a"])
def test_a_long_value_is_read_in_the_time_of_its_length(cls: type, unit: str) -> None:
    started = time.process_time()
    template(cls, I).values(unit * (250_000 // len(unit)), Dropped())
    assert time.process_time() - started < 1
