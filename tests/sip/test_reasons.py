"""Reasons in SIP's words: read, written, and there and back."""

from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.signals import End, Refuse
from gateway.sip import reasons
from gateway.sip.message import Header, SipRequest, SipResponse, parse
from gateway.sip.wire import Failed
from mappings.reasons import BY_STATUS, ROWS, Cause, EndReason

E = EndReason


def response(status: int, *headers: Header, phrase: str = "Because") -> SipResponse:
    """A final response that says only why."""
    return SipResponse(status, phrase, headers)


def bye(*values: str) -> SipRequest:
    """A BYE with Reason headers."""
    return SipRequest("BYE", "sip:gw@192.0.2.1", tuple(("Reason", value) for value in values))


def read(status: int, *headers: Header, rang: bool = False) -> EndReason:
    """What a response means."""
    return reasons.end_of_response(response(status, *headers), rang=rang).reason


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("status", sorted(set(BY_STATUS) - {480}))
def test_a_status_of_the_table_is_its_reason(status: int) -> None:
    assert read(status) is BY_STATUS[status]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(499, E.GENERAL_ERROR), (599, E.GENERAL_ERROR), (699, E.DECLINE), (399, E.GENERAL_ERROR), (380, E.GENERAL_ERROR)],
)
def test_an_unknown_status_means_what_its_class_means(status: int, reason: EndReason) -> None:
    assert read(status) is reason


def test_a_480_is_a_timeout_when_it_rang_and_gone_when_not() -> None:
    assert read(480, rang=True) is E.TIMEOUT
    assert read(480) is E.GONE
    assert read(480, ("Reason", "Q.850;cause=17"), rang=True) is E.BUSY


@pytest.mark.parametrize(
    ("warning", "reason"),
    [
        ("300", E.UNSUPPORTED_TRANSPORTS),
        ("301", E.UNSUPPORTED_TRANSPORTS),
        ("302", E.UNSUPPORTED_TRANSPORTS),
        ("304", E.UNSUPPORTED_APPLICATIONS),
        ("305", E.INCOMPATIBLE_PARAMETERS),
        ("370", E.FAILED_APPLICATION),
        ("399", E.INCOMPATIBLE_PARAMETERS),
    ],
)
@pytest.mark.parametrize("status", [488, 606, 406])
def test_a_warning_tells_the_refusals_of_media_apart(status: int, warning: str, reason: EndReason) -> None:
    said = ("Warning", f'399 a "first, of two", {warning} isi.example "x"')
    assert read(status, said, ("Reason", "Q.850;cause=65")) is reason


def test_a_warning_elsewhere_or_unreadable_says_nothing() -> None:
    assert read(486, ("Warning", '304 a "x"')) is E.BUSY
    assert read(488, ("Warning", '304 a "x, y')) is E.INCOMPATIBLE_PARAMETERS
    assert read(488, ("Warning", "nonsense")) is E.INCOMPATIBLE_PARAMETERS


def test_a_reason_header_refines_a_status() -> None:
    assert read(500, ("Reason", "Q.850;cause=34")) is E.CONNECTIVITY_ERROR
    assert read(503, ("Reason", 'Q.850 ;cause = 17 ;text="User busy"')) is E.BUSY
    assert read(487, ("Reason", "SIP;cause=408")) is E.TIMEOUT
    assert read(480, ("Reason", "preemption;cause=1, Q.850;cause=19")) is E.TIMEOUT


def test_who_declines_without_a_cause_has_come_to_the_end_of_its_dialplan() -> None:
    none = ("Reason", "Q.850;cause=0")
    assert read(603, none) is E.GONE
    assert reasons.end_of_response(response(603, none), rang=True).reason is E.TIMEOUT
    assert read(603, ("Reason", "Q.850;cause=21")) is E.DECLINE
    assert read(486, none) is E.BUSY


