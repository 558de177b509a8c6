"""What the clients' own code checks: one rule a function, which yields what it would choke on in a stanza."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from tests.flows import dialects
from tests.peers import jingle
from tests.peers.jingle_client import Seen

CANDIDATE_TYPES = ("host", "srflx", "prflx", "relay")
LONGEST_NAME = 16
_FINGERPRINT = f"{{{jingle.DTLS}}}fingerprint"


@dataclass
class Known:
    """What a client knows of its one call."""

    jid: str
    "Its own full one."

    role: str = "responder"
    peer: str = ""
    "Who the first message of the call came from."

    offered: Element | None = None
    "Its own session-initiate."

    contents: dict[str, str] = field(default_factory=dict)
    "What both have: kinds by name."

    senders: dict[str, str] = field(default_factory=dict)
    adding: dict[str, tuple[str, str]] = field(default_factory=dict)
    "Its own content-add, while it is open: kind and senders by name."

    added: dict[str, tuple[str, str]] = field(default_factory=dict)
    "The gateway's, likewise."


Rule = Callable[[Known, Seen], Iterator[str]]


def contents(seen: Seen) -> list[Element]:
    """Its contents."""
    return [] if seen.jingle is None else seen.jingle.findall(f"{{{jingle.JINGLE}}}content")


def kind(content: Element) -> str:
    """What a content is of; empty: it does not say."""
    described = content.find(f"{{{jingle.RTP}}}description")
    return "" if described is None else described.get("media", "")


def summary(several: list[Element]) -> dict[str, tuple[str, str]]:
    """Kind and senders by name."""
    return {one.get("name", ""): (kind(one), one.get("senders", "both")) for one in several}


def carried(content: Element) -> Element | None:
    """Its transport."""
    return next((child for child in content if jingle.local(child.tag) == "transport"), None)


def groups(found: Element | None) -> list[Element]:
    """The groups of a <jingle/>."""
    return [] if found is None else [child for child in found if jingle.local(child.tag) == "group"]


# ----------------------------------------------------------------------------------------------------------- everybody


def addressed(known: Known, seen: Seen) -> Iterator[str]:
    """Conversations' deliverMessage, Dino's session_accepted: to the device itself, and always from the same one."""
    if seen.jingle is None and seen.initiation is None:
        return
    proposed = seen.initiation is not None and jingle.local(seen.initiation.tag) == "propose"
    if not proposed and seen.to != known.jid:
        yield f"is for {seen.to}"
    known.peer = known.peer or seen.sender
    if seen.sender != known.peer or "/" not in seen.sender:
        yield f"comes from {seen.sender}, and before from {known.peer}"


def named(known: Known, seen: Seen) -> Iterator[str]:
    """Names are tokens, and not long; payload types are numbers; each thing stands once."""
    for content in contents(seen):
        name = content.get("name", "")
        own = known.role == "initiator" and name in known.contents
        if not name or (not own and (" " in name or len(name) > LONGEST_NAME)):
            yield f"name {name!r}"
        numbers = [found.get("id", "") for found in content.iter(f"{{{jingle.RTP}}}payload-type")]
        if not all(number.isdigit() and int(number) < 128 for number in numbers) or len(set(numbers)) < len(numbers):
            yield f"payload types {numbers}"
        if any(len(content.findall(f"{{*}}{part}")) > 1 for part in ("description", "transport")):
            yield "two of a kind in a content"


def found(known: Known, seen: Seen) -> Iterator[str]:
    """TigaseSwift's foundations; Dino's types; what XEP-0176 requires."""
    for candidate in seen.element.iter(f"{{{jingle.ICE_UDP}}}candidate"):
        if not candidate.get("foundation", "").isdigit():
            yield f"foundation {candidate.get('foundation')!r}"
        if candidate.get("type") not in CANDIDATE_TYPES or candidate.get("protocol") != "udp":
            yield f"a candidate of {candidate.get('type')!r} by {candidate.get('protocol')!r}"
        missing = {"component", "generation", "id", "ip", "network", "port", "priority"} - set(candidate.keys())
        if missing:
            yield f"a candidate without {', '.join(sorted(missing))}"


def trickled(known: Known, seen: Seen) -> Iterator[str]:
    """Monal's two credentials and one candidate; Dino's one content and no fingerprint."""
    if seen.action != "transport-info":
        return
    several = contents(seen)
    if len(several) != 1:
        yield f"{len(several)} contents"
    for content in several:
        transport = carried(content)
        if transport is None or content.get("name", "") not in known.contents | known.added | known.adding:
            yield "a transport of no content"
            continue
        if transport.tag == f"{{{jingle.ICE_UDP}}}transport":
            if not (transport.get("ufrag") and transport.get("pwd")):
                yield "without ufrag and pwd"
            if len(transport.findall(f"{{{jingle.ICE_UDP}}}candidate")) > 1:
                yield "more than one candidate"
        if transport.find(_FINGERPRINT) is not None:
            yield "a fingerprint"


def secured(content: Element, *setups: str) -> Iterator[str]:
    """Conversations' requireDTLSFingerprint; TigaseSwift drops one without a setup."""
    transport = carried(content)
    print_ = None if transport is None else transport.find(_FINGERPRINT)
    if print_ is None or not print_.text or not print_.get("hash"):
        yield "no fingerprint"
    elif print_.get("setup") not in setups:
        yield f"setup {print_.get('setup')!r}"
    if content.find(f".//{{{jingle.RTP}}}crypto") is not None:
        yield "keys beside a certificate"


