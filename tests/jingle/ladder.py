"""A Jingle leg on a virtual clock, the XMPP user opposite, and what passes between them in a word each."""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import count
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring, tostring

from lxml import etree

from gateway.jingle import description
from gateway.jingle.leg import JingleLeg, JingleTimers
from gateway.jingle.session import Out
from gateway.signals import Answer, Candidates, Digit, End, Offer, Signal
from gateway.stanza import Stanza, error, read_error
from mappings.description import Description

DOMAIN = "phones.example.org"
NUMBER = f"+15550100200@{DOMAIN}"
LOCAL = f"{NUMBER}/sip"
USER = "nora@example.net"
PHONE = f"{USER}/phone"
LAPTOP = f"{USER}/laptop"
STRANGER = "mallory@example.net/x"
SID = "4f6b2c1e-0d57-4f0a-9c5e-2a7b1c3d4e5f"
TIMERS = JingleTimers()

FINGERPRINT = ":".join(f"{number:02X}" for number in range(32))
SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "spec" / "xsd" / "fixed" / "all.xsd"
UNDECLARED = ("http://jabber.org/protocol/caps", "urn:xmpp:receipts", "urn:ietf:params:xml:ns:xmpp-stanzas")


def candidate(number: int = 1, component: int = 1) -> str:
    return (
        f"<candidate component='{component}' foundation='{number}' generation='0' id='c{number}' ip='192.0.2.{number}' "
        f"network='0' port='4000{number}' priority='21300000{number}' protocol='udp' type='host'/>"
    )


def ice(*candidates: str, setup: str = "actpass", ufrag: str = "uf01", pwd: str = "secretsecretsecret0001") -> str:
    fingerprint = (
        f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='{setup}'>{FINGERPRINT}</fingerprint>"
    )
    credentials = f" ufrag='{ufrag}' pwd='{pwd}'" if ufrag else ""
    return (
        f"<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'{credentials}>"
        f"{fingerprint if setup else ''}{''.join(candidates)}</transport>"
    )


RAW = (
    "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
    "<candidate component='1' generation='0' id='r1' ip='192.0.2.9' port='40100'/></transport>"
)


def rtp(media: str = "audio") -> str:
    payload = "<payload-type id='0' name='PCMU' clockrate='8000'/><payload-type id='8' name='PCMA' clockrate='8000'/>"
    if media == "video":
        payload = "<payload-type id='96' name='VP8' clockrate='90000'/>"
    return f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{media}'>{payload}</description>"


def content(
    name: str = "voice", description: str | None = None, transport: str | None = None, attributes: str = ""
) -> str:
    inside = (rtp() if description is None else description) + (ice() if transport is None else transport)
    return f"<content creator='initiator' name='{name}'{attributes}>{inside}</content>"


