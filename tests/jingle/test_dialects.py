"""What single clients cannot take inside a call: ladders of the Jingle leg with one of each kind opposite."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest

from gateway.jingle import dialects
from gateway.jingle.dialects import GAJIM, LIBWEBRTC, MOVIM, USUAL
from gateway.jingle.session import JingleTimers
from gateway.signals import Answer, Offer, Refuse
from gateway.stanza import Stanza
from mappings.description import Description, Ice, Media
from mappings.reasons import EndReason
from mappings.terms import Senders

from .ladder import PHONE, Ladder, User, answering, calling, candidate, content, describe, element, ice, rtp

nora = User()

OPTIONS = "".join(
    f"<{name} xmlns='http://gultsch.de/xmpp/drafts/jingle/transports/ice-udp/option'/>"
    for name in ("trickle", "renomination")
)
NO = Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "488 Not Acceptable Here")
ICE = "urn:xmpp:jingle:transports:ice-udp:1"
STUB = f"<transport xmlns='{ICE}'/>"
BUNDLE = (
    "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/><content name='1'/></group>"
)
INFO = "urn:xmpp:jingle:apps:rtp:info:1"


def optioned(transport: str) -> str:
    return transport.replace("</transport>", f"{OPTIONS}</transport>")


SOUND = content("0", transport=optioned(ice(candidate(1))))
VIDEO = content("1", rtp("video"), optioned(ice(candidate(1))))
PLAIN = content("0", transport=ice(candidate(1)))
PLAIN_VIDEO = content("1", rtp("video"), ice(candidate(2), ufrag="uf11", pwd="secretsecretsecret0011"))


def active(xml: str) -> str:
    return xml.replace("actpass", "active")


def by_client(*contents: str) -> Ladder:
    """A call that the client began; it is up."""
    said = "".join(contents)
    first = nora.set("session-initiate", said)
    ladder = answering(first)
    ladder.receive(first)
    ladder.send(Answer(describe(active(said))))
    ladder.acknowledge()
    return ladder


def to_client(*contents: str) -> Ladder:
    """A call to the client; it is up."""
    said = "".join(contents)
    ladder = calling(peer=PHONE, direct=True)
    ladder.send(Offer(describe(said)))
    ladder.acknowledge()
    ladder.receive(nora.set("session-accept", active(said)))
    return ladder


BOTH = pytest.mark.parametrize("up", [by_client, to_client])
Up = Callable[..., Ladder]


def with_senders(xml: str, *senders: str) -> Description:
    found = describe(xml)
    media = tuple(replace(one, senders=Senders(said)) for one, said in zip(found.media, senders, strict=True))
    return replace(found, media=media)


def roles(ladder: Ladder) -> tuple[str, str]:
    """Our role and the client's."""
    role = ladder.leg._session.role
    return role.value, role.other.value


def contents(stanza: Stanza) -> list[Element]:
    return [child for child in stanza.children[0] if child.tag.endswith("}content")]


def parts(content: Element) -> list[tuple[str, dict[str, str], int]]:
    return [(child.tag.rpartition("}")[2], dict(child.attrib), len(child)) for child in content]


def medium(ladder: Ladder, name: str) -> Media:
    """What the leg said of a content in its last offer or answer."""
    signal = ladder.signal()
    assert isinstance(signal, Offer | Answer)
    assert signal.description is not None
    return next(media for media in signal.description.media if media.name == name)


# ------------------------------------------------------------------------------------------------------- who is known


def test_a_client_is_known_by_what_it_writes() -> None:
    def spoken(xml: str, attributes: str = "") -> dialects.Dialect:
        return dialects.spoken(element("session-initiate", xml, attributes=attributes))

    assert spoken(PLAIN, " initiator='nora@example.net'") is MOVIM
    assert spoken(PLAIN, " initiator='nora@example.net/phone'") is USUAL
    assert spoken(SOUND) is LIBWEBRTC
    assert spoken(PLAIN) is USUAL
    assert spoken(PLAIN + VIDEO) is LIBWEBRTC
    assert spoken(content(transport=f"<transport xmlns='{ICE}'><x xmlns='urn:other'/></transport>")) is USUAL
    stream = candidate(1).replace("'udp'", "'tcp'")
    assert spoken(content(transport=ice(candidate(1), stream))) is USUAL
    assert spoken(content(transport=ice(candidate(1), stream, setup=""))) is GAJIM
    assert spoken(content(transport=ice(candidate(1), setup=""))) is USUAL


