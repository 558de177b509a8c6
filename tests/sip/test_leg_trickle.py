"""Candidates one by one between a leg and a SIP peer: when they are told, to whom, how, and what is heard."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fields import Dropped
from gateway.signals import Answer, Candidates, End, Offer, Progress
from gateway.sip.gather import MAX_CANDIDATES
from gateway.sip.leg import Credentials, Phase
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.trickle import Fragment, read
from mappings.description import Candidate, Description, Group, Ice, RtcpMux
from mappings.terms import CandidateType

from .ladder import (
    Ladder,
    audio,
    called,
    calling,
    candidate,
    ice,
    invite,
    sdp,
    webrtc,
)

HOST = candidate(CandidateType.HOST)
SRFLX = candidate(CandidateType.SRFLX, 50001)
RELAY = candidate(CandidateType.RELAY, 50002)
LATE = candidate(CandidateType.RELAY, 50003)
TOO = candidate(CandidateType.HOST, 50004)
"It comes late, and is nobody's default."
CAN: tuple[Header, ...] = (("Supported", "trickle-ice, 100rel"), ("Recv-Info", "trickle-ice"))
ASKED: Header = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
FINGERPRINT = f"a=fingerprint:sha-256 {':'.join(['B7'] * 32)}\r\n"
PWD = "YH75Fviy6338Vbrhrlp8Yh"


def browser(*candidates: str, mid: str = "0", setup: str = "active", head: str = "", mux: bool = True) -> str:
    """What a SIP peer with ICE says, answering by default."""
    return (
        f"v=0\r\no=- 9 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-options:trickle\r\n{head}"
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"
        f"a=mid:{mid}\r\na=ice-ufrag:9uB6\r\na=ice-pwd:{PWD}\r\na=setup:{setup}\r\n{FINGERPRINT}"
        f"{'a=rtcp-mux' if mux else 'a=sendrecv'}\r\n{''.join(map(line, candidates))}"
    )


def line(port: str, component: int = 1) -> str:
    """A candidate of the peer's."""
    return f"a=candidate:1 {component} UDP 2130706431 198.51.100.20 {port} typ host\r\n"


def fragment(*ports: str, mid: str = "0", ufrag: str = "9uB6", pwd: str = PWD, head: str = "", tail: str = "") -> str:
    """The body of the peer's INFO."""
    return (
        f"{head}m=audio 9 RTP/AVP 0\r\na=mid:{mid}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n"
        f"{''.join(map(line, ports))}{tail}"
    )


def trickles(call: Ladder, body: str, *, package: str = "trickle-ice", kind: str = "") -> list[str]:
    """The peer sends an INFO."""
    headers = (("Info-Package", package), ("Content-Disposition", "Info-Package"))
    return call.asks("INFO", body, headers=headers, content_type=kind or "application/trickle-ice-sdpfrag")


def told(call: Ladder) -> Fragment:
    """What our last INFO says."""
    request = call.last("INFO").request
    assert request.first("Info-Package") == "trickle-ice"
    assert request.first("Content-Type") == "application/trickle-ice-sdpfrag"
    assert request.first("Content-Disposition") == "Info-Package"
    dropped = Dropped()
    said = read(request.body, dropped)
    assert dropped.names() == ()
    return said


def ports(call: Ladder) -> list[int]:
    """The ports of the candidates in our last INFO."""
    (part,) = told(call).parts
    return [one.port for one in part.candidates]


def heard(call: Ladder, name: str = "0") -> Ice:
    """What the other side is told just now."""
    signal = call.signal(Candidates)
    assert isinstance(signal, Candidates)
    assert list(signal.by_media) == [name]
    transport = signal.by_media[name]
    assert isinstance(transport, Ice)
    return transport


def in_call(*, mux: bool = True) -> Ladder:
    """A call to a peer that trickles, answered."""
    call = calling()
    assert call.says(Offer(webrtc(HOST, SRFLX))) == ["INVITE"]
    assert call.answered(200, browser("30000", mux=mux), headers=CAN) == ["ACK", "Answer"]
    call.leg.dropped.clear()
    return call


# ----------------------------------------------------------------------------------------------------------- announcing