def test_normal_clearing_is_no_news_about_a_call_that_never_was() -> None:
    assert read(486, ("Reason", "Q.850;cause=16")) is E.BUSY
    assert read(603, ("Reason", "SIP;cause=200")) is E.DECLINE


def test_the_end_of_a_refused_call_says_code_and_phrase() -> None:
    assert reasons.end_of_response(response(486), rang=False) == End(E.BUSY, "486 Because", 486, "Because")
    assert reasons.end_of_response(response(486, phrase=""), rang=False).text == "486 Busy Here"
    assert reasons.end_of_response(response(499, phrase=""), rang=False).text == "499"
    assert reasons.end_of_response(response(486, phrase="a\x00b\x07"), rang=False).phrase == "a b"


def test_what_a_peer_says_can_always_be_written_into_xml() -> None:
    raw = b"SIP/2.0 302 B\xfcro\x01 \xef\xbf\xbf\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
    raw += b"To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:\xff@h>\r\n"
    raw += b'Reason: Q.850;cause=1;text="\xfe"\r\n\r\n'
    said = parse(raw)
    assert isinstance(said, SipResponse)
    end = reasons.end_of_response(said, rang=False)
    for text in (end.text, end.phrase, end.redirect, *[cause.text for cause in reasons.read_causes(said)]):
        assert text is not None
        element = Element("text")
        element.text = text
        assert fromstring(tostring(element, "utf-8")).text == text


def test_the_addresses_of_a_redirection_come_in_the_order_of_preference() -> None:
    said = response(302, ("Contact", '"a, b" <sip:a@h>;q=0.5, <sip:b@h;x=y>;q=0.9, <nonsense>'), ("Contact", "sip:c@h"))
    assert [str(uri) for uri in reasons.redirects(said)] == ["sip:c@h", "sip:b@h;x=y", "sip:a@h"]
    end = reasons.end_of_response(said, rang=False)
    assert (end.reason, end.redirect, end.text) == (E.GENERAL_ERROR, "sip:c@h", "302 Because: sip:c@h")
    assert reasons.end_of_response(response(302), rang=False).redirect is None
    assert reasons.end_of_response(response(404, ("Contact", "<sip:a@h>")), rang=False).redirect is None
    odd = response(302, ("Contact", "<sip:a@h>;q=high, <sip:b@h>;q=-3, <sip:c@h>;q=nan"))
    assert {str(uri) for uri in reasons.redirects(odd)} == {"sip:a@h", "sip:b@h", "sip:c@h"}


@pytest.mark.conformance("EXT-21")
@pytest.mark.parametrize("status", [428, 433, 436, 437, 438, 493, 494])
def test_what_is_refused_for_its_identity_is_a_security_error(status: int) -> None:
    assert read(status) is E.SECURITY_ERROR


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Q.850;cause=16", E.SUCCESS),
        ("Q.850;cause=31", E.SUCCESS),
        ("Q.850;cause=17", E.BUSY),
        ("q.850;cause=18", E.TIMEOUT),
        ("Q.850;cause=102", E.TIMEOUT),
        ("SIP;cause=408", E.TIMEOUT),
        ("Q.850;cause=21", E.DECLINE),
        ("SIP;cause=603", E.DECLINE),
        ("Q.850;cause=27", E.GONE),
        ("Q.850;cause=41", E.CONNECTIVITY_ERROR),
        ("Q.850;cause=88", E.INCOMPATIBLE_PARAMETERS),
        ("SIP;cause=488", E.INCOMPATIBLE_PARAMETERS),
        ("Q.850;cause=127", E.GENERAL_ERROR),
        ("SIP;cause=500", E.GENERAL_ERROR),
        ("SIP;cause=503", E.CONNECTIVITY_ERROR),
        ("SIP;cause=486", E.BUSY),
        ('SIP;cause=200;text="Transferred"', E.SUCCESS),
        ("Q.850;cause=99", E.UNSPECIFIED),
        ("X.25;cause=1", E.UNSPECIFIED),
        ("nonsense=", E.SUCCESS),
        ("Q.850;cause=none", E.SUCCESS),
        ("Q.850;cause=0", E.SUCCESS),
        ("Q.850;cause=0, Q.850;cause=17", E.BUSY),
        ("Q.850", E.SUCCESS),
    ],
)
def test_a_bye_says_why_by_its_reason_header(value: str, reason: EndReason) -> None:
    assert reasons.end_of_bye(bye(value)).reason is reason


