"""From a hop and what the DNS says to targets in order (RFC 3263 §4, RFC 2782)."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import (
    MAX_QUESTIONS,
    MAX_TARGETS,
    Address,
    Draw,
    Located,
    Naptr,
    Question,
    Record,
    Srv,
    by_priority,
    locate,
)

Zone = dict[tuple[str, str], tuple[Record, ...]]

CARRIER: Zone = {
    ("carrier.example", "NAPTR"): (
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.carrier.example"),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.carrier.example"),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.carrier.example"),
    ),
    ("_sip._tcp.carrier.example", "SRV"): (Srv(1, 1, 5070, "one.carrier.example"),),
    ("_sip._udp.carrier.example", "SRV"): (
        Srv(0, 1, 5080, "one.carrier.example"),
        Srv(1, 2, 5060, "two.carrier.example"),
    ),
    ("_sips._tcp.carrier.example", "SRV"): (Srv(1, 1, 5063, "one.carrier.example"),),
    ("one.carrier.example", "A"): (Address("192.0.2.1"),),
    ("one.carrier.example", "AAAA"): (Address("2001:db8::1"),),
    ("two.carrier.example", "A"): (Address("192.0.2.2"), Address("192.0.2.3")),
    ("carrier.example", "A"): (Address("192.0.2.9"),),
}
ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def found(
    hop: Hop, zone: Zone, *, transports: tuple[str, ...] = ("UDP", "TCP"), unknown: tuple[str, ...] = (), most: int = 0
) -> Located:
    """Where a hop leads; what the zone lacks does not exist, except for the types that are not known."""

    def answer(question: Question) -> tuple[Record, ...] | None:
        return None if question.kind in unknown else zone.get((question.name, question.kind), ())

    return locate(hop, answer, transports=transports, versions=("A",), draw=lambda top: min(most, top))


def asked(located: Located) -> set[tuple[str, str]]:
    """The questions."""
    return {(question.name, question.kind) for question in located.used}


@pytest.mark.conformance("SIP-27")
def test_naptr_chooses_the_transports_and_srv_the_servers() -> None:
    located = found(Hop("Carrier.example."), CARRIER)
    assert located.targets == (
        Flow("TCP", ONE, 5070),
        Flow("UDP", ONE, 5080),
        Flow("UDP", TWO, 5060),
        Flow("UDP", THREE, 5060),
    )
    assert not located.open
    assert ("_sips._tcp.carrier.example", "SRV") not in asked(located)


@pytest.mark.conformance("SIP-27")
def test_a_transport_that_we_have_is_taken_in_the_order_of_the_rules() -> None:
    located = found(Hop("carrier.example"), CARRIER, transports=("UDP", "TCP", "TLS"))
    assert located.targets[:2] == (Flow("TLS", ONE, 5063), Flow("TCP", ONE, 5070))


@pytest.mark.conformance("SIP-27")
@pytest.mark.parametrize(
    ("hop", "target", "questions"),
    [
        (Hop("192.0.2.7"), Flow("UDP", "192.0.2.7", 5060), set()),
        (Hop("192.0.2.7", None, "TLS"), Flow("TLS", "192.0.2.7", 5061), set()),
        (Hop("2001:db8::7", 5080, "TCP"), Flow("TCP", "2001:db8::7", 5080), set()),
        (Hop("192.0.2.7", None, "WSS"), Flow("WSS", "192.0.2.7", 443), set()),
        (Hop("carrier.example", 5090), Flow("UDP", "192.0.2.9", 5090), {("carrier.example", "A")}),
        (Hop("carrier.example", 5090, "TCP"), Flow("TCP", "192.0.2.9", 5090), {("carrier.example", "A")}),
        (
            Hop("carrier.example", None, "TLS"),
            Flow("TLS", ONE, 5063),
            {("_sips._tcp.carrier.example", "SRV"), ("one.carrier.example", "A")},
        ),
        (Hop("carrier.example", None, "WS"), Flow("WS", "192.0.2.9", 80), {("carrier.example", "A")}),
    ],
)
def test_what_is_given_is_not_asked_for(hop: Hop, target: Flow, questions: set[tuple[str, str]]) -> None:
    located = found(hop, CARRIER)
    assert located.targets == (target,)
    assert asked(located) == questions


@pytest.mark.conformance("SIP-27")
def test_without_naptr_the_srv_records_of_each_transport_are_taken() -> None:
    zone = {key: records for key, records in CARRIER.items() if key[1] != "NAPTR"}
    assert [flow.transport for flow in found(Hop("carrier.example"), zone).targets] == ["UDP", "UDP", "UDP", "TCP"]
    assert [flow.transport for flow in found(Hop("carrier.example"), zone, transports=("TCP",)).targets] == ["TCP"]


@pytest.mark.conformance("SIP-27")
def test_without_srv_the_addresses_are_taken_with_the_default_port() -> None:
    zone: Zone = {("carrier.example", "A"): (Address(ONE), Address(TWO))}
    assert found(Hop("carrier.example"), zone).targets == (Flow("UDP", ONE, 5060), Flow("UDP", TWO, 5060))
    tls = found(Hop("carrier.example", None, "TLS"), zone).targets
    assert tls == (Flow("TLS", ONE, 5061), Flow("TLS", TWO, 5061))


@pytest.mark.parametrize(
    ("service", "transport"), [("sip+d2w", "WS"), ("SIPS+D2W", "WSS"), ("SIP+D2U", "UDP"), ("SIPS+D2T", "TLS")]
)
def test_a_rule_may_lead_to_addresses_at_once(service: str, transport: str) -> None:
    zone = {**CARRIER, ("carrier.example", "NAPTR"): (Naptr(1, 1, "A", service, "two.carrier.example"),)}
    located = found(Hop("carrier.example"), zone, transports=("UDP", "TCP", "TLS", "WS", "WSS"))
    port = {"WS": 80, "WSS": 443, "TLS": 5061, "UDP": 5060}[transport]
    assert located.targets == (Flow(transport, TWO, port), Flow(transport, THREE, port))


def test_rules_of_no_use_are_passed_over() -> None:
    rules = (
        Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.carrier.example"),
        Naptr(1, 2, "u", "E2U+sip", ""),
        Naptr(1, 3, "u", "SIP+D2U", "_sip._udp.carrier.example"),
    )
    located = found(Hop("carrier.example"), {**CARRIER, ("carrier.example", "NAPTR"): rules})
    assert located.targets[0] == Flow("UDP", ONE, 5080)
    assert ("_sip._sctp.carrier.example", "SRV") not in asked(located)


def test_a_service_that_is_said_not_to_be_there_is_not_looked_for_elsewhere() -> None:
    zone: Zone = {("_sip._tcp.carrier.example", "SRV"): (Srv(0, 0, 0, ""),), ("carrier.example", "A"): (Address(ONE),)}
    assert found(Hop("carrier.example", None, "TCP"), zone).targets == ()


def test_what_is_not_known_is_asked_for_all_at_once_and_hides_nothing() -> None:
    located = found(Hop("carrier.example"), CARRIER, unknown=("NAPTR", "SRV"))
    assert {(question.name, question.kind) for question in located.open} == {
        ("carrier.example", "NAPTR"),
        ("_sip._udp.carrier.example", "SRV"),
        ("_sip._tcp.carrier.example", "SRV"),
    }
    assert located.targets == (Flow("UDP", "192.0.2.9", 5060),)
    assert not found(Hop("carrier.example"), CARRIER, unknown=()).open


def test_nobody_makes_us_try_for_ever() -> None:
    zone: Zone = {("big.example", "A"): tuple(Address(f"198.51.100.{number}") for number in range(200))}
    assert len(found(Hop("big.example"), zone).targets) == MAX_TARGETS
    many = tuple(Srv(1, 1, port, "one.carrier.example") for port in range(1, 200))
    assert len(found(Hop("c.example"), {**CARRIER, ("_sip._udp.c.example", "SRV"): many}).targets) == MAX_TARGETS


def test_nobody_makes_us_ask_for_ever() -> None:
    rules = tuple(Naptr(1, number, "s", "SIP+D2U", f"s{number}.evil.example") for number in range(100))
    zone: Zone = {("evil.example", "NAPTR"): rules}
    for rule in rules:
        servers = tuple(Srv(1, 1, 5060, f"h{number}.{rule.replacement}") for number in range(100))
        zone[rule.replacement, "SRV"] = servers
    assert len(found(Hop("evil.example"), zone, unknown=("A",)).open) <= MAX_QUESTIONS
    zone["h0.s0.evil.example", "A"] = (Address(ONE),)
    assert found(Hop("evil.example"), zone).targets == (Flow("UDP", ONE, 5060),), "the best are asked"


def test_no_name_is_nowhere() -> None:
    assert found(Hop(""), CARRIER).targets == ()


servers = st.lists(
    st.builds(Srv, st.integers(0, 4), st.integers(0, 65535), st.integers(1, 65535), st.just("x.example")), max_size=12
)


@given(servers, st.randoms(use_true_random=False))
def test_every_server_has_its_place_once_and_no_priority_is_passed_over(
    records: list[Srv], chance: random.Random
) -> None:
    ordered = by_priority(records, lambda most: chance.randint(0, most))
    assert Counter(ordered) == Counter(records)
    assert [record.priority for record in ordered] == sorted(record.priority for record in records)


def test_a_weight_is_the_share_of_those_who_come_first() -> None:
    heavy, light, none = (Srv(1, weight, weight + 1, "x.example") for weight in (30, 10, 0))
    # Every number that may be drawn, once: the running sums are 0, 10 and 40.
    firsts = Counter(by_priority([heavy, none, light], drawing(drawn, 0))[0] for drawn in range(41))
    assert firsts == {none: 1, light: 10, heavy: 30}
    seconds = Counter(by_priority([heavy, none, light], drawing(40, drawn))[1] for drawn in range(11))
    assert seconds == {none: 1, light: 10}


def drawing(*numbers: int) -> Draw:
    """Chance that says these, one after another."""
    left = iter(numbers)
    return lambda most: next(left)


def test_a_draw_beyond_all_weights_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="more than there is"):
        by_priority([Srv(1, 1, 1, "a"), Srv(1, 1, 2, "b")], lambda most: most + 1)
