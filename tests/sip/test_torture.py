"""Messages at the edges of the grammar: our own, after RFC 4475 and RFC 5118, and RFC 4475's where they are at hand.

What a method or extension means is for the server above to say (501, 405, 416, 420, 415, 406); here it is only whether
a message can be read, and what it says.
"""

from pathlib import Path
from typing import Final

import pytest

from gateway.sip.address import Uri, unescape
from gateway.sip.message import Malformed, SipRequest, SipResponse, parse, respond

OWN: Final = Path(__file__).parent.parent / "torture" / "sip"
RFC4475: Final = Path(__file__).parents[3] / "shared" / "spec" / "rfc4475-messages"

# fmt: off
READ: Final = (
    "addresses-of-other-schemes", "binary-body", "contact-parameter", "cookie-alone", "escaped-nul", "escapes-once",
    "folded-everywhere", "ipv6", "line-feeds-only", "long-values", "name-glued-to-bracket", "no-hops-left", "odd-date",
    "odd-method", "old-style", "percent-is-no-escape", "phrase-empty", "phrase-of-any-letters", "required-extensions",
    "semicolon-in-user", "strange-credentials", "two-in-one-datagram", "two-slashes-scheme", "two-vias-in-response",
    "unbracketed-uri-with-headers", "unknown-scheme", "unknown-transports", "uri-parameter", "uri-with-headers",
)
REFUSED: Final = {
    "bare-carriage-return": 400, "bare-nul": 400, "blank-in-request-uri": 400, "blank-inside-brackets": 400,
    "blanks-behind-request-line": 400, "body-cut-off": 400, "bracketed-request-uri": 400, "comma-in-bare-name": 400,
    "empty-parameters": 400, "everything-twice": 400, "headers-in-request-uri": 400, "headers-missing": 400,
    "hops-too-many": 400, "ipv6-without-brackets": 400, "methods-differ": 400, "negative-length": 400,
    "no-end-of-headers": 400, "number-too-large": 400, "open-quote": 400, "other-version": 505, "stray-line": 400,
    "tag-twice": 400, "two-ats": 400, "two-blanks-in-request-line": 400, "two-lengths": 400,
    "unknown-methods-differ": 501,
}
"The status that answers each."

DROPPED: Final = ("no-version", "number-too-large-in-response", "status-of-no-class", "status-too-large")

RFC4475_READ: Final = (
    "badbranch", "baddate", "bcast", "bext01", "cparam01", "cparam02", "dblreq", "esc01", "esc02", "escnull", "intmeth",
    "inv2543", "invut", "longreq", "lwsdisp", "mpart01", "noreason", "novelsc", "regaut01", "regbadct", "regescrt",
    "sdp01", "semiuri", "transports", "unkscm", "unksm2", "unreason", "wsinv", "zeromf",
)
RFC4475_REFUSED: Final = {
    "badaspec": 400, "baddn": 400, "badinv01": 400, "badvers": 505, "clerr": 400, "escruri": 400, "insuf": 400,
    "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "mcl01": 400, "mismatch01": 400, "mismatch02": 501,
    "multi01": 400, "ncl": 400, "quotbal": 400, "scalar02": 400, "trws": 400,
}
RFC4475_DROPPED: Final = ("bigcode", "scalarlg", "test")
# fmt: on


def own(name: str) -> bytes:
    return (OWN / f"{name}.dat").read_bytes()


def request(name: str) -> SipRequest:
    message = parse(own(name))
    assert isinstance(message, SipRequest)
    return message


