"""Calls that are refused: by whom they are for, by what lies between, and by us."""

import pytest

from tests.flows.openings import called, initiated, offered, ringing, rung, tried
from tests.flows.steps import (
    Phone,
    Step,
    after,
    calls,
    holds,
    juliet,
    nothing,
    romeo,
    run,
    sdp_of,
    stranger,
    tablet,
)

# -------------------------------------------------------------------------------------------------------- XMPP to SIP


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(486, "busy", marks=pytest.mark.conformance("END-05")),
        pytest.param(600, "busy", marks=pytest.mark.conformance("END-06")),
        pytest.param(603, "decline", marks=pytest.mark.conformance("END-07")),
        pytest.param(404, "gone", marks=pytest.mark.conformance("END-08")),
        pytest.param(408, "timeout", marks=pytest.mark.conformance("END-09")),
        pytest.param(480, "gone", marks=pytest.mark.conformance("END-11")),
        pytest.param(488, "incompatible-parameters", marks=pytest.mark.conformance("END-12")),
        pytest.param(415, "unsupported-applications", marks=pytest.mark.conformance("END-14")),
        pytest.param(500, "general-error", marks=pytest.mark.conformance("END-15")),
        pytest.param(503, "connectivity-error", marks=pytest.mark.conformance("END-16")),
        pytest.param(487, "cancel", marks=pytest.mark.conformance("END-17")),
        pytest.param(699, "decline", marks=pytest.mark.conformance("END-18")),
        pytest.param(499, "general-error", marks=pytest.mark.conformance("END-19")),
        (403, "decline"),
    ],
)
def test_a_phones_refusal_reaches_the_client_as_a_reason_with_status_and_phrase(status: int, reason: str) -> None:
    run(
        *tried,
        juliet.sends(status, phrase="Not Now"),
        juliet.gets("ACK"),
        romeo.gets(f"session-terminate {reason}", has=[f"{status} Not Now", f'code="{status}"']),
    )


@pytest.mark.conformance("END-10")
def test_no_answer_after_it_rang_is_a_timeout() -> None:
    run(*ringing, juliet.sends(480), juliet.gets("ACK"), romeo.gets("session-terminate timeout"))


@pytest.mark.conformance("END-13")
def test_a_warning_says_which_refusal_it_is() -> None:
    run(
        *tried,
        juliet.sends(488, headers=[("Warning", '304 phone "Media type not available"')]),
        juliet.gets("ACK"),
        romeo.gets("session-terminate unsupported-applications"),
    )


@pytest.mark.conformance("XS-19", "SIP-01")
def test_a_trunk_that_does_not_answer_is_a_timeout() -> None:
    copies: list[Step] = []
    for wait in (0.5, 1, 2, 4, 8, 16):
        copies += [after(wait), juliet.gets("INVITE", again=True)]
    run(*initiated, *copies, nothing(), after(0.5), romeo.gets("session-terminate timeout"))


