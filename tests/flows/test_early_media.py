"""What the phone's side plays before it answers, heard by a client that takes the call for answered: who learns what.

The client is answered at the first early answer, and counts the call from then on; the gateway counts it from the 200.
"""

import pytest

from gateway.media.anchor import Connected
from gateway.signals import Side
from mappings.description import Ice
from tests.flows.inmemory import World
from tests.flows.openings import romeo_leaves
from tests.flows.steps import Step, after, calls, does, holds, juliet, nothing, romeo, run, sdp_of, tablet
from tests.flows.test_anchored import AUDIO, BY_MESSAGE, JULIET, MEDIA, OFFER, asked, happens, rings

CALLER, CALLEE = Side
HEAR = 'media = "anchor"\nearly_media = "hear"'
RELIABLE = (("Require", "100rel"), ("RSeq", "1"))
PCMA = sdp_of(port=30500, version=2).replace("RTP/AVP 0 8", "RTP/AVP 8").replace("a=rtpmap:0 PCMU/8000\r\n", "")
PCMU = sdp_of().replace("RTP/AVP 0 8", "RTP/AVP 0").replace("a=rtpmap:8 PCMA/8000\r\n", "")

plays = (*asked, juliet.sends(183, sdp=sdp_of()), romeo.gets("proceed"))
heard = (
    *plays,
    romeo.sends("session-initiate", xml=OFFER),
    romeo.gets("result"),
    romeo.gets("session-accept", has=['ufrag="u40010"', 'name="PCMU"', 'setup="active"']),
)
picks_up = (juliet.sends(200, to="INVITE", sdp=sdp_of()), juliet.gets("ACK"))
gives_up = (
    romeo.sends("session-terminate success"),
    romeo.gets("result"),
    romeo.gets("finish success"),
    juliet.gets("CANCEL"),
    juliet.sends(200, to="CANCEL"),
    juliet.sends(487, to="INVITE"),
    juliet.gets("ACK"),
)


def early(*steps: Step, trunk: str = HEAR, media: str = MEDIA) -> World:
    """Let it happen where early media are heard."""
    return run(*steps, media=media, trunk=trunk)


def refused(status: int, reason: str) -> tuple[Step, ...]:
    """The phone's side says no at last."""
    return (
        juliet.sends(status, to="INVITE"),
        juliet.gets("ACK"),
        romeo.gets(f"session-terminate {reason}"),
        romeo.gets(f"finish {reason}"),
    )


def line(world: World) -> dict[str, object]:
    """What the log tells of the call in the end."""
    (found,) = [entry for entry in world.log if entry["event"] == "call_ended"]
    return dict(found)


# ------------------------------------------------------------------------------------------------------ it is picked up


def test_a_client_hears_what_is_played_and_the_call_counts_from_its_answer() -> None:
    made = early(*heard, happens(Connected(CALLER)), after(7), *picks_up, nothing(), after(5), *BY_MESSAGE)
    told = line(made)
    assert (told["answered"], told["early_media"], told["reason"]) == (True, True, "success")
    assert (told["setup_seconds"], told["duration_seconds"]) == (7, 5)
    assert made.sample("jinglesip_early_media_total") == 1
    assert made.sample("jinglesip_call_setup_seconds_sum", origin="xmpp") == 7
    assert made.sample("jinglesip_call_duration_seconds_sum", origin="xmpp") == 5


def test_the_phone_hangs_up_after_its_answer() -> None:
    early(*heard, *picks_up, *JULIET)


def test_without_message_initiation_the_session_is_accepted_early() -> None:
    early(
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        juliet.gets("INVITE", has="P-Early-Media: supported"),
        juliet.sends(180, sdp=None),
        romeo.gets("session-info ringing"),
        juliet.sends(183, sdp=sdp_of()),
        romeo.gets("session-accept", has='ufrag="u40010"'),
        *picks_up,
        *romeo_leaves,
    )


def test_a_client_that_was_told_of_ringing_hears_what_is_played_then() -> None:
    early(
        *rings,
        juliet.sends(183, sdp=sdp_of()),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        juliet.sends(180),
        nothing(),
        *picks_up,
        *BY_MESSAGE,
    )