def test_a_bye_without_reason_is_the_normal_end() -> None:
    assert reasons.end_of_bye(bye()) == End(E.SUCCESS)
    assert reasons.end_of_bye(bye('Q.850;cause=17;text="open, x')) == End(E.SUCCESS)


def test_a_cause_without_a_text_is_told_in_words() -> None:
    assert reasons.end_of_bye(bye("Q.850;cause=38")) == End(E.CONNECTIVITY_ERROR, "the network is out of order")
    assert reasons.end_of_bye(bye('Q.850;cause=38;text="so"')) == End(E.CONNECTIVITY_ERROR, "so")
    assert reasons.end_of_bye(bye("Q.850;cause=44")) == End(E.UNSPECIFIED, "the line was taken away")
    assert reasons.end_of_bye(bye("Q.850;cause=16")) == End(E.SUCCESS)
    assert reasons.end_of_bye(bye("SIP;cause=38")).text is None


def test_the_first_reason_that_is_known_counts_with_its_text() -> None:
    assert reasons.end_of_bye(bye('X.25;cause=1;text="a, b", Q.850;text="c;d\\"e";cause=17')) == End(E.BUSY, 'c;d"e')


@pytest.mark.conformance("END-35")
@pytest.mark.parametrize("code", [200, 600, 603, 408])
def test_a_cancel_is_a_cancel_whatever_its_reason(code: int) -> None:
    elsewhere = code == 200  # somebody has taken the call (RFC 3326 §2)
    assert reasons.end_of_cancel(bye(f'SIP;cause={code};text="so"')) == End(E.CANCEL, "so", elsewhere=elsewhere)
    assert reasons.end_of_cancel(bye(f"SIP;cause={code}")) == End(E.CANCEL, elsewhere=elsewhere)


def test_a_request_without_response_is_a_timeout_or_a_failure_of_the_network() -> None:
    assert reasons.end_of_failure(Failed("b", "INVITE", "timeout", "")) == End(E.TIMEOUT, "no answer to INVITE")
    assert reasons.end_of_failure(Failed("b", "INVITE", "transport", "refused")) == End(E.CONNECTIVITY_ERROR, "refused")


def test_a_refused_change_keeps_its_reason_and_says_glare() -> None:
    assert reasons.refuse_of_response(response(488)) == Refuse(E.INCOMPATIBLE_PARAMETERS, "488 Because")
    assert reasons.refuse_of_response(response(491)).glare


@given(st.text(max_size=60))
def test_no_reason_header_breaks_the_reader(value: str) -> None:
    assert isinstance(reasons.end_of_bye(bye(value)), End)
    assert isinstance(reasons.end_of_response(response(488, ("Reason", value), ("Warning", value)), rang=True), End)
    assert isinstance(reasons.redirects(response(302, ("Contact", value))), list)