def element(action: str, xml: str = "", *, sid: str = SID, attributes: str = "") -> Element:
    return fromstring(f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'{attributes}>{xml}</jingle>")


def describe(*contents: str) -> Description:
    """The description in these contents, as gateway.jingle reads it."""
    return description.read(element("session-initiate", "".join(contents) or content()))[0]


class User:
    """A device of the XMPP user: makes the stanzas that it sends."""

    def __init__(self, jid: str = PHONE, *, to: str = LOCAL) -> None:
        self.jid = jid
        self.to = to
        self._ids = count(1)

    def set(self, action: str, xml: str = "", *, sid: str = SID, type: str = "set", attributes: str = "") -> Stanza:
        """An IQ with a Jingle request."""
        jingle = element(action, xml, sid=sid, attributes=attributes)
        return Stanza(kind="iq", type=type, id=f"u{next(self._ids)}", sender=self.jid, to=self.to, children=(jingle,))

    def terminate(self, reason: str = "success", text: str = "") -> Stanza:
        """A session-terminate."""
        said = f"<text>{text}</text>" if text else ""
        return self.set("session-terminate", f"<reason><{reason}/>{said}</reason>" if reason else "")

    def message(
        self,
        kind: str,
        inside: str = "",
        *,
        sid: str = SID,
        type: str = "chat",
        to: str | None = None,
        more: str = "",
        id: str | None = None,
    ) -> Stanza:
        """A message of initiation."""
        xml = f"<all><{kind} xmlns='urn:xmpp:jingle-message:0' id='{sid}'>{inside}</{kind}>{more}</all>"
        return Stanza(
            kind="message",
            type=type,
            id=f"m{next(self._ids)}" if id is None else id,
            sender=self.jid,
            to=to or self.to,
            children=tuple(fromstring(xml)),
        )

    def propose(self, *media: str, sid: str = SID, more: str = "") -> Stanza:
        """A propose to the bare JID of the number."""
        named = "".join(
            f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{medium}'/>" for medium in media or ("audio",)
        )
        return self.message("propose", named, sid=sid, to=NUMBER, more=more)

    def presence(self, type: str = "") -> Stanza:
        """A presence towards the number."""
        return Stanza(kind="presence", type=type, sender=self.jid, to=self.to)


def jmi_reason(name: str, text: str = "") -> str:
    said = f"<text>{text}</text>" if text else ""
    return f"<reason xmlns='urn:xmpp:jingle:1'><{name}/>{said}</reason>" if name else ""


class Ladder:
    """A leg, its clock, and every stanza and signal that it has said."""

    def __init__(self, leg: JingleLeg) -> None:
        self.leg = leg
        self.now = 1000.0
        self.said: Out = []

    def receive(self, stanza: Stanza) -> list[str]:
        """What the leg says to a stanza, in a word each."""
        return self._noted(self.leg.receive(stanza, self.now))

    def send(self, signal: Signal) -> list[str]:
        """What it says to a signal of the other side."""
        return self._noted(self.leg.send(signal, self.now))

    def wait(self, seconds: float) -> list[str]:
        """What it says while time goes by."""
        until, words = self.now + seconds, []
        while self.leg.deadline is not None and self.leg.deadline <= until:
            self.now = max(self.now, self.leg.deadline)
            words += self._noted(self.leg.expire(self.now))
        self.now = until
        return words

    def gone(self) -> None:
        """The peer's presence goes away."""
        self.leg.peer_gone(self.now)

    def acknowledge(self, sender: str = PHONE) -> list[str]:
        """Results for every request of ours that has none yet."""
        words = []
        for id in list(self.leg._session.waiting):
            words += self.receive(Stanza(kind="iq", type="result", id=id, sender=sender, to=LOCAL))
        return words

    def refuse(
        self, condition: str, *, detail: str | None = None, sender: str | None = None, text: str = ""
    ) -> list[str]:
        """An error for our last request."""
        request = self.request()
        reply = error(request, condition, text or None, detail=detail)
        return self.receive(
            Stanza(
                kind="iq",
                type="error",
                id=reply.id,
                sender=sender or reply.sender,
                to=reply.to,
                children=reply.children,
            )
        )

    def request(self) -> Stanza:
        """Our last request."""
        return next(
            item
            for item in reversed(self.said)
            if isinstance(item, Stanza) and item.kind == "iq" and item.type == "set"
        )

    def stanza(self) -> Stanza:
        """The last stanza that the leg sent."""
        return next(item for item in reversed(self.said) if isinstance(item, Stanza))

    def signal(self) -> Signal:
        """The last signal that the leg said."""
        return next(item for item in reversed(self.said) if not isinstance(item, Stanza))

    def end(self) -> End:
        """The End that the leg said."""
        (end,) = (item for item in self.said if isinstance(item, End))
        return end

    def _noted(self, out: Iterable[Stanza | Signal]) -> list[str]:
        words = []
        for item in out:
            if isinstance(item, Stanza):
                check(item)
            self.said.append(item)
            words.append(word(item))
        return words


def check(stanza: Stanza) -> None:
    """What holds for every stanza that a leg sends: addresses, an id where one is needed, and the schemas."""
    assert stanza.sender.partition("/")[0].endswith("@" + DOMAIN)
    assert stanza.to
    assert stanza.id or stanza.kind == "presence"
    if stanza.kind == "message" and stanza.type != "error":
        assert stanza.type == "chat"
        assert stanza.sender == LOCAL
        assert stanza.child("{urn:xmpp:hints}store") is not None
    schema = _schema()
    if schema is None or stanza.type == "error":
        return
    for child in stanza.children:
        if child.tag[1:].partition("}")[0] in UNDECLARED:
            continue
        document = etree.fromstring(tostring(child))
        assert schema.validate(document), (str(schema.error_log), etree.tostring(document))


@cache
def _schema() -> etree.XMLSchema | None:
    return etree.XMLSchema(etree.parse(SCHEMAS)) if SCHEMAS.exists() else None


def word(item: Stanza | Signal) -> str:
    """A stanza or signal, as a ladder would show it."""
    match item:
        case Stanza(kind="iq", type="set"):
            return _request(item.children[0])
        case Stanza(kind=kind, type="error"):
            failure = read_error(item)
            details = [detail.rpartition("}")[2] for detail in failure.details]
            return " ".join([*(["message"] if kind == "message" else []), "error", failure.condition, *details])
        case Stanza(kind="iq"):
            return item.type
        case Stanza(kind="presence"):
            return f"presence {item.type}".rstrip()
        case Stanza():
            return _message(item.children[0])
        case End():
            return f"End {item.reason}{'' if item.status is None else f' {item.status}'}"
        case Offer() | Answer() if item.description is not None:
            return f"{type(item).__name__} {' '.join(media.name for media in item.description.media)}".rstrip()
        case Digit():
            return f"Digit {item.digit} {item.duration}"
        case Candidates():
            return f"Candidates {' '.join(item.by_media)}"
        case _:
            return type(item).__name__


def _request(jingle: Element) -> str:
    words = [jingle.get("action", "")]
    for child in jingle:
        name = child.tag.rpartition("}")[2]
        if name == "content":
            words.append(child.get("name", ""))
        elif name == "reason":
            words.append(child[0].tag.rpartition("}")[2])
        elif name != "group":
            words.append(name)
    return " ".join(words)


def _message(said: Element) -> str:
    words = [said.tag.rpartition("}")[2]]
    for child in said:
        name = child.tag.rpartition("}")[2]
        words.append(child[0].tag.rpartition("}")[2] if name == "reason" else child.get("media") or name)
    return " ".join(words)


def reason_text(stanza: Stanza) -> str | None:
    """The text of the reason in a Jingle request or message of initiation."""
    return next((found.text for found in stanza.children[0].iter("{urn:xmpp:jingle:1}text")), None)


def ids() -> str:
    return "0" * 32


def answering(first: Stanza, **more: object) -> Ladder:
    """A leg for a call of an XMPP user."""
    return Ladder(
        JingleLeg.answering(name="c1", request=first, local=LOCAL, new_id=ids, settings=TIMERS, **more)  # type: ignore[arg-type]
    )


def calling(
    *,
    peer: str = USER,
    direct: bool = False,
    nick: str | None = None,
    announce: tuple[Element, ...] = (),
    known: bool = False,
    knows: Callable[[str, str], bool] = lambda jid, feature: False,
) -> Ladder:
    """A leg for a call to an XMPP user."""
    return Ladder(
        JingleLeg.calling(
            name="c1",
            sid=SID,
            local=LOCAL,
            peer=peer,
            direct=direct,
            nick=nick,
            announce=announce,
            known=known,
            new_id=ids,
            settings=TIMERS,
            knows=knows,
        )
    )
