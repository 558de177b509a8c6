"""What real clients make of candidates that come one by one, and what they are sent."""

from dataclasses import replace

import pytest

from gateway.signals import Answer, Candidates
from gateway.stanza import Stanza
from mappings.description import GatheringComplete, Ice

from .ladder import Ladder, User, answering, candidate, content, describe, ice

nora = User()
ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"
COMPLETE = f"<gathering-complete xmlns='{ICE_UDP}'/>"


def offered(transport: str = "") -> Ladder:
    """A session-initiate has been received and passed on."""
    first = nora.set("session-initiate", content(transport=transport or ice()))
    ladder = answering(first)
    assert ladder.receive(first) == ["result", "Offer voice"]
    return ladder


def answered(transport: str = "") -> Ladder:
    """The call is up."""
    ladder = offered(transport)
    ladder.send(Answer(describe(content(transport=ice(setup="active")))))
    ladder.acknowledge()
    return ladder


def trickled(ladder: Ladder, *inside: str, head: str = "ufrag='uf01' pwd='secretsecretsecret0001'") -> list[str]:
    """The client sends a transport-info."""
    transport = f"<transport xmlns='{ICE_UDP}' {head}>{''.join(inside)}</transport>"
    return ladder.receive(
        nora.set("transport-info", f"<content creator='initiator' name='voice'>{transport}</content>")
    )


def heard(ladder: Ladder) -> Ice:
    """What the other side is told."""
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    transport = signal.by_media["voice"]
    assert isinstance(transport, Ice)
    return transport


@pytest.mark.conformance("JIN-16")
@pytest.mark.parametrize("head", ["", "ufrag='uf01'", "ufrag='uf01' pwd='secretsecretsecret0001'"])
def test_credentials_may_be_left_out_in_part_or_whole(head: str) -> None:
    ladder = offered()
    assert trickled(ladder, candidate(2), head=head) == ["result", "Candidates voice"]
    assert (heard(ladder).ufrag, heard(ladder).pwd) == ("uf01", "secretsecretsecret0001")


def test_a_candidate_that_comes_twice_is_one() -> None:
    ladder = offered()
    assert trickled(ladder, candidate(2), candidate(2)) == ["result", "Candidates voice"]
    assert len(heard(ladder).candidates) == 1


def test_candidates_for_rtcp_are_taken_though_mux_was_offered() -> None:
    ladder = offered()
    assert trickled(ladder, candidate(2), candidate(3, component=2)) == ["result", "Candidates voice"]
    assert [one.component for one in heard(ladder).candidates] == [1, 2]


@pytest.mark.conformance("ICE-05")
def test_an_address_that_only_the_browsers_network_knows_is_left_out() -> None:
    ladder = offered()
    hidden = candidate(3).replace("192.0.2.3", "6f5a9d2e-1c44.local")
    assert trickled(ladder, hidden, candidate(2)) == ["result", "Candidates voice"]
    assert [one.ip for one in heard(ladder).candidates] == ["192.0.2.2"]
    assert "candidate" in ladder.leg.dropped


@pytest.mark.conformance("ICE-31")
def test_a_thousand_candidates_are_bounded() -> None:
    ladder = offered()
    many = [candidate(2).replace("id='c2'", f"id='c{n}'").replace("port='", f"port='{n}") for n in range(1, 1000)]
    assert trickled(ladder, *many)[0] == "result"
    assert len(heard(ladder).candidates) <= 200


def test_the_end_of_the_candidates_is_passed_on() -> None:
    ladder = offered()
    assert trickled(ladder, COMPLETE) == ["result", "Candidates voice"]
    assert heard(ladder).gathering_complete == GatheringComplete()


def test_the_end_of_the_other_sides_is_told_to_a_client_that_tells_its_own() -> None:
    end = Candidates({"voice": Ice(gathering_complete=GatheringComplete())})
    silent = answered()
    assert silent.send(end) == []
    for ladder in (answered(ice().replace("</transport>", f"{COMPLETE}</transport>")), answered()):
        trickled(ladder, COMPLETE)
        assert ladder.send(end) == ["transport-info voice"]
        (transport,) = ladder.request().children[0].iter(f"{{{ICE_UDP}}}transport")
        assert [child.tag for child in transport] == [f"{{{ICE_UDP}}}gathering-complete"]
        assert transport.get("ufrag") == "uf01"


@pytest.mark.conformance("ICE-07")
def test_each_candidate_has_an_id_of_its_own() -> None:
    ladder = answered()
    more = describe(content(transport=ice(candidate(4), candidate(5)))).media[0].transport
    assert isinstance(more, Ice)
    bare = Ice(candidates=tuple(replace(one, id=None) for one in more.candidates))
    found = [
        element.get("id")
        for sent in ladder.leg.send(Candidates({"voice": bare}), ladder.now)
        if isinstance(sent, Stanza)
        for element in sent.children[0].iter(f"{{{ICE_UDP}}}candidate")
    ]
    assert len(found) == len(set(found)) == 2
    assert all(found)
