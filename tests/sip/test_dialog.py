"""Dialogs: whom requests go to, by which way, and in which order."""

import pytest

from gateway.errors import PeerError
from gateway.sip.address import Uri
from gateway.sip.dialog import Dialog, hop_to, refuse_fork
from gateway.sip.flow import Flow, Hop
from gateway.sip.message import Header, SipRequest, SipResponse, respond

from .ladder import PEER, PEER_TCP, ids, invite


def ours(uri: str = "sip:+15551230000@trunk.example", *more: Header) -> SipRequest:
    """The INVITE that we sent."""
    return SipRequest(
        "INVITE",
        uri,
        (
            ("From", "<sip:romeo@gw.example>;tag=ours"),
            ("To", "<sip:+15551230000@trunk.example>"),
            ("Call-ID", "c@gw"),
            ("CSeq", "7 INVITE"),
            *more,
        ),
    )


def answer(*headers: Header, flow: Flow | None = PEER, contact: str | None = "<sip:phone@192.0.2.20>") -> SipResponse:
    """The 200 to it."""
    return SipResponse(
        200,
        "OK",
        (
            ("From", "<sip:romeo@gw.example>;tag=ours"),
            ("To", "Phone <sip:+15551230000@trunk.example>;tag=theirs"),
            ("Call-ID", "c@gw"),
            ("CSeq", "7 INVITE"),
            *((("Contact", contact),) if contact is not None else ()),
            *headers,
        ),
        b"",
        flow,
    )


def test_a_callers_dialog_is_what_the_response_says() -> None:
    dialog = Dialog.from_response(ours(), answer())
    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("c@gw", "ours", "theirs")
    dialog, bye = dialog.request("BYE", (("Reason", "Q.850;cause=16"),))
    assert bye.uri == "sip:phone@192.0.2.20"
    assert bye.first("From") == "<sip:romeo@gw.example>;tag=ours"
    assert bye.first("To") == "Phone <sip:+15551230000@trunk.example>;tag=theirs"
    assert bye.first("CSeq") == "8 BYE"
    assert bye.first("Max-Forwards") == "70"
    assert bye.first("Reason") == "Q.850;cause=16"
    _, again = dialog.request("BYE")
    assert again.first("CSeq") == "9 BYE"


def test_an_ack_has_its_invites_number_and_takes_none() -> None:
    dialog, ack = Dialog.from_response(ours(), answer()).request("ACK", cseq=7)
    assert ack.first("CSeq") == "7 ACK"
    assert dialog.local_cseq == 7


@pytest.mark.conformance("SIP-21")
def test_a_caller_reverses_the_record_routes_and_a_callee_does_not() -> None:
    routes = (("Record-Route", "<sip:a.example;lr>, <sip:b.example;lr>"),)
    dialog = Dialog.from_response(ours(), answer(*routes))
    _, bye = dialog.request("BYE")
    assert bye.all("Route") == ("<sip:b.example;lr>", "<sip:a.example;lr>")
    assert dialog.hop.host == "b.example"
    dialog = Dialog.from_request(invite(headers=routes), "t")
    _, bye = dialog.request("BYE")
    assert bye.all("Route") == ("<sip:a.example;lr>", "<sip:b.example;lr>")
    assert dialog.hop.host == "a.example"


@pytest.mark.conformance("SIP-22")
def test_a_strict_router_sees_itself_in_the_request_uri() -> None:
    routes = (("Record-Route", "<sip:strict.example;x=1?h=1>, <sip:loose.example;lr>"),)
    dialog = Dialog.from_request(invite(headers=routes), "t")
    _, bye = dialog.request("BYE")
    assert bye.uri == "sip:strict.example;x=1"
    assert bye.all("Route") == ("<sip:loose.example;lr>", "<sip:phone@192.0.2.20:5060>")
    assert dialog.hop.host == "strict.example"