def test_an_invite_with_ice_says_that_we_can_and_one_without_does_not() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    request = call.last("INVITE").request
    assert "trickle-ice" in request.tokens("Supported")
    assert request.first("Recv-Info") == "trickle-ice"
    assert request.first("Require") is None
    body = request.body.decode()
    assert "a=ice-options:trickle\r\n" in body
    assert "a=mid:0\r\n" in body
    plain = calling()
    plain.says(Offer(audio()))
    never = calling(trickle="never")
    never.says(Offer(webrtc(SRFLX)))
    for one in (plain, never):
        request = one.last("INVITE").request
        assert "trickle-ice" not in request.tokens("Supported")
        assert request.first("Recv-Info") is None
        assert b"ice-options" not in request.body


@pytest.mark.conformance("ICE-11", "ICE-12")
def test_a_peer_of_which_nothing_is_known_is_offered_what_the_wait_has_brought() -> None:
    call = calling()
    assert call.says(Offer(webrtc())) == []
    assert call.says(Candidates({"0": ice(HOST)})) == []
    assert call.says(Candidates({"0": ice(candidate(CandidateType.HOST, 50005))})) == []
    assert call.says(Candidates({"0": ice(complete=True)})) == ["INVITE"]
    body = call.last("INVITE").request.body.decode()
    assert body.count("a=candidate:") == 2
    assert "a=end-of-candidates" in body
    call = calling()
    call.says(Offer(webrtc(HOST)))
    assert call.after(1.51) == ["INVITE"]


@pytest.mark.conformance("ICE-09")
def test_an_offer_that_has_no_candidate_yet_has_port_9_and_the_zero_address() -> None:
    call = calling()
    call.says(Offer(webrtc()))
    assert call.after(1.51) == ["INVITE"]
    body = call.last("INVITE").request.body.decode()
    assert "m=audio 9 " in body
    assert "c=IN IP4 0.0.0.0\r\n" in body
    assert "a=rtcp:" not in body


# -------------------------------------------------------------------------------------------------------------- telling


@pytest.mark.conformance("ICE-13")
def test_what_comes_later_is_told_by_info_with_all_that_was_said_before_it() -> None:
    call = in_call()
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INFO"]
    said = told(call)
    (part,) = said.parts
    assert (part.kind, part.mid) == ("audio", "0")
    assert said.credentials(part) == ("8hhY", "asd88fgpdd777uzjYhagZg")
    assert part.candidates == (HOST, SRFLX, RELAY)
    assert b"m=audio 9 RTP/AVP 0\r\n" in call.last("INFO").request.body
    assert call.answered(200, to="INFO") == []
    assert call.leg.dropped == []


@pytest.mark.conformance("ICE-14")
def test_while_an_info_is_out_what_comes_is_collected_for_the_next_one() -> None:
    call = in_call()
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INFO"]
    assert call.says(Candidates({"0": ice(LATE)})) == []
    assert call.says(Candidates({"0": ice(complete=True)})) == []
    assert call.answered(100, to="INFO") == []
    assert call.answered(200, to="INFO") == ["INFO"]
    assert ports(call) == [50000, 50001, 50002, 50003]
    assert told(call).complete
    assert call.answered(200, to="INFO") == []
    numbers = [request.cseq.number for request in call.sent("INFO")]
    assert numbers == [2, 3]


def test_candidates_that_are_known_are_not_told_again() -> None:
    call = in_call()
    assert call.says(Candidates({"0": ice(SRFLX, replace(HOST, foundation="7", id="x"))})) == []
    assert call.says(Candidates({"0": ice()})) == []
    assert call.leg.dropped == []


def test_candidates_of_other_credentials_and_of_no_medium_are_dropped_and_counted() -> None:
    call = in_call()
    other = replace(ice(RELAY), ufrag="ot/er")
    assert call.says(Candidates({"0": other, "none": ice(RELAY)})) == []
    assert call.leg.dropped == ["candidate", "candidate"]


def test_rtcp_has_no_candidates_of_its_own_once_both_sides_have_said_so() -> None:
    rtcp = candidate(CandidateType.RELAY, 50007, component=2)
    call = in_call()
    assert call.says(Candidates({"0": ice(rtcp)})) == []
    assert call.leg.dropped == ["candidate"]
    call = in_call(mux=False)
    assert call.says(Candidates({"0": ice(rtcp)})) == ["INFO"]


