"""STUN and TURN servers that the XMPP server tells (XEP-0215): what can be used is read, and nothing else."""

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entity import services
from gateway.entity.services import LONGEST, MOST, Service
from gateway.secret import Secret
from mappings import namespaces as ns

NOW = 1_800_000_000.0
"2027-01-15T08:00:00Z"

SECRETS = "username='u' password='p'"


def read(*said: str) -> tuple[Service, ...]:
    """What is made of services with these attributes."""
    inside = "".join(f"<service {attributes}/>" for attributes in said)
    return services.read(fromstring(f"<services xmlns='{ns.SERVICES}'>{inside}</services>"), NOW)


def test_what_a_server_tells_is_read() -> None:
    assert read(
        "type='stun' host='stun.Example.org' port='3479' transport='udp'",
        f"type='turn' host='192.0.2.7' transport='tcp' {SECRETS} restricted='1' expires='2027-01-15T09:00:00Z'",
        f"type='turns' host='[2001:db8::1]' {SECRETS} expires='2027-01-15T10:00:00.5+01:00'",
    ) == (
        Service(kind="stun", host="stun.example.org", port=3479, transport="udp"),
        Service(
            kind="turn", host="192.0.2.7", port=3478, transport="tcp", username="u", password=Secret("p"),
            expires=NOW + 3600,
        ),
        Service(
            kind="turn", host="2001:db8::1", port=5349, transport="tls", username="u", password=Secret("p"),
            expires=NOW + 3600.5,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        "host='h'",
        "type='stun'",
        "type='stuns' host='h'",
        "type='stun' host='h' transport='tcp'",
        "type='ftp' host='h' port='21'",
        "type='stun' host='a b'",
        "type='stun' host='-h'",
        "type='stun' host='h' port='0'",
        "type='stun' host='h' port='65536'",
        "type='stun' host='h' port='x'",
        "type='turn' host='h'",
        "type='turn' host='h' username='u'",
        f"type='turn' host='h' username='u' password='{'p' * (LONGEST + 1)}'",
        f"type='turn' host='h' {SECRETS} expires='2027-01-15T08:00:00Z'",
    ],
)
def test_what_cannot_be_used_is_left_out(attributes: str) -> None:
    assert read(attributes, "type='stun' host='good'") == (
        Service(kind="stun", host="good", port=3478, transport="udp"),
    )


def test_a_time_that_cannot_be_read_is_as_if_nobody_had_said_it() -> None:
    (one,) = read(f"type='turn' host='h' {SECRETS} expires='tomorrow'")
    assert one.expires is None
    (one,) = read(f"type='turn' host='h' {SECRETS} expires='2027-01-15T09:00:00'")
    assert one.expires == NOW + 3600


def test_each_is_used_once_and_not_as_many_as_one_likes() -> None:
    assert len(read(*["type='stun' host='h'"] * 3)) == 1
    assert len(read(*[f"type='stun' host='h{number}'" for number in range(100)])) == MOST


def test_a_password_is_never_shown() -> None:
    (one,) = read("type='turn' host='h' username='u' password='hush'")
    assert "hush" not in repr(one)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["service", f"{{{ns.SERVICES}}}service"]),
            st.dictionaries(
                st.sampled_from(["type", "host", "port", "transport", "username", "password", "expires", "action"]),
                st.one_of(
                    st.sampled_from(["stun", "turn", "turns", "udp", "tcp", "h", "2027-01-15T09:00:00Z", "9" * 99]),
                    st.text(max_size=20),
                ),
            ),
        ),
        max_size=12,
    )
)
def test_any_answer_is_read(said: list[tuple[str, dict[str, str]]]) -> None:
    element = Element(services.TAG)
    element.extend(Element(name, attributes) for name, attributes in said)
    for one in services.read(element, NOW):
        assert 0 < one.port < 65536
        assert one.kind == "stun" or (one.username and one.password)
        assert one.expires is None or one.expires > NOW
