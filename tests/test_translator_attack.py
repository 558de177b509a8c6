"""The translator against what is large, nasty or broken by chance: in bounded time it is translated or refused."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import pytest

from gateway.errors import PeerError
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.terms import Action
from tests.forms import SHARED

FOLDER = Path(__file__).parent / "descriptions"
CORPUS = SHARED / "corpus"
MUTATIONS = 250
"Of each kind; bounded, so that chance is the same in every run."

PIECES = (
    "", " ", "\t", "\r", "\n", "\x00", "\x85", "\u2028", "\ufffe", "ß", "١", "x" * 5_000, "-1", "0", "128", "65536",
    "4294967296", "99999999999999999999", "1e9", "+1", "=", ";", ":", "/", "*", "a=", "m=audio 9 RTP/AVP 0",
    "a=mid:0", "a=group:BUNDLE 0 0", "a=setup:holdconn", "c=IN IP4 224.0.0.1", "c=IN IP6 ::", "v=0", "m=audio 0 x 0",
    "a=rtpmap:0 x/0", "a=fmtp:0", "a=rtcp:0", "a=bundle-only", "a=inactive", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 x",
)  # fmt: skip


@cache
def texts() -> list[str]:
    """Session descriptions of real clients, phones and servers."""
    found = [path.read_bytes() for path in sorted(FOLDER.glob("*/*.sdp"))]
    if CORPUS.exists():
        found += [path.read_bytes() for path in sorted(CORPUS.rglob("*.sdp"))]
    return [text.decode("utf-8", "replace") for text in found]


@cache
def elements() -> list[str]:
    """Jingle of real clients."""
    found = [path.read_bytes() for path in sorted(FOLDER.glob("*/jingle.xml"))]
    if CORPUS.exists():
        found += [path.read_bytes() for path in sorted(CORPUS.rglob("*.xml"))]
    return [text.decode("utf-8", "replace") for text in found]


def broken(chance: random.Random, text: str) -> str:
    """The text with a few things gone, doubled, swapped or put in."""
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice((1, 3, 12, 60)))
        match chance.randrange(5):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:at] + text[at:to] * chance.choice((2, 3, 40)) + text[to:]
            case 2:
                text = text[:at] + chance.choice(PIECES) + text[to:]
            case 3:
                lines = text.split("\n")
                one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                text = "\n".join(lines)
            case _:
                lines = text.split("\n")
                lines.insert(chance.randrange(len(lines)), chance.choice(PIECES))
                text = "\n".join(lines)
    return text


def astray(chance: random.Random, element: Element) -> None:
    """The element with attributes, texts and children that are wrong, missing or there twice."""
    for _ in range(chance.randint(1, 8)):
        every = list(element.iter())
        one = chance.choice(every)
        match chance.randrange(6):
            case 0 if one.attrib:
                one.set(chance.choice(list(one.attrib)), chance.choice(PIECES))
            case 1 if one.attrib:
                del one.attrib[chance.choice(list(one.attrib))]
            case 2:
                one.text = chance.choice(PIECES)
            case 3 if len(one):
                one.append(chance.choice(list(one)))
            case 4 if len(one):
                one.remove(chance.choice(list(one)))
            case _:
                one.tag = chance.choice(every).tag


@pytest.mark.parametrize("seed", range(4))
def test_an_sdp_that_chance_has_broken_is_translated_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        text = broken(chance, chance.choice(texts()))
        action = chance.choice((Action.SESSION_INITIATE, Action.SESSION_ACCEPT))
        try:
            there = sdp_to_jingle(text, action=action)
        except PeerError:
            continue
        # What was read can be written, in both spellings.
        back = jingle_to_sdp(fromstring(tostring(there.element)))
        sdp_to_jingle(back.text, action=action)


@pytest.mark.parametrize("seed", range(4))
def test_jingle_that_chance_has_broken_is_translated_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        try:
            element = fromstring(chance.choice(elements()))
        except ParseError:
            continue  # a few of the corpus are cut short
        astray(chance, element)
        try:
            there = jingle_to_sdp(element)
        except PeerError:
            continue
        sdp_to_jingle(there.text)


# ---------------------------------------------------------------------------------------------------------------- time

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
AUDIO = f"m=audio 4000 RTP/AVP 0\r\n{ICE}"
SOURCES, GROUPING = "urn:xmpp:jingle:apps:rtp:ssma:0", "urn:xmpp:jingle:apps:grouping:0"
RTP, UDP = "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:transports:ice-udp:1"


def lines(line: Callable[[int], str], before: str = AUDIO) -> Callable[[int], str]:
    return lambda count: HEAD + before + "".join(f"{line(number)}\r\n" for number in range(count))


SDPS: dict[str, Callable[[int], str]] = {
    "candidates": lines(lambda n: f"a=candidate:{n} 1 udp {n + 1} 192.0.2.{n % 250} {n % 60000 + 10} typ host"),
    "equal candidates": lines(lambda n: "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"),
    "codecs": lambda n: HEAD + f"m=audio 9 RTP/AVP {' '.join(map(str, range(n)))}\r\n{ICE}",
    "maps": lines(lambda n: f"a=rtpmap:{n} x{n}/8000"),
    "formats": lines(lambda n: f"a=fmtp:0 a{n}=1;b{n}=2"),
    "feedback": lines(lambda n: f"a=rtcp-fb:* nack x{n}"),
    "sources": lines(lambda n: f"a=ssrc:{n} cname:{n}"),
    "mids": lambda n: HEAD + "".join("m=audio 4000 RTP/AVP 0\r\na=mid:x\r\n" for _ in range(n)),
    "groups": lines(lambda n: "a=group:BUNDLE x y", ""),
    "unknown": lines(lambda n: f"a=x{n}:{n}"),
    "bandwidths": lines(lambda n: f"b=AS:{n}"),
    "a long line": lambda n: HEAD + AUDIO + "a=fmtp:0 " + "ab=cd; " * n + "\r\n",
    "a line of blanks": lambda n: HEAD + AUDIO + "a=candidate:" + " " * (10 * n) + "\r\n",
    "CR without LF": lambda n: HEAD + AUDIO + "a=x\r" * n,
    "no line ends": lambda n: "v=0 " * n,
    "non-ASCII": lambda n: HEAD + AUDIO + "a=ß:" + "\u2028ß\x85" * n + "\r\n",
}


def many(child: Callable[[int], str], place: str = "description") -> Callable[[int], str]:
    def make(count: int) -> str:
        inside = "".join(map(child, range(count)))
        described, carried = (inside, "") if place == "description" else ("", inside)
        return (
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='0'>"
            f"<description xmlns='{RTP}' media='audio'><payload-type id='0'/>{described}</description>"
            f"<transport xmlns='{UDP}' ufrag='abcd' pwd='abcdefghijklmnopqrstuv'>{carried}</transport>"
            "</content></jingle>"
        )

    return make


JINGLES: dict[str, Callable[[int], str]] = {
    "candidates": many(
        lambda n: (
            f"<candidate component='1' foundation='{n}' generation='0' id='{n}' ip='192.0.2.{n % 250}' "
            f"port='{n % 60000 + 10}' priority='{n + 1}' protocol='udp' type='host'/>"
        ),
        "transport",
    ),
    "codecs": many(lambda n: f"<payload-type id='{n % 128}' name='x{n}' clockrate='8000'/>"),
    "codecs out of range": many(lambda n: f"<payload-type id='{n + 128}' name='x{n}' clockrate='8000'/>"),
    "equal codecs": many(lambda n: "<payload-type id='8'/>"),
    "sources": many(lambda n: f"<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{n}'/>"),
    "equal sources": many(
        lambda n: (
            f"<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'><parameter name='a{n}' value='1'/></source>"
        )
    ),
    "extensions": many(lambda n: f"<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='{n}' uri='u{n}'/>"),
    "unknown": many(lambda n: f"<x{n}/>"),
    "character data": many(lambda n: f"<![CDATA[<![CDATA[ {n} ]]>]]&gt;"),
    "entities": many(lambda n: "&amp;&#x6c;&lt;"),
    "a long name": lambda n: many(lambda _: f"<payload-type id='97' name='{'x' * n}'/>")(1),
    "a long fingerprint": lambda n: many(
        lambda _: f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>{'A B:' * n}</fingerprint>",
        "transport",
    )(1),
    "groups": lambda n: many(lambda _: "")(0).replace(
        "</jingle>",
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>" * n
        + "</jingle>",
    ),
}


def took(translate: Callable[[], object]) -> float:
    """Seconds of CPU, at best of three; a refusal takes time too."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        with suppress(PeerError):
            translate()
        best = min(best, time.process_time() - started)
    return best