def test_only_the_end_of_one_medium_is_said_with_that_medium() -> None:
    first = webrtc(HOST, SRFLX).media[0]
    film = replace(first, name="1", rtp=replace(first.rtp, media="video", rtcp_mux=RtcpMux()))
    call = calling()
    call.says(Offer(Description(media=(first, film))))
    second = browser(mid="1").split("a=ice-options:trickle\r\n")[1].replace("m=audio", "m=video")
    call.answered(200, browser("30000") + second, headers=CAN)
    assert call.says(Candidates({"1": ice(complete=True)})) == ["INFO"]
    said = told(call)
    assert [part.complete for part in said.parts] == [False, True]
    assert [part.mid for part in said.parts] == ["0", "1"]
    assert not said.complete


def test_candidates_between_the_invite_and_the_answer_follow_the_answer() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.answered(180) == ["Progress"]
    assert call.answered(200, browser("30000"), headers=CAN) == ["ACK", "Answer", "INFO"]
    assert ports(call) == [50001, 50002]


@pytest.mark.conformance("ICE-19")
@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (browser("30000"), ()),
        (sdp(media="RTP/AVP 0"), CAN),
    ],
    ids=["a browser's SDP, but no option tag", "the option tag, but no ICE"],
)
def test_a_peer_that_does_not_trickle_gets_no_info(answer: str, headers: tuple[Header, ...]) -> None:
    plain = replace(webrtc().media[0], transport=replace(ice(SRFLX), fingerprints=()))
    call = calling()
    call.says(Offer(Description(media=(plain,)) if answer.startswith("v=0\r\no=phone") else webrtc(SRFLX)))
    assert call.says(Candidates({"0": replace(ice(HOST), fingerprints=())})) == []
    assert call.answered(200, answer, headers=headers) == ["ACK", "Answer"]
    assert call.leg.dropped.count("candidate") >= 1
    call.leg.dropped.clear()
    assert call.says(Candidates({"0": ice(TOO)})) == []
    assert call.leg.dropped == ["candidate"]
    assert call.sent("INFO") == []


@pytest.mark.parametrize("status", [405, 415, 469, 501])
def test_a_peer_that_says_it_cannot_after_all_is_told_nothing_more(status: int) -> None:
    call = in_call()
    call.says(Candidates({"0": ice(TOO)}))
    assert call.answered(status, to="INFO") == []
    assert call.leg.dropped == ["candidate"]
    assert call.says(Candidates({"0": ice(TOO, HOST)})) == []
    assert call.leg.phase is Phase.CONFIRMED


def test_an_info_that_failed_is_not_repeated_but_the_next_one_says_all() -> None:
    call = in_call()
    call.says(Candidates({"0": ice(RELAY)}))
    assert call.answered(500, to="INFO") == []
    assert call.says(Candidates({"0": ice(LATE)})) == ["INFO"]
    assert ports(call) == [50000, 50001, 50002, 50003]
    assert call.fails("INFO") == []
    assert call.says(Candidates({"0": ice(complete=True)})) == ["INFO"]


def test_an_info_that_is_asked_for_credentials_is_sent_again_with_them() -> None:
    call = calling(credentials=Credentials("romeo", "secret"))
    call.says(Offer(webrtc(SRFLX)))
    call.answered(200, browser("30000"), headers=CAN)
    call.says(Candidates({"0": ice(RELAY)}))
    assert call.answered(401, to="INFO", headers=(ASKED,)) == ["INFO"]
    assert call.last("INFO").request.first("Authorization") is not None


def test_while_our_offer_is_open_nothing_is_told_and_after_it_only_what_it_did_not_say() -> None:
    call = in_call()
    again = webrtc(HOST, SRFLX, RELAY)
    assert call.says(Offer(again)) == ["INVITE"]
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.says(Candidates({"0": ice(LATE)})) == []
    assert call.answered(200, browser("30000"), headers=CAN) == ["ACK", "Answer", "INFO"]
    assert ports(call) == [50000, 50001, 50002, 50003]
    assert "trickle-ice" in call.last("INVITE").request.tokens("Supported")


