"""Messages that chance has mutilated, thrown at a whole gateway: nothing of ours fails, and nothing of them stays."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest

from gateway.sip.flow import Flow
from gateway.sip.message import SipRequest, parse, respond
from gateway.stanza import Stanza
from tests.jingle.ladder import content, ice
from tests.net.desk import HERE, STRANGER, TRUNK, Desk, desk
from tests.net.rig import scenario, until

OWN: Final = Path(__file__).parent.parent / "torture" / "sip"
CALLER: Final = "nora@home.example"
NUMBER: Final = "+15550100@gw.example"

NASTY: Final = (
    "", " ", "\r\nInjected: yes", "\n\na=injected", "\x85", "\u2028", "x" * 10_000, "'\"<>&]]>", "-1", "1e9",
    "99999999999999999999", "\u0663", "%00", "%0d%0aInjected: yes", "*", "@", "/", "a@b@c/d", "\\40", ";tag=x",
    "gw.example", NUMBER, f"{NUMBER}/sip", CALLER, f"{CALLER}/phone", "both", "urn:xmpp:jingle:1",
)  # fmt: skip

UNWRITABLE: Final = ("\ufffe", "\x01", "\x0b", "\ud800", "\x00", "\x7f")
"What XML cannot hold, and SIP can."


def jingle(action: str, sid: str, *inside: str) -> str:
    return f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'>{''.join(inside)}</jingle>"


REASON = "<reason><success/><text>bye</text></reason>"
JINGLES: Final = (
    ("session-initiate", content()),
    ("session-initiate", content(attributes=" senders='both'")),
    ("transport-info", content(description="", transport=ice())),
    ("session-info", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"),
    ("content-add", content("more")),
    ("content-remove", "<content creator='initiator' name='voice'/>"),
    ("content-modify", "<content creator='initiator' name='voice' senders='none'/>"),
    ("transport-replace", content(description="")),
    ("description-info", content()),
    ("session-accept", content()),
    ("session-terminate", REASON),
)
SIP_HEAD: Final = (
    'Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK{n}\r\nFrom: "N" <sip:n@127.0.0.2>;tag={n}\r\n'
    "To: <sip:+15550100@gw.example>\r\nCall-ID: {n}@h\r\nCSeq: {n} {method}\r\nMax-Forwards: 70\r\n"
    "P-Asserted-Identity: <tel:+1555>\r\nRemote-Party-ID: <sip:r@h>;privacy=name\r\nPrivacy: none\r\n"
    'Diversion: "D" <sip:d@h>;reason=away\r\nHistory-Info: <sip:a@h>;index=1, <sip:b@h;cause=486>;index=2;mp=1\r\n'
)
OUTSIDE_CALLS: Final = (
    ("MESSAGE", "Content-Type: text/plain;charset=utf-8\r\nSubject: s\r\nContent-Language: de\r\n", "Hm \u2600"),
    ("MESSAGE", "Content-Type: message/cpim\r\n", "From: x\r\nSubject: s\r\n\r\nContent-Type: text/plain\r\n\r\nHm"),
    (
        "NOTIFY",
        "Event: message-summary\r\nSubscription-State: active;expires=9\r\n"
        "Content-Type: application/simple-message-summary\r\n",
        "Messages-Waiting: yes\r\nMessage-Account: sip:*97@h\r\nVoice-Message: 2/8 (1/1)\r\n",
    ),
)
INITIATIONS: Final = ("propose", "ringing", "proceed", "retract", "reject", "finish")
CAPS: Final = (
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>"
)


def stanza(chance: random.Random) -> Element:
    """One that a client could send."""
    sid = f"sid{chance.randrange(6)}"
    sender = f"{chance.choice((CALLER, CALLER, 'eve@far.example'))}/{chance.choice(('phone', 'desk'))}"
    to = chance.choice((NUMBER, f"{NUMBER}/sip", "gw.example"))
    head = f"id='i{chance.randrange(99)}' from='{sender}' to='{to}'"
    match chance.randrange(9):
        case 8:
            said = "<subject>s</subject><body xml:lang='de'>Hm &amp; ha</body><thread>t@h</thread>"
            return fromstring(f"<message type='chat' {head}>{said}<request xmlns='urn:xmpp:receipts'/></message>")
        case 0 | 1 | 2:
            action, inside = chance.choice(JINGLES)
            return fromstring(f"<iq type='set' {head}>{jingle(action, sid, inside)}</iq>")
        case 3 | 4:
            kind = chance.choice(INITIATIONS)
            media = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"
            inside = media if kind == "propose" else REASON
            said = f"<{kind} xmlns='urn:xmpp:jingle-message:0' id='{sid}'>{inside}</{kind}>"
            return fromstring(f"<message type='chat' {head}>{said}<request xmlns='urn:xmpp:receipts'/></message>")
        case 5:
            type = chance.choice(("", "unavailable", "subscribe", "unsubscribed", "probe", "error"))
            return fromstring(
                f"<presence type='{type}' {head}>{CAPS}<show>away</show><priority>1</priority></presence>"
            )
        case 6:
            query = "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='a'/></query>"
            return fromstring(f"<iq type='{chance.choice(('get', 'set', 'result', 'error'))}' {head}>{query}</iq>")
        case _:
            error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>sip:x@y</gone></error>"
            return fromstring(f"<message type='error' {head}>{error}</message>")


def mutilated(element: Element, chance: random.Random) -> Element:
    """The same with some of it gone, doubled, renamed or said otherwise; who it is from and to stays."""
    for _ in range(chance.randrange(4)):
        inside = [found for found in element.iter() if found is not element]
        if not inside:
            break
        found = chance.choice(inside)
        match chance.randrange(6):
            case 0 | 1 if found.attrib:
                found.set(chance.choice(list(found.attrib)), chance.choice(NASTY))
            case 2 if found.attrib:
                del found.attrib[chance.choice(list(found.attrib))]
            case 3:
                found.text = chance.choice(NASTY)
            case 4:
                found.tag = chance.choice(("x", "{urn:x}y", *[other.tag for other in inside]))
            case _ if len(found):
                child = found[chance.randrange(len(found))]
                found.remove(child) if chance.randrange(2) else found.append(child)
            case _:
                pass
    return element


def value(element: Element) -> Stanza:
    """As the stream hands it over."""
    attributes = element.attrib
    return Stanza(
        kind=element.tag,  # type: ignore[arg-type]
        type=attributes.get("type", ""),
        id=attributes.get("id", ""),
        sender=attributes["from"],
        to=attributes["to"],
        children=tuple(element),
    )


def outside_calls(number: int, chance: random.Random) -> bytes:
    """A request that belongs to no call."""
    method, headers, body = chance.choice(OUTSIDE_CALLS)
    head = SIP_HEAD.format(n=number, method=method)
    return f"{method} sip:+15550100@gw.example SIP/2.0\r\n{head}{headers}\r\n{body}".encode()


def mangled(data: bytes, chance: random.Random) -> bytes:
    """The same with octets changed, gone, doubled, or a line said otherwise."""
    changed = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(changed) or 1)
        match chance.randrange(5):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                del changed[at : at + chance.randrange(30)]
            case 2:
                changed[at:at] = changed[at : at + chance.randrange(200)]
            case 3:
                changed[at:at] = chance.choice(
                    (b"\0", b"\r", b"\n", b'"', b"<", b";", b",", b"\xff", b"%", b" ", b"\r\n ")
                )
            case _:
                lines = bytes(changed).split(b"\r\n")
                line = chance.randrange(len(lines))
                name = lines[line].partition(b":")[0]
                lines[line] = (
                    name
                    + b": "
                    + chance.choice((*NASTY, *UNWRITABLE)).encode("utf-8", "surrogatepass").replace(b"\r\n", b" ")
                )
                changed = bytearray(b"\r\n".join(lines))
    return bytes(changed)


def state(it: Desk) -> dict[str, int]:
    """What there is of everything that has to go away, and of what is remembered."""
    calls: Any = it.app.calls
    sip: Any = it.app.sip
    return {
        "calls": len(calls),
        "kept of calls": len(calls.doors) + len(calls._by_user) + len(calls._tasks),
        "transactions": sip.transactions,
        "owners": len(sip._owners) + len(sip._forks),
        "texts": len(it.app.texts),
        "tasks": len(asyncio.all_tasks()) - 1,
    }


async def rest(it: Desk) -> None:
    """Everything ends, and enough time passes."""
    it.app.calls.end_all()
    it.app.admission.draining = False
    await it.app.texts.emptied(0.0)
    await it.app.calls.emptied(0.1)  # which cuts off those whose peers would have to answer first
    clock = it.app.sip._clock
    for hundreds in range(1, 4):
        it.app.sip._expire(clock() + hundreds * 100.0)
    await until(lambda: not any(state(it).values()))


def no_line_breaks_out(datagram: bytes) -> bool:
    """Whether nothing that was to be smuggled into what leaves became a line of it; a text has what lines it likes."""
    if datagram.startswith(b"MESSAGE "):
        datagram = datagram.partition(b"\r\n\r\n")[0]
    return re.search(rb"(?im)^(?:injected|a=injected)", datagram) is None


@pytest.mark.conformance("ROB-01", "ROB-06")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_nothing_of_ours_fails_and_nothing_stays(seed: int) -> None:
    _throw(seed)


def _throw(seed: int) -> None:
    chance = random.Random(seed)
    seeds = [path.read_bytes() for path in sorted(OWN.glob("*.dat"))]
    pending: list[bytes] = []

    async def throw() -> None:
        async with desk(trunk="messages = true\nmessage_waiting = true") as it:
            await it.peer(TRUNK)
            await it.peer(STRANGER)

            def answer(data: bytes, flow: Flow) -> None:
                assert no_line_breaks_out(data), data
                if data[:9] not in (b"SIP/2.0 4", b"SIP/2.0 5"):  # which copy what was wrong
                    parse(data)
                    pending.append(data)

            it.app.sip._sockets.send = answer  # type: ignore[method-assign]
            listener = f"{HERE}:{it.port()}"
            for turn in range(1_500):
                host = chance.choice((TRUNK, TRUNK, STRANGER))
                flow = Flow("UDP", host, 5060, listener)
                match chance.randrange(7):
                    case 6:
                        it.app.sip.arrivals.datagram(mangled(outside_calls(turn, chance), chance), flow)
                    case 0 | 1 | 2:
                        it.app.reception.stanza(value(mutilated(stanza(chance), chance)))
                    case 3:
                        it.app.sip.arrivals.datagram(mangled(chance.choice(seeds), chance), flow)
                    case 4:
                        it.app.sip.arrivals.datagram(mangled(it.invite(f"f{turn}", TRUNK), chance), flow)
                    case _ if pending:
                        it.app.sip.arrivals.datagram(mangled(reply(chance.choice(pending[-20:]), chance), chance), flow)
                    case _:
                        pass
                if turn % 5 == 0:
                    await asyncio.sleep(0)
                if it.stream.said and chance.randrange(4) == 0:
                    it.app.reception.stanza(
                        value(mutilated(returned(chance.choice(it.stream.said[-20:]), chance), chance))
                    )
            for said in it.stream.said:
                for child in said.children:
                    fromstring(tostring(child, encoding="unicode"))  # it is XML, whatever stands in it
            await rest(it)
            assert state(it) == dict.fromkeys(state(it), 0)

    scenario(throw)()


def reply(data: bytes, chance: random.Random) -> bytes:
    """What a phone says to a datagram of ours."""
    message = parse(data)
    if isinstance(message, SipRequest):
        status = chance.choice((100, 180, 183, 200, 200, 302, 401, 404, 486, 488, 491, 503, 603))
        body = b"v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n"
        headers = (("Contact", "<sip:x@127.0.0.2:5060>"), ("WWW-Authenticate", 'Digest realm="r", nonce="n"'))
        return respond(
            message, status, tag="theirs", headers=headers, body=body, content_type="application/sdp"
        ).encode()
    lines = [("Via", f"SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK{chance.getrandbits(64):x}")]
    lines += [header for header in message.headers if header[0] in ("From", "To", "Call-ID")]
    method = chance.choice(("ACK", "BYE", "INFO", "INVITE", "OPTIONS", "UPDATE"))
    number = chance.randrange(1, 5)
    return SipRequest(method, "sip:x@gw.example", (*lines, ("CSeq", f"{number} {method}"))).encode()


def returned(said: Stanza, chance: random.Random) -> Element:
    """What a client says to a stanza of ours, or what its server sends back."""
    type = chance.choice(("result", "error")) if said.kind == "iq" else "error"
    element: Element = Element(str(said.kind), {"type": type, "id": said.id, "from": said.to, "to": said.sender})
    if type == "error":
        if said.kind == "message" and chance.randrange(3) == 0:
            receipt = f"<received xmlns='urn:xmpp:receipts' id='{said.id}'/>"
            head = f"id='r' from='{said.to}' to='{said.sender}'"
            return fromstring(f"<message {head}>{receipt}</message>")
        condition = chance.choice(("item-not-found", "service-unavailable", "conflict", "redirect"))
        element.append(
            fromstring(f"<error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>sip:x</{condition}></error>")
        )
    return element
