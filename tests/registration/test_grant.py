"""What a registrar's 200 says."""

from dataclasses import replace

import pytest

from gateway.registration.grant import MAX_ROUTES, Grant, read
from gateway.registration.registrant import instance
from gateway.sip.address import Uri
from gateway.sip.flow import Hop
from gateway.sip.message import SipResponse
from tests.registration.registrar import CONTACT, FLOW, USER

TRUNK = Hop("192.0.2.20", 5060, "TCP")
INSTANCE = instance("gw.example", "pbx")


def granted(*headers: tuple[str, str]) -> Grant:
    return read(SipResponse(200, "OK", headers, b"", FLOW), Uri.parse(CONTACT), INSTANCE, 3600)


def test_service_routes_are_the_way_of_our_calls_in_their_order() -> None:
    grant = granted(
        ("Service-Route", "<sip:edge.example:5070;transport=tcp;lr>, <sip:home.example;lr>"),
        ("Service-Route", "<sip:third.example;lr>"),
    )
    assert grant.routes == (
        "<sip:edge.example:5070;transport=tcp;lr>",
        "<sip:home.example;lr>",
        "<sip:third.example;lr>",
    )
    hop = grant.way(TRUNK)
    assert (hop.host, hop.port, hop.transport) == ("edge.example", 5070, "TCP")
    assert granted().way(TRUNK) == TRUNK


@pytest.mark.parametrize(
    "value", ['<sip:a;lr>, "', "<sip:a;lr>, nonsense", "<tel:+1>", ", ".join(["<sip:a;lr>"] * (MAX_ROUTES + 1))]
)
def test_a_way_that_cannot_be_read_whole_is_none(value: str) -> None:
    assert granted(("Service-Route", value)).routes == ()


def test_of_several_contacts_ours_is_found_by_address_user_or_instance() -> None:
    other = "<sip:1001@198.51.100.9>;expires=100"
    for ours in (
        f"<{CONTACT}>;expires=60",
        f"<{CONTACT};ob>;expires=60",
        f"<sip:{USER}@203.0.113.5:4711>;expires=60",
        f'<sip:1001@203.0.113.5>;+sip.instance="<{INSTANCE}>";expires=60',
    ):
        assert granted(("Contact", f"{other}, {ours}")).expires_seconds == 60
        assert granted(("Contact", ours), ("Contact", other)).expires_seconds == 60
    # ours at this address, before ours at another one that a former life of ours had
    assert granted(("Contact", f"<sip:{USER}@203.0.113.5>;expires=9, <{CONTACT}>;expires=60")).expires_seconds == 60


def test_a_public_gruu_is_told_for_our_contact_only() -> None:
    pub = f'<{CONTACT}>;pub-gruu="sip:1001@pbx.example;gr={INSTANCE}";temp-gruu="sip:t1@pbx.example;gr"'
    assert granted(("Contact", pub)).gruu == f"sip:1001@pbx.example;gr={INSTANCE}"
    assert granted(("Contact", f'<sip:x@198.51.100.9>;pub-gruu="sip:y@z;gr", <{CONTACT}>')).gruu is None
    assert granted(("Contact", f'<{CONTACT}>;pub-gruu="<nonsense>"')).gruu is None
    assert granted(("Contact", f'<{CONTACT}>;pub-gruu="tel:+1"')).gruu is None


def test_outbound_is_in_use_when_the_registrar_requires_it() -> None:
    grant = granted(("Require", "path, Outbound"))
    assert (grant.outbound, grant.way(TRUNK), grant.contact_parameters) == (True, replace(TRUNK, flow=FLOW), ";ob")
    grant = granted(("Supported", "outbound"))
    assert (grant.outbound, grant.way(TRUNK), grant.contact_parameters) == (False, TRUNK, "")


def test_what_cannot_be_read_says_nothing() -> None:
    grant = granted(("Contact", '"'), ("Require", '"'), ("Expires", "soon"))
    assert grant == Grant(expires_seconds=3600, flow=FLOW)
    assert granted(("Contact", "*")).expires_seconds == 3600