# ------------------------------------------------------------------------------------------------------- Conversations


@pytest.mark.conformance("HLD-06", "HLD-07")
@BOTH
@pytest.mark.parametrize("held", ["ours", "none"])
def test_a_hold_is_told_as_such_to_a_client_that_ends_the_call_when_it_is_not_to_send(up: Up, held: str) -> None:
    """COMPAT(Conversations)."""
    ladder = up(SOUND)
    ours, _ = roles(ladder)
    words = ladder.send(Offer(with_senders(SOUND, ours if held == "ours" else "none")))
    assert words[-1] == "session-info hold"
    assert words[:-1] == ([] if held == "ours" else ["content-modify 0"])
    assert ladder.acknowledge() == ["Answer 0"]
    assert medium(ladder, "0").senders.value == (ours if held == "ours" else "none"), "SIP hears the whole of it"
    words = ladder.send(Offer(describe(SOUND)))
    assert words[-1] == "session-info unhold"
    assert ladder.acknowledge() == ["Answer 0"]
    assert medium(ladder, "0").senders is Senders.BOTH


@BOTH
def test_that_the_other_side_does_not_send_is_told_it_by_content_modify(up: Up) -> None:
    """COMPAT(Conversations): these two are all that it takes."""
    ladder = up(SOUND)
    _, client = roles(ladder)
    assert ladder.send(Offer(with_senders(SOUND, client))) == ["content-modify 0"]
    assert contents(ladder.request())[0].get("senders") == client
    assert ladder.acknowledge() == ["Answer 0"]
    assert ladder.send(Offer(describe(SOUND))) == ["content-modify 0"]
    assert contents(ladder.request())[0].get("senders") == "both"


@BOTH
def test_one_content_of_several_that_it_is_not_to_send_is_not_told(up: Up) -> None:
    """COMPAT(Conversations): a hold would be said of the whole call."""
    ladder = up(SOUND, VIDEO)
    ours, _ = roles(ladder)
    assert ladder.send(Offer(with_senders(SOUND + VIDEO, "both", ours))) == ["Answer 0 1"]
    assert medium(ladder, "1").senders.value == ours
    assert ladder.send(Offer(describe(SOUND + VIDEO))) == ["Answer 0 1"]


def test_an_error_to_a_hold_is_not_followed_by_what_would_end_the_call() -> None:
    """COMPAT(Conversations)."""
    ladder = by_client(SOUND)
    ladder.send(Offer(with_senders(SOUND, "responder")))
    assert ladder.refuse("feature-not-implemented") == ["Answer 0"]


@BOTH
def test_a_content_that_is_given_up_stays_with_a_client_that_can_lose_none(up: Up) -> None:
    """COMPAT(Conversations): content-remove takes back what is not accepted yet, and else ends the call."""
    ladder = up(SOUND, VIDEO)
    _, client = roles(ladder)
    assert ladder.send(Offer(describe(SOUND))) == ["content-modify 1", "Answer 0"]
    assert contents(ladder.request())[0].get("senders") == client
    ladder.acknowledge()
    assert ladder.send(Offer(describe(SOUND + VIDEO))) == ["Answer 0"], "it takes no content twice"
    moved = nora.set("content-modify", "<content creator='initiator' name='1' senders='both'/>")
    assert ladder.receive(moved) == ["result"]


