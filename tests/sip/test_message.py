"""Requests and responses: read, changed, written."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sip.address import Via
from gateway.sip.flow import Flow
from gateway.sip.message import (
    MAX_HEADERS,
    PHRASES,
    Header,
    Malformed,
    SipRequest,
    SipResponse,
    parse,
    respond,
)

FLOW = Flow("UDP", "198.51.100.7", 5060)
LINES: tuple[Header, ...] = (
    ("Via", "SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK-m1;rport"),
    ("Via", "SIP/2.0/TCP a.example;branch=z9hG4bK-m2, SIP/2.0/TLS b.example;branch=z9hG4bK-m3"),
    ("Record-Route", "<sip:edge.example;lr>"),
    ("Max-Forwards", "70"),
    ("From", '"Ann, of \\"Branch\\"" <sip:ann@branch.example>;tag=an'),
    ("To", "<sip:desk@pbx.example>"),
    ("Call-ID", "m1@198.51.100.7"),
    ("CSeq", "7 INVITE"),
    ("Supported", "timer, 100rel"),
    ("Supported", "Replaces"),
)
INVITE = SipRequest("INVITE", "sip:desk@pbx.example", LINES, b"v=0\r\n", FLOW)


def changed(name: str, value: str) -> bytes:
    return INVITE.replace_header(name, value).encode()


def refused(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(data, FLOW)
    return caught.value


# Reading --------------------------------------------------------------------------------------------------------------


def test_a_request_reads_as_it_was_written() -> None:
    message = parse(INVITE.encode(), FLOW)
    assert message == INVITE
    assert message.flow == FLOW
    assert message.cseq == (7, "INVITE")
    assert str(message.cseq) == "7 INVITE"
    assert message.from_.display == 'Ann, of "Branch"'
    assert message.from_.tag == "an"
    assert message.to.tag is None
    assert message.call_id == "m1@198.51.100.7"
    assert message.branch == "z9hG4bK-m1"
    assert message.via is message.via


def test_lists_are_read_as_lines_as_values_and_as_tokens() -> None:
    assert len(INVITE.all("via")) == 2
    assert [Via.parse(value).host for value in INVITE.values("VIA")] == ["198.51.100.7", "a.example", "b.example"]
    assert INVITE.tokens("supported") == {"timer", "100rel", "replaces"}
    assert INVITE.first("Require") is None
    assert INVITE.all("Require") == INVITE.values("Require") == ()
    assert INVITE.tokens("Require") == frozenset()
    with pytest.raises(PeerError):
        INVITE.with_header("Accept", 'a, "b').values("Accept")


# fmt: off
SPELLED = (
    ("Via", "v", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-m1"), ("From", "f", "<sip:a@b.example>;tag=1"),
    ("To", "t", "<sip:c@d.example>"), ("Call-ID", "i", "m1"), ("CSeq", "CSeq", "7 INVITE"),
    ("Contact", "m", "<sip:a@198.51.100.7>"), ("Content-Type", "c", "application/sdp"), ("Subject", "s", "two words"),
    ("Supported", "k", "timer"), ("Event", "o", "talk"), ("Refer-To", "r", "<sip:e@f.example>"),
    ("Content-Length", "l", "3"),
)
# fmt: on


@pytest.mark.conformance("SIP-26")
def test_compact_names_folded_lines_and_other_cases_read_the_same() -> None:
    def read(lines: list[str]) -> SipRequest | SipResponse:
        return parse("\r\n".join(["INVITE sip:desk@pbx.example SIP/2.0", *lines, "", "v=0"]).encode())

    plain = read([f"{name}: {value}" for name, _, value in SPELLED])
    assert plain.headers == tuple((name, value) for name, _, value in SPELLED[:-1])
    assert plain.body == b"v=0"
    assert read([f"{letter}:{value}" for _, letter, value in SPELLED]) == plain
    assert read([f"{letter.upper()} : {value}  " for _, letter, value in SPELLED]) == plain
    assert read([f"{name.swapcase()}\t:\t{value}" for name, _, value in SPELLED]) == plain
    assert read([f"{name}:\r\n  \t{value}".replace("two ", "two\r\n\t") for name, _, value in SPELLED]) == plain


def test_names_are_brought_into_one_spelling() -> None:
    message = parse(INVITE.encode().replace(b"Call-ID", b"CALL-id").replace(b"Record-Route", b"rEcOrD-rOuTe"))
    assert message == INVITE
    assert parse(INVITE.with_header("x-Own", "1").encode()).headers[-1] == ("x-Own", "1")
    assert INVITE.with_header("k", "x").headers[-1] == ("Supported", "x")
    assert INVITE.with_header("x-Own", "1").first("X-OWN") == "1"


def test_line_breaks_before_the_message_are_passed_over() -> None:
    assert parse(b"\r\n\r\n" + INVITE.encode()) == INVITE


def test_a_body_is_as_long_as_is_said_or_to_the_end() -> None:
    data = INVITE.encode()
    assert parse(data + b"trailing").body == b"v=0\r\n"
    assert parse(re.sub(rb"Content-Length: \d+\r\n", b"", data) + b"more").body == b"v=0\r\nmore"
    assert parse(data.replace(b"Length: 5", b"Length: 000000000000000000000000003")).body == b"v=0"
    assert refused(data.replace(b"Length: 5", b"Length: 6")).status == 400


def test_letters_of_any_encoding_come_back_as_the_same_octets() -> None:
    data = INVITE.with_header("Subject", "PLACE").encode().replace(b"PLACE", b"gr\xfc\xdf \xc3\xbc")
    message = parse(data)
    assert (message.first("Subject") or "").endswith("ü")
    assert message.encode() == data


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_what_every_message_needs_is_needed(name: str) -> None:
    fault = refused(INVITE.without(name).encode())
    assert fault.status == 400
    assert name in fault.text
    assert fault.partial is not None
    assert refused(changed(name, "")).status == 400


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Refer-To"])
def test_what_may_stand_once_may_not_stand_twice(name: str) -> None:
    message = INVITE.replace_header(name, INVITE.first(name) or "text/plain")
    assert parse(message.encode())
    assert refused(message.with_header(name, message.first(name) or "").encode()).status == 400


# fmt: off
BAD_VALUES = [
    ("CSeq", "4294967296 INVITE"), ("CSeq", "INVITE"), ("CSeq", "7"), ("CSeq", "-7 INVITE"), ("CSeq", "7 INV ITE"),
    ("CSeq", "٧ INVITE"), ("CSeq", "7 BYE"), ("Max-Forwards", "256"), ("Max-Forwards", "-1"), ("Max-Forwards", "ten"),
    ("Max-Forwards", ""), ("Via", "SIP/2.0 198.51.100.7"), ("Via", "SIP/2.0/UDP"), ("Via", "SIP/2.0/UDP a:70000"),
    ("Via", 'SIP/2.0/UDP a;b="'), ("From", "ann"), ("From", "<sip:ann@branch.example>, <sip:b@c>"),
    ("From", "<sip:ann@branch.example>;tag=1;tag=2"), ("To", '"Ann <sip:ann@branch.example>'), ("To", "<sip:a@b>junk"),
]
# fmt: on


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_values_out_of_their_grammar_or_range_are_refused(name: str, value: str) -> None:
    fault = refused(changed(name, value))
    assert fault.status == 400
    assert isinstance(fault.partial, SipRequest)
    assert fault.partial.method == "INVITE"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CSeq", "0 INVITE"), ("CSeq", "4294967295 INVITE"), ("CSeq", "0007\t INVITE"), ("Max-Forwards", "0255")],
)
def test_values_at_the_ends_of_their_range_are_read(name: str, value: str) -> None:
    assert parse(changed(name, value)).first(name) == value


# fmt: off
BAD_STARTS = {
    "": None, "hello": None, "INVITE sip:desk@pbx.example": None, "INVITE SIP/2.0": None,
    "IN(VITE sip:a SIP/2.0": None, "SIP/2.0": None, "SIP/2.0 99 Low": None, "SIP/2.0 700 High": None,
    "SIP/2.0 2000 Long": None, "SIP/3.0 200 OK": None,
    "INVITE sip:a@b SIP/2.1": 505, "INVITE sip:a@b SIP/20.0": 505, "INVITE sip: SIP/2.0": 400, "INVITE a SIP/2.0": 400,
    "INVITE sip:a@b  SIP/2.0": 400, "INVITE sip:a@b?x=y SIP/2.0": 400, "INVITE sip:a@b:99999 SIP/2.0": 400,
}
# fmt: on


@pytest.mark.parametrize("line", BAD_STARTS)
def test_a_start_line_that_is_none_leaves_nothing_to_answer(line: str) -> None:
    fault = refused(INVITE.encode().replace(b"INVITE sip:desk@pbx.example SIP/2.0", line.encode()))
    status = BAD_STARTS[line]
    assert fault.status == (status or 400)
    assert (fault.partial is None) == (status is None)


def test_the_version_may_be_written_small() -> None:
    assert parse(INVITE.encode().replace(b"pbx.example SIP/2.0", b"pbx.example sip/2.0")) == INVITE


def test_a_response_may_end_behind_its_status() -> None:
    message = parse(respond(INVITE, 180).encode().replace(b"180 Ringing", b"180"))
    assert isinstance(message, SipResponse)
    assert (message.status, message.phrase) == (180, "")


def test_as_many_headers_as_allowed_are_read_and_one_more_is_not() -> None:
    filled = INVITE.with_headers([("X-N", str(n)) for n in range(MAX_HEADERS - len(LINES))])
    assert parse(filled.encode()) == filled
    fault = refused(filled.with_header("X-N", "last").encode())
    assert fault.status == 513
    assert isinstance(fault.partial, SipRequest)
    assert respond(fault.partial, 513).first("Via") == LINES[0][1]
    assert refused(filled.with_headers([("X-N", "")] * 5000).encode()).status == 513


def test_a_head_of_more_than_the_limit_is_too_large() -> None:
    assert refused(INVITE.with_header("X-Long", "x" * 70_000).encode()).status == 513


def test_a_line_that_is_no_header_is_not_shown_since_it_may_hold_a_key() -> None:
    for line in (b"a=crypto:1 inline:SECRETKEY", b"To", b"SECRETKEY", b": SECRETKEY"):
        fault = refused(INVITE.encode().replace(b"Max-Forwards: 70", line))
        assert fault.text == "message: line 5 is no header"


def test_neither_message_nor_fault_shows_what_a_header_holds() -> None:
    message = INVITE.with_header("Authorization", 'Digest response="SECRET"')
    assert "SECRET" not in repr(message) + repr(respond(message, 200, body=b"SECRET"))
    assert "SECRET" not in refused(changed("From", "<sip:ann:SECRET@br anch.example>")).text


# Changing -------------------------------------------------------------------------------------------------------------


def test_a_header_is_added_replaced_and_removed_in_a_new_message() -> None:
    assert INVITE.with_header("Subject", "x").headers[-1] == ("Subject", "x")
    assert INVITE.with_first("Via", "x").headers[0] == ("Via", "x")
    replaced = INVITE.replace_header("SUPPORTED", "none")
    assert replaced.all("Supported") == ("none",)
    assert [name for name, _ in replaced.headers] == [name for name, _ in LINES[:-1]]
    assert INVITE.replace_header("Subject", "x").headers[-1] == ("Subject", "x")
    assert INVITE.without("supported").all("Supported") == ()
    assert INVITE.headers == LINES
    assert replaced.flow is FLOW
    answer = respond(INVITE, 200).with_header("Subject", "x")
    assert (answer.status, answer.first("Subject"), answer.flow) == (200, "x", FLOW)


def test_the_top_via_is_replaced_and_the_others_stay() -> None:
    via = Via("UDP", "198.51.100.7", 5080, INVITE.via.params.adding("received", "203.0.113.5"))
    marked = INVITE.with_top_via(via)
    assert marked.via == via
    assert marked.values("Via")[1:] == INVITE.values("Via")[1:]
    assert len(marked.values("Via")) == 3


# Writing --------------------------------------------------------------------------------------------------------------


def test_the_length_is_the_body_s_whatever_the_headers_say() -> None:
    message = SipRequest("INVITE", "sip:a@b", (*LINES, ("Content-Length", "999")), b"four")
    assert message.encode().endswith(b"\r\nContent-Length: 4\r\n\r\nfour")
    assert message.encode().count(b"Content-Length") == 1


@pytest.mark.conformance("ROB-01")
@pytest.mark.parametrize("bad", ["a\r\nInjected: b", "a\nInjected: b", "a\rInjected: b", "a\0b", "a\r\n\r\nbody"])
def test_no_value_writes_another_line(bad: str) -> None:
    for change in (INVITE.with_header, INVITE.replace_header, INVITE.with_first):
        with pytest.raises(ValueError, match="cannot be written"):
            change("Subject", bad)
    with pytest.raises(ValueError, match="cannot be written"):
        INVITE.with_headers([("Subject", bad)])
    with pytest.raises(ValueError, match="cannot be written"):
        respond(INVITE, 200, headers=[("Subject", bad)])
    with pytest.raises(ValueError, match="cannot be written"):
        respond(INVITE, 200, content_type=bad)
    for message in (
        SipRequest("INVITE", "sip:a@b", (*LINES, ("Subject", bad))),
        SipRequest("INVITE", "sip:a@b", (*LINES, (bad, "x"))),
        SipRequest("INVITE", bad, LINES),
        SipRequest(bad, "sip:a@b", LINES),
        respond(INVITE, 200, bad),
    ):
        with pytest.raises(ValueError, match="cannot be written"):
            message.encode()


@pytest.mark.conformance("ROB-01")
def test_no_name_writes_another_header() -> None:
    for name in ("", "Sub ject", "Subject:", "Sübject"):
        with pytest.raises(ValueError, match="cannot be written"):
            INVITE.with_header(name, "x")
    with pytest.raises(ValueError, match="blank"):
        SipRequest("INVITE", "sip:a@b SIP/2.0", LINES).encode()


# Responding -----------------------------------------------------------------------------------------------------------


def test_a_response_copies_what_it_must_and_tags_to() -> None:
    answer = respond(INVITE, 200, tag="de", headers=[("Server", "x")], body=b"v=0", content_type="application/sdp")
    assert (answer.status, answer.phrase, answer.body, answer.flow) == (200, "OK", b"v=0", FLOW)
    assert answer.all("Via") == INVITE.all("Via")
    assert answer.first("From") == INVITE.first("From")
    assert answer.first("To") == "<sip:desk@pbx.example>;tag=de"
    assert answer.call_id == INVITE.call_id
    assert answer.cseq == INVITE.cseq
    assert answer.first("Record-Route") == "<sip:edge.example;lr>"
    assert answer.first("Content-Type") == "application/sdp"
    assert answer.first("Max-Forwards") is None
    assert parse(answer.encode(), FLOW) == answer


def test_only_a_response_that_makes_a_dialog_has_the_route() -> None:
    bye = SipRequest("BYE", INVITE.uri, INVITE.replace_header("CSeq", "8 BYE").headers)
    for request, status, has in (
        (INVITE, 100, False),
        (INVITE, 180, True),
        (INVITE, 302, False),
        (INVITE, 486, False),
        (bye, 200, False),
    ):
        assert (respond(request, status).first("Record-Route") is not None) == has


def test_a_tag_is_added_once_and_never_to_a_100() -> None:
    tagged = INVITE.replace_header("To", "<sip:desk@pbx.example>;tag=old")
    assert respond(tagged, 200, tag="new").to.tag == "old"
    assert respond(INVITE, 100, tag="new").to.tag is None
    assert respond(INVITE, 404).to.tag is None
    odd = INVITE.replace_header("To", '";tag=x" <sip:desk;tag=y@pbx.example>')
    assert respond(odd, 404, tag="new").to.tag == "new"
    assert respond(INVITE.replace_header("To", "sip:desk@pbx.example;"), 404, tag="new").to.tag == "new"


def test_a_100_echoes_the_timestamp() -> None:
    timed = INVITE.with_header("Timestamp", "54.21")
    assert respond(timed, 100).first("Timestamp") == "54.21"
    assert respond(timed, 200).first("Timestamp") is None


def test_a_phrase_is_the_register_s_or_one_s_own() -> None:
    assert respond(INVITE, 486).phrase == "Busy Here"
    assert respond(INVITE, 486, "Lunch").phrase == "Lunch"
    assert respond(INVITE, 499).phrase == ""
    assert all(100 <= status < 700 and phrase for status, phrase in PHRASES.items())


# Laws -----------------------------------------------------------------------------------------------------------------

_words = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
_values = _words.map(lambda text: text.strip(" \t"))
_tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
_extra = st.lists(st.tuples(_tokens.map("X-".__add__), _values), max_size=5)
_methods = st.sampled_from(["INVITE", "BYE", "x-Future"])


@st.composite
def requests(draw: st.DrawFn) -> SipRequest:
    method = draw(_methods)
    headers = (
        ("Via", f"SIP/2.0/UDP [2001:db8::{draw(st.integers(0, 9))}];branch=z9hG4bK{draw(_tokens)}"),
        ("From", f'"{draw(_tokens)}" <sip:a@b.example>;tag={draw(_tokens)}'),
        ("To", "<sip:c@d.example>"),
        ("Call-ID", draw(_tokens)),
        ("CSeq", f"{draw(st.integers(0, 2**32 - 1))} {method}"),
        *draw(_extra),
    )
    return SipRequest(method, draw(st.sampled_from(["sip:a@b", "tel:+1", "x:y"])), headers, draw(st.binary()))


@st.composite
def responses(draw: st.DrawFn) -> SipResponse:
    answer = respond(draw(requests()), draw(st.integers(100, 699)), draw(_words), tag=draw(_tokens))
    return SipResponse(answer.status, answer.phrase, answer.headers, draw(st.binary()))


@given(st.one_of(requests(), responses()))
def test_every_message_reads_back_as_itself(message: SipRequest | SipResponse) -> None:
    assert parse(message.encode()) == message


def readable(data: bytes) -> None:
    """Any octets are a message, which is written and read again as itself, or `Malformed`; and nothing else."""
    try:
        message = parse(data)
    except Malformed as fault:
        if isinstance(fault.partial, SipRequest):
            respond(fault.partial, fault.status, tag="a7").encode()
        return
    assert parse(message.encode()) == message
    for read in (lambda: message.contacts, lambda: message.values("Accept"), lambda: message.tokens("Require")):
        with suppress(PeerError):
            read()


@pytest.mark.conformance("ROB-06")
@given(st.binary(max_size=300))
def test_random_octets_are_a_message_or_malformed(data: bytes) -> None:
    readable(data)


@pytest.mark.conformance("ROB-06")
@given(
    st.lists(
        st.tuples(
            st.integers(0),
            st.integers(0, 12),
            st.one_of(st.binary(max_size=4), st.sampled_from([b"\r\n", b"\n ", b'"', b"<", b";", b",", b"\0", b"\\"])),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_message_is_a_message_or_malformed(damage: list[tuple[int, int, bytes]]) -> None:
    data = INVITE.with_header("Contact", '"A" <sip:a@b;x=y>;q=1').with_header("Accept", 'a/b;c="d,e", f/g').encode()
    for place, length, octets in damage:
        at = place % len(data)
        data = data[:at] + octets + data[at + length :]
    readable(data)


def test_short_names_are_written_where_they_are_wanted_and_read_as_the_long_ones() -> None:
    short = INVITE.encode(compact=True)
    assert b"\r\nv:SIP/2.0/UDP 198.51.100.7:5080" in short
    assert b"\r\nk:timer, 100rel\r\n" in short
    assert b"\r\nMax-Forwards:70\r\n" in short
    assert b"\r\nl:5\r\n\r\nv=0\r\n" in short
    assert len(short) < len(INVITE.encode())
    assert parse(short, FLOW) == parse(INVITE.encode(), FLOW)
    assert respond(INVITE, 200, tag="t").encode(compact=True).startswith(b"SIP/2.0 200 OK\r\nv:SIP/2.0/UDP")
    with pytest.raises(ValueError, match="line break"):
        SipRequest("INVITE", "sip:x", (("Subject", "a\r\nb"),)).encode(compact=True)
