"""Where the gateway may be led: by accounts nowhere that not everybody reaches, by clients where a client may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reach import Reach

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.1.75", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "193.99.144.80", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_not_everybody_reaches_is_refused(address: str) -> None:
    assert not Reach().admits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_everybody_reaches_is_reached(address: str) -> None:
    assert Reach().admits(address)
    assert not Reach().names(address)
    assert not Reach.read(["10.0.0.0/8"]).admits(address)


def test_the_operator_may_name_networks_beside_or_alone() -> None:
    reach = Reach.read(["public", "10.0.0.0/8", "fd12::1"])
    assert reach.admits("10.9.9.9")
    assert reach.names("::ffff:10.9.9.9")
    assert reach.admits("fd12::1")
    assert reach.admits("8.8.8.8")
    assert not reach.admits("fd12::2")
    assert not reach.admits("127.0.0.1")


HOSTS = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
NO_CLIENTS = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.1.75", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "client.local",
]  # fmt: skip


@pytest.mark.parametrize("address", HOSTS)
def test_a_client_may_be_at_home(address: str) -> None:
    assert Reach.read(["public", "private"]).admits(address)
    assert not Reach.read(["public"]).admits(address)
    assert not Reach.read(["private"]).admits("8.8.8.8")


@pytest.mark.parametrize("address", NO_CLIENTS)
def test_no_client_is_at_the_gateways_own_machine_or_link(address: str) -> None:
    assert not Reach.read(["public", "private"]).admits(address)


def test_where_the_gateway_itself_is_its_peers_are_too() -> None:
    clients = Reach.read(["public"])
    assert clients.beside(["192.0.2.1", "sip.example"]) == clients
    assert clients.beside(["192.0.2.1", "127.0.0.3"]).admits("127.0.0.1")
    assert not clients.beside(["127.0.0.3"]).admits("::1")
    assert clients.beside(["::1"]).admits("::1")
    assert clients.beside(["169.254.1.1"]).admits("169.254.2.2")


@pytest.mark.parametrize("text", ["", "Public", "10.0.0.1/8", "example.org", "10.0.0.0/33"])
def test_what_is_no_network_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Reach.read([text])


@given(st.ip_addresses(v=4))
def test_no_way_of_writing_an_address_changes_what_is_said_of_it(address: object) -> None:
    said = Reach().admits(str(address))
    assert Reach().admits(f"::ffff:{address}") == said
    assert Reach().admits(f"64:ff9b::{address}") == said


@given(st.text())
def test_what_is_no_address_is_nowhere(text: str) -> None:
    assert isinstance(Reach().admits(text), bool)
    assert not Reach().admits(f"{text}.example")