def test_a_change_that_fails_takes_back_what_it_has_not_accepted_and_leaves_the_rest() -> None:
    """COMPAT(Conversations)."""
    ladder = by_client(content("0", transport=optioned(ice(candidate(1), setup=""))))
    raw = (
        "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
        "<candidate component='1' generation='0' id='r1' ip='192.0.2.9' port='40100'/></transport>"
    )
    ladder.send(Offer(describe(content("0", transport=raw), PLAIN_VIDEO)))
    ladder.receive(nora.set("content-accept", active(VIDEO)))
    rejected = nora.set("transport-reject", content("0", description="", transport=raw))
    assert ladder.receive(rejected) == ["result", "content-modify 1", "Refuse"]
    again = by_client(content("0", transport=optioned(ice(candidate(1), setup=""))))
    again.send(Offer(describe(content("0", transport=raw), PLAIN_VIDEO)))
    assert again.receive(rejected) == ["result", "content-remove 1", "Refuse"]


@pytest.mark.conformance("MOD-02", "MOD-03")
@pytest.mark.parametrize("answer", [NO, Answer(describe(PLAIN))], ids=["refused", "port 0"])
def test_a_rejected_content_is_told_by_name_kind_and_senders(answer: Refuse | Answer) -> None:
    """COMPAT(Conversations): it compares these with its content-add, and reads no content without a transport."""
    ladder = by_client(PLAIN)
    film = VIDEO.replace("name='1'", "name='1' senders='initiator'")
    ladder.receive(nora.set("content-add", film))
    assert ladder.send(answer) == ["content-reject 1 failed-application"]
    (rejected,) = contents(ladder.request())
    assert dict(rejected.attrib) == {"creator": "initiator", "name": "1", "senders": "initiator"}
    assert parts(rejected) == [("description", {"media": "video"}, 0), ("transport", {}, 0)]


def test_so_is_one_that_cannot_be_carried() -> None:
    """COMPAT(Conversations)."""
    ladder = by_client(PLAIN)
    text = content("1", rtp("text"), optioned(ice(candidate(1))))
    assert ladder.receive(nora.set("content-add", text)) == ["result", "content-reject 1 unsupported-applications"]
    (rejected,) = contents(ladder.request())
    assert dict(rejected.attrib) == {"creator": "initiator", "name": "1"}
    assert parts(rejected) == [("description", {"media": "text"}, 0), ("transport", {}, 0)]


@pytest.mark.conformance("MOD-06")
def test_what_is_taken_back_is_told_so_too() -> None:
    """COMPAT(Conversations)."""
    ladder = by_client(PLAIN)
    ladder.send(Offer(describe(PLAIN, PLAIN_VIDEO)))
    ladder.acknowledge()
    assert ladder.wait(26) == ["content-remove 1", "Answer 0"]
    (removed,) = contents(ladder.request())
    assert parts(removed) == [("description", {"media": "video"}, 0), ("transport", {}, 0)]


@pytest.mark.conformance("MOD-01")
@BOTH
def test_video_that_joins_a_bundle_has_its_transport(up: Up) -> None:
    """COMPAT(Conversations): its content-add says an empty one."""
    ladder = up(SOUND)
    known = medium(ladder, "0").transport if up is to_client else describe(SOUND).media[0].transport
    assert isinstance(known, Ice)
    assert ladder.receive(nora.set("content-add", content("1", rtp("video"), STUB) + BUNDLE)) == ["result", "Offer 0 1"]
    joined = medium(ladder, "1").transport
    assert isinstance(joined, Ice)
    assert (joined.ufrag, joined.pwd, joined.candidates) == (known.ufrag, known.pwd, known.candidates)
    assert [one.value for one in joined.fingerprints] == [one.value for one in known.fingerprints]
    assert joined.fingerprints[0].setup is medium(ladder, "0").transport.fingerprints[0].setup


def test_so_does_the_video_that_it_accepts() -> None:
    """COMPAT(Conversations)."""
    ladder = by_client(SOUND)
    offer = describe(SOUND, VIDEO, BUNDLE)
    assert ladder.send(Offer(offer)) == ["content-add 1"]
    accept = nora.set("content-accept", content("1", rtp("video"), STUB) + BUNDLE)
    assert ladder.receive(accept) == ["result", "Answer 0 1"]
    joined = medium(ladder, "1").transport
    assert isinstance(joined, Ice)
    assert joined.ufrag == "uf01"
    assert joined.fingerprints


