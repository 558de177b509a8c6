"""`jingle-sip translate`: what the translator makes of a description, for people who look for a fault."""

import argparse
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO
from xml.etree.ElementTree import Element, ParseError, XMLParser, indent, tostring

from gateway.errors import PeerError
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.namespaces import JINGLE
from mappings.terms import Action, Role

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any

LONGEST = 1 << 20
"So many octets are read."


def add_arguments(commands: Commands) -> None:
    """Add the sub-command."""
    text = "SDP on standard input becomes Jingle on standard output, and Jingle SDP; what got lost is listed"
    command = commands.add_parser("translate", help=text, description=text)
    command.add_argument(
        "--by", choices=[role.value for role in Role], help="who wrote it (default: who sends such an action)"
    )
    command.add_argument(
        "--action",
        choices=[action.value for action in Action],
        default=Action.SESSION_INITIATE.value,
        help="the Jingle action to write (default: %(default)s); session-accept reads the SDP as an answer",
    )


def translate(options: argparse.Namespace, source: BinaryIO, target: TextIO, complaints: TextIO) -> int:
    """Translate what `source` holds; 0, or 1 and a line that says where it cannot be read."""
    data = source.read(LONGEST + 1)
    try:
        if len(data) > LONGEST:
            raise PeerError(f"input: more than {LONGEST} octets")
        if data.lstrip()[:1] == b"<":
            role = Role(options.by) if options.by else None
            translation = jingle_to_sdp(_jingle(data), by=role)
            target.write(translation.text.replace("\r\n", "\n"))
            dropped = translation.dropped
        else:
            jingle = sdp_to_jingle(data, by=Role(options.by) if options.by else None, action=options.action)
            shown = _plain(jingle.element)
            indent(shown)
            target.write(tostring(shown, encoding="unicode") + "\n")
            dropped = jingle.dropped
    except PeerError as error:
        complaints.write(f"jingle-sip: {error.text}\n")
        return 1
    for name in dropped:
        complaints.write(f"dropped: {name}\n")
    return 0


def _jingle(data: bytes) -> Element:
    """The first <jingle/> in it, be it alone or in its stanza."""
    parser = XMLParser()  # noqa: S314 - expat expands no external entities, and the operator's own input is bounded
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ParseError as error:
        raise PeerError(f"XML: {error}") from None
    found = next(root.iter(f"{{{JINGLE}}}jingle"), None)
    if found is None:
        raise PeerError(f"XML: no <jingle xmlns='{JINGLE}'/> in it")
    return found


def _plain(element: Element, around: str = "") -> Element:
    """The same with default namespaces, as a client would write it, where ElementTree writes ns0 and ns1."""
    namespace, _, name = element.tag.removeprefix("{").rpartition("}")
    plain = Element(name, element.attrib if namespace == around else {"xmlns": namespace, **element.attrib})
    plain.text, plain.tail = element.text, element.tail
    plain.extend(_plain(child, namespace) for child in element)
    return plain
