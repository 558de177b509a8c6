"""Requests outside of any dialog: what is answered before a call hears of them, and in which order."""

import pytest

from gateway.errors import PeerError
from gateway.sip import uas
from gateway.sip.body import session_description
from gateway.sip.message import ALLOW, METHODS, Header, SipRequest, SipResponse
from mappings.terms import Method

from .ladder import ALLOWED, SDP, SUPPORTED, invite, sdp


def request(
    method: str = "INVITE",
    *headers: Header,
    uri: str = "sip:romeo@gw.example",
    to: str = "<sip:romeo@gw.example>",
    body: bytes = b"",
    content_type: str | None = None,
) -> SipRequest:
    """A request as it came in."""
    lines: tuple[Header, ...] = (
        ("Via", "SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKx"),
        ("From", "<sip:juliet@phones.example>;tag=phone"),
        ("To", to),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
        *headers,
    )
    if content_type is not None:
        lines = (*lines, ("Content-Type", content_type))
    return SipRequest(method, uri, lines, body)


def check(message: SipRequest) -> SipResponse | None:
    """What is answered."""
    return uas.check(message, tag="t", server="jingle-sip/0")


def status(message: SipRequest) -> int | None:
    """The status of that."""
    response = check(message)
    return None if response is None else response.status


def test_an_invite_that_may_become_a_call_passes() -> None:
    assert check(invite()) is None
    assert check(request(uri="tel:+15551230000")) is None
    assert check(request()) is None, "without SDP it is the leg's to refuse"


def test_an_ack_is_never_answered() -> None:
    assert check(request("ACK")) is None


def test_an_answer_has_our_tag_and_name() -> None:
    response = check(request("DANCE"))
    assert response is not None
    assert response.to.tag == "t"
    assert response.first("Server") == "jingle-sip/0"
    unnamed = uas.check(request("DANCE"), tag="t")
    assert unnamed is not None
    assert unnamed.first("Server") is None


@pytest.mark.conformance("SIP-17")
@pytest.mark.parametrize("method", ["DANCE", "invite", "RE%47IST%45R"])
def test_a_method_that_nobody_knows_is_501(method: str) -> None:
    response = check(request(method))
    assert response is not None
    assert response.status == 501
    assert response.first("Allow") == ALLOWED


@pytest.mark.conformance("SIP-17", "EXT-25")
@pytest.mark.parametrize("method", sorted(METHODS.difference(ALLOW, {"SUBSCRIBE"})))
def test_a_method_that_we_do_not_serve_is_405_with_allow(method: str) -> None:
    response = check(request(method))
    assert response is not None
    assert response.status == 405
    assert response.first("Allow") == ALLOWED


def test_the_methods_that_we_know_are_those_of_the_terms() -> None:
    assert set(Method) == METHODS


@pytest.mark.conformance("SIP-11", "SIP-13")
@pytest.mark.parametrize("method", ["CANCEL", "BYE", "INFO", "NOTIFY"])
def test_what_belongs_to_a_dialog_is_481_without_one(method: str) -> None:
    assert status(request(method)) == 481


@pytest.mark.conformance("EXT-16")
@pytest.mark.parametrize("event", ["dialog", "presence;id=1", "message-summary", ""])
def test_a_subscription_to_an_event_that_we_have_not_is_489(event: str) -> None:
    response = check(request("SUBSCRIBE", *([("Event", event)] if event else [])))
    assert response is not None
    assert response.status == 489
    assert response.first("Allow-Events") == "refer"


def test_a_subscription_to_somebody_elses_transfer_is_403_and_a_transfer_without_a_call_603() -> None:
    assert status(request("SUBSCRIBE", ("Event", "Refer ;id=93"))) == 403
    assert status(request("REFER", ("Refer-To", "<sip:carol@phones.example>"))) == 603