def test_an_empty_transport_outside_of_a_bundle_stays_empty() -> None:
    ladder = by_client(PLAIN)
    ladder.receive(nora.set("content-add", content("1", rtp("video"), STUB)))
    assert medium(ladder, "1").transport == Ice()


@pytest.mark.parametrize(
    ("offered", "wanted", "word"),
    [
        ("both", "both", "result"),
        ("both", "initiator", "result"),
        ("responder", "responder", "result"),
        ("responder", "both", "error not-acceptable"),
    ],
)
def test_more_senders_than_were_offered_are_refused_and_the_content_is_accepted_with_fewer(
    offered: str, wanted: str, word: str
) -> None:
    """COMPAT(Conversations): it asks for both before it accepts video that we alone send."""
    ladder = by_client(SOUND)
    ladder.send(Offer(with_senders(SOUND + VIDEO, "both", offered)))
    asked = nora.set("content-modify", f"<content creator='initiator' name='1' senders='{wanted}'/>")
    assert ladder.receive(asked) == [word]
    said = VIDEO.replace("name='1'", f"name='1' senders='{offered}'")
    assert ladder.receive(nora.set("content-accept", active(said))) == ["result", "Answer 0 1"]
    assert medium(ladder, "1").senders.value == offered


# --------------------------------------------------------------------------------------------------------------- Monal


def test_a_hold_that_gets_no_reply_is_waited_for_once() -> None:
    """COMPAT(Monal)."""
    ladder = by_client(SOUND)
    assert ladder.send(Offer(with_senders(SOUND, "responder"))) == ["session-info hold"]
    assert ladder.wait(5) == ["Answer 0"]
    assert ladder.send(Offer(describe(SOUND))) == ["session-info unhold", "Answer 0"]
    assert ladder.wait(60) == []


def test_so_is_a_content_modify_where_no_request_is_waited_for_that_long() -> None:
    ladder = by_client(PLAIN)
    ladder.leg._session.settings = JingleTimers(iq_timeout_seconds=2.0)
    ladder.send(Offer(with_senders(PLAIN, "responder")))
    assert ladder.wait(2.5) == ["Answer 0"]
    assert ladder.send(Offer(describe(PLAIN))) == ["content-modify 0", "Answer 0"]


def test_a_content_add_that_gets_no_reply_is_refused_in_time() -> None:
    """COMPAT(Monal)."""
    ladder = by_client(SOUND)
    ladder.send(Offer(describe(SOUND, VIDEO)))
    assert ladder.wait(16) == ["Answer 0"]
    assert ladder.wait(60) == []


def test_nobody_sends_is_never_said_in_a_session_initiate() -> None:
    """COMPAT(Monal): it cannot read it."""
    ladder = calling(peer=PHONE, direct=True)
    assert ladder.send(Offer(with_senders(SOUND, "none"))) == ["session-initiate 0"]
    assert contents(ladder.request())[0].get("senders") is None
    ladder.acknowledge()
    assert ladder.receive(nora.set("session-accept", active(SOUND))) == ["result", "Answer 0"]
    assert ladder.send(Offer(describe(SOUND))) == ["Answer 0"], "it sends already"


@pytest.mark.parametrize(("sound", "senders"), [(SOUND, "responder"), (PLAIN, "none")])
def test_nobody_sends_is_said_in_a_session_accept_where_it_is_understood(sound: str, senders: str) -> None:
    """COMPAT(Monal)."""
    video = VIDEO if sound is SOUND else PLAIN_VIDEO
    first = nora.set("session-initiate", sound + video)
    ladder = answering(first)
    ladder.receive(first)
    assert ladder.send(Answer(with_senders(active(sound + video), "both", "none"))) == ["session-accept 0 1"]
    assert [found.get("senders") for found in contents(ladder.request())] == [None, senders]


