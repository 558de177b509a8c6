"""Changes inside a call: ladders of the Jingle leg on a virtual clock, in both roles."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.jingle.session import JingleTimers
from gateway.signals import Answer, Candidates, Complete, End, Offer, Refuse
from gateway.stanza import Stanza
from mappings.description import Codec, Description, Group, Ice
from mappings.reasons import EndReason
from mappings.terms import Senders, Setup

from .ladder import (
    PHONE,
    RAW,
    Ladder,
    User,
    answering,
    calling,
    candidate,
    content,
    describe,
    ice,
    reason_text,
    rtp,
)

nora = User()
TIE = "{urn:xmpp:jingle:errors:1}tie-break"
UNSUPPORTED = "{urn:xmpp:jingle:errors:1}unsupported-info"

VOICE = content(transport=ice(candidate(1)))
FILM = content("film", rtp("video"), ice(candidate(2), ufrag="uf11", pwd="secretsecretsecret0011"))
GROUP = (
    "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>"
    "<content name='voice'/><content name='film'/></group>"
)
INFO = "urn:xmpp:jingle:apps:rtp:info:1"
ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"


def active(xml: str) -> str:
    return xml.replace("actpass", "active")


def of(xml: str, **changed: object) -> Description:
    """A description of the other side, in which the first content is changed."""
    found = describe(xml)
    return replace(found, media=(replace(found.media[0], **changed), *found.media[1:]))  # type: ignore[arg-type]


def initiator(*contents: str) -> Ladder:
    """A call that the client began; it is up."""
    said = "".join(contents or (VOICE,))
    first = nora.set("session-initiate", said)
    ladder = answering(first)
    ladder.receive(first)
    ladder.send(Answer(describe(active(said))))
    ladder.acknowledge()
    return ladder


def responder(*contents: str) -> Ladder:
    """A call to the client; it is up."""
    said = "".join(contents or (VOICE,))
    ladder = calling(peer=PHONE, direct=True)
    ladder.send(Offer(describe(said)))
    ladder.acknowledge()
    ladder.receive(nora.set("session-accept", active(said)))
    return ladder


BOTH = pytest.mark.parametrize("up", [initiator, responder])
Up = Callable[..., Ladder]


def senders(ladder: Ladder) -> list[str]:
    """Who sends, in the last offer or answer that the leg said."""
    signal = ladder.signal()
    assert isinstance(signal, Offer | Answer)
    assert signal.description is not None
    return [media.senders.value for media in signal.description.media]


def told(ladder: Ladder) -> dict[str, str | None]:
    """The senders that our last request says."""
    return {child.get("name", ""): child.get("senders") for child in ladder.request().children[0] if child.get("name")}


def modify(**senders: str) -> Stanza:
    contents = (f"<content creator='initiator' name='{name}' senders='{said}'/>" for name, said in senders.items())
    return nora.set("content-modify", "".join(contents))


def info(name: str) -> Stanza:
    return nora.set("session-info", f"<{name} xmlns='{INFO}'/>")


def named(*names: str) -> str:
    return "".join(f"<content creator='initiator' name='{name}'/>" for name in names)


def codecs(signal: object) -> list[str | None]:
    """The codecs of the first medium that the leg tells of."""
    assert isinstance(signal, Offer | Answer)
    assert signal.description is not None
    return [codec.name for codec in signal.description.media[0].rtp.codecs]


# ------------------------------------------------------------------------------------------------- hold, by the client


@pytest.mark.conformance("HLD-01", "HLD-03", "HLD-04")
@pytest.mark.parametrize("back", ["unhold", "active"])
@pytest.mark.parametrize(("up", "silent"), [(initiator, "initiator"), (responder, "responder")])
def test_a_hold_leaves_only_the_client_sending_and_its_end_restores_what_was(up: Up, silent: str, back: str) -> None:
    ladder = up()
    assert ladder.receive(info("hold")) == ["result", "Offer voice"]
    assert senders(ladder) == [silent]
    assert ladder.send(Answer(of(VOICE, senders=Senders(silent)))) == []
    assert ladder.receive(info(back)) == ["result", "Offer voice"]
    assert senders(ladder) == ["both"]
    assert ladder.send(Answer(of(VOICE))) == []
    assert ladder.receive(info(back)) == ["result"]


@pytest.mark.conformance("HLD-02", "HLD-03")
def test_a_content_that_only_came_in_is_silent_on_hold_and_as_before_after_it() -> None:
    film = FILM.replace("name='film'", "name='film' senders='responder'")
    ladder = initiator(VOICE, film)
    ladder.receive(info("hold"))
    assert senders(ladder) == ["initiator", "none"]
    ladder.send(
        Answer(
            describe(
                VOICE.replace("name='voice'", "name='voice' senders='initiator'"), film.replace("'responder'", "'none'")
            )
        )
    )
    ladder.receive(info("unhold"))
    assert senders(ladder) == ["both", "responder"]


@pytest.mark.parametrize("up", [initiator, responder])
def test_who_answered_the_codecs_has_said_which_one_is_spoken(up: Up) -> None:
    """A re-INVITE is answered with the codec first that is in use; another one would be sent from then on."""
    first = nora.set("session-initiate", VOICE)
    turned = VOICE.replace("'0' name='PCMU'", "'X' name='PCMA'").replace("'8' name='PCMA'", "'0' name='PCMU'")
    turned = turned.replace("'X'", "'8'")
    if up is initiator:
        ladder = answering(first)
        ladder.receive(first)
        ladder.send(Answer(describe(active(turned))))
    else:
        ladder = calling(peer=PHONE, direct=True)
        ladder.send(Offer(describe(VOICE)))
        ladder.acknowledge()
        ladder.receive(nora.set("session-accept", active(turned)))
    ladder.acknowledge()
    ladder.send(Offer(of(turned, senders=Senders.RESPONDER)))
    ladder.acknowledge()
    assert codecs(ladder.signal()) == ["PCMA", "PCMU"]


def test_a_second_hold_changes_nothing() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR)))
    assert ladder.receive(info("hold")) == ["result"]
    ladder.receive(info("unhold"))
    assert senders(ladder) == ["both"]


@pytest.mark.conformance("HLD-05", "MOD-11")
def test_a_client_may_hold_by_its_senders() -> None:
    ladder = responder()
    assert ladder.receive(modify(voice="responder")) == ["result", "Offer voice"]
    assert senders(ladder) == ["responder"]
    assert ladder.send(Answer(of(VOICE, senders=Senders.RESPONDER))) == [], "no content-accept answers a content-modify"
    assert ladder.receive(modify(voice="responder")) == ["result"]


@pytest.mark.conformance("HLD-09")
def test_both_on_hold_is_nobody_sending_and_each_ends_its_own() -> None:
    ladder = initiator()
    assert ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER))) == ["content-modify voice"]
    assert ladder.acknowledge() == ["Answer voice"]
    assert ladder.receive(info("hold")) == ["result", "Offer voice"]
    assert senders(ladder) == ["none"]
    assert ladder.send(Answer(of(VOICE, senders=Senders.NONE))) == []
    # The phone resumes: the client's own hold stands.
    assert ladder.send(Offer(of(VOICE))) == ["content-modify voice"]
    assert told(ladder) == {"voice": "initiator"}
    assert ladder.acknowledge() == ["Answer voice"]
    assert senders(ladder) == ["initiator"]


@pytest.mark.conformance("MOD-12")
def test_an_answer_that_is_narrower_than_asked_is_told() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR)))
    ladder.receive(info("unhold"))
    assert ladder.send(Answer(of(VOICE, senders=Senders.RESPONDER))) == ["content-modify voice"]
    assert told(ladder) == {"voice": "responder"}


@pytest.mark.conformance("MOD-16")
def test_a_refused_change_of_senders_and_a_refused_hold_are_taken_back() -> None:
    ladder = initiator()
    ladder.receive(modify(voice="initiator"))
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "488")) == ["content-modify voice"]
    assert told(ladder) == {"voice": "both"}
    ladder.receive(info("hold"))
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "488")) == ["content-modify voice"]
    assert told(ladder) == {"voice": "both"}
    assert ladder.receive(info("unhold")) == ["result"]


@pytest.mark.conformance("MOD-16")
def test_a_refused_end_of_a_hold_leaves_the_hold() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    assert ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR))) == []
    ladder.receive(info("unhold"))
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "488")) == ["content-modify voice"]
    assert told(ladder) == {"voice": "initiator"}
    assert ladder.receive(info("unhold")) == ["result", "Offer voice"]


@pytest.mark.conformance("HLD-11")
def test_mute_is_acknowledged_and_crosses_nowhere() -> None:
    ladder = initiator()
    muted = nora.set("session-info", f"<mute xmlns='{INFO}' creator='initiator' name='voice'/>")
    assert ladder.receive(muted) == ["result"]


# --------------------------------------------------------------------------------------------- hold, by the other side


@pytest.mark.conformance("HLD-06", "HLD-07")
@BOTH
@pytest.mark.parametrize("held", ["initiator", "responder", "none"])
def test_the_other_sides_hold_is_a_content_modify(up: Up, held: str) -> None:
    ladder = up()
    assert ladder.send(Offer(of(VOICE, senders=Senders(held)))) == ["content-modify voice"]
    assert told(ladder) == {"voice": held}
    assert ladder.acknowledge() == ["Answer voice"]
    assert senders(ladder) == [held]
    assert ladder.send(Offer(of(VOICE))) == ["content-modify voice"]
    assert told(ladder) == {"voice": "both"}
    assert ladder.acknowledge() == ["Answer voice"]
    assert senders(ladder) == ["both"]


def test_an_error_to_a_content_modify_does_not_keep_the_other_side_from_holding() -> None:
    ladder = initiator()
    ladder.send(Offer(of(VOICE, senders=Senders.NONE)))
    assert ladder.refuse("feature-not-implemented") == ["Answer voice"]


def test_a_client_that_never_replies_is_waited_for_once() -> None:
    """COMPAT(Monal): it leaves actions that it does not know without a reply."""
    ladder = initiator()
    ladder.send(Offer(of(VOICE, senders=Senders.NONE)))
    assert ladder.wait(5) == ["Answer voice"]
    assert ladder.send(Offer(of(VOICE))) == ["content-modify voice", "Answer voice"]
    assert ladder.wait(60) == []


@pytest.mark.conformance("HLD-10")
def test_a_hold_can_be_told_as_such_and_is_not_to_a_client_that_does_not_know_it() -> None:
    ladder = initiator()
    ladder.leg._session.settings = JingleTimers(hold_by_info=True)
    assert ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER))) == ["session-info hold"]
    assert ladder.acknowledge() == ["Answer voice"]
    assert ladder.send(Offer(of(VOICE))) == ["session-info unhold"]
    assert ladder.acknowledge() == ["Answer voice"]
    assert ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER))) == ["session-info hold"]
    assert ladder.refuse("feature-not-implemented", detail=UNSUPPORTED) == ["content-modify voice"]
    assert ladder.acknowledge() == ["Answer voice"]
    assert ladder.send(Offer(of(VOICE))) == ["content-modify voice"]


# --------------------------------------------------------------------------------------------- contents, by the client


@pytest.mark.conformance("MOD-01")
@BOTH
def test_a_content_that_the_client_adds_is_offered_with_the_rest_and_accepted(up: Up) -> None:
    ladder = up()
    assert ladder.receive(nora.set("content-add", FILM + GROUP)) == ["result", "Offer voice film"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert offer.description.groups == (Group(semantics="BUNDLE", names=("voice", "film")),)
    yes = describe(VOICE, active(FILM))
    yes = replace(yes, groups=offer.description.groups)
    assert ladder.send(Answer(yes)) == ["content-accept film"]
    request = ladder.request().children[0]
    assert [child.tag.rpartition("}")[2] for child in request] == ["content", "group"]
    assert ladder.acknowledge() == []
    assert ladder.receive(nora.set("content-remove", named("film"))) == ["result", "Offer voice"]


@pytest.mark.conformance("MOD-02")
def test_a_content_that_the_other_side_does_not_take_is_rejected() -> None:
    ladder = initiator()
    ladder.receive(nora.set("content-add", FILM))
    assert ladder.send(Answer(describe(VOICE))) == ["content-reject film failed-application"]
    assert ladder.receive(nora.set("content-add", FILM)) == ["result", "Offer voice film"]


@pytest.mark.conformance("MOD-03")
def test_a_refused_content_add_is_rejected_and_the_call_goes_on() -> None:
    ladder = initiator()
    ladder.receive(nora.set("content-add", FILM))
    no = Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "488 Not Acceptable Here")
    assert ladder.send(no) == ["content-reject film failed-application"]
    assert reason_text(ladder.request()) == "488 Not Acceptable Here"
    # COMPAT(Dino): it does not know content-reject, and says so.
    assert ladder.refuse("feature-not-implemented") == []
    assert ladder.receive(info("hold")) == ["result", "Offer voice"]


def test_the_answer_to_an_added_content_has_its_senders_and_narrower_ones_follow() -> None:
    """COMPAT(Conversations): it compares the content-accept with its content-add."""
    ladder = initiator()
    ladder.receive(nora.set("content-add", FILM))
    film = active(FILM).replace("name='film'", "name='film' senders='initiator'")
    assert ladder.send(Answer(describe(VOICE, film))) == ["content-accept film", "content-modify film"]
    assert told(ladder) == {"film": "initiator"}


def test_a_content_that_was_withdrawn_meanwhile_is_not_accepted() -> None:
    ladder = initiator()
    ladder.receive(nora.set("content-add", FILM))
    assert ladder.receive(nora.set("content-remove", named("film"))) == ["result"]
    assert ladder.send(Answer(describe(VOICE, active(FILM)))) == ["Offer voice"]
    assert ladder.send(Answer(describe(VOICE))) == []


def test_what_cannot_cross_is_rejected_alone() -> None:
    ladder = initiator()
    text = content("text", rtp("text"))
    assert ladder.receive(nora.set("content-add", FILM + text)) == [
        "result",
        "content-reject text failed-application",
        "Offer voice film",
    ]
    ladder.send(Answer(describe(VOICE, active(FILM))))
    assert ladder.receive(nora.set("content-add", text)) == ["result", "content-reject text unsupported-applications"]


@pytest.mark.conformance("MOD-09", "MOD-10")
def test_the_client_removes_a_content_and_then_the_last_one() -> None:
    ladder = initiator(VOICE, FILM)
    assert ladder.receive(nora.set("content-remove", named("film"))) == ["result", "Offer voice"]
    assert ladder.send(Answer(describe(VOICE))) == []
    assert ladder.receive(nora.set("content-remove", named("film"))) == ["result"]
    assert ladder.receive(nora.set("content-remove", named("voice"))) == [
        "result",
        "session-terminate success",
        "End success",
    ]


def test_a_removal_that_the_other_side_refuses_stays_for_the_client() -> None:
    ladder = initiator(VOICE, FILM)
    ladder.receive(nora.set("content-remove", named("film")))
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS)) == []
    ladder.receive(info("hold"))
    assert senders(ladder) == ["initiator"]


def test_an_existing_content_that_the_answer_lacks_is_removed() -> None:
    ladder = initiator(VOICE, FILM)
    ladder.receive(info("hold"))
    assert ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR))) == ["content-remove film"]


@pytest.mark.parametrize("action", ["content-add", "content-modify", "content-remove"])
def test_what_comes_before_the_answer_waits_for_it(action: str) -> None:
    first = nora.set("session-initiate", VOICE + FILM)
    ladder = answering(first)
    ladder.receive(first)
    inside = {
        "content-add": content("slides", rtp("video")),
        "content-modify": "<content creator='initiator' name='film' senders='none'/>",
        "content-remove": named("film"),
    }[action]
    assert ladder.receive(nora.set(action, inside)) == ["result"]
    *accept, offer = ladder.send(Answer(describe(active(VOICE), active(FILM))))
    assert accept == ["session-accept voice film"]
    assert offer.startswith("Offer voice")


def test_a_callees_change_before_its_accept_waits_for_it() -> None:
    ladder = calling(peer=PHONE, direct=True)
    ladder.send(Offer(describe(VOICE)))
    assert ladder.receive(modify(voice="responder")) == ["result"]
    assert ladder.receive(nora.set("session-accept", active(VOICE))) == ["result", "Answer voice", "Offer voice"]
    assert senders(ladder) == ["responder"]


def test_changes_of_the_client_are_made_one_after_another() -> None:
    ladder = initiator()
    assert ladder.receive(info("hold")) == ["result", "Offer voice"]
    assert ladder.receive(nora.set("content-add", FILM)) == ["result"]
    assert ladder.receive(nora.set("content-add", FILM)) == ["error bad-request"]
    assert ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR))) == ["Offer voice film"]
    assert senders(ladder) == ["initiator", "both"]


def test_so_many_changes_may_wait_and_no_more() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    for _ in range(16):
        assert ladder.receive(info("unhold")) == ["result"]
    assert ladder.receive(info("unhold")) == ["error resource-constraint"]


# ------------------------------------------------------------------------------------------ contents, by the other side


@pytest.mark.conformance("MOD-04")
@BOTH
def test_a_content_of_the_other_side_is_offered_and_its_acceptance_answers(up: Up) -> None:
    ladder = up()
    role = ladder.leg._session.role
    film = describe(FILM).media[0]
    offer = describe(VOICE)
    offer = replace(offer, media=(*offer.media, replace(film, creator=role)))
    assert ladder.send(Offer(offer)) == ["content-add film"]
    assert ladder.request().children[0][0].get("creator") == role.value
    assert ladder.acknowledge() == []
    assert ladder.receive(nora.set("content-accept", active(FILM))) == ["result", "Answer voice film"]
    answer = ladder.signal()
    assert isinstance(answer, Answer)
    assert answer.description.media[1].creator is role, "whatever creator the client names"


def test_another_session_accept_answers_a_content_add() -> None:
    """COMPAT(Movim)."""
    ladder = initiator()
    ladder.send(Offer(describe(VOICE, FILM)))
    accept = nora.set("session-accept", active(VOICE + FILM) + GROUP)
    assert ladder.receive(accept) == ["result", "Answer voice film"]
    assert ladder.receive(accept) == ["error unexpected-request out-of-order"]


@pytest.mark.conformance("MOD-05")
def test_a_rejected_content_is_missing_in_the_answer() -> None:
    ladder = initiator()
    ladder.send(Offer(describe(VOICE, FILM)))
    assert ladder.receive(nora.set("content-reject", named("film"))) == ["result", "Answer voice"]
    assert ladder.receive(nora.set("content-reject", named("film"))) == ["error unexpected-request out-of-order"]


@pytest.mark.conformance("MOD-06", "MOD-18")
def test_a_content_that_nobody_accepts_is_taken_back_before_the_other_side_gives_up() -> None:
    ladder = initiator()
    ladder.send(Offer(describe(VOICE, FILM)))
    ladder.acknowledge()
    assert ladder.wait(24) == []
    assert ladder.wait(7) == ["content-remove film", "Answer voice"]
    assert ladder.receive(nora.set("content-accept", active(FILM))) == ["result"], "it crossed"


@pytest.mark.parametrize("reply", ["error", "silence"])
def test_a_content_add_that_is_not_understood_is_missing_in_the_answer(reply: str) -> None:
    ladder = initiator()
    ladder.send(Offer(describe(VOICE, FILM)))
    words = ladder.refuse("feature-not-implemented") if reply == "error" else ladder.wait(16)
    assert words == ["Answer voice"]


def test_an_accept_that_cannot_be_used_is_missing_in_the_answer() -> None:
    ladder = initiator()
    ladder.send(Offer(describe(VOICE, FILM)))
    accept = nora.set("content-accept", content("film", rtp("text")))
    assert ladder.receive(accept) == ["result", "content-remove film", "Answer voice"]


@pytest.mark.conformance("MOD-07")
def test_a_content_that_the_other_side_gives_up_is_removed_and_the_answer_does_not_wait() -> None:
    ladder = initiator(VOICE, FILM)
    assert ladder.send(Offer(describe(VOICE))) == ["content-remove film", "Answer voice"]


@pytest.mark.conformance("MOD-08")
def test_the_last_content_is_never_removed() -> None:
    ladder = initiator()
    assert ladder.send(Offer(of(VOICE, senders=Senders.NONE))) == ["content-modify voice"]


@pytest.mark.conformance("MOD-14")
def test_a_direction_and_a_content_are_two_actions_and_one_answer() -> None:
    ladder = initiator()
    offer = describe(VOICE.replace("name='voice'", "name='voice' senders='responder'"), FILM)
    assert ladder.send(Offer(offer)) == ["content-add film", "content-modify voice"]
    assert ladder.acknowledge() == []
    assert ladder.receive(nora.set("content-accept", active(FILM))) == ["result", "Answer voice film"]
    assert senders(ladder) == ["responder", "both"]


@pytest.mark.conformance("MOD-13")
def test_what_says_the_same_is_answered_without_a_stanza() -> None:
    ladder = initiator()
    assert ladder.send(Offer(describe(VOICE))) == ["Answer voice"]
    answer = ladder.signal()
    assert isinstance(answer, Answer)
    assert answer.description.media[0].transport.fingerprints[0].setup is Setup.PASSIVE, "the roles stay (RFC 8842 §5)"


@pytest.mark.conformance("MOD-24")
def test_codecs_that_the_client_lacks_are_refused() -> None:
    ladder = initiator()
    media = describe(VOICE).media[0]
    g722 = replace(media.rtp, codecs=(Codec(id=9, name="G722", clockrate=8000),))
    (refuse,) = ladder.leg.send(Offer(of(VOICE, rtp=g722)), ladder.now)
    assert refuse == Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "the client has none of these codecs")
    assert ladder.send(Offer(describe(VOICE))) == ["Answer voice"]


def test_codecs_that_are_gone_are_told_and_further_ones_not() -> None:
    ladder = initiator()
    media = describe(VOICE).media[0]
    fewer = replace(media.rtp, codecs=media.rtp.codecs[1:])
    assert ladder.send(Offer(of(VOICE, rtp=fewer))) == ["description-info voice", "Answer voice"]
    assert ladder.send(Offer(describe(VOICE))) == ["Answer voice"]


def advice(*payloads: str, more: str = "", media: str = "audio") -> str:
    described = (
        f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{media}'>{''.join(payloads)}{more}</description>"
    )
    return content(description=described, transport="")


PCMA_30 = "<payload-type id='8' name='PCMA' clockrate='8000' ptime='30'/>"
SLOW = "<bandwidth type='AS'>24</bandwidth>"


@pytest.mark.conformance("MOD-22")
@BOTH
def test_another_form_of_a_codec_in_use_is_offered_and_nothing_else_changes(up: Up) -> None:
    ladder = up()
    assert ladder.receive(nora.set("description-info", advice(PCMA_30, more=SLOW))) == ["result", "Offer voice"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    rtp = offer.description.media[0].rtp
    assert [(codec.name, codec.ptime) for codec in rtp.codecs] == [("PCMU", None), ("PCMA", 30)]
    assert [one.value for one in rtp.bandwidth] == ["24"]
    assert ladder.send(Answer(describe(active(VOICE)))) == []
    assert ladder.receive(nora.set("description-info", advice(PCMA_30, more=SLOW))) == ["result"], "it is known"


@pytest.mark.conformance("MOD-22")
def test_advice_that_the_other_side_refuses_changes_nothing() -> None:
    ladder = initiator()
    ladder.receive(nora.set("description-info", advice(PCMA_30)))
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS)) == []
    assert ladder.receive(modify(voice="initiator")) == ["result", "Offer voice"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert [codec.ptime for codec in offer.description.media[0].rtp.codecs] == [None, None]


@pytest.mark.conformance("MOD-22")
def test_other_advice_is_remembered_for_the_next_offer() -> None:
    ladder = initiator()
    assert ladder.receive(nora.set("description-info", advice(more=SLOW))) == ["result"]
    assert ladder.receive(modify(voice="initiator")) == ["result", "Offer voice"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert [one.value for one in offer.description.media[0].rtp.bandwidth] == ["24"]


@pytest.mark.conformance("MOD-22")
@pytest.mark.parametrize(
    "said",
    [
        "",
        content(),
        content("other"),
        content(description="", transport=""),
        advice("<payload-type id='9' name='G722' clockrate='8000'/>"),
        advice("<payload-type id='8' name='G729' clockrate='8000'/>"),
        advice(PCMA_30, media="video"),
        "<content creator='initiator' name='voice'><description xmlns='urn:xmpp:jingle:apps:rtp:1'/></content>",
    ],
)
def test_advice_that_says_nothing_or_cannot_be_taken_is_acknowledged(said: str) -> None:
    ladder = initiator()
    assert ladder.receive(nora.set("description-info", said)) == ["result"]
    assert ladder.receive(modify(voice="initiator")) == ["result", "Offer voice"]


def test_advice_before_the_answer_is_taken_after_it_and_never_refused() -> None:
    first = nora.set("session-initiate", VOICE)
    ladder = answering(first)
    ladder.receive(first)
    for _ in range(40):
        assert ladder.receive(nora.set("description-info", advice(PCMA_30))) == ["result"]
    assert ladder.send(Answer(describe(active(VOICE)))) == ["session-accept voice", "Offer voice"]


@BOTH
def test_an_offer_without_a_description_is_refused(up: Up) -> None:
    ladder = up()
    assert ladder.send(Offer(None)) == ["Refuse"]
    assert ladder.send(Complete(describe(VOICE))) == []


# ----------------------------------------------------------------------------------------------------------- transports

RESTARTED = content(transport=ice(setup="", ufrag="uf02", pwd="secretsecretsecret0002"), description="")
AGAIN = content(transport=ice(candidate(3), ufrag="uf03", pwd="secretsecretsecret0003"))


@pytest.mark.conformance("ICE-21")
def test_a_restart_of_the_other_side_is_told_and_the_clients_answers_it() -> None:
    ladder = initiator()
    assert ladder.send(Offer(describe(AGAIN))) == ["transport-info voice", "transport-info voice"]
    first, second = (item for item in ladder.said[-2:] if isinstance(item, Stanza))
    (opening,) = first.children[0].iter("{urn:xmpp:jingle:transports:ice-udp:1}transport")
    assert dict(opening.attrib) == {"ufrag": "uf03", "pwd": "secretsecretsecret0003"}
    assert len(opening) == 0, "COMPAT(Conversations): candidates would make it an answer"
    (told,) = second.children[0].iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate")
    assert told.get("generation") == "1"
    ladder.acknowledge()
    trickled = content(
        description="", transport=ice(candidate(4), setup="", ufrag="uf02", pwd="secretsecretsecret0002")
    )
    assert ladder.receive(nora.set("transport-info", trickled)) == ["result", "Answer voice"]
    answer = ladder.signal()
    assert isinstance(answer, Answer)
    transport = answer.description.media[0].transport
    assert isinstance(transport, Ice)
    assert transport.ufrag == "uf02"
    assert transport.fingerprints
    assert len(transport.candidates) == 1
    more = content(description="", transport=ice(candidate(5), setup="", ufrag="uf02", pwd="secretsecretsecret0002"))
    assert ladder.receive(nora.set("transport-info", more)) == ["result", "Candidates voice"]
    assert ladder.send(Candidates({"voice": Ice(candidates=transport.candidates)})) == ["transport-info voice"]
    (told,) = ladder.request().children[0].iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate")
    assert told.get("generation") == "1"


def test_a_restart_of_a_bundle_is_answered_for_all_of_it_by_one() -> None:
    ladder = initiator(VOICE, FILM + GROUP)
    offer = describe(AGAIN, FILM.replace("uf11", "uf03").replace("0011", "0003"), GROUP)
    ladder.send(Offer(offer))
    assert ladder.receive(nora.set("transport-info", RESTARTED)) == ["result", "Answer voice film"]


@pytest.mark.parametrize("how", ["error", "silence"])
def test_a_restart_that_the_client_does_not_know_is_refused(how: str) -> None:
    """COMPAT(Dino): the first credentials stay."""
    ladder = initiator()
    ladder.send(Offer(describe(AGAIN)))
    if how == "error":
        request = next(item for item in ladder.said[-2:] if isinstance(item, Stanza))
        ladder.said.append(request)
        assert ladder.refuse("feature-not-implemented") == ["Refuse"]
    else:
        ladder.acknowledge()
        assert ladder.wait(26) == ["Refuse"]
    assert ladder.receive(nora.set("session-info")) == ["result"]


@pytest.mark.conformance("ICE-24")
@BOTH
def test_a_restart_of_the_client_is_offered_and_answered_with_a_candidate(up: Up) -> None:
    ladder = up()
    assert ladder.receive(nora.set("transport-info", RESTARTED)) == ["result", "Offer voice"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    transport = offer.description.media[0].transport
    assert isinstance(transport, Ice)
    assert (transport.ufrag, transport.candidates) == ("uf02", ())
    assert transport.fingerprints
    more = content(description="", transport=ice(candidate(5), setup="", ufrag="uf02", pwd="secretsecretsecret0002"))
    assert ladder.receive(nora.set("transport-info", more)) == ["result", "Candidates voice"]
    two = content(transport=ice(candidate(3), candidate(4), ufrag="uf03", pwd="secretsecretsecret0003"))
    assert ladder.send(Answer(describe(two))) == ["transport-info voice", "transport-info voice"]
    first, second = (
        [found.attrib for found in item.children[0].iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate")]
        for item in ladder.said[-2:]
        if isinstance(item, Stanza)
    )
    assert [found["id"] for found in (*first, *second)] == ["c3", "c4"]
    assert {found["generation"] for found in (*first, *second)} == {"1"}
    assert ladder.receive(nora.set("transport-info", more)) == ["result", "Candidates voice"], "no other restart"


@pytest.mark.conformance("ICE-24")
@BOTH
def test_candidates_without_credentials_are_those_of_the_latest_restart(up: Up) -> None:
    """COMPAT(stanza.js in Firefox): its candidates say no ufrag, and the news of their end no pwd."""
    ladder = up()
    ladder.receive(nora.set("transport-info", RESTARTED))
    bare = content(description="", transport=ice(candidate(5), setup="", ufrag=""))
    end = f"<transport xmlns='{ICE_UDP}' ufrag='uf02'><gathering-complete/></transport>"
    for said in (bare, content(description="", transport=end)):
        assert ladder.receive(nora.set("transport-info", said)) == ["result", "Candidates voice"]
        candidates = ladder.signal()
        assert isinstance(candidates, Candidates)
        transport = candidates.by_media["voice"]
        assert isinstance(transport, Ice)
        assert (transport.ufrag, transport.pwd) == ("uf02", "secretsecretsecret0002")
    two = content(transport=ice(candidate(3), candidate(4), ufrag="uf03", pwd="secretsecretsecret0003"))
    ladder.send(Answer(describe(two)))
    assert ladder.receive(nora.set("transport-info", bare)) == ["result", "Candidates voice"]


def test_candidates_of_a_restart_that_waits_for_another_change_wait_with_it() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    ladder.receive(nora.set("transport-info", RESTARTED))
    bare = content(description="", transport=ice(candidate(5), setup="", ufrag=""))
    assert ladder.receive(nora.set("transport-info", bare)) == ["result"]
    assert ladder.send(Refuse(EndReason.GENERAL_ERROR)) == ["content-modify voice", "Offer voice"]
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    transport = offer.description.media[0].transport
    assert isinstance(transport, Ice)
    assert (transport.ufrag, len(transport.candidates)) == ("uf02", 1)


def test_one_new_credential_alone_is_not_passed_on() -> None:
    ladder = initiator()
    half = content(description="", transport=ice(candidate(5), setup="", ufrag="uf09", pwd="secretsecretsecret0001"))
    assert ladder.receive(nora.set("transport-info", half)) == ["result"]
    assert "transport-info" in ladder.leg.dropped


def test_a_hold_offers_all_candidates_that_came_since() -> None:
    ladder = initiator()
    more = content(description="", transport=ice(candidate(5), setup="", ufrag="uf01", pwd="secretsecretsecret0001"))
    ladder.receive(nora.set("transport-info", more))
    ladder.receive(info("hold"))
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert len(offer.description.media[0].transport.candidates) == 2


@pytest.mark.conformance("ICE-29")
def test_the_client_replaces_its_transport() -> None:
    ladder = initiator(content(transport=ice(candidate(1), setup="")))
    replaced = nora.set("transport-replace", content(description="", transport=RAW))
    assert ladder.receive(replaced) == ["result", "Offer voice"]
    assert ladder.send(Answer(describe(content(transport=RAW)))) == ["transport-accept voice"]
    assert ladder.receive(info("hold")) == ["result", "Offer voice"]


def test_a_replaced_transport_that_the_other_side_does_not_take_is_rejected() -> None:
    ladder = initiator()
    replaced = nora.set("transport-replace", content(description="", transport=RAW))
    ladder.receive(replaced)
    assert ladder.send(Refuse(EndReason.INCOMPATIBLE_PARAMETERS)) == ["transport-reject voice"]
    socks = "<transport xmlns='urn:xmpp:jingle:transports:s5b:1' sid='x'/>"
    strange = content(description="", transport=socks)
    assert ladder.receive(nora.set("transport-replace", strange)) == ["result", "transport-reject voice"]


@pytest.mark.conformance("ICE-25", "ICE-28")
@pytest.mark.parametrize(
    ("action", "words"),
    [("transport-accept", ["result", "Answer voice"]), ("transport-reject", ["result", "Refuse"])],
)
def test_the_other_side_replaces_its_transport_and_the_client_decides(action: str, words: list[str]) -> None:
    plain = content(transport=ice(candidate(1), setup=""))
    ladder = initiator(plain)
    assert ladder.send(Offer(describe(content(transport=RAW)))) == ["transport-replace voice"]
    assert ladder.receive(nora.set(action, content(description="", transport=RAW))) == words
    assert ladder.receive(nora.set(action, content(description="", transport=RAW))) == [
        "error unexpected-request out-of-order"
    ]


def test_a_new_address_without_ice_is_told() -> None:
    raw = content(transport=RAW)
    ladder = initiator(raw)
    moved = describe(raw.replace("192.0.2.9", "192.0.2.10"))
    assert ladder.send(Offer(moved)) == ["transport-info voice", "Answer voice"]
    (told,) = ladder.request().children[0].iter("{urn:xmpp:jingle:transports:raw-udp:1}candidate")
    assert (told.get("ip"), told.get("generation")) == ("192.0.2.10", "1")


@pytest.mark.conformance("SEC-11")
def test_another_certificate_is_told_and_the_answer_does_not_wait() -> None:
    ladder = initiator()
    media = describe(active(VOICE)).media[0]
    fingerprint = replace(media.transport.fingerprints[0], value="AB:" * 31 + "CD")
    moved = of(VOICE, transport=replace(media.transport, fingerprints=(fingerprint,)))
    assert ladder.send(Offer(moved)) == ["transport-info voice", "Answer voice"]


# ----------------------------------------------------------------------------------------------------------------- ties


@pytest.mark.conformance("JIN-17")
def test_of_two_equal_actions_ours_stands_where_we_began_the_session() -> None:
    ladder = responder()
    ladder.send(Offer(of(VOICE, senders=Senders.INITIATOR)))
    assert ladder.receive(modify(voice="responder")) == ["error conflict tie-break"]
    assert ladder.acknowledge() == ["Answer voice"]


@pytest.mark.conformance("JIN-18")
def test_of_two_equal_actions_the_clients_is_made_where_it_began_the_session() -> None:
    ladder = initiator()
    ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER)))
    ours = ladder.request()
    assert ladder.receive(modify(voice="initiator")) == ["result", "Refuse", "Offer voice"]
    refuse = next(item for item in ladder.said if isinstance(item, Refuse))
    assert refuse.glare
    ladder.said.append(ours)
    assert ladder.refuse("conflict", detail=TIE) == []
    assert ladder.send(Answer(of(VOICE, senders=Senders.INITIATOR))) == []


def test_a_tie_that_only_the_client_sees_is_glare() -> None:
    ladder = initiator()
    ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER)))
    assert ladder.refuse("conflict", detail=TIE) == ["Refuse"]
    signal = ladder.signal()
    assert isinstance(signal, Refuse)
    assert signal.glare


def test_different_actions_are_no_tie_but_wait_for_each_other() -> None:
    ladder = responder()
    ladder.send(Offer(describe(VOICE, FILM)))
    assert ladder.receive(info("hold")) == ["result"]
    assert ladder.receive(nora.set("content-reject", named("film"))) == ["result", "Answer voice", "Offer voice"]


@pytest.mark.conformance("MOD-15")
def test_a_change_that_met_the_other_sides_is_made_again_after_it() -> None:
    ladder = initiator()
    ladder.receive(info("hold"))
    assert ladder.send(Refuse(EndReason.GENERAL_ERROR, glare=True)) == []
    assert ladder.send(Offer(of(VOICE, senders=Senders.RESPONDER))) == ["content-modify voice"]
    assert ladder.wait(2) == []
    assert ladder.acknowledge() == ["Answer voice", "Offer voice"]
    assert senders(ladder) == ["none"]


def test_a_change_that_always_meets_the_other_sides_is_given_up() -> None:
    ladder = initiator()
    ladder.receive(nora.set("content-add", FILM))
    for _ in range(4):
        assert ladder.send(Refuse(EndReason.GENERAL_ERROR, glare=True)) == []
        assert ladder.wait(1.1) == ["Offer voice film"]
    assert ladder.send(Refuse(EndReason.GENERAL_ERROR, glare=True)) == ["content-reject film failed-application"]


def test_what_was_told_of_a_change_is_taken_back_when_it_fails() -> None:
    ladder = initiator()
    offer = describe(content(transport=RAW, attributes=" senders='responder'"), FILM)
    assert ladder.send(Offer(offer)) == ["transport-replace voice", "content-add film", "content-modify voice"]
    ladder.acknowledge()
    ladder.receive(nora.set("content-accept", active(FILM)))
    rejected = nora.set("transport-reject", content(description="", transport=RAW))
    assert ladder.receive(rejected) == ["result", "content-remove film", "content-modify voice", "Refuse"]
    assert told(ladder) == {"voice": "both"}


def test_a_client_that_lost_the_session_ends_it() -> None:
    ladder = initiator()
    ladder.send(Offer(of(VOICE, senders=Senders.NONE)))
    lost = "{urn:xmpp:jingle:errors:1}unknown-session"
    assert ladder.refuse("item-not-found", detail=lost) == ["End general-error"]


@pytest.mark.parametrize("action", ["content-accept", "content-reject", "transport-accept", "transport-reject"])
def test_an_answer_to_nothing_is_out_of_order(action: str) -> None:
    ladder = initiator()
    inside = VOICE if action.startswith("content") else content(description="", transport=RAW)
    assert ladder.receive(nora.set(action, inside)) == ["error unexpected-request out-of-order"]


# ------------------------------------------------------------------------------------------------------------- the law

INSIDE = (VOICE, FILM, FILM + GROUP, RESTARTED, named("voice"), named("film"), content(description="", transport=RAW))
THEIRS = st.one_of(
    st.tuples(
        st.sampled_from(["content-add", "content-accept", "content-reject", "content-remove", "transport-info"]),
        st.sampled_from(INSIDE),
    ),
    st.tuples(st.sampled_from(["transport-replace", "transport-accept", "transport-reject"]), st.just(INSIDE[-1])),
    st.tuples(
        st.just("content-modify"),
        st.sampled_from(Senders).map(
            lambda said: f"<content creator='initiator' name='voice' senders='{said.value}'/>"
        ),
    ),
    st.tuples(st.just("session-info"), st.sampled_from([f"<{name} xmlns='{INFO}'/>" for name in ("hold", "unhold")])),
)
OURS = st.sampled_from(
    [
        describe(VOICE),
        describe(VOICE, FILM),
        describe(AGAIN, FILM),
        describe(content(transport=RAW)),
        of(VOICE, senders=Senders.NONE),
        of(VOICE, senders=Senders.RESPONDER),
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), THEIRS),
        st.tuples(st.just("offer"), OURS),
        st.tuples(st.just("answer"), st.sampled_from(["yes", "half", "no", "glare"])),
        st.tuples(st.just("reply"), st.sampled_from(["result", "error", "tie"])),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 30.0])),
    ),
    max_size=16,
)


@given(st.sampled_from([initiator, responder]), STEPS)
@settings(max_examples=500, deadline=None)
def test_every_offer_gets_one_answer_and_there_is_one_at_a_time(up: Up, steps: list[tuple[str, object]]) -> None:
    ladder = up()
    asked = False
    "Whether the bridge waits for this leg."
    offered: Description | None = None
    "What this leg waits for."
    seen = len(ladder.said)
    for step in steps:
        match step:
            case ("receive", (str(action), str(inside))):
                ladder.receive(nora.set(action, inside))
            case ("offer", Description() as offer) if not asked and offered is None:
                asked = True
                ladder.send(Offer(offer))
            case ("answer", str(kind)) if offered is not None:
                media = offered.media if kind == "yes" else offered.media[:1]
                signal = Answer(Description(media=media)) if kind in ("yes", "half") else None
                offered = None
                ladder.send(signal or Refuse(EndReason.FAILED_APPLICATION, glare=kind == "glare"))
            case ("reply", "result"):
                ladder.acknowledge()
            case ("reply", str(kind)) if ladder.leg._session.waiting:
                ladder.refuse("conflict", detail=TIE if kind == "tie" else None)
            case ("wait", float(seconds)):
                ladder.wait(seconds)
        for item in ladder.said[seen:]:
            match item:
                case Offer():
                    assert not asked
                    assert offered is None
                    offered = item.description
                case Answer() | Refuse():
                    assert asked
                    asked = False
                case End():
                    return
        seen = len(ladder.said)
        session = ladder.leg._session
        assert session.ours is not None
        assert session.theirs is not None
        assert [one.name for one in session.ours.media] == [one.name for one in session.theirs.media]
        assert [one.senders for one in session.ours.media] == [one.senders for one in session.theirs.media]
    ladder.wait(30)
    assert not asked or any(isinstance(item, Answer | Refuse | End) for item in ladder.said[seen:])
