"""Calls whose media are anchored: who hears what, and when, on the way to it."""

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import Connected, DigitHeard, Failed, OneWay, PictureWanted, StreamStatistics
from gateway.signals import Side
from mappings.reasons import EndReason
from tests.flows.inmemory import World
from tests.flows.openings import juliet_leaves, romeo_leaves
from tests.flows.steps import Step, after, calls, does, holds, juliet, nothing, romeo, run, sdp_of

CALLER, CALLEE = Side
MEDIA = 'addresses = ["192.0.2.1"]'
CALLABLE = ("urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:apps:rtp:audio")
ICE, DTLS = "urn:xmpp:jingle:transports:ice-udp:1", "urn:xmpp:jingle:apps:dtls:0"
AUDIO = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"
SOUND = (
    "<content xmlns='urn:xmpp:jingle:1' creator='initiator' name='0'>"
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
    "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"
    "<payload-type id='0' name='PCMU' clockrate='8000'/><payload-type id='8' name='PCMA' clockrate='8000'/>"
    "<rtcp-mux/></description>"
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{ufrag}' pwd='a-password-of-twenty-two'>"
    "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='{setup}'>AA:BB</fingerprint>"
    "</transport></content>"
)
OFFER = SOUND.format(ufrag="uf01", setup="actpass")
ACCEPT = SOUND.format(ufrag="uf02", setup="active").replace("name='0'", "name='audio'")
BY_MESSAGE = (*romeo_leaves, romeo.gets("finish success"))
JULIET = (*juliet_leaves, romeo.gets("finish success"))

asked = (
    romeo.sends("propose"),
    juliet.gets("INVITE", has=["m=audio 40020 RTP/AVP", "c=IN IP4 192.0.2.99"], lacks=["a=ice-ufrag", "fingerprint"]),
)
rings = (*asked, juliet.sends(180), romeo.gets("ringing", has="urn:xmpp:hints"))
picked_up = (*rings, juliet.sends(200), juliet.gets("ACK"), romeo.gets("proceed"))
talking = (
    *picked_up,
    romeo.sends("session-initiate", xml=OFFER),
    romeo.gets("result"),
    romeo.gets("session-accept", has=['ufrag="u40010"', 'name="PCMU"', 'setup="active"']),
)
called = (
    juliet.sends("INVITE"),
    juliet.gets(100),
    romeo.gets("propose", has='media="audio"'),
    romeo.sends("ringing"),
    juliet.gets(180),
    romeo.sends("proceed"),
    romeo.gets("session-initiate", has=['ufrag="u40020"', 'setup="actpass"', 'name="PCMU"'], lacks="raw-udp"),
    romeo.sends("session-accept", xml=ACCEPT),
    romeo.gets("result"),
    juliet.gets(200, has=["m=audio 40010 RTP/AVP 0", "c=IN IP4 192.0.2.99"]),
    juliet.sends("ACK"),
)


def anchored(*steps: Step) -> World:
    """Let it happen where every call is anchored."""
    return run(*steps, media=MEDIA, trunk='media = "anchor"')


def happens(event: object) -> Step:
    """The anchor says something by itself."""
    return does(lambda world: world.anchors.opened[-1].listener(event))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- XMPP to SIP


@pytest.mark.conformance("JMI-18")
def test_the_phone_rings_before_the_client_proceeds_and_its_answer_is_the_clients_cue() -> None:
    anchored(*talking, *BY_MESSAGE)


def test_a_phone_hangs_up() -> None:
    anchored(*talking, *JULIET)


@pytest.mark.conformance("JMI-19")
@pytest.mark.parametrize(("status", "reason"), [(486, "busy"), (603, "decline"), (404, "gone")])
def test_a_phone_refuses_before_there_is_a_session(status: int, reason: str) -> None:
    anchored(*rings, juliet.sends(status), juliet.gets("ACK"), romeo.gets(f"reject {reason}"), after(20))


def test_a_client_gives_up_while_the_phone_rings() -> None:
    anchored(
        *rings,
        romeo.sends("retract"),
        juliet.gets("CANCEL"),
        juliet.sends(200),
        juliet.sends(487, to="INVITE"),
        juliet.gets("ACK"),
    )


