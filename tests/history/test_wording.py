"""A message in a word and a remark: enough to know it by, and nothing secret of it."""

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from gateway.history.trail import LONGEST_REMARK
from gateway.history.wording import words
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed, Outgoing
from gateway.stanza import Stanza
from mappings.namespaces import COMPONENT

SAMPLES = Path(__file__).parent.parent / "descriptions"
JINGLE = "<jingle xmlns='urn:xmpp:jingle:1' action='{}' sid='s'>{}</jingle>"
RTP = "xmlns='urn:xmpp:jingle:apps:rtp:1'"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0\r\na=ice-pwd:verysecret\r\n"
)


def stanza(inner: str, kind: str = "iq", type: str = "set") -> Stanza:
    element = fromstring(f"<{kind} xmlns='{COMPONENT}'>{inner}</{kind}>")
    return Stanza(kind=kind, type=type, sender="romeo@example.org/a", to="+1555@gw.example", children=tuple(element))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "word", "remark"),
    [
        (stanza("", type="result"), "result", ""),
        (stanza("", kind="presence", type="unavailable"), "presence", "unavailable"),
        (stanza("<body>secret</body>", kind="message", type="chat"), "body", ""),
        (
            stanza(
                "<error type='wait'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>",
                type="error",
            ),
            "error",
            "not-allowed: no",
        ),
        (
            stanza(
                JINGLE.format(
                    "session-initiate",
                    f"<content name='a'><description {RTP} media='audio'/></content>"
                    f"<content name='v' senders='initiator'><description {RTP} media='video'/></content>",
                )
            ),
            "session-initiate",
            "audio, video initiator",
        ),
        (
            stanza(JINGLE.format("content-modify", "<content name='voice' senders='none'/>")),
            "content-modify",
            "voice none",
        ),
        (
            stanza(JINGLE.format("session-info", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>")),
            "session-info",
            "ringing",
        ),
        (stanza(JINGLE.format("session-info", "")), "session-info", ""),
        (
            stanza(JINGLE.format("session-terminate", "<reason><busy/><text>later</text></reason>")),
            "session-terminate",
            "busy: later",
        ),
        (
            stanza(
                JINGLE.format(
                    "transport-info",
                    "<content name='a'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='verysecret'>"
                    "<candidate/><candidate/></transport></content>",
                )
            ),
            "transport-info",
            "2 candidates",
        ),
        (
            stanza(
                f"<propose xmlns='urn:xmpp:jingle-message:0' id='x'><description {RTP} media='audio'/></propose>",
                kind="message",
                type="chat",
            ),
            "propose",
            "audio",
        ),
        (
            stanza(
                "<body>a call</body><reject xmlns='urn:xmpp:jingle-message:0' id='x'>"
                "<reason xmlns='urn:xmpp:jingle:1'><busy/></reason></reject>",
                kind="message",
            ),
            "reject",
            "busy",
        ),
    ],
)
def test_a_stanza(said: Stanza, word: str, remark: str) -> None:
    assert words(said) == (word, remark)


def request(method: str, body: str = "", *headers: tuple[str, str]) -> SipRequest:
    return SipRequest(method, "sip:a@192.0.2.1", (("CSeq", f"1 {method}"), *headers), body.encode())


def response(status: int, phrase: str, body: str = "") -> SipResponse:
    return SipResponse(status, phrase, (("CSeq", "1 INVITE"),), body.encode())


@pytest.mark.parametrize(
    ("said", "word", "remark"),
    [
        (request("INVITE"), "INVITE", ""),
        (request("INVITE", SDP), "INVITE", "audio"),
        (Outgoing(request("INVITE", SDP), "z9", Hop("a", 5060, "UDP")), "INVITE", "audio"),
        (
            request("INVITE", f"{SDP}a=sendonly\r\nm=video 0 RTP/AVP 34\r\nm=audio 0010 RTP/AVP 0\r\na=inactive\r\n"),
            "INVITE",
            "audio sendonly, video refused, audio inactive",
        ),
        (request("BYE", "", ("Reason", "Q.850;cause=16")), "BYE", "Q.850;cause=16"),
        (request("INFO", "Signal=5\r\nDuration=160\r\n"), "INFO", ""),
        (response(180, "Ringing"), 180, "INVITE"),
        (response(200, "OK", SDP), 200, "INVITE: audio"),
        (response(404, "Nobody of that name"), 404, "INVITE: Nobody of that name"),
        (Failed("z9", "INVITE", "timeout", "no answer"), "timeout", "INVITE: no answer"),
    ],
)
def test_a_sip_message(said: object, word: str | int, remark: str) -> None:
    assert words(said) == (word, remark)


def test_of_no_sample_anything_secret_gets_in_or_anything_long() -> None:
    samples = sorted(SAMPLES.glob("*/*"))
    assert samples
    for path in samples:
        if path.suffix == ".sdp":
            word, remark = words(request("INVITE", path.read_text()))
        elif path.suffix == ".xml":
            element = fromstring(path.read_text())
            child = element if element.tag.endswith("}jingle") else next(iter(element), element)
            word, remark = words(
                Stanza(kind="iq", type="set", sender="a@example.org/b", to="c@example.org", children=(child,))
            )
        else:
            continue
        assert len(remark) <= LONGEST_REMARK
        assert not any(secret in f"{word} {remark}" for secret in ("pwd", "inline", ":"))


def test_a_method_that_nobody_knows_is_cut() -> None:
    word, remark = words(request("X" * 5000))
    assert len(str(word)) == LONGEST_REMARK
    assert not remark
