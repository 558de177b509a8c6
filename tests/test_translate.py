"""The translator as a function: what it takes, gives and refuses."""

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.namespaces import JINGLE, RTP
from mappings.reasons import EndReason
from mappings.terms import Role

PHONE = (
    "v=0\r\no=- 5 1 IN IP4 192.0.2.8\r\ns=-\r\nc=IN IP4 192.0.2.8\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=rtcp-rsize\r\n"
)


def stanza(description: str) -> Element:
    return fromstring(
        "<iq xmlns='jabber:client' type='set'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'>"
        f"<content creator='initiator' name='audio'>{description}"
        "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/></content></jingle></iq>"
    )


def test_sdp_becomes_a_jingle_element_and_says_what_was_dropped() -> None:
    translation = sdp_to_jingle(PHONE, sid="abc", initiator="+1555@gw.example/sip")
    element = translation.element
    assert (element.tag, element.get("action"), element.get("sid")) == (
        f"{{{JINGLE}}}jingle",
        "session-initiate",
        "abc",
    )
    assert element.get("initiator") == "+1555@gw.example/sip"
    assert [content.get("senders") for content in element] == ["initiator"]
    assert translation.dropped == ("rtcp-rsize",)


def test_who_wrote_an_sdp_decides_who_sends() -> None:
    assert sdp_to_jingle(PHONE, Role.RESPONDER).element[0].get("senders") == "responder"
    assert sdp_to_jingle(PHONE, action="session-accept").element[0].get("senders") == "responder"


def test_a_stanza_becomes_sdp_and_says_what_was_dropped() -> None:
    iq = stanza(f"<description xmlns='{RTP}' media='audio'><payload-type id='0'/><x xmlns='urn:x'/></description>")
    translation = jingle_to_sdp(iq, session_id=9, user="juliet", address="192.0.2.1")
    assert translation.text.startswith("v=0\r\no=juliet 9 1 IN IP4 192.0.2.1\r\ns=-\r\n")
    assert "a=rtpmap:0 PCMU/8000\r\n" in translation.text
    assert translation.dropped == ("x",)


def test_what_holds_no_jingle_is_refused() -> None:
    with pytest.raises(PeerError, match="no <jingle/>"):
        jingle_to_sdp(Element("iq"))


def test_sdp_that_is_none_is_refused() -> None:
    with pytest.raises(PeerError, match="no v=0") as caught:
        sdp_to_jingle("")
    assert caught.value.status == 400


def test_an_answer_that_refuses_everything_is_an_error_of_parameters() -> None:
    with pytest.raises(PeerError) as caught:
        sdp_to_jingle(PHONE.replace("audio 4000", "audio 0"), action="session-accept")
    assert (caught.value.status, caught.value.reason) == (488, EndReason.INCOMPATIBLE_PARAMETERS)


HOSTILE = st.sampled_from(
    ["\r\na=evil:1", "\na=evil:1", "\ra=evil:1", "x\0y", " a=evil:1\n", "\x85a=evil:1", "\u2028a=evil"]
)
FIELDS = [
    ("jingle/content", "name"), ("description", "media"), ("payload-type", "name"), ("payload-type", "clockrate"),
    ("parameter", "name"), ("parameter", "value"), ("rtcp-fb", "type"), ("rtcp-fb", "subtype"), ("rtp-hdrext", "uri"),
    ("crypto", "key-params"), ("crypto", "session-params"), ("source/parameter", "value"), ("bandwidth", "type"),
    ("category", "name"), ("group", "semantics"), ("transport", "ufrag"), ("transport", "pwd"),
    ("candidate", "foundation"), ("candidate", "ip"), ("candidate", "rel-addr"),
    ("fingerprint", "hash"), ("zrtp-hash", "version"),
]  # fmt: skip
RICH = """
<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='a'>
<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='96' name='opus' clockrate='48000'>
<parameter name='a' value='b'/>
<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/></payload-type>
<bandwidth type='AS'>80</bandwidth>
<encryption><crypto tag='1' crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:a' session-params='KDR=1'/>
<zrtp-hash xmlns='urn:xmpp:jingle:apps:rtp:zrtp:1' version='1.10'>ab</zrtp-hash></encryption>
<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:x'/>
<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'><parameter name='cname' value='x'/></source>
<category xmlns='urn:xmpp:jingle:apps:category:0' name='slides'/></description>
<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' pwd='abcdefghijklmnopqrstuv'>
<candidate component='1' foundation='1' generation='0' id='a' ip='192.0.2.1' port='9999' priority='1' protocol='udp'
 rel-addr='192.0.2.9' rel-port='1' type='srflx'/>
<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-1' setup='actpass'>AA:BB</fingerprint></transport></content>
<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='a'/></group></jingle>"""