def test_a_phone_hangs_up_before_the_session_comes() -> None:
    anchored(
        *picked_up,
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("reject success"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("error item-not-found unknown-session"),
        after(20),
    )


def test_a_session_that_never_comes_ends_the_call() -> None:
    anchored(
        *picked_up,
        after(31),
        romeo.gets("reject timeout"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_what_no_codec_can_carry_ends_the_call_with_a_clear_text() -> None:
    anchored(
        *picked_up,
        romeo.sends(
            "session-initiate", xml=OFFER.replace("opus", "speex").replace("PCMU", "GSM").replace("PCMA", "DVI4")
        ),
        romeo.gets("result"),
        juliet.gets("BYE"),
        romeo.gets("session-terminate incompatible-parameters", has="no codec that both sides have"),
        romeo.gets("finish incompatible-parameters"),
        juliet.sends(200),
    )


def test_without_message_initiation_a_session_is_accepted_when_the_phone_answers() -> None:
    anchored(
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40020 RTP/AVP 111 0"]),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='ufrag="u40010"'),
        *romeo_leaves,
    )


def test_what_a_phone_takes_as_it_is_goes_direct_by_default() -> None:
    run(
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40100", "c=IN IP4 192.0.2.9"]),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='port="30000"'),
        *romeo_leaves,
        media=MEDIA,
    )


# ----------------------------------------------------------------------------------------- an offer that was refused

WEB_TRUNK = 'media_ice = true\nmedia_protection = "dtls"'
LATE = (
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf01' pwd='a-password-of-twenty-two'>"
    "<candidate component='1' foundation='1' generation='0' id='k1' ip='192.0.2.9' network='0' port='40100' "
    "priority='2130706431' protocol='udp' type='host'/></transport>"
)
DIRECT = ["a=ice-ufrag:uf01", "a=fingerprint:sha-256 AA:BB", "RTP/SAVPF"]
PLAIN = ["m=audio 40020 RTP/AVP", "c=IN IP4 192.0.2.99"]
offered = (
    romeo.sends("session-initiate", xml=OFFER),
    romeo.gets("result"),
    romeo.sends("transport-info", xml=LATE.join(("<content creator='initiator' name='0'>", "</content>"))),
    romeo.gets("result"),
    after(2),
    juliet.gets("INVITE", has=[*DIRECT, "a=candidate:1 1 UDP 2130706431 192.0.2.9 40100"]),
)


def again(*steps: Step) -> World:
    """Let it happen where the trunk is said to speak what browsers do."""
    return run(*steps, media=MEDIA, trunk=WEB_TRUNK)


@pytest.mark.parametrize("status", [488, 606])
def test_a_phone_that_refuses_a_browsers_offer_is_called_again_with_one_for_phones(status: int) -> None:
    def heard(world: World) -> None:
        (anchor,) = world.anchors.opened
        assert [side for side, _ in anchor.heard] == [CALLER]

    made = again(
        *offered,
        juliet.sends(status),
        juliet.gets("ACK"),
        juliet.gets("INVITE", call="second", has=PLAIN, lacks=["a=ice-ufrag", "fingerprint"]),
        does(heard),
        juliet.sends(180, call="second"),
        romeo.gets("session-info ringing"),
        juliet.sends(200, call="second"),
        juliet.gets("ACK", call="second"),
        romeo.gets("session-accept", has=['ufrag="u40010"', 'name="PCMU"']),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE", call="second", has="Q.850;cause=16"),
        juliet.sends(200, call="second"),
    )
    (line,) = [entry for entry in made.log if entry["event"] == "call_ended"]
    assert (line["reason"], line["ended_by"], line["anchor"], line["answered"]) == ("success", "caller", "paper", True)


def test_it_is_called_again_once() -> None:
    made = again(
        *offered,
        juliet.sends(488),
        juliet.gets("ACK"),
        juliet.gets("INVITE", call="second", has=PLAIN),
        juliet.sends(488, call="second"),
        juliet.gets("ACK", call="second"),
        romeo.gets("session-terminate"),
        after(40),
    )
    (line,) = [entry for entry in made.log if entry["event"] == "call_ended"]
    assert (line["status"], line["ended_by"]) == (488, "callee")


def test_a_caller_that_gives_up_cancels_the_second_call() -> None:
    again(
        *offered,
        juliet.sends(488),
        juliet.gets("ACK"),
        juliet.gets("INVITE", call="second"),
        juliet.sends(180, call="second"),
        romeo.gets("session-info ringing"),
        romeo.sends("session-terminate cancel"),
        romeo.gets("result"),
        juliet.gets("CANCEL", call="second"),
        juliet.sends(200, call="second", to="CANCEL"),
        juliet.sends(487, call="second", to="INVITE"),
        juliet.gets("ACK", call="second"),
    )


def test_no_other_refusal_is_answered_by_another_offer() -> None:
    again(*offered, juliet.sends(486), juliet.gets("ACK"), romeo.gets("session-terminate busy"), after(40))


def test_without_a_port_for_media_the_caller_hears_the_refusal() -> None:
    again(
        does(lambda world: setattr(world.anchors, "full", True)),
        *offered,
        juliet.sends(488),
        juliet.gets("ACK"),
        romeo.gets("session-terminate"),
        after(40),
    )


def test_a_trunk_whose_media_are_never_anchored_is_called_once() -> None:
    run(
        *offered,
        juliet.sends(488),
        juliet.gets("ACK"),
        romeo.gets("session-terminate"),
        after(40),
        media=MEDIA,
        trunk=f'{WEB_TRUNK}\nmedia = "direct"',
    )


# ------------------------------------------------------------------------------------------------------- SIP to XMPP


def test_a_phone_calls_and_hears_the_anchor() -> None:
    made = anchored(*called, *JULIET)
    assert made.anchors.opened[0].sources == [(CALLER, "192.0.2.20"), (CALLEE, None)]


@pytest.mark.conformance("SX-06", "SX-07")
def test_an_invite_without_an_offer_gets_one_in_the_200() -> None:
    anchored(
        juliet.sends("INVITE", sdp=None),
        juliet.gets(100),
        romeo.gets("propose", has='media="audio"'),
        romeo.sends("proceed"),
        romeo.gets("session-initiate"),
        romeo.sends("session-accept", xml=ACCEPT),
        romeo.gets("result"),
        juliet.gets(200, has=["m=audio 40010 RTP/AVP"]),
        juliet.sends("ACK", sdp=sdp_of()),
        romeo.gets("description-info", has='name="PCMU"', lacks="opus"),  # which the phone does not have
        *JULIET,
    )


def announces(*features: str) -> tuple[Step, ...]:
    """Romeo's device tells what it can."""
    told = "".join(f"<feature var='{feature}'/>" for feature in (*CALLABLE, *features))
    return (
        romeo.sends("presence", xml="<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"),
        romeo.gets("query", reply=None),
        romeo.sends("result", xml=f"<query xmlns='http://jabber.org/protocol/disco#info'>{told}</query>"),
    )


@pytest.mark.parametrize(
    ("features", "has", "lacks", "end"),
    [
        ((ICE, DTLS), ["fingerprint", "ice-udp", 'ip="192.0.2.99"'], [], "cancel"),
        ((ICE,), ["ice-udp", 'ip="192.0.2.99"'], ["fingerprint", "rtcp-mux"], "decline"),  # COMPAT(Gajim)
        ((), ["raw-udp", 'ip="192.0.2.20"'], ["fingerprint", "ice-udp"], "cancel"),
    ],
    ids=["all", "ice-alone", "direct"],
)
def test_a_client_without_message_initiation_is_offered_what_it_can(
    features: tuple[str, ...], has: list[str], lacks: list[str], end: str
) -> None:
    run(
        *announces(*features),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("session-initiate", has=has, lacks=lacks),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets(f"session-terminate {end}"),
        media=MEDIA,
    )


# ---------------------------------------------------------------------------------------------------------- in the call


def test_a_phone_holds_and_resumes() -> None:
    anchored(
        *talking,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="responder"'),
        juliet.gets(200, has="a=recvonly"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3)),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="both"'),
        juliet.gets(200, has="a=sendrecv"),
        juliet.sends("ACK"),
        *BY_MESSAGE,
    )


def test_a_phone_that_moves_concerns_no_client() -> None:
    anchored(
        *talking,
        juliet.sends("re-INVITE", sdp=sdp_of(port=30500, version=2)),
        juliet.gets(100),
        juliet.gets(200),
        juliet.sends("ACK"),
        nothing(),
        *BY_MESSAGE,
    )


@pytest.mark.conformance("HLD-17")
def test_a_client_presses_keys_that_the_phone_hears_as_sound() -> None:
    def pressed(world: World) -> None:
        assert world.anchors.opened[0].digits == [(CALLEE, "#", 250)]

    anchored(
        *talking,
        romeo.sends("session-info", xml="<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='#' duration='250'/>"),
        romeo.gets("result"),
        does(pressed),
        *BY_MESSAGE,
    )


def test_a_digit_that_the_phone_can_not_hear_is_told_it() -> None:
    anchored(
        *talking,
        happens(DigitHeard(CALLER, "5", 160, carried=True)),
        nothing(),
        happens(DigitHeard(CALLER, "5", 160, carried=False)),
        juliet.gets("INFO", has=["Signal=5", "Duration=160"]),
        juliet.sends(200, to="INFO"),
        *BY_MESSAGE,
    )


FAST_UPDATE = (
    "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
)


def test_whole_pictures_are_asked_for_by_info_where_a_phone_has_no_feedback_messages() -> None:
    def asked(world: World) -> None:
        assert world.anchors.opened[0].pictures == [CALLER]

    control = (("Content-Type", "application/media_control+xml"),)
    anchored(
        *talking,
        happens(PictureWanted(CALLEE)),
        juliet.gets("INFO", has=["application/media_control+xml", "picture_fast_update"]),
        juliet.sends(200, to="INFO"),
        happens(PictureWanted(CALLER)),  # a client has no other word for it
        nothing(),
        juliet.sends("INFO", body=FAST_UPDATE, headers=control),
        juliet.gets(200),
        does(asked),
        *BY_MESSAGE,
    )


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_a_phone_that_does_not_answer_a_goodbye_keeps_no_port() -> None:
    anchored(
        *talking,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        romeo.gets("finish success"),
        juliet.gets("BYE"),
        holds(lambda world: world.anchors.opened[0].closed, "the media are still there"),
        calls(1),
        after(40),
    )


@pytest.mark.conformance("END-37")
@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (EndReason.TIMEOUT, "SIP;cause=408"),
        (EndReason.SECURITY_ERROR, "Reason: "),
        (EndReason.CONNECTIVITY_ERROR, "Reason: "),
    ],
)
def test_media_that_are_lost_end_the_call_on_both_sides(reason: EndReason, cause: str) -> None:
    made = anchored(
        *talking,
        happens(Failed(CALLER, reason, "what the anchor said")),
        juliet.gets("BYE", has=cause),
        romeo.gets(f"session-terminate {reason.value}", has="what the anchor said"),
        romeo.gets(f"finish {reason.value}"),
        juliet.sends(200),
    )
    assert made.sample("jinglesip_anchor_errors_total", reason=reason.value) == 1


