"""What each specification's schema lists, written down by us, against what is declared (architecture §10, ring 4).

The laws cannot see a spelling that is wrong both ways, nor a value or an attribute that was never declared.
"""

import re
from enum import StrEnum

import pytest

from gateway.fields import fields
from mappings import namespaces
from mappings.description import (
    Bandwidth,
    Candidate,
    Category,
    Codec,
    Crypto,
    Encryption,
    ExtmapAllowMixed,
    Feedback,
    FeedbackInterval,
    Fingerprint,
    GatheringComplete,
    Group,
    HeaderExtension,
    Ice,
    Media,
    Parameter,
    RawCandidate,
    RawUdp,
    RemoteCandidate,
    RtcpMux,
    Rtp,
    Source,
    SourceGroup,
    ZrtpHash,
)
from mappings.digits import Dtmf
from mappings.record import SPELLINGS
from mappings.terms import Action, CandidateType, Direction, Info, Initiation, Senders, Setup
from mappings.transfer import TransferTo
from tests.forms import SHARED

R, U, D = "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:transports:ice-udp:1", "urn:xmpp:jingle:apps:dtls:0"
FB, HX = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0", "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0"
SS, RAW = "urn:xmpp:jingle:apps:rtp:ssma:0", "urn:xmpp:jingle:transports:raw-udp:1"

# fmt: off
ELEMENTS: list[tuple[type, str, str, set[str]]] = [
    #  record           namespace  element              attributes (XEP and version)
    (Codec, R, "payload-type", {"channels", "clockrate", "id", "maxptime", "name", "ptime"}),  # 0167 1.2.3
    (Rtp, R, "description", {"media", "ssrc"}),
    (Bandwidth, R, "bandwidth", {"type"}),
    (Encryption, R, "encryption", {"required"}),
    (Crypto, R, "crypto", {"crypto-suite", "key-params", "session-params", "tag"}),
    (RtcpMux, R, "rtcp-mux", set()),
    (Parameter, "", "parameter", {"name", "value"}),
    (Ice, U, "transport", {"pwd", "ufrag"}),  # 0176 1.1.1
    (Candidate, "", "candidate", {"component", "foundation", "generation", "id", "ip", "network", "port",
                                              "priority", "protocol", "rel-addr", "rel-port", "type",
                                              "tcptype"}),  # 0371 0.3.1
    (RemoteCandidate, "", "remote-candidate", {"component", "ip", "port"}),
    (RawUdp, RAW, "transport", set()),  # 0177 1.1.1
    (RawCandidate, "", "candidate", {"component", "generation", "id", "ip", "port", "type"}),
    (ZrtpHash, "urn:xmpp:jingle:apps:rtp:zrtp:1", "zrtp-hash", {"version"}),  # 0262 1.0
    (Feedback, FB, "rtcp-fb", {"subtype", "type"}),  # 0293 1.0.2
    (FeedbackInterval, FB, "rtcp-fb-trr-int", {"value"}),
    (HeaderExtension, HX, "rtp-hdrext", {"id", "senders", "uri"}),  # 0294 1.1.2
    (ExtmapAllowMixed, HX, "extmap-allow-mixed", set()),
    (Fingerprint, D, "fingerprint", {"hash", "setup"}),  # 0320 1.0.0
    (Group, "urn:xmpp:jingle:apps:grouping:0", "group", {"semantics"}),  # 0338 1.0.0
    (Source, SS, "source", {"ssrc"}),  # 0339 1.0.1
    (SourceGroup, SS, "ssrc-group", {"semantics"}),
    (GatheringComplete, "urn:xmpp:jingle:transports:ice:0", "gathering-complete", set()),  # 0371 0.3.1
    (Category, "urn:xmpp:jingle:apps:category:0", "category", {"name"}),  # 0507 0.1.0
    (TransferTo, "urn:xmpp:jingle:transfer:0", "transfer", {"from", "sid", "to"}),  # 0251 0.2
    (Dtmf, "urn:xmpp:jingle:dtmf:0", "dtmf", {"code", "duration", "volume"}),  # 0181 0.4
]
# Left out on purpose: transport@ice2 (XEP-0371; the gateway states its own ICE options).

CHILDREN: list[tuple[type, set[str]]] = [
    (Rtp, {"payload-type", "rtcp-mux", "encryption", "bandwidth",                    # 0167
           "rtcp-fb", "rtcp-fb-trr-int",                                             # 0293
           "rtp-hdrext", "extmap-allow-mixed",                                       # 0294
           "source", "ssrc-group",                                                   # 0339
           "category"}),                                                             # 0507
    (Codec, {"parameter", "rtcp-fb", "rtcp-fb-trr-int"}),                            # 0167, 0293
    (Encryption, {"crypto", "zrtp-hash"}),                                           # 0167, 0262
    (Feedback, {"parameter"}),
    (HeaderExtension, {"parameter"}),
    (Source, {"parameter"}),
    (SourceGroup, {"source"}),
    (Ice, {"candidate", "remote-candidate", "fingerprint", "gathering-complete"}),   # 0176, 0320, 0371
    (RawUdp, {"candidate", "fingerprint"}),                                          # 0177, 0320
]