def accepted(known: Known, seen: Seen) -> Iterator[str]:
    """What was offered is answered, no more and no less; the group, too; the first codec is one of ours (Dino)."""
    if seen.action != "session-accept":
        return
    offered = known.offered if known.offered is not None else Element("offer")  # who was called answers Movim so, too
    before = dict(known.contents)
    before |= {name: what for name, (what, _) in known.adding.items()}
    now = {one.get("name", ""): kind(one) for one in contents(seen)}
    if now != before:
        yield f"{now} for {before}"
    if known.offered is not None and bool(groups(seen.jingle)) is not bool(groups(offered)):
        yield "a group that was not offered, or none where there was one"
    protected = offered.find(f".//{_FINGERPRINT}") is not None
    known_numbers = {found.get("id") for found in offered.iter(f"{{{jingle.RTP}}}payload-type")}
    for content in contents(seen):
        if protected:
            yield from secured(content, "active", "passive")
        elif known.offered is not None and content.find(f".//{_FINGERPRINT}") is not None:
            yield "a fingerprint that nobody asked for"
        numbers = [found.get("id") for found in content.iter(f"{{{jingle.RTP}}}payload-type")]
        if not numbers or (kind(content) == "audio" and known_numbers and not known_numbers.issuperset(numbers)):
            yield f"payload types {numbers}"
        transport = carried(content)
        if transport is None or not (transport.get("ufrag") and transport.get("pwd")):
            yield "no ufrag and pwd"


def initiated(known: Known, seen: Seen) -> Iterator[str]:
    """What a session-initiate has to hold for clients that take no second look."""
    if seen.action != "session-initiate":
        return
    assert seen.jingle is not None
    if seen.jingle.get("initiator") != seen.sender:
        yield f"initiator {seen.jingle.get('initiator')} (Converse replies to it)"
    for content in contents(seen):
        transport = carried(content)
        if transport is None or not (transport.get("ufrag") and transport.get("pwd")):
            yield "no ufrag and pwd"
        elif not any(jingle.local(one.tag) == "candidate" for one in transport):
            yield "no candidate inside"


def protected(known: Known, seen: Seen) -> Iterator[str]:
    """What an offer has to say to a client of WebRTC."""
    if seen.action == "session-initiate":
        for content in contents(seen):
            yield from secured(content, "actpass")