@pytest.mark.conformance("SX-18", "ROB-07")
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE"])
def test_a_request_with_a_tag_of_ours_that_we_do_not_know_is_481(method: str) -> None:
    assert status(request(method, to="<sip:romeo@gw.example>;tag=old")) == 481


@pytest.mark.parametrize("uri", ["nobody:opaque", "soap.beep://192.0.2.103:3002", "mailto:a@b", "xmpp:a@b"])
def test_an_address_of_another_kind_is_416(uri: str) -> None:
    assert status(request(uri=uri)) == 416
    assert status(request("OPTIONS", uri=uri)) == 416


def test_a_sips_address_is_refused_as_rfc_5630_says() -> None:
    response = check(request(uri="sips:romeo@gw.example"))
    assert response is not None
    assert response.status == 480
    assert response.first("Warning") == '380 jingle-sip "SIPS Not Allowed"'


def test_an_address_that_cannot_be_read_is_400() -> None:
    response = check(request(uri="sip:"))
    assert response is not None
    assert response.status == 400
    assert (response.first("Warning") or "").startswith("399 jingle-sip ")


@pytest.mark.conformance("SX-10")
def test_a_required_extension_is_420_and_named() -> None:
    response = check(request("INVITE", ("Require", "Foo, 100rel, gruu"), ("Require", "bar")))
    assert response is not None
    assert response.status == 420
    assert response.first("Unsupported") == "bar, foo, gruu"
    assert status(request("OPTIONS", ("Require", "nothing"))) == 420
    assert status(request("INVITE", ("Proxy-Require", "foo"))) is None, "we are no proxy"


@pytest.mark.conformance("SX-17")
def test_an_invite_without_hops_left_is_483() -> None:
    assert status(request("INVITE", ("Max-Forwards", "0"))) == 483
    assert status(request("INVITE", ("Max-Forwards", "1"))) is None


@pytest.mark.conformance("SX-12")
def test_a_body_of_another_kind_is_415_with_what_is_read() -> None:
    response = check(request(body=b"<x/>", content_type="application/unknownformat"))
    assert response is not None
    assert response.status == 415
    assert (response.first("Accept") or "").startswith("application/sdp")
    assert response.first("Accept-Encoding") == "identity"
    squeezed = request("INVITE", ("Content-Encoding", "gzip"), body=b"\x1f\x8b", content_type=SDP)
    assert status(squeezed) == 415
    assert status(request(body=b"x")) == 415


@pytest.mark.conformance("SX-13")
@pytest.mark.parametrize("accept", ["text/nobodyKnowsThis", "", "text/plain, application/foo"])
def test_a_caller_that_takes_no_sdp_is_406(accept: str) -> None:
    response = check(request("INVITE", ("Accept", accept)))
    assert response is not None
    assert response.status == 406
    assert (response.first("Warning") or "").startswith("399 ")


@pytest.mark.parametrize("accept", ["application/sdp", "*/*", "application/*;q=0.5", "a/b, APPLICATION/SDP ;level=1"])
def test_a_caller_that_takes_sdp_is_heard(accept: str) -> None:
    assert status(request("INVITE", ("Accept", accept))) is None


@pytest.mark.conformance("SIP-18")
def test_options_are_answered_with_what_we_can_do() -> None:
    response = check(request("OPTIONS", ("Max-Forwards", "0"), ("Accept", "text/plain")))
    assert response is not None
    assert response.status == 200
    assert response.first("Allow") == ALLOWED
    assert "application/sdp" in (response.first("Accept") or "")
    assert response.first("Supported") == SUPPORTED
    assert response.first("Allow-Events") == "refer"


def test_the_order_is_that_of_the_rfc() -> None:
    everything: tuple[Header, ...] = (("Require", "foo"), ("Max-Forwards", "0"), ("Accept", "text/plain"))
    wrong = {"body": b"x", "content_type": "text/plain"}
    assert status(request("DANCE", *everything, uri="foo:bar", **wrong)) == 501  # type: ignore[arg-type]
    assert status(request("INVITE", *everything, uri="foo:bar", **wrong)) == 416  # type: ignore[arg-type]
    assert status(request("INVITE", *everything, **wrong)) == 483  # type: ignore[arg-type]
    assert status(request("INVITE", everything[0], everything[2], **wrong)) == 420  # type: ignore[arg-type]
    assert status(request("INVITE", everything[2], **wrong)) == 415  # type: ignore[arg-type]
    assert status(request("INVITE", everything[2])) == 406


