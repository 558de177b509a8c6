"""Connections that stand for further flows: whose, and how many."""

from types import SimpleNamespace
from typing import Any

from gateway.net.aliases import MOST_FLOWS, Aliases
from gateway.sip.flow import Flow

HOST = "192.0.2.7"


def connection(*names: str) -> Any:
    """One whose peer has shown a certificate for these names."""
    shown = {"subjectAltName": tuple(("DNS", name) for name in names)}
    return SimpleNamespace(flow=Flow("TLS", HOST, 40_000, "c1"), shown=shown)


def test_a_connection_stands_for_the_flows_to_who_has_proved_to_be_there() -> None:
    aliases, made = Aliases(), connection("phone.example")
    aliases.add(made, 5061)
    flow = Flow("TLS", HOST, 5061, domain="phone.example")
    assert aliases.get(flow) is made
    assert aliases.get(Flow("TLS", HOST, 5061, domain="other.example")) is None
    assert aliases.forget(made) == [flow]
    assert aliases.get(flow) is None


def test_the_last_connection_counts_and_its_end_is_no_trouble_for_the_one_before() -> None:
    aliases, before, after = Aliases(), connection("phone.example"), connection("phone.example")
    for made in (before, after):
        aliases.add(made, 5061)
    flow = Flow("TLS", HOST, 5061, domain="phone.example")
    assert aliases.get(flow) is after
    assert aliases.forget(after) == [flow]
    assert aliases.forget(before) == []


def test_nobody_lets_a_connection_stand_for_flows_without_end() -> None:
    aliases, made = Aliases(), connection(*(f"n{number}.example" for number in range(100)))
    for port in range(1, 1000):
        aliases.add(made, port)
    other = connection("phone.example")
    aliases.add(other, 5061)
    assert aliases.get(Flow("TLS", HOST, 5061, domain="phone.example")) is other
    assert len(aliases.forget(made)) == MOST_FLOWS