def plain(known: Known, seen: Seen) -> Iterator[str]:
    """Gajim's and Psi's: they have neither certificates nor keys."""
    if seen.action in ("session-initiate", "session-accept") and seen.element.find(f".//{_FINGERPRINT}") is not None:
        yield "a fingerprint"


def gajim(known: Known, seen: Seen) -> Iterator[str]:
    """jingle_session.py and call_manager.py of 1.7: an end of any other reason leaves it as it was."""
    if seen.action == "session-terminate" and seen.condition not in ("success", "decline"):
        yield f"an end that it does not hear: {seen.condition}"


def tidy(known: Known, seen: Seen) -> Iterator[str]:
    """Each part of a content that is changed is there, and refers to something."""
    if seen.action in ("content-modify", "content-remove", "description-info"):
        for content in contents(seen):
            if content.get("name", "") not in known.contents | known.added:
                yield f"of {content.get('name')!r}, which is not there"


EVERYBODY: tuple[Rule, ...] = (addressed, named, found, trickled, accepted, initiated, tidy)


# ----------------------------------------------------------------------------------------------------------- one by one


def conversations(known: Known, seen: Seen) -> Iterator[str]:
    """JingleRtpConnection and RtpContentMap: every mismatch there ends the call."""
    several = contents(seen)
    if seen.action.startswith("content-") and seen.action != "content-modify":
        for content in several:
            transport = carried(content)
            if transport is None or transport.tag != f"{{{jingle.ICE_UDP}}}transport":
                yield "content does not contain ICE-UDP transport"
            if not kind(content):
                yield "lacking content description"
    match seen.action:
        case "content-add":
            if known.contents.keys() & summary(several).keys():
                yield "contents with these names already exist"
            for content in several:
                yield from secured(content, "actpass", "active", "passive")
        case "content-accept" | "content-reject":
            if summary(several) != known.adding:
                yield f"{summary(several)} is no answer to {known.adding}"
        case "content-remove":
            if summary(several) != known.added:
                yield "only supports content-remove as a means to retract a not yet accepted content-add"
        case "content-modify":
            for content in several:
                name, wanted = content.get("name", ""), content.get("senders", "both")
                was = known.senders.get(name, "both")
                if was != wanted and {was, wanted} != {"both", known.role}:
                    yield f"unsupported senders modification {was} -> {wanted}"
        case _:
            pass


def monal(known: Known, seen: Seen) -> Iterator[str]:
    """Its reader in Rust, which fails with the whole stanza, or panics."""
    if seen.action in ("session-initiate", "session-accept"):
        if any(content.get("senders") == "none" for content in contents(seen)):
            yield "senders none"
        for parameter in seen.element.iter(f"{{{jingle.RTP}}}parameter"):
            if not parameter.get("name") or not parameter.get("value"):
                yield f"a parameter {parameter.attrib}"


def dino(known: Known, seen: Seen) -> Iterator[str]:
    """libdino's session.vala: one content at a time, and the creator that it knows."""
    if seen.action.startswith(("content-", "transport-")) or seen.action == "description-info":
        several = contents(seen)
        if len(several) != 1:
            yield "can't process multiple content nodes"
        known_names = known.contents if seen.action != "content-add" else {}
        for content in several:
            if content.get("name", "") in known_names and content.get("creator") != "initiator":
                yield f"mismatching creator of {content.get('name')!r}"


RULES: dict[str, tuple[Rule, ...]] = {
    dialects.CONVERSATIONS.client: (protected, conversations, monal),
    dialects.MONAL.client: (protected, monal),
    dialects.DINO.client: (protected, dino),
    dialects.GAJIM.client: (plain, gajim),
    dialects.PSI.client: (plain,),
    dialects.PIDGIN.client: (plain,),
}
"By client; everybody else is a browser, or as strict as one."


def rules(client: str) -> tuple[Rule, ...]:
    """What a kind of client checks."""
    return EVERYBODY + RULES.get(client, (protected,))