# ------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason.value)
def test_every_reason_has_a_refusal_a_bye_and_a_cancel(row: reasons.Refusal) -> None:
    reason: EndReason = row.reason  # type: ignore[attr-defined]
    refusal = reasons.refusal(End(reason), rang=False)
    assert 400 <= refusal.status < 700
    assert reasons.bye_reason(End(reason))[0] == "Reason"
    assert reasons.cancel_reason(End(reason))[1].startswith(("Q.850;cause=", "SIP;cause="))


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        (E.SUCCESS, 'Q.850;cause=16;text="Normal call clearing"'),
        (E.BUSY, "Q.850;cause=17"),
        (E.DECLINE, "Q.850;cause=21"),
        (E.CANCEL, "Q.850;cause=16"),
        (E.TIMEOUT, 'SIP;cause=408;text="Media timeout"'),
        (E.EXPIRED, "Q.850;cause=102"),
        (E.GONE, "Q.850;cause=27"),
        (E.CONNECTIVITY_ERROR, "Q.850;cause=41"),
        (E.FAILED_TRANSPORT, "Q.850;cause=41"),
        (E.MEDIA_ERROR, "Q.850;cause=47"),
        (E.FAILED_APPLICATION, "Q.850;cause=47"),
        (E.INCOMPATIBLE_PARAMETERS, "SIP;cause=488"),
        (E.UNSUPPORTED_APPLICATIONS, "SIP;cause=488"),
        (E.UNSUPPORTED_TRANSPORTS, "SIP;cause=488"),
        (E.SECURITY_ERROR, 'SIP;cause=488;text="Security"'),
        (E.GENERAL_ERROR, "SIP;cause=500"),
        (E.UNSPECIFIED, "SIP;cause=500"),
    ],
)
def test_a_bye_carries_the_reason_of_the_table(reason: EndReason, value: str) -> None:
    assert reasons.bye_reason(End(reason)) == ("Reason", value)


@pytest.mark.parametrize(
    "reason", [row.reason for row in ROWS if row.warning is not None or row.refusal in (486, 603, 500)]
)
def test_what_we_refuse_with_is_read_as_the_same_reason(reason: EndReason) -> None:
    if reason in (E.ALTERNATIVE_SESSION, E.MEDIA_ERROR):
        pytest.skip("says in SIP only that the callee is busy, or that something failed")
    refusal = reasons.refusal(End(reason), rang=False)
    assert read(refusal.status, *refusal.headers) is reason


@pytest.mark.parametrize("rang", [False, True])
def test_a_timeout_is_read_as_one_however_it_is_said(rang: bool) -> None:
    refusal = reasons.refusal(End(E.TIMEOUT), rang=rang)
    assert refusal.status == (480 if rang else 408)
    assert read(refusal.status, *refusal.headers) is E.TIMEOUT


def test_the_warning_of_a_refusal_holds_the_text() -> None:
    assert reasons.refusal(End(E.UNSUPPORTED_TRANSPORTS), rang=False).headers == (
        ("Warning", '302 jingle-sip "Incompatible transport protocol"'),
    )
    assert reasons.refusal(End(E.SECURITY_ERROR, "no key"), rang=False).headers == (
        ("Warning", '399 jingle-sip "no key"'),
    )
    assert reasons.refusal(End(E.SECURITY_ERROR), rang=False).headers == ()


def test_a_text_in_a_header_is_one_line_quoted_and_not_too_long() -> None:
    (header,) = reasons.refusal(End(E.SECURITY_ERROR, 'a "b"\r\nc' + "x" * 500), rang=False).headers
    assert header[1].startswith('399 jingle-sip "a \\"b\\" cxxx')
    assert len(header[1]) < 230
    assert reasons.write_cause(Cause("Q.850", 16), "\r\n") == "Q.850;cause=16"


@given(st.text(max_size=80), st.sampled_from(list(EndReason)))
def test_a_text_that_was_written_is_read_again(text: str, reason: EndReason) -> None:
    name, value = reasons.bye_reason(End(reason, text))
    assert "\r" not in value
    assert "\n" not in value
    (cause,) = reasons.read_causes(SipRequest("BYE", "sip:a@b", ((name, value),)))
    expected = reasons._clean(text)
    if expected:
        assert cause.text == expected


def test_what_could_not_be_read_is_refused_with_its_status_and_text() -> None:
    error = PeerError("sdp line 3: not a description's line", status=400)
    assert reasons.refusal_of_error(error) == (
        400,
        None,
        (("Warning", '399 jingle-sip "sdp line 3: not a description\'s line"'),),
    )