def test_a_trunk_that_only_ever_tries_is_given_up_and_cancelled() -> None:
    run(
        *tried,
        after(119),
        nothing(),
        after(1),
        juliet.gets("CANCEL"),
        romeo.gets("session-terminate timeout"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
    )


@pytest.mark.conformance("JMI-16")
def test_a_propose_of_nothing_but_video_is_rejected() -> None:
    run(romeo.sends("propose", media=["video"]), romeo.gets("reject unsupported-applications"))


@pytest.mark.conformance("JMI-20")
def test_a_propose_to_a_number_that_cannot_be_dialled_is_rejected() -> None:
    run(romeo.sends("propose", number="nobody"), romeo.gets("reject gone"))


@pytest.mark.conformance("JIN-02", "ROB-03")
def test_who_may_not_call_out_is_refused_without_a_word_of_why() -> None:
    run(
        stranger.sends("session-initiate"),
        stranger.gets("error service-unavailable"),
        stranger.sends("propose", call="two"),
        stranger.gets("reject decline"),
        nothing(),
        holds(lambda world: world.sample("jinglesip_calls_refused_total", origin="xmpp", cause="forbidden") == 2, "2"),
    )


@pytest.mark.conformance("XS-20")
def test_a_session_without_sound_is_terminated() -> None:
    description = "<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>"
    content = f"<content creator='initiator' name='file'>{description}<transport xmlns='urn:x'/></content>"
    run(
        romeo.sends("session-initiate", xml=content),
        romeo.gets("result"),
        romeo.gets("session-terminate unsupported-applications"),
    )


@pytest.mark.conformance("JIN-04", "JIN-06")
def test_jingle_that_cannot_be_read_is_answered_and_makes_no_call() -> None:
    run(
        romeo.sends("session-initiate", xml=""),
        romeo.gets("error bad-request"),
        romeo.sends("frobnicate"),
        romeo.gets("error bad-request"),
        romeo.sends("session-info", sid="never"),
        romeo.gets("error item-not-found unknown-session"),
        nothing(),
        calls(0),
    )


@pytest.mark.conformance("XS-15")
def test_credentials_are_given_when_they_are_asked_for() -> None:
    challenge = [("Proxy-Authenticate", 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=SHA-256')]
    run(
        *initiated,
        juliet.sends(407, headers=challenge),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has=["Proxy-Authorization: Digest", 'username="gw"', "CSeq: 2 INVITE"]),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        trunk='user = "gw"\npassword_env = "SECRET"',
    )


@pytest.mark.conformance("XS-16")
def test_credentials_that_are_refused_end_the_call() -> None:
    def challenge(nonce: str) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", f'Digest realm="pbx", nonce="{nonce}", qop="auth"')]

    run(
        *initiated,
        juliet.sends(401, headers=challenge("n1")),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has="Authorization: Digest"),
        juliet.sends(401, headers=challenge("n2")),
        juliet.gets("ACK"),
        romeo.gets("session-terminate security-error"),
        trunk='user = "gw"\npassword_env = "SECRET"',
    )


def test_a_trunk_that_asks_for_credentials_we_do_not_have_ends_the_call() -> None:
    run(
        *initiated,
        juliet.sends(401, headers=[("WWW-Authenticate", 'Digest realm="pbx", nonce="n1"')]),
        juliet.gets("ACK"),
        romeo.gets("session-terminate security-error", has='code="401"'),
    )


@pytest.mark.conformance("XS-22")
@pytest.mark.parametrize(
    "sdp", [sdp_of(port=0), sdp_of().replace("RTP/AVP 0 8", "RTP/AVP 18").replace("a=rtpmap:0 PCMU/8000\r\n", "")]
)
def test_an_answer_with_nothing_in_common_is_hung_up(sdp: str) -> None:
    run(
        *ringing,
        juliet.sends(200, sdp=sdp),
        juliet.gets("ACK"),
        juliet.gets("BYE", has="SIP;cause=488"),
        romeo.gets("session-terminate incompatible-parameters"),
        juliet.sends(200),
    )


@pytest.mark.conformance("XS-23")
@pytest.mark.parametrize("sdp", ["this is no SDP\r\n", None], ids=["garbage", "none"])
def test_an_answer_that_cannot_be_read_is_hung_up(sdp: str | None) -> None:
    run(
        *ringing,
        juliet.sends(200, sdp=sdp),
        juliet.gets("ACK"),
        juliet.gets("BYE", has="SIP;cause=500"),
        romeo.gets("session-terminate general-error"),
        juliet.sends(200),
    )


def test_a_redirection_that_is_not_followed_tells_the_caller_where_to() -> None:
    run(
        *tried,
        juliet.sends(302, headers=[("Contact", "<sip:+15557654321@192.0.2.20>")]),
        juliet.gets("ACK"),
        romeo.gets("session-terminate general-error", has=["302", "+15557654321"]),
    )


@pytest.mark.conformance("JIN-32")
@pytest.mark.parametrize("error", ["unexpected-request out-of-order", "item-not-found unknown-session"])
def test_an_accept_that_the_client_refuses_hangs_up(error: str) -> None:
    lost = error.startswith("item")
    run(
        *ringing,
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", reply=f"error {error}"),
        juliet.gets("BYE"),
        *(() if lost else (romeo.gets("session-terminate general-error"),)),
        juliet.sends(200),
    )


def test_an_accept_that_the_client_never_answers_hangs_up() -> None:
    run(
        *ringing,
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", reply=None),
        after(15),
        romeo.gets("session-terminate timeout"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


# -------------------------------------------------------------------------------------------------------- SIP to XMPP


@pytest.mark.parametrize(
    ("reject", "status", "cause"),
    [
        pytest.param("reject busy", 486, "Q.850;cause=17", marks=pytest.mark.conformance("JMI-06")),
        pytest.param("reject decline", 603, "Q.850;cause=21", marks=pytest.mark.conformance("JMI-07")),
        pytest.param("reject", 486, "Q.850;cause=17", marks=pytest.mark.conformance("JMI-08")),
    ],
)
def test_a_user_rejects_a_call(reject: str, status: int, cause: str) -> None:
    run(*rung, romeo.sends(reject), juliet.gets(status, has=cause))


@pytest.mark.conformance("JMI-09")
def test_a_reject_to_our_bare_jid_counts() -> None:
    run(*called, romeo.sends("reject busy", to="juliet@gw.example"), juliet.gets(486))


@pytest.mark.conformance("JMI-28", "JMI-29")
def test_what_is_no_answer_to_a_proposal_changes_nothing() -> None:
    accept = "<accept xmlns='urn:xmpp:jingle-message:0' id='x'/>"
    room = romeo.sends("ringing", to="juliet@gw.example/sip", type="groupchat")
    run(
        *called,
        room,
        nothing(),
        romeo.sends("ringing", xml=accept),
        juliet.gets(180),
        romeo.sends("reject"),
        juliet.gets(486),
    )


@pytest.mark.conformance("JMI-11")
def test_a_user_without_a_device_that_rings_is_given_up_early() -> None:
    run(*called, after(30), romeo.gets("retract cancel"), juliet.gets(480, has="Q.850;cause=18"))


@pytest.mark.conformance("JMI-10")
def test_a_user_who_does_not_answer_is_given_up() -> None:
    run(*rung, after(90), romeo.gets("retract cancel"), juliet.gets(480, has="Q.850;cause=19"))


def test_a_device_that_proceeds_and_does_not_accept_is_given_up() -> None:
    run(
        *offered,
        after(30),
        romeo.gets("session-terminate timeout"),
        romeo.gets("finish timeout"),
        juliet.gets(480),
    )


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        pytest.param("busy", 486, marks=pytest.mark.conformance("END-20")),
        pytest.param("decline", 603, marks=pytest.mark.conformance("END-21")),
        pytest.param("unsupported-applications", 488, marks=pytest.mark.conformance("END-22")),
        pytest.param("unsupported-transports", 488, marks=pytest.mark.conformance("END-23")),
        pytest.param("incompatible-parameters", 488, marks=pytest.mark.conformance("END-24")),
        pytest.param("failed-application", 488, marks=pytest.mark.conformance("END-25")),
        pytest.param("failed-transport", 480, marks=pytest.mark.conformance("END-26")),
        pytest.param("gone", 480, marks=pytest.mark.conformance("END-27")),
        pytest.param("general-error", 500, marks=pytest.mark.conformance("END-28")),
        pytest.param("media-error", 500, marks=pytest.mark.conformance("END-29")),
        pytest.param("security-error", 488, marks=pytest.mark.conformance("END-30")),
        pytest.param("", 480, marks=pytest.mark.conformance("END-31")),
        pytest.param("bored", 480, marks=pytest.mark.conformance("END-32")),
    ],
)
def test_a_device_terminates_before_it_accepts(reason: str, status: int) -> None:
    run(
        *offered,
        romeo.sends(f"session-terminate {reason}"),
        romeo.gets("result"),
        romeo.gets("finish"),
        juliet.gets(status),
    )


@pytest.mark.conformance("SX-02")
def test_a_propose_that_bounces_is_answered_by_its_condition() -> None:
    run(
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.bounces("propose", "item-not-found"),
        juliet.gets(604),
    )


@pytest.mark.conformance("JIN-28", "JIN-30")
@pytest.mark.parametrize(
    ("condition", "status"), [("service-unavailable", 480), ("item-not-found", 404), ("forbidden", 403)]
)
def test_a_session_initiate_that_is_refused_is_answered_by_its_condition(condition: str, status: int) -> None:
    run(
        *rung,
        romeo.sends("proceed"),
        romeo.gets("session-initiate", reply=f"error {condition}"),
        romeo.gets("finish"),
        juliet.gets(status),
    )


@pytest.mark.conformance("JIN-29")
def test_a_client_that_is_elsewhere_redirects_the_phone() -> None:
    run(
        *rung,
        romeo.sends("proceed"),
        romeo.gets("session-initiate", reply=None),
        romeo.sends("error redirect", xml="xmpp:voicemail@capulet.example"),
        romeo.gets("finish"),
        juliet.gets(302, has="Contact: <sip:voicemail%40capulet.example@gw.example>"),
    )


@pytest.mark.conformance("JIN-31")
def test_a_client_that_does_not_answer_a_session_initiate_is_a_408() -> None:
    run(
        *rung,
        romeo.sends("proceed"),
        romeo.gets("session-initiate", reply=None),
        after(15),
        romeo.gets("session-terminate timeout"),
        romeo.gets("finish"),
        juliet.gets(408),
    )


@pytest.mark.conformance("JIN-24")
def test_an_accept_of_what_was_not_offered_ends_the_call() -> None:
    content = (
        "<content creator='initiator' name='smell'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<payload-type id='0'/></description><transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/></content>"
    )
    run(
        *offered,
        romeo.sends("session-accept", xml=content),
        romeo.gets("result"),
        romeo.gets("session-terminate"),
        romeo.gets("finish"),
        juliet.gets(488),
    )


def test_the_other_devices_of_a_user_who_rejects_are_left_alone() -> None:
    run(*called, tablet.sends("ringing"), juliet.gets(180), romeo.sends("reject decline"), juliet.gets(603), nothing())


@pytest.mark.conformance("SX-06", "SX-08", "SX-10", "SX-12", "SX-13", "SX-17", "SX-18")
@pytest.mark.parametrize(
    ("headers", "sdp", "status"),
    [
        ([], None, 488),
        ([], sdp_of().replace("audio 30000 RTP/AVP 0 8", "image 30000 udptl t38"), 488),
        ([("Require", "foo")], "", 420),
        ([("Content-Type", "application/unknownformat")], "x", 415),
        ([("Accept", "text/plain")], "", 406),
        ([("Max-Forwards", "0")], "", 483),
        ([], "nonsense\r\n", 400),
    ],
    ids=["offerless", "image", "require", "type", "accept", "hops", "nonsense"],
)
def test_an_invite_that_cannot_be_served_is_refused_and_nobody_is_disturbed(
    headers: list[tuple[str, str]], sdp: str | None, status: int
) -> None:
    run(juliet.sends("INVITE", headers=headers, sdp=sdp), juliet.gets(100), juliet.gets(status), nothing())


@pytest.mark.conformance("ADDR-22", "ADDR-23")
@pytest.mark.parametrize(
    ("uri", "status"),
    [("sip:+15559999@192.0.2.1", 404), ("sips:+15550100@192.0.2.1", 480), ("http://192.0.2.1/", 416)],
)
def test_an_invite_for_nobody_is_refused(uri: str, status: int) -> None:
    run(juliet.sends("INVITE", number=uri), juliet.gets(100), juliet.gets(status), nothing())


@pytest.mark.conformance("ROB-05")
def test_a_phone_that_nobody_knows_is_turned_away() -> None:
    paris = Phone("paris", "198.51.100.66")
    run(
        paris.sends("INVITE"),
        paris.gets(100),
        paris.gets(403),
        nothing(),
        holds(lambda world: world.sample("jinglesip_sip_refused_total", cause="unknown_source") == 1, "not counted"),
    )