VALUES: list[tuple[type[StrEnum], set[str]]] = [
    (Action, {"content-accept", "content-add", "content-modify", "content-reject", "content-remove", "description-info",
              "security-info", "session-accept", "session-info", "session-initiate", "session-terminate",
              "transport-accept", "transport-info", "transport-reject", "transport-replace"}),   # 0166 1.1.2
    (Senders, {"both", "initiator", "none", "responder"}),
    (Info, {"active", "hold", "mute", "ringing", "unhold", "unmute"}),                           # 0167 1.2.3
    (CandidateType, {"host", "prflx", "relay", "srflx"}),                                        # 0176 1.1.1
    (Setup, {"active", "actpass", "passive"}),                                                   # 0320; not holdconn
    (Initiation, {"propose", "ringing", "proceed", "reject", "retract", "finish", "accept"}),    # 0353 0.8.0
    (Direction, {"sendrecv", "sendonly", "recvonly", "inactive"}),                               # RFC 8866 §6.7
]

ATTRIBUTES: list[tuple[type, str]] = [
    (Codec, "rtpmap"),                   # RFC 8866 §6.6
    (Feedback, "rtcp-fb"),               # RFC 4585 §4.2
    (FeedbackInterval, "rtcp-fb"),
    (Crypto, "crypto"),                  # RFC 4568 §9.1
    (ZrtpHash, "zrtp-hash"),             # RFC 6189 §8
    (HeaderExtension, "extmap"),         # RFC 8285 §8
    (ExtmapAllowMixed, "extmap-allow-mixed"),
    (RtcpMux, "rtcp-mux"),               # RFC 5761 §8
    (Candidate, "candidate"),            # RFC 8839 §5.1
    (Fingerprint, "fingerprint"),        # RFC 8122 §5
    (GatheringComplete, "end-of-candidates"),  # RFC 8840 §4.1
]
# fmt: on


@pytest.mark.parametrize(
    ("cls", "namespace", "name", "attributes"), ELEMENTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_an_element_has_the_attributes_of_its_schema(
    cls: type, namespace: str, name: str, attributes: set[str]
) -> None:
    spelling = SPELLINGS[cls]
    assert spelling.xml == (f"{{{namespace}}}{name}" if namespace else name)
    scalars = {
        field.name.rstrip("_").replace("_", "-") for field in fields(cls) if not field.many and field.record is None
    }
    assert scalars - {spelling.text} == attributes


def test_every_record_with_an_element_is_in_the_list() -> None:
    assert {cls for cls, spelling in SPELLINGS.items() if spelling.xml is not None} == {row[0] for row in ELEMENTS}


@pytest.mark.parametrize(("cls", "names"), CHILDREN, ids=lambda one: getattr(one, "__name__", ""))
def test_an_element_has_the_children_of_its_schemas(cls: type, names: set[str]) -> None:
    held = [SPELLINGS[field.record].xml for field in fields(cls) if field.record is not None]
    assert {(xml or "").rpartition("}")[2] for xml in held} == names


@pytest.mark.parametrize(("vocabulary", "values"), VALUES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_vocabulary_has_the_values_of_its_schema(vocabulary: type[StrEnum], values: set[str]) -> None:
    assert {str(member) for member in vocabulary} == values


def test_every_template_has_the_name_of_its_attribute() -> None:
    declared = {cls: spelling.sdp.partition(":")[0] for cls, spelling in SPELLINGS.items() if spelling.sdp}
    assert declared == dict(ATTRIBUTES)


def test_a_content_has_the_attributes_of_xep_0166() -> None:
    scalars = {field.name for field in fields(Media) if field.record is None}
    scalars.discard("lite")  # SDP's alone
    assert scalars == {"creator", "disposition", "name", "senders"}


def test_the_namespaces_are_distinct() -> None:
    said = [value for name, value in vars(namespaces).items() if name.isupper()]
    assert len(said) == len(set(said))


SCHEMAS = SHARED / "spec" / "xsd" / "fixed"


@pytest.mark.skipif(not SCHEMAS.exists(), reason="the schemas are not here")
@pytest.mark.parametrize(
    ("cls", "namespace", "name", "attributes"), ELEMENTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_our_list_is_the_published_schemas(cls: type, namespace: str, name: str, attributes: set[str]) -> None:
    files = {path: path.read_text() for path in SCHEMAS.glob("urn_xmpp_jingle*.xsd")}
    if namespace:
        files = {path: text for path, text in files.items() if f"targetNamespace='{namespace}'" in text}
    listed = {found for text in files.values() for found in re.findall(r"<xs:attribute\s+name='([\w-]+)'", text)}
    assert attributes <= listed
    elements = {found for text in files.values() for found in re.findall(r"<xs:element\s+name='([\w-]+)'", text)}
    assert name in elements