# -------------------------------------------------------------------------------------------------------------- bodies


def parts(*entries: tuple[str, str], kind: str = "mixed") -> SipRequest:
    """An INVITE with a body of several parts: headers and content of each."""
    body = (
        "preamble\r\n" + "".join(f"--b-1\r\n{head}\r\n\r\n{content}\r\n" for head, content in entries) + "--b-1--\r\n"
    )
    return request(body=body.encode(), content_type=f'multipart/{kind}; boundary="b-1"')


ISUP = ("Content-Type: application/isup;version=x\r\nContent-Disposition: signal;\r\n handling=optional", "\x01\x02")
OFFER = ("Content-Type: application/sdp", sdp())


def test_sdp_is_found_alone_and_among_optional_parts() -> None:
    assert session_description(invite()) == sdp()
    assert session_description(parts(OFFER, ISUP)) == sdp()
    assert session_description(parts(ISUP, ("c: Application/SDP", sdp()))) == sdp()
    assert session_description(parts(ISUP)) is None
    assert session_description(request()) is None
    unclosed = request(
        body=b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0", content_type="multipart/mixed;boundary=b"
    )
    assert session_description(unclosed) == "v=0"


def test_a_part_that_must_be_understood_and_is_not_is_415() -> None:
    required = ("Content-Type: application/foo\r\nContent-Disposition: x;handling=required", "y")
    for message in (parts(OFFER, required), parts(OFFER, ("Content-Type: application/foo", "y"))):
        with pytest.raises(PeerError) as caught:
            session_description(message)
        assert caught.value.status == 415
        assert status(message) == 415


def test_of_alternatives_the_last_that_is_understood_counts() -> None:
    foo = ("Content-Type: application/foo", "y")
    assert session_description(parts(foo, OFFER, kind="alternative")) == sdp()
    assert session_description(parts(OFFER, foo, kind="alternative")) == sdp()
    richer = ("Content-Type: application/sdp", sdp(version=9))
    assert session_description(parts(OFFER, richer, kind="alternative")) == sdp(version=9)
    with pytest.raises(PeerError):
        session_description(parts(foo, kind="alternative"))


def test_parts_may_stand_in_parts_but_not_without_end() -> None:
    def nested(depth: int) -> SipRequest:
        body, kind = sdp(), "application/sdp"
        for level in range(depth):
            body = f"--n{level}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n--n{level}--\r\n"
            kind = f"multipart/mixed;boundary=n{level}"
        return request(body=body.encode(), content_type=kind)

    assert session_description(nested(3)) == sdp()
    with pytest.raises(PeerError):
        session_description(nested(9))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\n\r\nx\r\n--b--", "multipart/mixed"),
        (b"--b\r\nno end of head\r\n--b--", "multipart/mixed;boundary=b"),
        (b"--b\r\n\r\nx" * 40, "multipart/mixed;boundary=b"),
        (b"\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n" * 40, "multipart/mixed;boundary=b"),
    ],
)
def test_a_broken_multipart_body_is_refused(body: bytes, content_type: str) -> None:
    assert status(request(body=body, content_type=content_type)) in (400, 413, 415)


def test_sdp_without_its_type_is_taken_for_what_it_is() -> None:
    assert session_description(request(body=sdp().encode())) == sdp()


def test_bytes_that_are_no_utf_8_do_not_stop_a_call() -> None:
    message = request(body=sdp().replace("s=-", "s=Büro").encode("latin-1"), content_type=SDP)
    assert "s=B" in (session_description(message) or "")