# ---------------------------------------------------------------------------------------------------------------- Dino


def test_several_directions_are_several_requests() -> None:
    """COMPAT(Dino): it reads one content of a content-modify, and refuses two."""
    ladder = by_client(PLAIN, PLAIN_VIDEO)
    held = with_senders(PLAIN + PLAIN_VIDEO, "responder", "responder")
    assert ladder.send(Offer(held)) == ["content-modify 0", "content-modify 1"]
    assert ladder.acknowledge() == ["Answer 0 1"]


def test_a_content_of_ours_keeps_the_creator_that_the_client_gives_it() -> None:
    """COMPAT(Dino): who accepts as of the initiator what the responder has added knows it by that name alone."""
    ladder = by_client(PLAIN)
    offer = describe(PLAIN, PLAIN_VIDEO)
    video = replace(offer.media[1], creator=ladder.leg._session.role)
    offer = replace(offer, media=(offer.media[0], video))
    ladder.send(Offer(offer))
    assert contents(ladder.request())[0].get("creator") == "responder"
    ladder.acknowledge()
    ladder.receive(nora.set("content-accept", active(PLAIN_VIDEO)))
    silent = replace(offer, media=(offer.media[0], replace(video, senders=Senders.NONE)))
    assert ladder.send(Offer(silent)) == ["content-modify 1"]
    assert contents(ladder.request())[0].get("creator") == "initiator"
    ladder.acknowledge()
    assert ladder.send(Offer(replace(offer, media=offer.media[:1]))) == ["content-remove 1", "Answer 0"]
    ladder.send(Offer(offer))
    assert contents(ladder.request())[0].get("creator") == "responder", "it begins anew"


# --------------------------------------------------------------------------------------------------------------- Movim


def by_movim(*contents: str) -> Ladder:
    """A call of a client whose initiator is a bare JID; it is up."""
    said = "".join(contents)
    first = nora.set("session-initiate", said, attributes=" initiator='nora@example.net'")
    ladder = answering(first)
    ladder.receive(first)
    ladder.send(Answer(describe(active(said))))
    ladder.acknowledge()
    return ladder


JOINED = content("1", rtp("video"), ice(candidate(1)))
SINGLE = BUNDLE.replace("<content name='1'/>", "")


@pytest.mark.conformance("MOD-01", "MOD-02", "MOD-03")
@pytest.mark.parametrize("how", ["accepted", "port 0", "refused"])
def test_the_answer_to_an_added_content_is_another_session_accept_of_all(how: str) -> None:
    """COMPAT(Movim): it hears of no content-accept, and of no content-reject."""
    ladder = by_movim(PLAIN, SINGLE)
    ladder.receive(nora.set("content-add", JOINED + BUNDLE))
    answers: dict[str, Answer | Refuse] = {
        "accepted": Answer(describe(active(PLAIN + JOINED + BUNDLE))),
        "port 0": Answer(describe(active(PLAIN + SINGLE))),
        "refused": NO,
    }
    assert ladder.send(answers[how]) == ["session-accept 0 1"]
    sound, video = contents(ladder.request())
    assert sound.get("senders") is None
    assert video.get("senders") == (None if how == "accepted" else "none")
    (transport,) = (child for child in video if child.tag == f"{{{ICE}}}transport")
    assert transport.get("ufrag") == "uf01"
    assert [child.tag.rpartition("}")[2] for child in ladder.request().children[0]] == ["content", "content", "group"]
    assert ladder.receive(nora.set("content-remove", "<content creator='initiator' name='1'/>"))[0] == "result"


def test_a_session_accept_that_answers_a_content_modify_is_let_pass() -> None:
    """COMPAT(Movim)."""
    ladder = by_movim(PLAIN)
    ladder.send(Offer(with_senders(PLAIN, "responder")))
    assert ladder.acknowledge() == ["Answer 0"]
    assert ladder.receive(nora.set("session-accept", active(PLAIN))) == ["result"]