def test_an_offer_that_was_refused_leaves_the_candidates_as_they_were() -> None:
    call = in_call()
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INFO"]
    call.answered(200, to="INFO")
    fresh = Ice(ufrag="2nd/", pwd="asd88fgpdd777uzjYhagZ2", fingerprints=ice().fingerprints)
    restart = Description(media=(replace(webrtc().media[0], transport=fresh),))
    assert call.says(Offer(restart)) == ["INVITE"]
    assert call.answered(488) == ["Refuse incompatible-parameters"]
    assert call.says(Candidates({"0": ice(LATE)})) == ["INFO"]
    assert ports(call) == [50000, 50001, 50002, 50003]


# -------------------------------------------------------------------------------------------------------- early dialogs


@pytest.mark.conformance("ICE-18")
def test_an_unreliable_answer_of_a_peer_that_trickles_is_met_with_an_info_at_once() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    assert call.answered(183, browser(), headers=CAN) == ["Progress", "INFO"]
    assert ports(call) == [50001]
    assert call.answered(183, browser(), headers=CAN) == [], "it is repeated until the INFO is there"
    assert call.answered(200, to="INFO") == []
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INFO"]
    assert call.answered(200, browser(), headers=CAN) == ["ACK", "Answer"]
    assert call.answered(200, to="INFO") == []
    assert call.says(Candidates({"0": ice(LATE)})) == ["INFO"]
    assert [request.cseq.number for request in call.sent("INFO")] == [2, 3, 4]
    assert {request.to.tag for request in call.sent("INFO")} == {"phone"}
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.cseq.number == 5


def test_a_provisional_response_without_option_tag_or_dialog_gets_no_info() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    assert call.answered(100, headers=CAN, tag="") == []
    assert call.answered(183, browser()) == ["Progress"]
    assert call.answered(180, headers=CAN) == ["Progress", "INFO"]


def test_candidates_of_an_early_dialog_come_with_its_answer() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    call.answered(183, browser("30000"), headers=CAN)
    assert trickles(call, fragment("30000", "30001")) == ["200 INFO"]
    assert trickles(call, fragment("30000", "30001", "30002", head="a=end-of-candidates\r\n")) == ["200 INFO"]
    assert call.answered(200, browser("30000"), headers=CAN) == ["ACK", "Answer"]
    answer = call.signal(Answer)
    assert isinstance(answer, Answer)
    transport = answer.description.media[0].transport
    assert isinstance(transport, Ice)
    assert [one.port for one in transport.candidates] == [30000, 30001, 30002]
    assert transport.gathering_complete is not None
    assert trickles(call, fragment("30000", "30001", "30002", head="a=end-of-candidates\r\n")) == ["200 INFO"]
    assert trickles(call, fragment("30000", "30001", "30002", "30003")) == ["200 INFO", "Candidates"]


def test_another_phone_that_answers_is_told_what_it_does_not_know_and_has_its_own_candidates() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    call.answered(180, headers=CAN)
    trickles(call, fragment("30000"))
    call.says(Candidates({"0": ice(RELAY)}))
    assert call.answered(180, headers=CAN, tag="other") == []
    assert call.answered(200, browser("31000"), headers=CAN, tag="other") == ["ACK", "Answer", "INFO"]
    assert call.last("INFO").request.to.tag == "other"
    answer = call.out[1]
    assert isinstance(answer, Answer)
    transport = answer.description.media[0].transport
    assert [one.port for one in transport.candidates] == [31000]


def test_an_early_dialog_that_is_over_is_forgotten() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    call.answered(183, headers=CAN)
    assert call.answered(199, headers=CAN) == []
    assert call.leg.dialog is None
    assert call.answered(183, headers=CAN, tag="other") == ["INFO"]


def test_a_call_given_up_in_an_early_dialog_ends_as_ever() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    call.answered(183, headers=CAN)
    assert call.ends() == ["CANCEL"]
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.answered(200, to="INFO") == []
    assert call.answered(487) == []
    assert call.leg.closed


# ------------------------------------------------------------------------------------------------------------- required


def test_a_peer_that_must_trickle_is_offered_at_once_whatever_is_there() -> None:
    call = calling(trickle="required")
    assert call.says(Offer(webrtc())) == ["INVITE"]
    request = call.last("INVITE").request
    assert request.tokens("Require") == {"trickle-ice"}
    assert "m=audio 9 " in request.body.decode()
    assert call.says(Candidates({"0": ice(HOST)})) == []
    assert call.answered(180) == ["Progress", "INFO"], "who takes the INVITE can"
    assert ports(call) == [50000]
    assert call.answered(200, to="INFO") == []
    assert call.answered(200, browser("30000")) == ["ACK", "Answer"]


