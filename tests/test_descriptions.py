"""Our pairs of descriptions, both ways; the laws of whole descriptions; and further material where it lies beside.

A pair is a folder of `descriptions/`: ``jingle.xml`` and ``offer.sdp`` say the same, as a client and a phone write it.
``back.sdp`` is how we write it, where that is not how they do; ``back.xml`` is how it reads after SDP, where SDP says
less; ``by.txt`` says who wrote it, where the action does not.  ``DROPPED.md`` says what each loses and why; its first
table is printed by ``python -m tests.test_descriptions``.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import pytest
from hypothesis import Phase, given, settings

from gateway.errors import PeerError
from gateway.jingle import description
from gateway.jingle.description import CONTENT
from gateway.sdp.history import SdpSession
from gateway.sdp.text import parse
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.description import Description
from mappings.namespaces import JINGLE
from mappings.reasons import EndReason
from mappings.terms import Action, Role
from tests.forms import SHARED, common
from tests.mappings.strategies import descriptions

FOLDER = Path(__file__).parent / "descriptions"
PAIRS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
SIDES = ("Jingle", "SDP")
ANSWERS = {Action.SESSION_ACCEPT, Action.CONTENT_ACCEPT}


class Pair:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self.element = fromstring((folder / "jingle.xml").read_text())
        self.sdp = (folder / "offer.sdp").read_bytes().decode()
        back = folder / "back.sdp"
        self.written = back.read_bytes().decode() if back.exists() else self.sdp
        back = folder / "back.xml"
        self.returned = fromstring(back.read_text()) if back.exists() else self.element
        self.action = Action(self.element.get("action", ""))
        by = folder / "by.txt"
        said = Role.RESPONDER if self.action in ANSWERS else Role.INITIATOR
        self.by = Role(by.read_text().strip()) if by.exists() else said

    def from_sdp(self) -> Description:
        session = SdpSession(self.by.other, 1, longest_name=64)
        return session.read_answer(self.sdp) if self.action in ANSWERS else session.read_offer(self.sdp)

    def from_jingle(self) -> Description:
        return description.read(self.returned)[0]

    def dropped(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is lost on the way to Jingle, and on the way to SDP."""
        return sdp_to_jingle(self.sdp, self.by, self.action).dropped, jingle_to_sdp(self.element, self.by).dropped


@pytest.fixture(params=PAIRS, ids=lambda folder: folder.name)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def test_there_is_a_note_with_every_pair() -> None:
    assert len(PAIRS) >= 60
    assert all("2026" in (folder / "note.txt").read_text() for folder in PAIRS)


def dropped_table() -> str:
    """What each description loses, in Markdown."""
    rows = ["| Description | lost in Jingle | lost in SDP |", "|---|---|---|"]
    for folder in PAIRS:
        there, back = (", ".join(f"`{name}`" for name in sorted(names)) for names in Pair(folder).dropped())
        if there or back:
            rows.append(f"| {folder.name} | {there} | {back} |")
    return "\n".join(rows)


def test_the_table_of_what_is_dropped_is_true_and_each_name_has_a_reason() -> None:
    text = (FOLDER / "DROPPED.md").read_text()
    assert dropped_table() in text
    lost = {
        f"{side}: {name}"
        for folder in PAIRS
        for side, names in zip(SIDES, Pair(folder).dropped(), strict=True)
        for name in names
    }
    explained = [
        f"{side}: {name}"
        for side, section in zip(SIDES, text.split("\n## ")[2:], strict=True)
        for name in re.findall(r"^\| `([^`]+)` \| \S", section, re.MULTILINE)
    ]
    assert sorted(explained) == sorted(lost)


def test_both_spellings_say_the_same(pair: Pair) -> None:
    assert common(pair.from_sdp()) == common(pair.from_jingle())


@pytest.mark.conformance("J2S-24")
def test_jingle_is_written_as_this_sdp(pair: Pair) -> None:
    text = jingle_to_sdp(pair.element, pair.by).text
    head, body = text.split("\r\n", 2)[:2], text.split("\r\n", 2)[2]
    assert head[0] == "v=0"
    assert body == pair.written.split("\r\n", 2)[2]