def refused(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(data)
    return caught.value


def check_read(data: bytes) -> None:
    message = parse(data)
    again = parse(message.encode())
    assert again == message
    assert again.encode() == message.encode()
    if isinstance(message, SipRequest):
        answer = parse(respond(message, 486, tag="a7").encode())
        assert answer.all("Via") == message.all("Via")
        assert answer.from_ == message.from_
        assert answer.to.tag == (message.to.tag or "a7")


def check_refused(data: bytes, status: int) -> None:
    fault = refused(data)
    assert fault.status == status
    assert isinstance(fault.partial, SipRequest)
    answer = respond(fault.partial, fault.status, tag="a7")
    assert answer.encode().startswith(b"SIP/2.0 %d " % status)
    assert answer.all("Via") == fault.partial.all("Via") != ()


def check_dropped(data: bytes) -> None:
    assert not isinstance(refused(data).partial, SipRequest)


def test_every_own_message_is_expected_to_be_something() -> None:
    assert {path.stem for path in OWN.glob("*.dat")} == {*READ, *REFUSED, *DROPPED}


@pytest.mark.conformance("SIP-28")
@pytest.mark.parametrize("name", READ)
def test_what_is_odd_and_right_is_read_and_written_again(name: str) -> None:
    check_read(own(name))


@pytest.mark.conformance("SIP-28")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_and_can_be_answered(name: str) -> None:
    check_refused(own(name), REFUSED[name])


@pytest.mark.conformance("SIP-28", "SIP-29")
@pytest.mark.parametrize("name", DROPPED)
def test_what_cannot_be_answered_is_dropped(name: str) -> None:
    check_dropped(own(name))


@pytest.mark.conformance("SIP-28", "SIP-29")
@pytest.mark.skipif(not RFC4475.exists(), reason="the RFC's messages are not at hand")
class TestRfc4475:
    def test_every_message_is_expected_to_be_something(self) -> None:
        known = {*RFC4475_READ, *RFC4475_REFUSED, *RFC4475_DROPPED}
        assert {path.stem for path in RFC4475.glob("*.dat")} == known

    @pytest.mark.parametrize("name", RFC4475_READ)
    def test_what_is_right_is_read(self, name: str) -> None:
        check_read((RFC4475 / f"{name}.dat").read_bytes())

    @pytest.mark.parametrize("name", RFC4475_REFUSED)
    def test_what_is_wrong_is_refused(self, name: str) -> None:
        check_refused((RFC4475 / f"{name}.dat").read_bytes(), RFC4475_REFUSED[name])

    @pytest.mark.parametrize("name", RFC4475_DROPPED)
    def test_what_cannot_be_answered_is_dropped(self, name: str) -> None:
        check_dropped((RFC4475 / f"{name}.dat").read_bytes())


def test_a_folded_message_reads_like_a_plain_one() -> None:
    message = request("folded-everywhere")
    assert message.method == "INVITE"
    assert message.request_uri.params == Uri.parse("sip:h;unheard").params
    assert message.to.tag == "40071n"
    assert message.to.uri == Uri(scheme="sip", user="desk", host="pbx.example")
    assert message.from_.display == 'Ann \\"'
    assert message.from_.tag == "5jad"
    assert message.cseq == (3, "INVITE")
    assert message.first("Max-Forwards") == "0041"
    assert message.first("Subject") == ""
    assert message.first("novel") == "one two"
    assert message.first("Odd") == ";;,,;;,;"
    assert [value.split(";")[0].split()[-1] for value in message.values("Via")] == [
        "198.51.100.8",
        "loom.branch.example",
        "203.0.113.9",
    ]
    assert message.via.transport == "UDP"
    assert message.branch == "77skd"
    assert not message.via.has_cookie
    (contact,) = message.contacts
    assert contact.display == 'Two ""'
    assert dict(contact.params) == {"also": "this", "bare": None, "q": "0.41"}
    assert message.body.startswith(b"v=0\r\n")


def test_line_feeds_alone_end_lines_too() -> None:
    assert request("line-feeds-only") == request("folded-everywhere")


def test_an_odd_method_and_odd_names_are_read_as_they_are() -> None:
    message = request("odd-method")
    assert message.method == "%odd-Method_*+`.!say'~" == message.cseq.method
    assert message.request_uri.user == "2_odd.USER~(can-be!fine)&won't+fail$/wild?,/;;*"
    assert message.request_uri.password == "&pw=1,odd!*chars$in~it_too.(it's-in)"
    assert message.to.display == "BELL:\x07 NULL:\0 RUB:\x7f"
    assert message.from_.display == "word~` word'+_ word*%!.-"
    assert message.from_.params.text("odd''~+*_!.-%") == "да"
    assert message.from_.tag == "_t~4'+`*%!-."
    assert message.call_id == "odd.word%YK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.first("odd-header-!.%*+_`'~") == "\ufeff大"


def test_percent_escapes_are_decoded_once_and_only_in_uris() -> None:
    message = request("escapes-once")
    assert message.request_uri.user == "sips%3Aann%40branch.example"
    assert unescape(message.request_uri.user or "") == "sips:ann@branch.example"
    assert unescape(message.to.uri.user or "") == "desk"
    assert unescape(message.from_.uri.user or "") == "two words"
    (contact,) = message.contacts
    assert "lr" in contact.uri.params
    assert unescape(contact.uri.params["name"] or "") == "val%41"
    other = request("percent-is-no-escape")
    assert other.method == "B%59E"
    assert other.from_.display == "%41%nn"
    assert [str(contact.uri) for contact in other.contacts] == ["sip:one@branch.example", "sip:three@branch.example"]
    assert other.first("C%6Fntact") is not None


def test_an_escaped_nul_is_a_character_like_others() -> None:
    message = request("escaped-nul")
    assert unescape(message.from_.uri.user or "") == "no-\0-end"
    assert [unescape(contact.uri.user or "") for contact in message.contacts] == ["\0", "\0\0"]


def test_a_datagram_holds_one_message_whatever_follows() -> None:
    message = request("two-in-one-datagram")
    assert message.method == "OPTIONS"
    assert message.body == b""


def test_semicolons_stand_in_a_user_part() -> None:
    message = request("semicolon-in-user")
    assert unescape(message.request_uri.user or "") == "desk;day=mon@noon"
    assert not message.request_uri.params
    assert message.values("Accept") == ("application/sdp", "text/plain", "multipart/mixed", "message/sipfrag")


def test_a_message_of_the_older_rfc_needs_no_branch_tag_length_or_hops() -> None:
    message = request("old-style")
    assert message.branch is None
    assert not message.via.has_cookie
    assert message.from_.tag is None
    assert message.body.startswith(b"v=0")


def test_a_branch_of_the_cookie_alone_names_nothing() -> None:
    assert not request("cookie-alone").via.has_cookie
    assert request("no-hops-left").via.has_cookie


def test_unknown_schemes_and_transports_are_no_error() -> None:
    assert request("unknown-scheme").request_uri == Uri(scheme="whoknows", opaque="something,entirely-else")
    assert request("two-slashes-scheme").request_uri.scheme == "im.pigeon"
    other = request("addresses-of-other-schemes")
    assert str(other.to.uri) == "isbn:9783161484100"
    assert other.from_.uri.scheme == "http"
    assert len(request("unknown-transports").all("via")) == 3


def test_parameters_belong_to_the_contact_unless_brackets_give_them_to_the_uri() -> None:
    (contact,) = request("contact-parameter").contacts
    assert "unheard" in contact.params
    assert "unheard" not in contact.uri.params
    (contact,) = request("uri-parameter").contacts
    assert "unheard" not in contact.params
    assert "unheard" in contact.uri.params
    (contact,) = request("uri-with-headers").contacts
    assert contact.uri.headers == "Route=%3Csip:pbx.example%3E"


def test_a_contact_that_needs_brackets_and_has_none_is_refused_when_it_is_read() -> None:
    message = request("unbracketed-uri-with-headers")
    with pytest.raises(Exception, match="angle brackets") as caught:
        _ = message.contacts
    assert getattr(caught.value, "status", None) == 400


def test_a_phrase_may_be_anything_or_nothing() -> None:
    message = parse(own("phrase-of-any-letters"))
    assert isinstance(message, SipResponse)
    assert message.phrase == "= 2*100 двести"
    message = parse(own("phrase-empty"))
    assert isinstance(message, SipResponse)
    assert (message.status, message.phrase) == (100, "")


def test_ipv6_stands_in_brackets_but_for_the_received_parameter() -> None:
    message = request("ipv6")
    assert (message.request_uri.host, message.request_uri.port) == ("2001:db8::10", 5070)
    assert str(message.request_uri) == "sip:desk@[2001:db8::10]:5070;transport=tcp"
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", 5080)
    assert message.via.params["received"] == "2001:db8::9:ffff"
    assert message.to.uri.hostport == "[::ffff:192.0.2.10]"


def test_a_body_may_hold_any_octets() -> None:
    assert bytes(range(256)) in request("binary-body").body


def test_a_carriage_return_in_a_line_begins_no_other_line() -> None:
    fault = refused(own("bare-carriage-return"))
    assert fault.partial is not None
    assert fault.partial.all("Via") == ("SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bK-77-1",)
    fault.partial.encode()


def test_an_open_quote_still_gets_its_tag() -> None:
    fault = refused(own("open-quote"))
    assert isinstance(fault.partial, SipRequest)
    assert (respond(fault.partial, 400, tag="a7").first("To") or "").endswith(";tag=a7")