@pytest.mark.conformance("ICE-20")
def test_a_peer_that_does_not_know_what_is_required_is_asked_again_with_what_the_wait_brings() -> None:
    call = calling(trickle="required")
    call.says(Offer(webrtc()))
    call.says(Candidates({"0": ice(HOST)}))
    assert call.answered(420, headers=(("Unsupported", "trickle-ice"),)) == []
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    request = call.last("INVITE").request
    assert request.first("Require") is None
    assert request.cseq.number == 2
    assert request.body.decode().count("a=candidate:") == 2
    assert call.answered(200, browser("30000")) == ["ACK", "Answer"]
    assert call.says(Candidates({"0": ice(TOO)})) == []
    assert call.sent("INFO") == []


def test_a_peer_that_lacks_another_extension_is_not_asked_again() -> None:
    call = calling(trickle="required")
    call.says(Offer(webrtc()))
    assert call.answered(420, headers=(("Unsupported", "gruu"),))[0].startswith("End")


def test_a_call_without_ice_requires_nothing() -> None:
    call = calling(trickle="required")
    assert call.says(Offer(audio())) == ["INVITE"]
    assert call.last("INVITE").request.first("Require") is None


# -------------------------------------------------------------------------------------------------------------- hearing


@pytest.mark.conformance("ICE-15")
def test_of_an_info_only_what_is_new_is_told() -> None:
    call = in_call()
    assert trickles(call, fragment("30000", "30001")) == ["200 INFO", "Candidates"]
    assert [one.port for one in heard(call).candidates] == [30001]
    assert trickles(call, fragment("30000", "30001", "30002")) == ["200 INFO", "Candidates"]
    transport = heard(call)
    assert [one.port for one in transport.candidates] == [30002]
    assert (transport.ufrag, transport.pwd) == ("9uB6", PWD)
    assert trickles(call, fragment("30000", "30001", "30002")) == ["200 INFO"]


@pytest.mark.conformance("ICE-16")
@pytest.mark.parametrize("wrong", [{"ufrag": "oth3"}, {"pwd": "aaaaaaaaaaaaaaaaaaaaaaaa"}, {"mid": "9"}])
def test_an_info_of_other_credentials_or_another_medium_is_acknowledged_and_discarded(wrong: dict[str, str]) -> None:
    call = in_call()
    assert trickles(call, fragment("30001", **wrong)) == ["200 INFO"]
    assert call.leg.dropped == ["candidate"]


@pytest.mark.conformance("ICE-17")
def test_the_end_said_for_the_session_is_the_end_of_every_medium() -> None:
    first = webrtc(HOST, SRFLX).media[0]
    media = [first, replace(first, name="1", rtp=replace(first.rtp, media="video"))]
    call = calling()
    call.says(Offer(Description(media=tuple(media), groups=(Group(semantics="BUNDLE", names=("0", "1")),))))
    second = browser(mid="1").split("a=ice-options:trickle\r\n")[1].replace("m=audio", "m=video")
    call.answered(200, browser("30000", head="a=group:BUNDLE 0 1\r\n") + second, headers=CAN)
    assert trickles(call, fragment("30000", head="a=end-of-candidates\r\n")) == ["200 INFO", "Candidates"]
    signal = call.signal(Candidates)
    assert isinstance(signal, Candidates)
    assert set(signal.by_media) == {"0", "1"}
    assert all(isinstance(one, Ice) and one.gathering_complete is not None for one in signal.by_media.values())


def test_the_end_said_for_a_medium_is_told_once() -> None:
    call = in_call()
    assert trickles(call, fragment("30000", tail="a=end-of-candidates\r\n")) == ["200 INFO", "Candidates"]
    assert heard(call).gathering_complete is not None
    assert trickles(call, fragment("30000", tail="a=end-of-candidates\r\n")) == ["200 INFO"]