def test_a_180_may_play_too() -> None:
    early(
        *asked,
        juliet.sends(180, sdp=sdp_of()),
        romeo.gets("ringing"),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        *picks_up,
        *BY_MESSAGE,
    )


@pytest.mark.parametrize("body", [None, sdp_of(port=30600, version=2)], ids=["none", "another"])
def test_a_reliable_answer_is_the_one_that_counts_whatever_the_200_says(body: str | None) -> None:
    early(
        *asked,
        juliet.sends(183, sdp=sdp_of(), headers=RELIABLE),
        juliet.gets("PRACK", has="RAck: 1 1 INVITE"),
        romeo.gets("proceed"),
        juliet.sends(200, to="PRACK"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        juliet.sends(200, to="INVITE", sdp=body),
        juliet.gets("ACK"),
        nothing(),
        *BY_MESSAGE,
    )


def test_a_200_before_the_session_finds_its_proceed_said() -> None:
    early(
        *plays,
        *picks_up,
        nothing(),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        *BY_MESSAGE,
    )


def test_a_phone_that_answers_with_another_codec_has_the_client_told() -> None:
    early(
        *asked,
        juliet.sends(183, sdp=PCMU),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept", has='name="PCMU"', lacks="PCMA"),
        juliet.sends(200, to="INVITE", sdp=PCMA, tag="another"),
        juliet.gets("ACK"),
        romeo.gets("description-info", has='name="PCMA"', lacks="PCMU"),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        romeo.gets("finish success"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_client_without_the_codec_that_plays_has_the_phone_told_when_it_answers() -> None:
    early(
        *plays,
        romeo.sends("session-initiate", xml=OFFER.replace("PCMU", "GSM").replace("id='0'", "id='3'")),
        romeo.gets("result"),
        romeo.gets("session-accept", has='name="PCMA"', lacks="PCMU"),
        *picks_up,
        juliet.gets("INVITE", has="PCMA/8000", lacks="PCMU"),
        juliet.sends(200, sdp=PCMA),
        juliet.gets("ACK"),
        *BY_MESSAGE,
    )


# -------------------------------------------------------------------------------------------------- it is not picked up


@pytest.mark.parametrize(("status", "reason"), [(404, "gone"), (486, "busy"), (603, "decline"), (480, "gone")])
def test_a_refusal_after_an_announcement_ends_the_session_with_its_reason(status: int, reason: str) -> None:
    made = early(*heard, after(4), *refused(status, reason))
    told = line(made)
    assert (told["answered"], told["early_media"], told["status"]) == (False, True, status)
    assert (told["setup_seconds"], told["duration_seconds"], told["ended_by"]) == (None, None, "callee")
    assert made.sample("jinglesip_call_duration_seconds_count", origin="xmpp") == 0


def test_a_refusal_before_the_session_comes_is_a_reject() -> None:
    early(*plays, juliet.sends(404, to="INVITE"), juliet.gets("ACK"), romeo.gets("reject gone"), after(20))


def test_a_client_that_hangs_up_before_the_answer_has_given_up() -> None:
    made = early(*heard, after(4), *gives_up)
    told = line(made)
    assert (told["answered"], told["reason"], told["ended_by"]) == (False, "cancel", "caller")


def test_a_200_that_crosses_the_cancel_is_hung_up() -> None:
    early(
        *heard,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        romeo.gets("finish success"),
        juliet.gets("CANCEL"),
        *picks_up,
        juliet.gets("BYE"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(200, to="BYE"),
    )


def test_nobody_waits_longer_for_an_answer_because_something_plays() -> None:
    made = early(
        *heard,
        after(119),
        nothing(),
        after(2),
        juliet.gets("CANCEL", has="Q.850;cause=19"),
        romeo.gets("session-terminate timeout", has="no answer within 120 seconds"),
        romeo.gets("finish timeout"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(487, to="INVITE"),
        juliet.gets("ACK"),
    )
    assert line(made)["answered"] is False


# ------------------------------------------------------------------------------------------------ what cannot be heard


def rings_only(*headers: tuple[str, str], sdp: str | None, status: int = 183) -> tuple[Step, ...]:
    """It is ringing to the client, and nothing more."""
    return (*asked, juliet.sends(status, sdp=sdp, headers=headers), romeo.gets("ringing"), nothing())


picked_up = (
    *picks_up,
    romeo.gets("proceed"),
    romeo.sends("session-initiate", xml=OFFER),
    romeo.gets("result"),
    romeo.gets("session-accept"),
    *BY_MESSAGE,
)


@pytest.mark.parametrize(
    "first",
    [
        rings_only(sdp=None, status=180),
        rings_only(sdp=sdp_of(direction="inactive")),
        rings_only(("P-Early-Media", "inactive"), sdp=sdp_of()),
        rings_only(sdp=sdp_of().replace("0 8", "97").replace("rtpmap:0 PCMU", "rtpmap:97 SPEEX")),
        rings_only(("P-Early-Media", "inactive"), sdp=sdp_of(), status=180),
    ],
    ids=["no-sdp", "inactive", "not-authorised", "no-codec", "180-not-authorised"],
)
def test_what_cannot_be_heard_is_ringing(first: tuple[Step, ...]) -> None:
    made = early(*first, *picked_up)
    assert line(made)["early_media"] is False
    assert made.sample("jinglesip_early_media_total") == 0


def test_by_default_nothing_is_heard_before_the_answer() -> None:
    early(*asked, juliet.sends(183, sdp=sdp_of()), romeo.gets("ringing"), *picked_up, trunk='media = "anchor"')


def test_a_call_whose_media_go_direct_rings() -> None:
    early(
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=audio 40100"),
        juliet.sends(183, sdp=sdp_of()),
        nothing(),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='port="30000"'),
        *romeo_leaves,
        trunk='early_media = "hear"',
    )


# ------------------------------------------------------------------------------------------------------- several phones


def _callee_is_at(port: int) -> Step:
    def look(world: World) -> None:
        (anchor,) = world.anchors.opened
        (stream,) = anchor.agreement.streams
        said = stream.ends[CALLEE].said
        assert said is not None
        assert said.transport.candidates[0].port == port

    return does(look)


def test_the_last_phone_that_begins_to_play_is_heard_and_who_picks_up_is_the_one() -> None:
    early(
        *heard,
        _callee_is_at(30000),
        juliet.sends(183, sdp=sdp_of(port=30200), tag="mailbox"),
        _callee_is_at(30200),
        juliet.sends(199, sdp=None, tag="mailbox"),
        _callee_is_at(30000),
        juliet.sends(200, to="INVITE", sdp=sdp_of(port=30300), tag="third"),
        juliet.gets("ACK"),
        _callee_is_at(30300),
        nothing(),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        romeo.gets("finish success"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_what_plays_where_a_call_is_redirected_to_is_heard() -> None:
    early(
        *heard,
        juliet.sends(302, to="INVITE", headers=[("Contact", "<sip:desk@192.0.2.20>")]),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has="INVITE sip:desk@192.0.2.20"),
        juliet.sends(183, sdp=sdp_of(port=30200), tag="desk"),
        _callee_is_at(30200),
        *refused(486, "busy"),
        trunk=HEAR + "\nfollow_redirects = true",
    )


OTHER = """
[[trunk]]
name = "dear"
host = "192.0.2.77"
transport = "udp"
[[group]]
name = "all"
trunks = [{{ trunk = "pbx" }}, {{ trunk = "dear", priority = 2 }}]
"""


def test_a_call_that_was_heard_goes_through_no_other_trunk() -> None:
    early(
        *heard,
        *refused(503, "connectivity-error"),
        trunk=HEAR + OTHER.replace("{{", "{").replace("}}", "}") + "[[dial]]\nmatch = '[+]1555.*'\ntrunk = \"all\"\n",
    )


# ------------------------------------------------------------------------------------------- in a call that is no call


def test_a_hold_before_the_answer_is_made_after_it() -> None:
    early(
        *heard,
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        nothing(),
        *picks_up,
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.sends(200, sdp=sdp_of(version=2, direction="recvonly")),
        juliet.gets("ACK"),
        *BY_MESSAGE,
    )


VIDEO = (
    "<content creator='initiator' name='1'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
    "<payload-type id='96' name='VP8' clockrate='90000'/><rtcp-mux/></description>"
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf03' pwd='a-password-of-twenty-two'>"
    "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB</fingerprint>"
    "</transport></content>"
)


def test_a_medium_that_is_added_before_the_answer_is_offered_after_it() -> None:
    early(
        *heard,
        romeo.sends("content-add", xml=VIDEO),
        romeo.gets("result"),
        nothing(),
        *picks_up,
        juliet.gets("INVITE", has="m=video"),
        juliet.sends(200, sdp=sdp_of(version=2) + "m=video 0 RTP/AVP 96\r\n"),
        juliet.gets("ACK"),
        romeo.gets("content-reject"),
        *BY_MESSAGE,
        media=MEDIA + "\nvideo = true",
    )


def test_what_waits_for_the_answer_is_gone_with_the_call() -> None:
    early(*heard, romeo.sends("session-info hold"), romeo.gets("result"), *refused(486, "busy"))


RESTART = (
    "<content creator='initiator' name='0'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf09' "
    "pwd='another-password-of-22-'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>"
    "AA:BB</fingerprint></transport></content>"
)


def test_a_restart_of_ice_before_the_answer_is_the_anchors_alone() -> None:
    def restarted(world: World) -> None:
        (stream,) = world.anchors.opened[0].agreement.streams
        said = stream.ends[CALLER].said
        assert said is not None
        assert isinstance(said.transport, Ice)
        assert said.transport.ufrag == "uf09"

    early(
        *heard,
        romeo.sends("transport-info", xml=RESTART),
        romeo.gets("result"),
        does(restarted),
        *picks_up,
        nothing(),
        *BY_MESSAGE,
    )


def test_keys_for_a_menu_are_pressed_before_the_answer() -> None:
    def pressed(world: World) -> None:
        assert world.anchors.opened[0].digits == [(CALLEE, "1", 160), (CALLEE, "#", 250)]

    early(
        *heard,
        romeo.sends("session-info", xml="<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='1' duration='160'/>"),
        romeo.gets("result"),
        romeo.sends("session-info", xml="<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='#' duration='250'/>"),
        romeo.gets("result"),
        does(pressed),
        *picks_up,
        *BY_MESSAGE,
    )


def test_keys_for_a_menu_that_hears_none_are_told_it() -> None:
    early(
        does(lambda world: setattr(world.anchors, "sends_digits", False)),
        *asked,
        juliet.sends(183, sdp=sdp_of(), headers=[("Allow", "INVITE, ACK, CANCEL, BYE, INFO")]),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=OFFER),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        romeo.sends("session-info", xml="<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='1' duration='160'/>"),
        romeo.gets("result"),
        juliet.gets("INFO", has=["Signal=1", "CSeq: 2 INFO"]),
        juliet.sends(200, to="INFO"),
        *picks_up,
        *BY_MESSAGE,
    )


def test_a_call_that_nobody_has_answered_is_handed_on_to_nobody() -> None:
    early(
        *heard,
        romeo.sends("session-info", xml="<transfer xmlns='urn:xmpp:jingle:transfer:0' to='+15557654321@gw.example'/>"),
        romeo.gets("error resource-constraint"),
        *picks_up,
        *BY_MESSAGE,
    )


def test_another_device_that_calls_the_same_number_begins_a_call_of_its_own() -> None:
    early(
        *heard,
        tablet.sends("propose", call="two", xml=AUDIO),
        juliet.gets("INVITE", call="two"),
        calls(2),
        tablet.sends("retract", call="two"),
        juliet.sends(180, call="two"),
        juliet.gets("CANCEL", call="two"),
        juliet.sends(200, call="two", to="CANCEL"),
        juliet.sends(487, call="two", to="INVITE"),
        juliet.gets("ACK", call="two"),
        *gives_up,
    )


def test_nobody_is_missed_who_is_silent_before_the_answer() -> None:
    early(
        *heard,
        holds(lambda world: world.anchors.opened[0].awaited, "the anchor misses who is silent"),
        *picks_up,
        holds(lambda world: not world.anchors.opened[0].awaited, "the anchor misses nobody"),
        *BY_MESSAGE,
    )