def test_a_contact_becomes_a_request_uri_without_its_headers() -> None:
    dialog = Dialog.from_response(ours(), answer(contact='"x" <sip:phone@192.0.2.20;gr=1?Subject=hi>;expires=3'))
    assert dialog.uri == "sip:phone@192.0.2.20;gr=1"


@pytest.mark.parametrize("contact", [None, "*", "<sip:", "<tel:+1555>", "<http://x/>", '"open, <sip:a@b>'])
def test_a_response_always_makes_a_dialog_that_can_be_acknowledged(contact: str | None) -> None:
    dialog = Dialog.from_response(ours(), answer(contact=contact))
    assert dialog.uri == "sip:+15551230000@trunk.example"
    assert dialog.remote_tag == "theirs"
    assert dialog.hop.host in ("trunk.example", "192.0.2.20")


def test_a_broken_response_to_a_number_goes_back_where_it_came_from() -> None:
    dialog = Dialog.from_response(ours("tel:+1555"), answer(contact="<sip:"))
    assert dialog.hop == Hop("192.0.2.20", 5060, "UDP", PEER)
    dialog = Dialog.from_response(ours("tel:+1555"), answer(contact="<sip:", flow=None))
    assert dialog.uri == "tel:+1555"
    dialog = Dialog.from_response(ours("nonsense"), answer(contact="<sip:", flow=None))
    assert dialog.hop == Hop("")


@pytest.mark.parametrize(
    "request_",
    [invite(contact="<tel:+1555>"), invite(headers=(("Record-Route", "nonsense"),)), invite(contact="<sip:")],
)
def test_an_invite_with_an_unreadable_way_back_makes_none(request_: SipRequest) -> None:
    with pytest.raises(PeerError) as caught:
        Dialog.from_request(request_, "t")
    assert caught.value.status == 400


@pytest.mark.conformance("SIP-15", "SIP-16")
def test_an_address_that_ends_in_a_semicolon_gets_its_tag_behind_one() -> None:
    request = invite().replace_header("To", "<sip:+15551230000@gw.example>;x=y;")
    dialog = Dialog.from_request(request, "t")
    assert dialog.local == "<sip:+15551230000@gw.example>;x=y;tag=t" == respond(request, 200, tag="t").first("To")


def test_the_peers_numbers_must_not_fall() -> None:
    dialog = Dialog.from_request(invite(), "t")
    assert dialog.remote_cseq == 100
    later = dialog.received(SipRequest("INFO", "sip:a@b", (("CSeq", "105 INFO"),)))
    assert later is not None
    assert later.remote_cseq == 105
    assert later.received(SipRequest("INFO", "sip:a@b", (("CSeq", "105 INFO"),))) is later
    assert later.received(SipRequest("INFO", "sip:a@b", (("CSeq", "104 INFO"),))) is None


def test_a_callers_dialog_takes_any_first_number() -> None:
    dialog = Dialog.from_response(ours(), answer())
    first = dialog.received(SipRequest("BYE", "sip:a@b", (("CSeq", "0 BYE"),)))
    assert first is not None
    assert first.remote_cseq == 0