def test_an_unknown_package_is_469_with_those_that_are_known() -> None:
    call = in_call()
    assert trickles(call, "x", package="conference", kind="text/plain") == ["469 INFO"]
    assert call.responses[0].first("Recv-Info") == "trickle-ice"


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_where_it_was_not_announced_the_package_is_not_known(mode: str) -> None:
    call = calling(trickle="never" if mode == "never" else "auto")
    call.says(Offer(webrtc(SRFLX) if mode == "never" else audio()))
    call.answered(200, browser("30000") if mode == "never" else sdp(), headers=CAN)
    assert trickles(call, fragment("30001")) == ["469 INFO"]
    assert call.responses[0].first("Recv-Info") == ""


def test_an_info_that_cannot_be_read_is_refused_and_an_empty_one_says_nothing() -> None:
    call = in_call()
    assert trickles(call, "nonsense") == ["400 INFO"]
    assert trickles(call, fragment("30001"), kind="application/sdp") == ["415 INFO"]
    assert call.responses[0].first("Accept") == "application/trickle-ice-sdpfrag"
    assert trickles(call, "") == ["200 INFO"]
    assert call.asks("INFO", "Signal=1", content_type="application/dtmf-relay") == ["200 INFO", "Digit 1 100"]


@pytest.mark.conformance("ICE-31")
def test_a_flood_of_candidates_is_bounded() -> None:
    call = in_call()
    count = 0
    for begin in range(20000, 21000, 100):
        words = trickles(call, fragment(*map(str, range(begin, begin + 100))))
        count += len(heard(call).candidates) if "Candidates" in words else 0
    assert count < MAX_CANDIDATES
    more = [candidate(CandidateType.HOST, port) for port in range(20000, 21000)]
    call.says(Candidates({"0": ice(*more)}))
    assert len(ports(call)) == MAX_CANDIDATES
    waiting = calling()
    waiting.says(Offer(webrtc(HOST)))
    waiting.says(Candidates({"0": ice(*more)}))
    waiting.after(2)
    assert waiting.last("INVITE").request.body.decode().count("a=candidate:") == MAX_CANDIDATES


# --------------------------------------------------------------------------------------------------------------- called


def answering(*candidates: Candidate, complete: bool = False) -> Answer:
    """What a client answers to `browser`."""
    media = webrtc(*candidates, complete=complete).media[0]
    return Answer(Description(media=(media,)))


def ringing(body: str = "", headers: tuple[Header, ...] = CAN) -> tuple[Ladder, SipRequest]:
    """A peer that trickles calls."""
    request = invite(body or browser(setup="actpass"), headers=headers)
    call = called(request)
    assert call.gets(request) == ["Offer", "183 INVITE"]
    return call, request


def test_an_offer_without_candidates_goes_on_at_once_and_a_provisional_response_begins_the_dialog() -> None:
    call, _ = ringing()
    offer = call.signal(Offer)
    assert isinstance(offer, Offer)
    assert offer.description is not None
    transport = offer.description.media[0].transport
    assert isinstance(transport, Ice)
    assert transport.candidates == ()
    (progress,) = call.responses
    assert progress.body == b""
    assert progress.to.tag == "ours"
    assert "trickle-ice" in progress.tokens("Supported")
    assert progress.first("Recv-Info") == "trickle-ice"
    assert progress.first("Contact") is not None
    assert trickles(call, fragment("30001")) == ["200 INFO", "Candidates"]
    assert [one.port for one in heard(call).candidates] == [30001]


def test_the_provisional_response_is_repeated_until_an_info_comes() -> None:
    call, _ = ringing()
    assert call.after(0.4) == []
    assert call.after(0.2) == ["183 INVITE"]
    assert call.says(Progress()) == ["180 INVITE"]
    assert "trickle-ice" in call.responses[0].tokens("Supported")
    assert call.after(1.0) == ["180 INVITE"]
    trickles(call, fragment("30001"))
    assert call.after(100) == []
    call, _ = ringing()
    repeated = call.after(1000)
    assert set(repeated) == {"183 INVITE"}
    assert 4 <= len(repeated) <= 8


def test_our_answer_goes_at_once_and_what_comes_later_after_the_ack() -> None:
    call, _ = ringing()
    assert call.says(answering()) == ["200 INVITE"]
    (answer,) = call.responses
    assert "a=ice-options:trickle" in answer.body.decode()
    assert "trickle-ice" in answer.tokens("Supported")
    assert call.says(Candidates({"0": ice(HOST)})) == [], "the peer may not have our answer"
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.acks() == ["INFO"]
    assert ports(call) == [50000, 50002]
    assert told(call).parts[0].mid == "0"
    assert call.answered(200, to="INFO") == []
    assert call.asks("BYE") == ["200 BYE", "End success"]


