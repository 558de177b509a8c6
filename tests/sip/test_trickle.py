"""Fragments of descriptions that carry candidates: read, written, refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sip.trickle import LONGEST, Fragment, Part, read, write
from mappings.description import Candidate
from mappings.terms import CandidateType
from tests.mappings.strategies import CANDIDATES, TOKENS

UFRAGS = st.none() | st.text("abcXYZ019+/", min_size=4, max_size=32)
PWDS = st.none() | st.text("abcXYZ019+/", min_size=22, max_size=64)
PARTS = st.builds(
    Part,
    kind=st.sampled_from(["audio", "video", "application"]),
    mid=TOKENS,
    ufrag=UFRAGS,
    pwd=PWDS,
    candidates=st.lists(CANDIDATES, max_size=5, unique=True).map(tuple),
    complete=st.booleans(),
)
FRAGMENTS = st.builds(
    Fragment,
    parts=st.lists(PARTS, max_size=4, unique_by=lambda part: part.mid).map(tuple),
    ufrag=UFRAGS,
    pwd=PWDS,
    complete=st.booleans(),
).filter(lambda fragment: fragment != Fragment())

BROWSER = """a=ice-pwd:asd88fgpdd777uzjYhagZg\r
a=ice-ufrag:8hhY\r
a=ice-options:trickle ice2\r
a=group:BUNDLE voice film\r
m=audio 9 RTP/AVP 0\r
a=mid:voice\r
a=rtcp-mux\r
a=candidate:1 1 UDP 2130706431 192.0.2.1 8998 typ host\r
a=candidate:2 1 UDP 1694498815 198.51.100.3 45664 typ srflx raddr 192.0.2.1 rport 8998 ufrag 8hhY\r
a=something:new\r
m=video 9 RTP/AVP 0\r
a=mid:film\r
a=end-of-candidates\r
"""


def parsed(text: str | bytes) -> tuple[Fragment, tuple[str, ...]]:
    """The fragment, and what was left out of it."""
    dropped = Dropped()
    return read(text, dropped), dropped.names()


@pytest.mark.conformance("ICE-15", "ICE-17")
def test_a_fragment_says_whose_candidates_belong_to_which_medium() -> None:
    fragment, dropped = parsed(BROWSER)
    voice, film = fragment.parts
    assert fragment.credentials(voice) == ("8hhY", "asd88fgpdd777uzjYhagZg")
    assert (voice.kind, voice.mid, voice.complete) == ("audio", "voice", False)
    assert [candidate.port for candidate in voice.candidates] == [8998, 45664]
    assert (film.candidates, film.complete, fragment.complete) == ((), True, False)
    assert dropped == ("candidate ufrag",), "unknown attributes are passed over, as they must be"


def test_credentials_of_a_medium_stand_before_those_of_the_session() -> None:
    fragment, _ = parsed(BROWSER.replace("a=mid:film", "a=mid:film\r\na=ice-ufrag:9uB6\r\na=ice-pwd:other"))
    voice, film = fragment.parts
    assert fragment.credentials(film) == ("9uB6", "other")
    assert fragment.credentials(voice) == ("8hhY", "asd88fgpdd777uzjYhagZg")


def test_a_fragment_is_written_with_pseudo_media_and_the_end_before_them() -> None:
    host = Candidate(
        foundation="1",
        component=1,
        protocol="udp",
        priority=5,
        ip="192.0.2.1",
        port=8998,
        type=CandidateType.HOST,
        id="only in Jingle",
    )
    part = Part(kind="audio", mid="0", ufrag="8hhY", pwd="asd88fgpdd777uzjYhagZg", candidates=(host,))
    assert write(Fragment(parts=(part,), complete=True)) == (
        "a=end-of-candidates\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:8hhY\r\n"
        "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=candidate:1 1 UDP 5 192.0.2.1 8998 typ host\r\n"
    )


def test_a_medium_without_a_name_or_with_anothers_is_left_out_and_reported() -> None:
    fragment, dropped = parsed(BROWSER.replace("a=mid:film", "a=mid:voice") + "m=audio 9 RTP/AVP 0\r\n")
    assert [part.mid for part in fragment.parts] == ["voice"]
    assert "m=" in dropped


@pytest.mark.conformance("ICE-05", "ICE-31")
def test_candidates_by_name_are_left_out_and_those_over_the_limit_too() -> None:
    line = "a=candidate:1 1 UDP 5 192.0.2.1 {} typ host\r\n"
    many = "".join(line.format(number) for number in range(10, 1010))
    hidden = line.format(9000).replace("192.0.2.1", "0b8c-4e1f.local")
    fragment, dropped = parsed(f"m=audio 9 RTP/AVP 0\r\na=mid:0\r\n{hidden}{many}")
    assert 100 < len(fragment.parts[0].candidates) < 200
    assert dropped == ("candidate",)


@pytest.mark.parametrize("text", ["nonsense", "m=audio", "m=audio x RTP/AVP 0", "a=mid:0\0", "a=x\r\n" * LONGEST])
def test_what_is_no_fragment_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(PeerError, match="sdp"):
        parsed(text)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parsed("a=ice-pwd:secret\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-pwd:secret\r\n"))


@given(FRAGMENTS)
def test_what_was_written_is_read_again(fragment: Fragment) -> None:
    assert parsed(write(fragment)) == (fragment, ())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(PeerError):
        parsed(body)


@given(st.lists(st.sampled_from(BROWSER.splitlines()), max_size=20), st.data())
def test_lines_in_any_order_are_read_or_refused_and_can_be_written(lines: list[str], data: st.DataObject) -> None:
    text = "\r\n".join(lines)
    cut = data.draw(st.integers(0, len(text)))
    try:
        fragment, _ = parsed(text[:cut])
    except PeerError:
        return
    if fragment != Fragment():
        assert parsed(write(fragment))[0] == fragment