def test_sdp_is_written_as_jingle_that_says_the_same(pair: Pair) -> None:
    element = sdp_to_jingle(pair.sdp, pair.by, pair.action).element
    assert common(description.read(element)[0]) == common(pair.from_jingle())
    again = sdp_to_jingle(pair.written, pair.by, pair.action).element
    expected = pair.from_jingle() if pair.action in ANSWERS else _by_profile(pair.from_jingle())
    assert common(description.read(again)[0]) == common(expected)


def test_what_is_accepted_was_created_by_who_offered_it(pair: Pair) -> None:
    if pair.action in ANSWERS:
        element = sdp_to_jingle(pair.sdp, pair.by, pair.action).element
        assert {content.get("creator") for content in element.iter(CONTENT)} == {pair.by.other.value}


def test_an_answer_keeps_every_line_of_the_offer(pair: Pair) -> None:
    if pair.action not in ANSWERS:
        session = SdpSession(pair.by.other, 1, longest_name=64)
        offer = session.read_offer(pair.sdp)
        answer, offered = parse(session.write_answer(offer)), parse(pair.sdp)
        assert [(one.kind, one.proto) for one in answer.media] == [(one.kind, one.proto) for one in offered.media]
        refused = [one for one in answer.media if not one.port]
        assert len(refused) == len(offered.media) - len(offer.media)


def test_a_translation_there_and_back_and_there_is_the_first(pair: Pair) -> None:
    text = jingle_to_sdp(pair.element, pair.by).text
    assert jingle_to_sdp(sdp_to_jingle(text, pair.by, pair.action).element, pair.by).text == text


def test_what_is_written_is_valid(pair: Pair) -> None:
    for exact in (True, False):
        element = Element(f"{{{JINGLE}}}jingle", {"action": pair.action.value, "sid": "s"})
        element.extend(description.write(pair.from_sdp(), exact=exact))
        assert_valid(element)


# The laws of whole descriptions.


@given(descriptions())
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@pytest.mark.conformance("J2S-23")
def test_jingle_to_sdp_to_jingle_is_the_same_description(offer: Description) -> None:
    element = Element(f"{{{JINGLE}}}jingle", {"action": "session-initiate", "sid": "s"})
    element.extend(description.write(offer, exact=True))
    read, dropped = description.read(fromstring(tostring(element)))
    assert common(read) == common(offer)
    assert dropped == ()
    sdp = jingle_to_sdp(element)
    assert sdp.dropped == ()
    back = sdp_to_jingle(sdp.text)
    assert back.dropped == ()
    assert common(description.read(back.element)[0]) == common(_by_profile(offer))


@given(descriptions())
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
def test_sdp_to_jingle_to_sdp_is_the_same_text(offer: Description) -> None:
    text = SdpSession(Role.INITIATOR, 7).write_offer(offer)
    there = sdp_to_jingle(text)
    back = jingle_to_sdp(fromstring(tostring(there.element)), session_id=7)
    assert back.text == text


@given(descriptions())
@settings(max_examples=25, deadline=None, phases=[Phase.generate])
def test_whatever_is_described_is_written_as_valid_jingle(offer: Description) -> None:
    for exact in (True, False):
        element = Element(f"{{{JINGLE}}}jingle", {"action": "session-initiate", "sid": "s"})
        element.extend(description.write(offer, exact=exact))
        assert_valid(element)


def _by_profile(offer: Description) -> Description:
    """Keys under RTP/SAVP are required: SDP has no other way to offer them (conformance reference 4.1)."""
    media = []
    for one in offer.media:
        encryption = one.rtp.encryption
        if encryption is not None:
            encryption = replace(encryption, required=bool(encryption.crypto))
        media.append(replace(one, rtp=replace(one.rtp, encryption=encryption)))
    return replace(offer, media=tuple(media))


# Further material.