def test_an_offer_that_has_all_its_candidates_needs_no_early_dialog() -> None:
    request = invite(browser("30000", setup="actpass") + "a=end-of-candidates\r\n", headers=CAN)
    call = called(request)
    assert call.gets(request) == ["Offer"]
    assert call.says(answering()) == ["200 INVITE"]


def test_a_caller_that_does_not_trickle_is_answered_after_a_wait() -> None:
    request = invite(browser("30000", setup="actpass"))
    call = called(request)
    assert call.gets(request) == ["Offer"]
    assert call.says(answering()) == []
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["200 INVITE"]
    assert "ice-options" not in call.responses[0].body.decode()
    call.acks()
    assert call.says(Candidates({"0": ice(HOST)})) == []
    assert call.leg.dropped.count("candidate") == 1


def test_an_invite_that_requires_it_is_taken_unless_its_trunk_may_not() -> None:
    require = (*CAN, ("Require", "trickle-ice"))
    ringing(headers=require)
    request = invite(browser(setup="actpass"), headers=require)
    call = called(request, trickle="never")
    words = call.gets(request)
    assert words[0] == "420 INVITE"
    assert call.responses[0].first("Unsupported") == "trickle-ice"
    assert isinstance(call.end, End)
    assert call.leg.closed


def test_a_medium_without_a_name_cannot_be_trickled_to() -> None:
    request = invite(browser("30000", setup="actpass").replace("a=mid:0\r\n", ""), headers=CAN)
    call = called(request)
    assert call.gets(request) == ["Offer"]
    assert not call.leg.trickle.confirmed


def test_a_refusal_ends_the_repeating() -> None:
    call, _ = ringing()
    call.ends()
    assert isinstance(call.out[0], SipResponse)
    assert call.after(100) == []
    assert call.leg.closed


# ------------------------------------------------------------------------------------------------------------- the laws

EVENTS = st.lists(
    st.one_of(
        st.integers(50000, 50020).map(lambda port: ("more", port)),
        st.sampled_from([200, 200, 200, 500, 408]).map(lambda status: ("answer", status)),
        st.sampled_from([("lost", 0), ("end", 0), ("early", 0), ("reinvite", 0), ("agree", 0)]),
    ),
    max_size=25,
)


@given(EVENTS)
def test_never_are_two_infos_out_and_each_repeats_the_one_before_in_its_order(events: list[tuple[str, int]]) -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    said = [SRFLX.port]
    out = 0
    confirmed = False
    for what, number in [*events, ("agree", 0), ("answer", 200), ("answer", 200)]:
        before = len(call.sent("INFO"))
        match what:
            case "more":
                call.says(Candidates({"0": ice(candidate(CandidateType.HOST, number))}))
                said += [number] if number not in said else []
            case "answer" | "lost" if out:
                _ = call.answered(number, to="INFO") if what == "answer" else call.fails("INFO")
                out -= 1
            case "end":
                call.says(Candidates({"0": ice(complete=True)}))
            case "early" if not confirmed:
                call.answered(183, headers=CAN)
            case "reinvite" if call.leg.phase is Phase.CONFIRMED:
                call.says(Offer(webrtc(SRFLX)))
                confirmed = False
            case "agree" if not confirmed:
                call.answered(200, browser("30000"), headers=CAN)
                confirmed = True
        sent = call.sent("INFO")[before:]
        out += len(sent)
        assert out <= 1
        if sent:
            assert ports(call) == said, "all there is, in the order in which it came"
    if len(said) > 1:
        assert ports(call) == said
    assert set(call.leg.dropped) <= {"ice-options"}
    call.ends()
    call.after(1000)
    assert call.leg.closed


@given(st.lists(st.lists(st.integers(30000, 30010), max_size=5), max_size=8))
def test_each_candidate_of_the_peer_is_told_once(bodies: list[list[int]]) -> None:
    call = in_call()
    news: list[int] = []
    for body in bodies:
        if "Candidates" in trickles(call, fragment(*map(str, body))):
            news += [one.port for one in heard(call).candidates]
    assert len(news) == len(set(news))
    assert set(news) == {port for body in bodies for port in body} - {30000}
