"""When a description has candidates enough to be written."""

from dataclasses import replace

from gateway.sip import gather
from mappings.description import Candidate, Description, GatheringComplete, Group, Ice, Media, RawUdp, RtcpMux, Rtp
from mappings.terms import CandidateType

from .ladder import audio, candidate, ice, raw

HOST = candidate(CandidateType.HOST)
SRFLX = candidate(CandidateType.SRFLX)
RELAY_RTCP = candidate(CandidateType.RELAY, component=2)


def medium(name: str, *candidates: Candidate, complete: bool = False, mux: bool = True) -> Media:
    """A medium of a browser."""
    rtp = Rtp(media="audio", rtcp_mux=RtcpMux() if mux else None)
    return Media(name=name, rtp=rtp, transport=ice(*candidates, complete=complete))


def bundled(*media: Media) -> Description:
    """All media on the first one's transport."""
    return Description(media=media, groups=(Group(semantics="BUNDLE", names=tuple(one.name for one in media)),))


def test_what_has_no_ice_is_always_ready() -> None:
    assert gather.ready(audio())
    assert not gather.unheard(audio())


def test_every_component_needs_an_address_that_can_be_reached_from_outside() -> None:
    assert not gather.ready(Description(media=(medium("a", HOST),)))
    assert gather.ready(Description(media=(medium("a", HOST, SRFLX),)))
    assert not gather.ready(Description(media=(medium("a", SRFLX, mux=False),)))
    assert gather.ready(Description(media=(medium("a", SRFLX, RELAY_RTCP, mux=False),)))
    assert gather.ready(Description(media=(medium("a", HOST, complete=True, mux=False),)))


def test_every_medium_counts() -> None:
    assert not gather.ready(Description(media=(medium("a", SRFLX), medium("b", HOST))))
    assert gather.ready(Description(media=(medium("a", SRFLX), medium("b", SRFLX))))


def test_a_bundled_medium_without_candidates_goes_with_the_first_once_that_is_complete() -> None:
    assert not gather.ready(bundled(medium("a", SRFLX), medium("b"))), "it may only not have begun"
    assert gather.ready(bundled(medium("a", HOST, complete=True), medium("b")))
    assert not gather.ready(bundled(medium("a", HOST, complete=True), medium("b", HOST)))


def test_a_medium_without_any_candidate_is_unheard_of_unless_it_has_said_all() -> None:
    assert gather.unheard(Description(media=(medium("a"),)))
    assert not gather.unheard(Description(media=(medium("a", HOST),)))
    assert not gather.unheard(Description(media=(medium("a", complete=True),)))
    assert not gather.unheard(bundled(medium("a", HOST, complete=True), medium("b")))


def test_candidates_are_joined_by_medium() -> None:
    description = Description(media=(medium("a", HOST), medium("b")))
    more = ice(HOST, SRFLX)
    joined = gather.merged(description, {"a": more, "x": more})
    assert joined.media[0].transport.candidates == (HOST, SRFLX)
    assert joined.media[1] == description.media[1]
    assert gather.count({"a": more, "b": raw(4000)}) == 4


def test_what_candidates_bring_with_them_fills_what_was_missing() -> None:
    bare = Media(name="a", rtp=Rtp(media="audio"), transport=Ice())
    (joined,) = gather.merged(Description(media=(bare,)), {"a": ice(complete=True)}).media
    assert joined.transport == ice(complete=True)
    assert isinstance(joined.transport, Ice)
    late = replace(joined.transport, gathering_complete=None, candidates=(HOST,))
    (again,) = gather.merged(Description(media=(joined,)), {"a": late}).media
    assert isinstance(again.transport, Ice)
    assert again.transport.gathering_complete == GatheringComplete()


def test_a_plain_address_replaces_the_one_of_its_component() -> None:
    (rtcp,) = [one for one in raw(9000).candidates if one.component == 2]
    (joined,) = gather.merged(audio(4000), {"audio": RawUdp(candidates=(rtcp,))}).media
    assert [one.port for one in joined.transport.candidates] == [4000, 9001]


def test_candidates_of_another_kind_of_transport_are_left_out() -> None:
    assert gather.merged(audio(), {"audio": ice(HOST)}) == audio()


def test_candidates_without_end_stop_at_a_number_and_take_no_time() -> None:
    description = Description(media=(medium("a"),))
    for batch in range(300):
        many = [replace(HOST, port=1 + batch * 200 + number) for number in range(200)]
        description = gather.merged(description, {"a": ice(*many)})
    transport = description.media[0].transport
    assert isinstance(transport, Ice)
    assert [candidate.port for candidate in transport.candidates] == list(range(1, gather.MAX_CANDIDATES + 1))