CORPUS, EXAMPLES, SCHEMA = SHARED / "corpus", SHARED / "spec" / "xep-examples", SHARED / "spec" / "xsd/fixed/all.xsd"
SDPS = sorted(CORPUS.rglob("*.sdp")) if CORPUS.exists() else []
XMLS = sorted([*CORPUS.rglob("*.xml"), *EXAMPLES.glob("*.xml")]) if CORPUS.exists() else []

LOSSY = {"libre-vendor-4.sdp"}
"SDES keys under RTP/AVP (RFC 8643): we offer them under RTP/SAVP, where they are required."

REFUSED = {
    EndReason.GENERAL_ERROR: "fragments, SIP messages, contents without a transport, ICE without credentials",
    EndReason.UNSUPPORTED_APPLICATIONS: "T.38, data channels, BFCP, file transfer",
    EndReason.UNSUPPORTED_TRANSPORTS: "multicast, several ports",
    EndReason.INCOMPATIBLE_PARAMETERS: "every m= line disabled, no payload type",
    EndReason.SECURITY_ERROR: "SAVP without a key",
}
"Why some of it does not cross."

T = TypeVar("T")


def crossed(translate: Callable[[], T]) -> T | None:
    """The translation, or None where it is refused for one of these reasons."""
    try:
        return translate()
    except PeerError as refusal:
        refused = refusal
    assert refused.reason in REFUSED
    return None


SCHEMATA: list[Any] = []


def assert_valid(element: Element) -> None:
    """The element is what the schemas allow, where they are here."""
    if not SCHEMA.exists():
        return
    etree = pytest.importorskip("lxml.etree")
    if not SCHEMATA:
        SCHEMATA.append(etree.XMLSchema(etree.parse(str(SCHEMA))))
    schema = SCHEMATA[0]
    parsed = etree.fromstring(tostring(element))
    for group in parsed.iter("{urn:xmpp:jingle:apps:rtp:ssma:0}ssrc-group"):
        group.set("semantics", "FID")  # the published list lacks what RFC 5576's registry has
    for fingerprint in parsed.findall(".//{urn:xmpp:jingle:transports:raw-udp:1}transport/{*}fingerprint"):
        fingerprint.getparent().remove(fingerprint)  # XEP-0320 puts it into any transport, XEP-0177 forbids it
    assert schema.validate(parsed), schema.error_log


@pytest.mark.skipif(not SDPS, reason="the corpus is not here")
@pytest.mark.parametrize("path", SDPS, ids=lambda path: path.name)
def test_a_collected_sdp_is_refused_or_crosses_and_comes_back(path: Path) -> None:
    text = path.read_bytes()
    there = crossed(lambda: sdp_to_jingle(text))
    if there is None:
        return
    assert_valid(there.element)
    once, _ = description.read(there.element)
    back = sdp_to_jingle(jingle_to_sdp(there.element).text)
    again, _ = description.read(back.element)
    assert common(again) == common(once if path.name not in LOSSY else _by_profile(once))


def contents(path: Path) -> Iterator[Element]:
    try:
        root = fromstring(path.read_bytes())
    except ParseError:
        return
    for jingle in root.iter(f"{{{JINGLE}}}jingle"):
        if jingle.get("action") in {"session-initiate", "session-accept", "content-add", "content-accept"}:
            yield jingle


@pytest.mark.skipif(not XMLS, reason="the corpus is not here")
@pytest.mark.conformance("J2S-23")
@pytest.mark.parametrize("path", [path for path in XMLS if any(contents(path))], ids=lambda path: path.name)
def test_a_collected_stanza_is_refused_or_crosses_and_comes_back(path: Path) -> None:
    for jingle in contents(path):
        there = crossed(partial(jingle_to_sdp, jingle))
        if there is None:
            return
        back = sdp_to_jingle(there.text, action=jingle.get("action", ""))
        once, again = description.read(jingle)[0], description.read(back.element)[0]
        if any(media.transport == type(media.transport)() for media in once.media):
            return  # an empty transport is not told from another by SDP
        assert common(again) == common(once)
        assert_valid(back.element)


if __name__ == "__main__":
    sys.stdout.write(dropped_table() + "\n")
