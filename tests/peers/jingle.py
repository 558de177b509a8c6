"""Jingle as a test client writes and reads it (XEP-0166, XEP-0167, XEP-0176, XEP-0177, XEP-0320, XEP-0353).

Written after the XEPs and not after the gateway, so that the two cannot share a mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

CLIENT = "jabber:client"
JINGLE = "urn:xmpp:jingle:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"
RTP_INFO = "urn:xmpp:jingle:apps:rtp:info:1"
RAW_UDP = "urn:xmpp:jingle:transports:raw-udp:1"
ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
INITIATION = "urn:xmpp:jingle-message:0"
HINTS = "urn:xmpp:hints"
CAPS = "http://jabber.org/protocol/caps"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
PING = "urn:xmpp:ping"

AUDIO_FEATURES = (
    JINGLE,
    RTP,
    "urn:xmpp:jingle:apps:rtp:audio",
    RAW_UDP,
    ICE_UDP,
    DTLS,
    DISCO_INFO,
    CAPS,
    PING,
)
"What a client that can call, but knows nothing of XEP-0353, advertises."
FEATURES = (*AUDIO_FEATURES, INITIATION)
"What a client that can call advertises."

Payload = tuple[int, str, int]
PCMU: Payload = (0, "PCMU", 8000)
PCMA: Payload = (8, "PCMA", 8000)
TELEPHONE_EVENT: Payload = (101, "telephone-event", 8000)


@dataclass(frozen=True, slots=True)
class Audio:
    """One audio content over plain UDP, as offered or accepted."""

    address: tuple[str, int]
    "Where its RTP is awaited."
    payloads: tuple[Payload, ...] = (PCMU, PCMA, TELEPHONE_EVENT)
    name: str = "voice"
    creator: str = "initiator"
    senders: str = "both"


def content(audio: Audio) -> Element:
    """The <content/> of it (XEP-0167 §5, XEP-0177 §4)."""
    element = Element(f"{{{JINGLE}}}content", {"creator": audio.creator, "name": audio.name, "senders": audio.senders})
    element.append(_description(audio.payloads))
    transport = SubElement(element, f"{{{RAW_UDP}}}transport")
    host, port = audio.address
    SubElement(
        transport,
        f"{{{RAW_UDP}}}candidate",
        {"component": "1", "generation": "0", "id": f"a{port}", "ip": host, "port": str(port)},
    )
    return element


@dataclass(frozen=True, slots=True)
class IceAudio:
    """One audio content as a browser-like client offers it: ICE and DTLS-SRTP."""

    address: tuple[str, int]
    ufrag: str = "8hhy"
    pwd: str = "asd88fgpdd777uzjYhagZg"
    fingerprint: str = ":".join(f"{byte:02X}" for byte in range(32))
    setup: str = "actpass"
    payloads: tuple[Payload, ...] = (PCMU, PCMA, TELEPHONE_EVENT)
    name: str = "0"


def ice_content(audio: IceAudio) -> Element:
    """The <content/> of it (XEP-0176 §5, XEP-0320 §4)."""
    element = Element(f"{{{JINGLE}}}content", {"creator": "initiator", "name": audio.name, "senders": "both"})
    description = _description(audio.payloads)
    SubElement(description, f"{{{RTP}}}rtcp-mux")
    element.append(description)
    transport = SubElement(element, f"{{{ICE_UDP}}}transport", {"ufrag": audio.ufrag, "pwd": audio.pwd})
    fingerprint = SubElement(transport, f"{{{DTLS}}}fingerprint", {"hash": "sha-256", "setup": audio.setup})
    fingerprint.text = audio.fingerprint
    host, port = audio.address
    SubElement(
        transport,
        f"{{{ICE_UDP}}}candidate",
        {
            "component": "1",
            "foundation": "1",
            "generation": "0",
            "id": "el0747fg11",
            "ip": host,
            "network": "0",
            "port": str(port),
            "priority": "2130706431",
            "protocol": "udp",
            "type": "host",
        },
    )
    return element


def _description(payloads: Sequence[Payload]) -> Element:
    description = Element(f"{{{RTP}}}description", {"media": "audio"})
    for number, name, clockrate in payloads:
        payload = SubElement(
            description,
            f"{{{RTP}}}payload-type",
            {"id": str(number), "name": name, "clockrate": str(clockrate)},
        )
        if name == "telephone-event":
            SubElement(payload, f"{{{RTP}}}parameter", {"name": "events", "value": "0-15"})
    return description


def jingle(action: str, sid: str, *children: Element, initiator: str = "", responder: str = "") -> Element:
    """The <jingle/> element."""
    attributes = {"action": action, "sid": sid, "initiator": initiator, "responder": responder}
    element = Element(f"{{{JINGLE}}}jingle", {name: value for name, value in attributes.items() if value})
    element.extend(children)
    return element


def reason(condition: str, text: str = "") -> Element:
    """The <reason/> element (XEP-0166 §7.4)."""
    element = Element(f"{{{JINGLE}}}reason")
    SubElement(element, f"{{{JINGLE}}}{condition}")
    if text:
        SubElement(element, f"{{{JINGLE}}}text").text = text
    return element


def info(name: str) -> Element:
    """What a session-info of an RTP session holds: ringing, hold, mute … (XEP-0167 §8)."""
    return Element(f"{{{RTP_INFO}}}{name}")


def initiation(name: str, sid: str, *children: Element) -> Element:
    """An element of Jingle message initiation: propose, ringing, proceed … (XEP-0353)."""
    element = Element(f"{{{INITIATION}}}{name}", {"id": sid})
    element.extend(children)
    return element


def kinds(*media: str) -> list[Element]:
    """The descriptions of a propose, which name only kinds of media (XEP-0353 §3.1)."""
    return [Element(f"{{{RTP}}}description", {"media": medium}) for medium in media]


def disco_info(node: str = "") -> Element:
    """The question what an entity is and can (XEP-0030)."""
    return Element(f"{{{DISCO_INFO}}}query", {"node": node} if node else {})


def local(tag: str) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2]


def condition(element: Element | None) -> str:
    """The condition inside a <reason/> or <error/>, found below `element`; empty: there is none."""
    if element is None:
        return ""
    for found in element.iter():
        if local(found.tag) in ("reason", "error"):
            return next((local(child.tag) for child in found if local(child.tag) != "text"), "")
    return ""


def text(element: Element | None) -> str:
    """The <text/> beside that condition."""
    if element is None:
        return ""
    for found in element.iter():
        if local(found.tag) in ("reason", "error"):
            return next((child.text or "" for child in found if local(child.tag) == "text"), "")
    return ""


def address(jingle_element: Element) -> tuple[str, int] | None:
    """Where the first content wants its RTP: the first candidate of component 1."""
    for found in jingle_element.iter():
        if local(found.tag) == "candidate" and found.get("component") == "1":
            return found.get("ip", ""), int(found.get("port", "0"))
    return None


def payload_types(jingle_element: Element) -> list[int]:
    """The payload types of the first description, in order."""
    description = next(jingle_element.iter(f"{{{RTP}}}description"), None)
    if description is None:
        return []
    return [int(found.get("id", "-1")) for found in description.findall(f"{{{RTP}}}payload-type")]


def content_name(jingle_element: Element) -> str:
    """The name of the first content."""
    found = jingle_element.find(f"{{{JINGLE}}}content")
    return found.get("name", "") if found is not None else ""