def test_what_comes_while_the_media_are_given_back_is_heard() -> None:
    anchored(
        does(lambda world: setattr(world.anchors, "closing_seconds", 0.1)),
        *talking,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        romeo.gets("finish success"),
        juliet.gets("BYE"),
        juliet.sends(200),
        after(0.2),
        calls(0),
    )


def test_a_gateway_without_a_port_for_media_takes_no_call() -> None:
    anchored(
        does(lambda world: setattr(world.anchors, "full", True)),
        romeo.sends("propose"),
        romeo.gets("reject general-error", has="no port is left"),
        after(20),
        juliet.sends("INVITE"),
        juliet.gets(100),
        juliet.gets(503),
    )


def test_a_change_that_the_anchor_cannot_carry_is_refused_and_the_call_goes_on() -> None:
    def lost(world: World) -> None:
        world.anchors.failing = AnchorError("does not answer", EndReason.GENERAL_ERROR)

    anchored(
        *talking,
        does(lost),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        juliet.gets(500),
        does(lambda world: setattr(world.anchors, "failing", None)),
        *BY_MESSAGE,
    )


def test_the_story_of_a_call_has_its_media() -> None:
    stream = StreamStatistics(
        kind="audio", codec="PCMU", packets=500, octets=86_000, dropped=3, lost=5, jitter=0.00123, round_trip=0.0421,
        mos=4.321,
    )  # fmt: skip

    def counts(world: World) -> None:
        world.anchors.counted = {CALLER: [stream], CALLEE: []}

    made = anchored(
        *talking,
        happens(Connected(CALLEE)),
        after(0.5),
        happens(Connected(CALLER)),
        happens(OneWay(CALLEE)),
        happens(OneWay(CALLEE, silent=False)),
        does(counts),
        *BY_MESSAGE,
    )
    (line,) = [entry for entry in made.log if entry["event"] == "call_ended"]
    facts = {name: value for name, value in line.items() if name.startswith(("caller_", "callee_", "anchor"))}
    assert facts == {
        "anchor": "paper",
        "caller_packets": 500,
        "caller_lost": 5,
        "caller_jitter_seconds": 0.0012,
        "caller_round_trip_seconds": 0.0421,
        "caller_mos": 4.32,
    }
    told = [entry["event"] for entry in made.log if entry["event"].startswith("media_")]
    assert told == ["media_connected", "media_connected", "media_one_way", "media_both_ways"]
    assert made.sample("jinglesip_media_one_way_total", side="callee") == 1
    assert made.sample("jinglesip_media_packets_total", side="caller") == 500
    assert made.sample("jinglesip_media_connect_seconds_sum", side="caller") == 0.5
    assert made.sample("jinglesip_media_mos_count", side="caller") == 1
