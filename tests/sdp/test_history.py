"""Offers and answers over a call: lines, names, versions (RFC 3264 §8)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from mappings.description import Description, Group, Ice, RawCandidate, RawUdp, RtcpMux
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from .said import AUDIO, ICE, PCMU, audio, media_lines, offer, sdp, video

OURS, R = Role.INITIATOR, Role.RESPONDER


def version(text: str) -> int:
    return int(text.splitlines()[1].split()[2])


def answered(*media: str) -> SdpSession:
    """A session whose offer of audio and video was answered."""
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), video()))
    session.read_answer(
        sdp(*(media or ("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 97", "a=rtpmap:97 H264/90000")))
    )
    return session


@pytest.mark.conformance("J2S-12")
def test_the_version_counts_changes_only() -> None:
    session = SdpSession(OURS, 1)
    first = session.write_offer(offer(audio()))
    assert session.write_offer(offer(audio())) == first == session.text
    second = session.write_offer(offer(replace(audio(), senders=Senders.INITIATOR)))
    assert (version(first), version(second)) == (1, 2)
    assert second.splitlines()[1].split()[:2] == first.splitlines()[1].split()[:2]


@pytest.mark.conformance("MOD-09")
def test_a_removed_content_leaves_its_line() -> None:
    session = answered()
    text = session.write_offer(offer(audio()))
    assert media_lines(text) == ["m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 97"]


@pytest.mark.conformance("MOD-01")
def test_a_new_content_is_a_new_line_at_the_end() -> None:
    session = SdpSession(OURS, 1)
    first = session.write_offer(offer(audio()))
    session.read_answer(sdp(AUDIO))
    second = session.write_offer(offer(video(), audio()))
    assert media_lines(second) == ["m=audio 5000 RTP/AVP 0", "m=video 5000 RTP/AVP 97"]
    assert version(second) == version(first) + 1


@pytest.mark.conformance("MOD-21")
def test_a_disabled_line_is_used_again() -> None:
    session = answered("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 97")
    text = session.write_offer(offer(audio(), audio("second")))
    assert media_lines(text) == ["m=audio 5000 RTP/AVP 0", "m=audio 5000 RTP/AVP 0"]
    assert "a=mid:second" in text


def test_a_content_that_comes_back_gets_its_own_line() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), audio("b"), video()))
    session.read_answer(sdp(AUDIO, "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 97"))
    text = session.write_offer(offer(audio(), video()))
    assert media_lines(text) == ["m=audio 5000 RTP/AVP 0", "m=audio 0 RTP/AVP 0", "m=video 5000 RTP/AVP 97"]


def test_an_answer_is_read_line_by_line_whatever_its_mids() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio("voice"), video("cam")))
    text = sdp("m=audio 4000 RTP/AVP 0", "a=mid:0", "m=video 4002 RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=mid:1")
    assert [media.name for media in session.read_answer(text).media] == ["voice", "cam"]


def test_refused_contents_are_not_in_an_answer() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), video()))
    answer = session.read_answer(sdp("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 97"))
    assert [media.name for media in answer.media] == ["audio"]


def test_an_answer_with_too_few_or_too_many_lines_is_read_as_far_as_it_goes() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), video()))
    assert len(session.read_answer(sdp(AUDIO)).media) == 1
    assert "m=" in session.dropped
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio()))
    assert len(session.read_answer(sdp(AUDIO, AUDIO)).media) == 1


def test_a_line_of_another_kind_answers_nothing() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), video()))
    answer = session.read_answer(sdp("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0"))
    assert [media.name for media in answer.media] == ["audio"]


@pytest.mark.conformance("XS-22")
@pytest.mark.parametrize(
    "line", ["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 18", "m=audio 4000 RTP/AVP 13", "m=image 4000 udptl t38"]
)
def test_an_answer_without_anything_in_common_is_refused(line: str) -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio("audio", PCMU, replace(PCMU, id=13, name="CN"))))
    with pytest.raises(PeerError) as refused:
        session.read_answer(sdp(line))
    assert (refused.value.status, refused.value.reason) == (488, EndReason.INCOMPATIBLE_PARAMETERS)


@pytest.mark.conformance("XS-23")
def test_an_answer_that_is_no_sdp_is_refused() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio()))
    with pytest.raises(PeerError) as refused:
        session.read_answer("hello")
    assert refused.value.status == 400


@pytest.mark.conformance("XS-09")
def test_each_fork_answers_the_same_offer() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio(), video()))
    assert len(session.read_answer(sdp("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 97")).media) == 1
    video_too = sdp("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 97", "a=rtpmap:97 H264/90000")
    assert len(session.read_answer(video_too).media) == 2


# The peer offers.


@pytest.mark.conformance("SX-03", "SX-09")
def test_an_answer_has_the_offers_lines_and_profiles() -> None:
    session = SdpSession(R, 1)
    session.read_offer(sdp("m=audio 4000 rtp/avp 0 8", "m=video 4002 RTP/AVP 31", "m=image 4004 udptl t38"))
    text = session.write_answer(offer(audio()))
    assert media_lines(text) == ["m=audio 5000 rtp/avp 0", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]


@pytest.mark.conformance("SX-08")
def test_an_offer_of_nothing_that_crosses_is_refused() -> None:
    session = SdpSession(R, 1)
    with pytest.raises(PeerError) as refused:
        session.read_offer(sdp("m=image 4004 udptl t38"))
    assert (refused.value.status, refused.value.reason) == (488, EndReason.UNSUPPORTED_APPLICATIONS)


def test_mids_are_answered_only_where_they_were_offered() -> None:
    session = SdpSession(R, 1)
    session.read_offer(sdp(AUDIO))
    assert "a=mid" not in session.write_answer(offer(audio()))
    session = SdpSession(R, 1)
    session.read_offer(sdp(AUDIO, "a=mid:audio"))
    assert "a=mid:audio" in session.write_answer(offer(audio()))


def test_an_answer_of_something_else_is_refused() -> None:
    session = SdpSession(R, 1)
    session.read_offer(sdp(AUDIO))
    with pytest.raises(PeerError, match="nothing in it was offered"):
        session.write_answer(offer(audio("other")))


def test_a_name_stays_with_its_line_while_mids_come_and_go() -> None:
    session = SdpSession(R, 1)
    for lines in ((AUDIO,), (AUDIO, "a=mid:0"), (AUDIO,)):
        (medium,) = session.read_offer(sdp(*lines)).media
        assert medium.name == "audio"
        session.write_answer(offer(audio()))


@pytest.mark.conformance("MOD-04")
def test_a_content_is_its_offerers() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio()))
    session.read_answer(sdp(AUDIO))
    both = session.read_offer(sdp(AUDIO, "m=video 4002 RTP/AVP 31")).media
    assert [(media.name, media.creator) for media in both] == [("audio", OURS), ("video", R)]


@pytest.mark.conformance("MOD-07")
def test_a_line_that_the_peer_disables_is_not_in_its_offer() -> None:
    session = answered()
    assert [media.name for media in session.read_offer(sdp(AUDIO, "m=video 0 RTP/AVP 97")).media] == ["audio"]
    assert media_lines(session.write_answer(offer(audio()))) == ["m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 97"]


@pytest.mark.conformance("MOD-11")
def test_disabling_the_last_line_leaves_the_content_without_senders() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio("voice")))
    session.read_answer(sdp(AUDIO))
    (medium,) = session.read_offer(sdp("m=audio 0 RTP/AVP 0")).media
    assert (medium.name, medium.senders) == ("voice", Senders.NONE)
    assert media_lines(session.write_answer(offer(medium))) == ["m=audio 0 RTP/AVP 0"]
    (back,) = session.read_offer(sdp(AUDIO)).media
    assert (back.name, back.creator, back.senders) == ("voice", OURS, Senders.BOTH)


@pytest.mark.conformance("HLD-08")
def test_hold_by_address_keeps_where_the_peer_is() -> None:
    session = SdpSession(R, 1)
    (before,) = session.read_offer(sdp(AUDIO)).media
    session.write_answer(offer(audio()))
    (held,) = session.read_offer(sdp(AUDIO, "c=IN IP4 0.0.0.0")).media
    assert held == replace(before, senders=Senders.INITIATOR)
    answer = session.write_answer(offer(audio()))
    assert "a=recvonly" in answer
    assert media_lines(answer) == ["m=audio 5000 RTP/AVP 0"]


@pytest.mark.conformance("MOD-13")
def test_the_same_again_is_a_refresh() -> None:
    session = SdpSession(R, 1)
    assert not session.same_as_last_offer(sdp(AUDIO))
    session.read_offer(sdp(AUDIO))
    assert not session.same_as_last_offer(sdp(AUDIO))
    answer = session.write_answer(offer(audio()))
    assert session.same_as_last_offer(sdp(AUDIO))
    assert session.same_as_last_offer(sdp(AUDIO, end="\n").encode())
    assert not session.same_as_last_offer(sdp(AUDIO, "a=sendonly"))
    assert not session.same_as_last_offer(sdp(AUDIO, version=2))
    session.read_offer(sdp(AUDIO, version=2))
    assert session.write_answer(offer(audio())) == answer


def test_an_answer_that_comes_again_as_an_offer_is_a_refresh() -> None:
    session = SdpSession(OURS, 1)
    session.write_offer(offer(audio()))
    session.read_answer(sdp(AUDIO))
    assert session.same_as_last_offer(sdp(AUDIO))


@pytest.mark.conformance("MOD-19", "MOD-16")
@pytest.mark.parametrize("told", [True, False])
def test_a_refused_offer_leaves_no_trace_but_its_version(told: bool) -> None:
    session = SdpSession(OURS, 1)
    first = session.write_offer(offer(audio()))
    session.read_answer(sdp(AUDIO))
    session.write_offer(offer(audio(), video()))
    if told:
        session.rollback()
    third = session.write_offer(offer(audio()))
    assert third.splitlines()[2:] == first.splitlines()[2:]
    assert version(third) == 3
    session.read_answer(sdp(AUDIO, version=2))
    session.read_offer(sdp(AUDIO, "m=video 4002 RTP/AVP 31", version=3))
    if told:
        session.rollback()
    assert not session.same_as_last_offer(sdp(AUDIO, "m=video 4002 RTP/AVP 31", version=3))
    assert session.same_as_last_offer(sdp(AUDIO, version=2))
    assert media_lines(session.write_offer(offer(audio()))) == ["m=audio 5000 RTP/AVP 0"]


def test_a_line_keeps_its_profile_while_its_protection_stays() -> None:
    session = SdpSession(R, 1)
    lines = ("m=audio 4000 RTP/SAVPF 0", *ICE, "a=fingerprint:sha-256 AB:CD", "a=setup:actpass", "a=rtcp-mux")
    (medium,) = session.read_offer(sdp(*lines)).media
    assert media_lines(session.write_answer(offer(medium)))[0].split()[2] == "RTP/SAVPF"
    assert media_lines(session.write_offer(offer(medium)))[0].split()[2] == "RTP/SAVPF"
    plain = replace(medium, transport=RawUdp(candidates=(RawCandidate(ip="192.0.2.1", port=5000),)))
    assert media_lines(session.write_offer(offer(plain)))[0].split()[2] == "RTP/AVP"


@pytest.mark.conformance("J2S-19")
def test_a_peer_that_does_not_bundle_leaves_separate_transports() -> None:
    session = SdpSession(OURS, 1)
    ice = Ice(ufrag="abcd", pwd="p" * 22)
    media = tuple(
        replace(one, transport=ice, rtp=replace(one.rtp, rtcp_mux=RtcpMux())) for one in (audio("a"), video("v"))
    )
    session.write_offer(Description(media=media, groups=(Group(semantics="BUNDLE", names=("a", "v")),)))
    lines = (
        "m=audio 4000 RTP/AVP 0",
        *ICE,
        "m=video 4002 RTP/AVP 97",
        "a=rtpmap:97 H264/90000",
        "a=ice-ufrag:other",
        ICE[1],
    )
    answer = session.read_answer(sdp(*lines))
    assert answer.groups == ()
    assert [medium.transport.ufrag for medium in answer.media if isinstance(medium.transport, Ice)] == ["8hhy", "other"]


NAMES = st.lists(st.sampled_from(["a", "b", "c", "hold music", "d" * 70]), unique=True, min_size=1, max_size=4)


@given(st.lists(st.tuples(NAMES, st.integers(0, 15)), max_size=6))
@settings(deadline=None)
def test_no_line_is_ever_removed_or_moved(script: list[tuple[list[str], int]]) -> None:
    """Whatever is offered and accepted: lines only grow, a name has one live line, and answers come back by name."""
    session, peer = SdpSession(OURS, 1), SdpSession(R, 2)
    lines = 0
    for names, accepted in script:
        text = session.write_offer(offer(*map(audio, names)))
        assert len(media_lines(text)) >= lines
        assert sum(" 0 RTP" not in line for line in media_lines(text)) == len(names)
        found = peer.read_offer(text)
        assert len(found.media) == len(names)
        taken = tuple(media for index, media in enumerate(found.media) if accepted >> index & 1)
        if not taken:
            session.rollback()
            continue
        answer = session.read_answer(peer.write_answer(Description(media=taken)))
        lines = len(media_lines(text))
        assert len(answer.media) == len(taken)
        assert {media.name for media in answer.media} <= set(names)


@pytest.mark.conformance("SEC-07")
def test_a_tls_id_is_neither_carried_nor_answered() -> None:
    session = SdpSession(R, 1)
    lines = (
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
        *ICE,
        "a=fingerprint:sha-256 AB:CD",
        "a=setup:actpass",
        "a=tls-id:abc123",
    )
    found = session.read_offer(sdp(*lines))
    assert "tls-id" in session.dropped
    assert "tls-id" not in session.write_answer(found)


@pytest.mark.conformance("SEC-10", "SEC-11")
def test_a_fingerprint_that_changes_is_passed_on_and_one_that_stays_changes_nothing() -> None:
    session = SdpSession(R, 1)
    lines = ["m=audio 4000 UDP/TLS/RTP/SAVPF 0", *ICE, "a=setup:actpass", "a=fingerprint:sha-256 AB:CD"]
    first = session.read_offer(sdp(*lines))
    answer = session.write_answer(first)
    assert session.read_offer(sdp(*lines, version=2)) == first
    assert session.write_answer(first) == answer
    (changed,) = session.read_offer(sdp(*lines[:-1], "a=fingerprint:sha-256 12:34", version=3)).media
    assert [one.value for one in changed.transport.fingerprints] == ["12:34"]