def test_a_target_refresh_moves_the_peer_and_keeps_the_route() -> None:
    dialog = Dialog.from_request(invite(headers=(("Record-Route", "<sip:p.example;lr>"),)), "t")
    moved = dialog.refreshed(answer(contact="<sip:phone@192.0.2.99>"))
    _, bye = moved.request("BYE")
    assert bye.uri == "sip:phone@192.0.2.99"
    assert bye.all("Route") == ("<sip:p.example;lr>",)
    assert dialog.refreshed(answer(contact=None)) is dialog
    assert dialog.refreshed(answer(contact="<sip:phone@192.0.2.20:5060>")) is dialog


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:a@192.0.2.20", Hop("192.0.2.20", None, None, PEER)),
        ("sip:a@192.0.2.20:5060", Hop("192.0.2.20", 5060, None, PEER)),
        ("sip:a@192.0.2.20:5080", Hop("192.0.2.20", 5080)),
        ("sip:a@192.0.2.20;transport=tcp", Hop("192.0.2.20", None, "TCP")),
        ("sip:a@pbx.example", Hop("pbx.example")),
        ("sip:a@pbx.example;maddr=192.0.2.20", Hop("192.0.2.20", None, None, PEER)),
        ("sips:a@192.0.2.20", Hop("192.0.2.20", None, "TLS")),
        ("sip:a@[2001:db8::1]:5070", Hop("2001:db8::1", 5070)),
    ],
)
def test_a_udp_peer_is_where_its_address_says_by_the_same_socket_if_that_is_where_it_was_heard(
    uri: str, hop: Hop
) -> None:
    assert hop_to(Uri.parse(uri), PEER) == hop


def test_a_connection_is_used_again_to_its_own_address_or_when_it_leads_to_the_next_hop() -> None:
    same = Uri.parse("sip:a@192.0.2.20:5060;transport=tcp")
    assert hop_to(same, PEER_TCP).flow == PEER_TCP
    assert hop_to(Uri.parse("sip:a@192.0.2.20"), PEER_TCP).flow == PEER_TCP
    behind_nat = Uri.parse("sip:a@10.0.0.5:5060;transport=tcp")
    assert hop_to(behind_nat, PEER_TCP).flow is None
    assert hop_to(behind_nat, PEER_TCP, near=True) == Hop("10.0.0.5", 5060, "TCP", PEER_TCP)
    assert hop_to(Uri.parse("sip:a@192.0.2.20;transport=tls"), PEER_TCP).flow is None


def test_a_caller_that_came_through_a_proxy_without_record_route_is_called_back_directly() -> None:
    direct = Dialog.from_request(invite(contact="<sip:phone@10.0.0.5;transport=tcp>", flow=PEER_TCP), "t")
    assert direct.hop.flow == PEER_TCP
    via = (("Via", "SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKbefore"),)
    proxied = Dialog.from_request(invite(headers=via, contact="<sip:phone@10.0.0.5;transport=tcp>", flow=PEER_TCP), "t")
    assert proxied.hop.flow is None


@pytest.mark.conformance("XS-09")
def test_a_fork_that_nobody_wants_gets_ack_and_bye() -> None:
    asked = ours("sip:b@h", ("Proxy-Authorization", "Digest x"))
    ack, bye = refuse_fork(asked, answer(), ids())
    assert (ack.request.method, bye.request.method) == ("ACK", "BYE")
    assert ack.request.first("CSeq") == "7 ACK"
    assert bye.request.first("CSeq") == "1007 BYE", "whatever the early dialog has used"
    assert ack.request.first("Proxy-Authorization") == "Digest x"
    assert ack.branch != bye.branch
    assert ack.branch.startswith("z9hG4bK")
    assert ack.hop == bye.hop == Hop("192.0.2.20", None, None, PEER)
    assert ack.request.to.tag == "theirs"


def test_who_is_a_conferences_focus_says_so_in_the_contact() -> None:
    focus = "<sip:conf7@192.0.2.20>;isfocus"
    assert not Dialog.from_response(ours(), answer()).focus
    assert not Dialog.from_response(ours(), answer(contact=None)).focus
    assert not Dialog.from_response(ours(), answer(contact="<sip:conf7@192.0.2.20;isfocus>")).focus
    dialog = Dialog.from_response(ours(), answer(contact=focus))
    assert dialog.focus
    assert dialog.target == "sip:conf7@192.0.2.20"
    assert dialog.refreshed(answer(contact=focus)) is dialog
    assert dialog.refreshed(answer(contact=None)).focus
    assert not dialog.refreshed(answer(contact="<sip:conf7@192.0.2.20>")).focus
    assert Dialog.from_request(invite(contact=focus), "t").focus