def grows(make: Callable[[int], Callable[[], object]]) -> None:
    """Eight times as much takes not much more than eight times as long, and 10,000 of anything less than a second."""
    small, large = took(make(1_250)), took(make(10_000))
    assert large < 1
    assert large < 16 * small + 0.01


@pytest.mark.parametrize("kind", SDPS)
def test_the_time_for_an_sdp_grows_with_its_length(kind: str) -> None:
    def make(count: int) -> Callable[[], object]:
        text = SDPS[kind](count)
        return lambda: sdp_to_jingle(text)

    grows(make)


@pytest.mark.parametrize("kind", JINGLES)
def test_the_time_for_jingle_grows_with_its_length(kind: str) -> None:
    def make(count: int) -> Callable[[], object]:
        element = fromstring(JINGLES[kind](count))
        return lambda: jingle_to_sdp(element)

    grows(make)


@pytest.mark.parametrize(
    "line",
    ["a=fmtp:0 ", "a=candidate:", "a=rtpmap:0 ", "a=", "c=IN IP4 ", "m=audio ", "a=ssrc:1 ", "a=extmap:1 ", "b="],
)
def test_a_line_of_a_mebibyte_is_read_or_refused_in_a_moment(line: str) -> None:
    for filling in ("x", " ", "1", "a=b;", "/", "9 "):
        text = HEAD + AUDIO + line + filling * (2**20 // len(filling)) + "\r\n"
        assert took(lambda text=text: sdp_to_jingle(text)) < 1  # type: ignore[misc]