@pytest.mark.conformance("ROB-01", "J2S-08")
@pytest.mark.parametrize(("where", "attribute"), FIELDS)
@given(hostile=HOSTILE, keep=st.booleans())
@settings(max_examples=14, deadline=None)
def test_no_value_begins_a_line_of_its_own(where: str, attribute: str, hostile: str, keep: bool) -> None:
    jingle = fromstring(RICH)
    path = where.split("/")
    element = next(one for one in jingle.iter() if one.tag.endswith("}" + path[-1]))
    if path[0] == "source":
        element = next(one for one in jingle.iter("{urn:xmpp:jingle:apps:rtp:ssma:0}parameter"))
    element.set(attribute, (element.get(attribute, "") if keep else "") + hostile)
    try:
        text = jingle_to_sdp(jingle).text
    except PeerError:
        return
    assert "\0" not in text
    assert "\x85" not in text
    assert text.count("\n") == text.count("\r\n") == text.count("\r")
    assert not any(line.startswith("a=evil") for line in text.splitlines())


@pytest.mark.conformance("ROB-01")
@given(hostile=HOSTILE)
def test_no_text_begins_a_line_of_its_own(hostile: str) -> None:
    for name in ("fingerprint", "bandwidth", "zrtp-hash"):
        jingle = fromstring(RICH)
        element = next(one for one in jingle.iter() if one.tag.endswith("}" + name))
        element.text = f"AA{hostile}"
        try:
            text = jingle_to_sdp(jingle).text
        except PeerError:
            continue
        assert not any(line.startswith("a=evil") for line in text.splitlines())


@given(st.text() | st.lists(st.text("vosctmab=019 :/-audioRTPAVP\t\x00\x1f", max_size=20)).map("\r\n".join))
@settings(max_examples=300, deadline=None)
def test_any_text_translates_or_is_refused(text: str) -> None:
    try:
        translation = sdp_to_jingle(text)
    except PeerError:
        return
    jingle_to_sdp(translation.element)


LINES = st.lists(
    st.sampled_from(PHONE.splitlines() + RICH.splitlines())
    | st.builds(
        "a={}:{}".format,
        st.sampled_from([
            "rtpmap", "fmtp", "rtcp-fb", "extmap", "candidate", "crypto", "ssrc", "ssrc-group", "group", "mid", "rtcp",
            "fingerprint", "setup", "ptime", "content", "remote-candidates", "msid", "ice-ufrag", "ice-pwd",
        ]),
        st.text("0123456789 abcAUDP/:=;,*.-", max_size=30),
    ),
    max_size=12,
)  # fmt: skip


@given(LINES)
@settings(max_examples=400, deadline=None)
def test_any_lines_after_a_description_translate_or_are_refused(lines: list[str]) -> None:
    try:
        translation = sdp_to_jingle(PHONE + "\r\n".join(lines))
    except PeerError:
        return
    jingle_to_sdp(translation.element)


@given(st.binary())
def test_any_bytes_translate_or_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        sdp_to_jingle(data)
