"""The Jingle envelope: what is read, what is refused, what is written."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.jingle import request
from gateway.jingle.refusal import refused
from gateway.jingle.request import MAX_CONTENTS, MAX_SID, MAX_TEXT, read, read_reason, tidy, write, write_reason
from gateway.signals import End
from gateway.stanza import Stanza, read_error
from mappings.namespaces import JINGLE, SIP_STATUS
from mappings.reasons import EndReason
from mappings.terms import Action

from .ladder import NUMBER, PHONE, SID, User, check, content, ice, rtp

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
LESS_THAN_A_SESSION = ("switji-test-session-initiate-01",)  # test data of a library
nora = User()


def refusal(action: str, xml: str = "", **more: str) -> PeerError:
    with pytest.raises(PeerError) as caught:
        read(nora.set(action, xml, **more))
    reply = refused(nora.set(action, xml, **more), caught.value)
    assert read_error(reply).condition == caught.value.condition
    return caught.value


def reason(xml: str, parent: str = "jingle", namespace: str = JINGLE) -> request.Reason | None:
    return read_reason(fromstring(f"<{parent} xmlns='{namespace}'>{xml}</{parent}>"))


def test_a_session_initiate_is_read_with_its_contents() -> None:
    read_ = read(nora.set("session-initiate", content("a") + content("b"), attributes=f" initiator='{PHONE}'"))
    assert (read_.action, read_.sid, read_.sender) == (Action.SESSION_INITIATE, SID, PHONE)
    assert [item.get("name") for item in read_.contents] == ["a", "b"]
    assert read_.initiator == PHONE
    assert read_.payload == ()


@pytest.mark.conformance("JIN-04")
@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("", "session-initiate: without a content"),
        (
            f"<content name='a' creator='initiator'>{rtp()}</content>",
            "session-initiate content 'a': without a transport",
        ),
        (
            f"<content name='a' creator='initiator'>{ice()}</content>",
            "session-initiate content 'a': without a description",
        ),
        (content("a") + "<content name='b'/>", "session-initiate content 'b': without a description"),
        (content(""), "session-initiate: a content without a name"),
    ],
)
def test_a_session_initiate_without_what_it_needs_is_a_bad_request(xml: str, text: str) -> None:
    failure = refusal("session-initiate", xml)
    assert (failure.condition, failure.text) == ("bad-request", text)


@pytest.mark.conformance("JIN-04")
def test_a_request_without_a_sid_is_a_bad_request() -> None:
    assert refusal("session-initiate", content(), sid="").condition == "bad-request"


@pytest.mark.conformance("JIN-05")
def test_a_session_of_early_media_alone_is_a_bad_request() -> None:
    early = content(attributes=" disposition='early-session'")
    assert refusal("session-initiate", early).condition == "bad-request"
    assert len(read(nora.set("session-initiate", early + content("b"))).contents) == 2


@pytest.mark.conformance("JIN-06")
@pytest.mark.parametrize("action", ["frobnicate", "", "SESSION-INITIATE"])
def test_an_unknown_action_is_a_bad_request(action: str) -> None:
    assert refusal(action, content()).condition == "bad-request"


def test_a_missing_action_is_a_bad_request() -> None:
    stanza = nora.set("session-info")
    del stanza.children[0].attrib["action"]
    with pytest.raises(PeerError, match="unknown, none"):
        read(stanza)


def test_a_request_that_only_asks_is_a_bad_request() -> None:
    assert refusal("session-info", type="get").condition == "bad-request"


def test_two_requests_in_one_stanza_are_a_bad_request() -> None:
    one = nora.set("session-info")
    two = Stanza(kind="iq", type="set", id="x", sender=PHONE, to=NUMBER, children=one.children * 2)
    with pytest.raises(PeerError, match="one of it"):
        read(two)


def test_a_creator_that_is_no_role_is_a_bad_request() -> None:
    assert "creator 'me'" in refusal("content-remove", "<content name='a' creator='me'/>").text


def test_more_contents_than_anyone_needs_are_against_the_policy() -> None:
    many = "".join(content(f"c{number}") for number in range(MAX_CONTENTS + 1))
    assert refusal("session-initiate", many).condition == "policy-violation"


@pytest.mark.parametrize(
    "action", ["content-add", "content-modify", "transport-info", "transport-replace", "session-accept"]
)
def test_an_action_about_contents_needs_one(action: str) -> None:
    assert refusal(action).condition == "bad-request"


@pytest.mark.conformance("XS-24")
@pytest.mark.parametrize("sid", ["&amp;&lt;&gt;&quot;", "x" * 500, "räksmörgås 7"])
def test_any_sid_of_reasonable_length_is_taken_as_it_is(sid: str) -> None:
    read_ = read(nora.set("session-initiate", content(), sid=sid))
    again = write(Action.SESSION_INFO, read_.sid)
    assert again.get("sid") == read_.sid


def test_a_sid_beyond_reason_is_a_bad_request() -> None:
    assert refusal("session-info", sid="x" * (MAX_SID + 1)).condition == "bad-request"


@pytest.mark.conformance("JIN-21")
def test_the_order_of_what_is_inside_does_not_matter() -> None:
    group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='voice'/></group>"
    found = read(nora.set("session-initiate", group + content() + "<reason><busy/></reason>"))
    described, _ = found.describe()
    assert [media.name for media in described.media] == ["voice"]
    assert [item.semantics for item in described.groups] == ["BUNDLE"]
    assert found.reason.reason is EndReason.BUSY


@pytest.mark.conformance("JIN-22")
def test_an_initiator_of_another_account_is_not_believed() -> None:
    found = read(nora.set("session-initiate", content(), attributes=" initiator='rich@bank.example/safe'"))
    assert found.initiator is None
    assert found.sender == PHONE
    movim = read(nora.set("session-initiate", content(), attributes=" initiator='nora@example.net'"))
    assert movim.initiator == "nora@example.net"


def test_a_responder_is_read_likewise() -> None:
    assert read(nora.set("session-accept", content(), attributes=f" responder='{PHONE}'")).responder == PHONE


@pytest.mark.parametrize("member", [member for member in EndReason if member is not EndReason.UNSPECIFIED])
def test_every_reason_is_written_and_read_back(member: EndReason) -> None:
    element = write(Action.SESSION_TERMINATE, SID, [write_reason(End(member, "because"))])
    found = read_reason(element)
    assert found is not None
    assert (found.reason, found.text, found.details) == (member, "because", ())


@pytest.mark.parametrize(
    ("spelled", "read_as"),
    [
        ("failed_application", EndReason.FAILED_APPLICATION),
        ("failed_transport", EndReason.FAILED_TRANSPORT),
        ("application-error", EndReason.FAILED_APPLICATION),
        ("something-else", EndReason.UNSPECIFIED),
    ],
)
def test_reasons_in_other_spellings_are_understood(spelled: str, read_as: EndReason) -> None:
    found = reason(f"<reason><{spelled}/></reason>")
    assert found is not None
    assert (found.reason, found.condition) == (read_as, spelled)


@pytest.mark.parametrize(
    "inside",
    [
        "<text>bye</text><security-error/><crypto-required xmlns='urn:xmpp:jingle:apps:rtp:errors:1'/>",
        "<crypto-required xmlns='urn:xmpp:jingle:apps:rtp:errors:1'/><text>bye</text><security-error/>",
        "<security-error/><crypto-required xmlns='urn:xmpp:jingle:apps:rtp:errors:1'/><text>  bye\n</text>",
    ],
)
def test_a_reason_is_read_in_any_order(inside: str) -> None:
    found = reason(f"<reason>{inside}</reason>")
    assert found == request.Reason(
        EndReason.SECURITY_ERROR, "bye", "security-error", ("{urn:xmpp:jingle:apps:rtp:errors:1}crypto-required",)
    )


def test_a_reason_in_the_namespace_of_its_parent_is_understood() -> None:
    found = reason("<reason><busy/><text>no</text></reason>", "reject", "urn:xmpp:jingle-message:0")
    assert found is not None
    assert (found.reason, found.text) == (EndReason.BUSY, "no")


def test_no_reason_and_an_empty_one_are_told_apart() -> None:
    assert reason("") is None
    assert reason("<reason/>") == request.NO_REASON
    assert read(nora.set("session-terminate")).reason == request.NO_REASON


@pytest.mark.conformance("END-05", "END-06", "END-07", "END-08", "END-12")
@pytest.mark.parametrize(
    ("end", "text"),
    [
        (End(EndReason.BUSY, None, 486, "Busy Here"), "486 Busy Here"),
        (End(EndReason.BUSY, "600 Busy Everywhere", 600, "Busy Everywhere"), "600 Busy Everywhere"),
        (End(EndReason.DECLINE, "no", 603, "Decline"), "603 Decline: no"),
        (End(EndReason.GONE, None, 404), "404"),
        (End(EndReason.CANCEL, "Call completed elsewhere"), "Call completed elsewhere"),
        (End(EndReason.SUCCESS), None),
    ],
)
def test_a_reason_says_the_sip_status_to_people_and_to_programs(end: End, text: str | None) -> None:
    element = write_reason(end)
    said = element.findtext(f"{{{JINGLE}}}text")
    status = element.find(f"{{{SIP_STATUS}}}status")
    assert said == text
    assert (status is None) == (end.status is None)
    if status is not None:
        assert (status.get("code"), status.get("phrase")) == (str(end.status), end.phrase)
    terminate = write(Action.SESSION_TERMINATE, SID, [element])
    check(Stanza(kind="iq", type="set", id="i", sender=NUMBER, to=PHONE, children=(terminate,)))


def test_a_reason_that_nobody_gave_claims_the_least() -> None:
    assert write_reason(End(EndReason.UNSPECIFIED))[0].tag == f"{{{JINGLE}}}general-error"


@pytest.mark.conformance("ROB-01")
@given(st.text(max_size=400))
def test_a_text_is_one_line_that_any_document_can_hold(text: str) -> None:
    line = tidy(text)
    if line is not None:
        assert 0 < len(line) <= MAX_TEXT
        assert line == " ".join(line.split())
        element = Element("text")
        element.text = line
        assert fromstring(tostring(element)).text == line


def _requests() -> list[Path]:
    return sorted(path for path in CORPUS.glob("*.xml") if "<jingle" in path.read_text())


@pytest.mark.parametrize("path", _requests(), ids=lambda path: path.stem)
def test_what_real_clients_send_is_read_or_refused_with_a_text(path: Path) -> None:
    try:
        root = fromstring(path.read_text())
    except ParseError:
        pytest.skip("cut short in its source")
    jingle = next(root.iter(f"{{{JINGLE}}}jingle"))
    stanza = Stanza(kind="iq", type="set", id="i", sender=PHONE, to=NUMBER, children=(jingle,))
    if not (jingle.get("sid") and jingle.get("action")) or path.stem in LESS_THAN_A_SESSION:
        with pytest.raises(PeerError):
            read(stanza).describe()
        return
    found = read(stanza)
    if found.action in (Action.SESSION_INITIATE, Action.SESSION_ACCEPT):
        described, _ = found.describe()
        assert described.media
