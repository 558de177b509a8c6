"""Changes inside a call, through the whole gateway: hold, video, codecs, ICE restart and glare, from each side."""

import pytest

from tests.flows.openings import accepted, answered, juliet_leaves, romeo_leaves
from tests.flows.steps import CANDIDATE, ICE, Step, after, at_once, juliet, nothing, romeo, run, sdp_of

RTP = "urn:xmpp:jingle:apps:rtp:1"
RAW = (
    "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
    "<candidate component='1' generation='0' id='v1' ip='192.0.2.9' port='40200'/></transport>"
)
VP8 = f"<description xmlns='{RTP}' media='video'><payload-type id='96' name='VP8' clockrate='90000'/></description>"
FILM = "m=video 30200 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
NO_FILM = "m=video 0 RTP/AVP 96\r\n"
BOTH = pytest.mark.parametrize(("opening", "caller"), [(answered, "romeo"), (accepted, "juliet")])


def film(creator: str = "initiator") -> str:
    return f"<content creator='{creator}' name='film'>{VP8}{RAW}</content>"


def senders(said: str, name: str = "audio") -> str:
    return f"<content creator='initiator' name='{name}' senders='{said}'/>"


# A call by message ends with a message.
BY_PHONE = (*juliet_leaves, romeo.gets("finish success"))
BY_CLIENT = (*romeo_leaves, romeo.gets("finish success"))


def of(caller: str, side: str) -> str:
    """The Jingle role of a side."""
    return "initiator" if caller == side else "responder"


# ----------------------------------------------------------------------------------------------------------------- hold


@pytest.mark.conformance("HLD-01", "HLD-03", "MOD-11")
@BOTH
@pytest.mark.parametrize("by", ["session-info", "content-modify"])
def test_a_client_holds_and_resumes(opening: tuple[Step, ...], caller: str, by: str) -> None:
    if by == "session-info":
        hold, resume = romeo.sends("session-info hold"), romeo.sends("session-info unhold")
    else:
        hold = romeo.sends("content-modify", xml=senders(of(caller, "romeo")))
        resume = romeo.sends("content-modify", xml=senders("both"))
    run(
        *opening,
        hold,
        romeo.gets("result"),
        juliet.gets("INVITE", has=["a=sendonly", "m=audio 40100"]),
        juliet.sends(200, sdp=sdp_of(version=2, direction="recvonly")),
        juliet.gets("ACK"),
        nothing(),
        resume,
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=sendrecv"),
        juliet.sends(200, sdp=sdp_of(version=3)),
        juliet.gets("ACK"),
        *(juliet_leaves if caller == "romeo" else BY_PHONE),
    )


@pytest.mark.conformance("HLD-06", "HLD-07", "HLD-08")
@BOTH
@pytest.mark.parametrize(
    ("sdp", "held", "answer"),
    [
        (sdp_of(version=2, direction="sendonly"), "juliet", "a=recvonly"),
        (sdp_of(version=2, direction="inactive"), "none", "a=inactive"),
        (sdp_of(version=2).replace("c=IN IP4 192.0.2.20", "c=IN IP4 0.0.0.0"), "juliet", "a=recvonly"),
    ],
)
def test_a_phone_holds_and_resumes(opening: tuple[Step, ...], caller: str, sdp: str, held: str, answer: str) -> None:
    said = held if held == "none" else of(caller, held)
    run(
        *opening,
        juliet.sends("re-INVITE", sdp=sdp),
        juliet.gets(100),
        romeo.gets("content-modify", has=f'senders="{said}"'),
        juliet.gets(200, has=answer),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3)),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="both"'),
        juliet.gets(200, has="a=sendrecv"),
        juliet.sends("ACK"),
        *(romeo_leaves if caller == "romeo" else BY_CLIENT),
    )


@pytest.mark.conformance("HLD-06")
def test_a_client_is_told_of_a_hold_as_such_where_the_operator_wants_it() -> None:
    run(
        *answered,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        romeo.gets("session-info hold"),
        juliet.gets(200, has="a=recvonly"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3)),
        juliet.gets(100),
        romeo.gets("session-info unhold"),
        juliet.gets(200, has="a=sendrecv"),
        juliet.sends("ACK"),
        *romeo_leaves,
        media="hold_by_info = true",
    )


@pytest.mark.conformance("HLD-09")
def test_both_hold() -> None:
    run(
        *answered,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="responder"'),
        juliet.gets(200),
        juliet.sends("ACK"),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=inactive"),
        juliet.sends(200, sdp=sdp_of(version=3, direction="inactive")),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


@pytest.mark.conformance("MOD-16")
def test_a_refused_hold_leaves_the_call() -> None:
    run(
        *answered,
        romeo.sends("content-modify", xml=senders("initiator")),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(488),
        juliet.gets("ACK"),
        romeo.gets("content-modify", has='senders="both"'),
        *juliet_leaves,
    )


@pytest.mark.conformance("MOD-13")
def test_a_refresh_is_answered_and_told_to_nobody() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of()),
        juliet.gets(100),
        juliet.gets(200, has="a=sendrecv"),
        juliet.sends("ACK"),
        nothing(),
        *BY_PHONE,
    )


# ---------------------------------------------------------------------------------------------------------------- video


@pytest.mark.conformance("MOD-01", "MOD-09", "MOD-21")
def test_a_client_adds_video_removes_it_and_adds_it_again() -> None:
    run(
        *answered,
        romeo.sends("content-add", xml=film()),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40100", "m=video 40200"]),
        juliet.sends(200, sdp=sdp_of(version=2) + FILM),
        juliet.gets("ACK"),
        romeo.gets("content-accept", has=['name="film"', 'port="30200"']),
        romeo.sends("content-remove", xml="<content creator='initiator' name='film'/>"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40100", "m=video 0"]),
        juliet.sends(200, sdp=sdp_of(version=3) + NO_FILM),
        juliet.gets("ACK"),
        romeo.sends("content-add", xml=film()),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40100", "m=video 40200"], lacks="m=video 0"),
        juliet.sends(200, sdp=sdp_of(version=4) + FILM),
        juliet.gets("ACK"),
        romeo.gets("content-accept"),
        *juliet_leaves,
    )


@pytest.mark.conformance("MOD-02", "MOD-03")
@pytest.mark.parametrize("status", [200, 488])
def test_video_that_the_phone_does_not_want_is_rejected(status: int) -> None:
    run(
        *answered,
        romeo.sends("content-add", xml=film()),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(status, sdp=sdp_of(version=2) + NO_FILM),
        juliet.gets("ACK"),
        romeo.gets("content-reject failed-application"),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.sends(200, sdp=sdp_of(version=3, direction="recvonly")),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


@pytest.mark.conformance("MOD-04", "MOD-07", "MOD-14")
def test_a_phone_adds_video_and_removes_it() -> None:
    run(
        *answered,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly") + FILM),
        juliet.gets(100),
        romeo.gets("content-add", has=['creator="responder"', 'name="video"', 'port="30200"']),
        romeo.gets("content-modify", has='senders="responder"'),
        romeo.sends("content-accept", xml=film("responder").replace("film", "video")),
        romeo.gets("result"),
        juliet.gets(200, has=["m=video 40200", "a=recvonly"]),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3, direction="sendonly") + NO_FILM),
        juliet.gets(100),
        romeo.gets("content-remove", has='name="video"'),
        juliet.gets(200, has=["m=audio 40100", "m=video 0"]),
        juliet.sends("ACK"),
        *romeo_leaves,
    )


@pytest.mark.conformance("MOD-05")
def test_video_that_the_client_rejects_has_port_0() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2) + FILM),
        juliet.gets(100),
        romeo.gets("content-add"),
        romeo.sends("content-reject", xml="<content creator='initiator' name='video'/>"),
        romeo.gets("result"),
        juliet.gets(200, has=["m=audio 40100", "m=video 0"]),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


@pytest.mark.conformance("MOD-06", "MOD-18")
def test_video_that_the_client_says_nothing_of_has_port_0_in_time() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2) + FILM),
        juliet.gets(100),
        romeo.gets("content-add"),
        after(31.0),
        romeo.gets("content-remove"),
        juliet.gets(200, has=["m=audio 40100", "m=video 0"]),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


@pytest.mark.conformance("MOD-08")
def test_a_phone_that_gives_up_its_only_medium_holds_it() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, port=0)),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="none"'),
        juliet.gets(200, has="m=audio 0"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3)),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="both"'),
        juliet.gets(200, has="m=audio 40100"),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


# ------------------------------------------------------------------------------------------------- codecs and addresses


@pytest.mark.conformance("MOD-24")
def test_a_codec_that_the_client_lacks_is_refused_and_the_call_goes_on() -> None:
    strange = sdp_of(version=2).replace("RTP/AVP 0 8", "RTP/AVP 9")
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=strange),
        juliet.gets(100),
        juliet.gets(488),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3, direction="sendonly")),
        juliet.gets(100),
        romeo.gets("content-modify"),
        juliet.gets(200),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


def test_a_codec_that_is_left_alone_is_told() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2).replace("RTP/AVP 0 8", "RTP/AVP 8")),
        juliet.gets(100),
        romeo.gets("description-info", has='name="PCMA"', lacks="PCMU"),
        juliet.gets(200, has="RTP/AVP 8\r\n"),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


@pytest.mark.conformance("MOD-22")
@BOTH
def test_a_client_that_advises_another_packet_length_is_followed(opening: tuple[Step, ...], caller: str) -> None:
    advice = f"<description xmlns='{RTP}' media='audio'><payload-type id='0' name='PCMU' ptime='30'/></description>"
    run(
        *opening,
        romeo.sends("description-info", xml=f"<content creator='initiator' name='audio'>{advice}</content>"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["a=ptime:30", "m=audio 40100 RTP/AVP 0 8"]),
        juliet.sends(488),
        juliet.gets("ACK"),
        nothing(),
        *(juliet_leaves if caller == "romeo" else BY_PHONE),
    )


def test_a_phone_that_moves_is_followed() -> None:
    run(
        *accepted,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, port=31000)),
        juliet.gets(100),
        romeo.gets("transport-info", has=['port="31000"', 'generation="1"']),
        juliet.gets(200, has="m=audio 40100"),
        juliet.sends("ACK"),
        *BY_CLIENT,
    )


# ---------------------------------------------------------------------------------------------------------------- glare


@pytest.mark.conformance("MOD-15", "JIN-18")
def test_changes_of_both_sides_at_once_are_both_made_in_the_end() -> None:
    run(
        *accepted,
        at_once(
            romeo.sends("session-info hold"),
            juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        ),
        romeo.gets("result"),
        juliet.gets(100),
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.gets(491),
        juliet.sends(491, to="INVITE"),
        juliet.gets("ACK"),
        after(2.5),
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.sends(200, sdp=sdp_of(version=3, direction="inactive")),
        juliet.gets("ACK"),
        romeo.gets("content-modify", has='senders="none"'),
        *BY_PHONE,
    )


@pytest.mark.conformance("MOD-17")
@pytest.mark.parametrize("status", [408, 481])
def test_a_phone_that_knows_nothing_of_the_call_ends_it(status: int) -> None:
    run(
        *answered,
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(status),
        juliet.gets("ACK"),
        juliet.gets("BYE"),
        juliet.sends(481),
        romeo.gets("session-terminate"),
    )


# ------------------------------------------------------------------------------------------------------------------ ICE

PHONE_ICE = (
    "a=ice-ufrag:{0}\r\na=ice-pwd:phonephonephonephone00{0}\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.20 30000 typ host\r\n"
    "a=candidate:1 2 udp 2130706430 192.0.2.20 30001 typ host\r\na=end-of-candidates\r\n"
)
ICE_ANSWERED = (
    romeo.sends("session-initiate", transport=ICE.format(CANDIDATE)),
    romeo.gets("result"),
    after(1.5),
    juliet.gets("INVITE", has="a=ice-ufrag:uf01"),
    juliet.sends(200, sdp=sdp_of() + PHONE_ICE.format("ph01")),
    juliet.gets("ACK"),
    romeo.gets("session-accept"),
)
NEW = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf02' pwd='secretsecretsecret0002'>{}</transport>"


def info(transport: str) -> str:
    return f"<content creator='initiator' name='audio'>{transport}</content>"


@pytest.mark.conformance("ICE-24")
def test_a_client_restarts_ice() -> None:
    run(
        *ICE_ANSWERED,
        romeo.sends("transport-info", xml=info(NEW.format(""))),
        romeo.gets("result"),
        nothing(),
        romeo.sends("transport-info", xml=info(NEW.format(CANDIDATE))),
        romeo.gets("result"),
        nothing(),
        after(1.5),
        juliet.gets("INVITE", has=["a=ice-ufrag:uf02", "a=candidate:1 1 UDP 2130706431 192.0.2.9 40100"]),
        juliet.sends(200, sdp=sdp_of(version=2) + PHONE_ICE.format("ph02")),
        juliet.gets("ACK"),
        romeo.gets("transport-info", has=['ufrag="ph02"', 'generation="1"', 'component="1"']),
        romeo.gets("transport-info", has=['ufrag="ph02"', 'generation="1"', 'component="2"']),
        *juliet_leaves,
    )


@pytest.mark.conformance("ICE-24")
def test_candidates_of_the_time_before_a_restart_do_not_undo_it() -> None:
    late = ICE.format(CANDIDATE.replace("40100", "40300"))
    run(
        *ICE_ANSWERED,
        romeo.sends("transport-info", xml=info(NEW.format(""))),
        romeo.gets("result"),
        romeo.sends("transport-info", xml=info(NEW.format(CANDIDATE))),
        romeo.gets("result"),
        romeo.sends("transport-info", xml=info(late)),
        romeo.gets("result"),
        after(1.5),
        juliet.gets("INVITE", has=["a=ice-ufrag:uf02", "192.0.2.9 40100"], lacks=["uf01", "40300"]),
        juliet.sends(200, sdp=sdp_of(version=2) + PHONE_ICE.format("ph02")),
        juliet.gets("ACK"),
        romeo.gets("transport-info"),
        romeo.gets("transport-info"),
        *juliet_leaves,
    )


@pytest.mark.conformance("ICE-21")
def test_a_phone_restarts_ice() -> None:
    run(
        *ICE_ANSWERED,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2) + PHONE_ICE.format("ph02")),
        juliet.gets(100),
        romeo.gets("transport-info", has='ufrag="ph02"', lacks="candidate"),
        romeo.gets("transport-info", has=['ufrag="ph02"', 'generation="1"']),
        romeo.gets("transport-info", has=['ufrag="ph02"', 'generation="1"']),
        nothing(),
        romeo.sends("transport-info", xml=info(NEW.format(CANDIDATE))),
        romeo.gets("result"),
        juliet.gets(200, has=["a=ice-ufrag:uf02", "192.0.2.9 40100"]),
        juliet.sends("ACK"),
        *romeo_leaves,
    )


# ---------------------------------------------------------------------------------------------------------- without ICE


def raw(port: int, host: str = "192.0.2.9") -> str:
    return RAW.replace("192.0.2.9", host).replace("40200", str(port))


FALLEN = (
    romeo.sends("session-initiate", transport=ICE.format(CANDIDATE)),
    romeo.gets("result"),
    after(1.5),
    juliet.gets("INVITE", has="a=ice-ufrag:uf01"),
    juliet.sends(200),
    juliet.gets("ACK"),
)
ASKED = romeo.gets("transport-replace", has=["raw-udp", 'ip="192.0.2.20"', 'port="30000"'])


@pytest.mark.conformance("ICE-25")
def test_a_phone_without_ice_is_called_by_a_client_that_takes_raw_udp() -> None:
    run(
        *FALLEN,
        ASKED,
        romeo.sends("transport-accept", xml=info(raw(40100))),
        romeo.gets("result"),
        romeo.gets("session-accept", has=["raw-udp", 'port="30000"']),
        *juliet_leaves,
    )


@pytest.mark.conformance("ICE-25")
def test_a_client_that_is_elsewhere_without_ice_is_offered_there() -> None:
    run(
        *FALLEN,
        ASKED,
        romeo.sends("transport-accept", xml=info(raw(41000, "198.51.100.9"))),
        romeo.gets("result"),
        romeo.gets("session-accept"),
        juliet.gets("INVITE", has=["c=IN IP4 198.51.100.9", "m=audio 41000"], lacks="ice-ufrag"),
        juliet.sends(200, sdp=sdp_of(version=2)),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


REFUSALS = {
    "reject": (ASKED, romeo.sends("transport-reject", xml=info(RAW)), romeo.gets("result")),
    "error": (romeo.gets("transport-replace", reply="error feature-not-implemented"),),
    "silence": (ASKED, after(25.5)),
    "ice": (ASKED, romeo.sends("transport-accept", xml=info(NEW.format(CANDIDATE))), romeo.gets("result")),
}


@pytest.mark.conformance("ICE-28")
@pytest.mark.parametrize("how", REFUSALS)
def test_a_client_that_takes_nothing_but_ice_ends_the_call(how: str) -> None:
    run(
        *FALLEN,
        *REFUSALS[how],
        romeo.gets("session-terminate failed-transport"),
        juliet.gets("BYE", has="Reason: "),
        juliet.sends(200),
    )


def test_a_call_may_end_while_the_client_thinks_of_raw_udp() -> None:
    run(*FALLEN, ASKED, *juliet_leaves)
    run(
        *FALLEN,
        ASKED,
        romeo.sends("session-terminate cancel"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


HELD_WITHOUT_ICE = (
    *ICE_ANSWERED,
    romeo.sends("session-info hold"),
    romeo.gets("result"),
    juliet.gets("INVITE", has="a=ice-ufrag:uf01"),
    juliet.sends(200, sdp=sdp_of(version=2, direction="recvonly")),
    juliet.gets("ACK"),
    ASKED,
)


@pytest.mark.conformance("ICE-25")
def test_a_phone_that_gives_ice_up_in_a_call_is_followed_by_a_client_that_can() -> None:
    run(
        *HELD_WITHOUT_ICE,
        romeo.sends("transport-accept", xml=info(raw(40200))),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio 40200", "a=sendonly"], lacks="ice-ufrag"),
        juliet.sends(200, sdp=sdp_of(version=3, direction="recvonly")),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


@pytest.mark.conformance("ICE-28")
def test_a_phone_that_gives_ice_up_in_a_call_loses_a_client_that_cannot() -> None:
    run(
        *HELD_WITHOUT_ICE,
        romeo.sends("transport-reject", xml=info(RAW)),
        romeo.gets("result"),
        romeo.gets("session-terminate failed-transport"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_video_that_is_answered_without_ice_is_rejected_and_taken_back() -> None:
    video = ICE.format(CANDIDATE.replace("40100", "40300")).replace("uf01", "uf11")
    run(
        *ICE_ANSWERED,
        romeo.sends("content-add", xml=f"<content creator='initiator' name='film'>{VP8}{video}</content>"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=video 40300"),
        juliet.sends(200, sdp=sdp_of(version=2) + PHONE_ICE.format("ph01") + FILM),
        juliet.gets("ACK"),
        romeo.gets("content-reject failed-application"),
        juliet.gets("INVITE", has=["m=audio 40100", "m=video 0"]),
        juliet.sends(200, sdp=sdp_of(version=3) + PHONE_ICE.format("ph01") + NO_FILM),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


def test_a_client_that_wants_ice_of_a_phone_without_it_stays_where_it_was() -> None:
    run(
        *answered,
        romeo.sends("transport-replace", xml=info(ICE.format(CANDIDATE.replace("40100", "40300")))),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=ice-ufrag:uf01"),
        juliet.sends(200, sdp=sdp_of(version=2)),
        juliet.gets("ACK"),
        romeo.gets("transport-reject"),
        juliet.gets("INVITE", has="m=audio 40100", lacks="ice-ufrag"),
        juliet.sends(200, sdp=sdp_of(version=3)),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


def test_a_called_client_without_ice_asks_for_raw_udp() -> None:
    run(
        juliet.sends("INVITE", sdp=sdp_of() + PHONE_ICE.format("ph01")),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("ringing"),
        juliet.gets(180),
        romeo.sends("proceed"),
        romeo.gets("session-initiate", has='ufrag="ph01"'),
        romeo.sends("transport-replace", xml=info(raw(40200))),
        romeo.gets("result"),
        romeo.gets("transport-accept", has=["raw-udp", 'ip="192.0.2.20"', 'port="30000"', 'port="30001"']),
        romeo.sends("transport-replace", xml=info(NEW.format(CANDIDATE))),
        romeo.gets("result"),
        romeo.gets("transport-reject"),
        romeo.sends("session-accept", transport=raw(40200)),
        romeo.gets("result"),
        juliet.gets(200, has="m=audio 40200", lacks="ice-ufrag"),
        juliet.sends("ACK"),
        *BY_PHONE,
    )


# ------------------------------------------------------------------------------------------------------ late candidates


def found(port: int, kind: str = "srflx") -> str:
    """A candidate by another way, which a peer would rather send to by default."""
    one = CANDIDATE.replace("40100", str(port)).replace("'host'", f"'{kind}' rel-addr='10.0.0.1' rel-port='1'")
    return ICE.format(one.replace("192.0.2.9", "203.0.113.9").replace("2130706431", str(port)))


LATE = (
    romeo.sends("session-initiate", transport=ICE.format(CANDIDATE)),
    romeo.gets("result"),
    after(1.5),
    juliet.gets("INVITE", has=["a=ice-ufrag:uf01", "m=audio 40100"]),
    romeo.sends("transport-info", xml=info(found(40300))),
    romeo.gets("result"),
    nothing(),
    juliet.sends(200, sdp=sdp_of() + PHONE_ICE.format("ph01")),
    juliet.gets("ACK"),
    romeo.gets("session-accept"),
)


@pytest.mark.conformance("ICE-19")
def test_a_phone_that_would_send_elsewhere_by_default_is_offered_the_late_candidates_once() -> None:
    run(
        *LATE,
        after(1.5),
        juliet.gets("INVITE", has=["m=audio 40300", "c=IN IP4 203.0.113.9", "192.0.2.9 40100", "a=ice-ufrag:uf01"]),
        juliet.sends(200, sdp=sdp_of(version=2) + PHONE_ICE.format("ph01")),
        juliet.gets("ACK"),
        nothing(),
        romeo.sends("transport-info", xml=info(found(40400, "relay"))),
        romeo.gets("result"),
        after(5),
        nothing(),
        *juliet_leaves,
    )


def test_an_offer_of_late_candidates_may_be_refused_and_nobody_is_told() -> None:
    run(*LATE, after(1.5), juliet.gets("INVITE"), juliet.sends(488), juliet.gets("ACK"), nothing(), *juliet_leaves)


def test_what_its_answer_says_anew_is_told() -> None:
    run(
        *LATE,
        after(1.5),
        juliet.gets("INVITE"),
        juliet.sends(200, sdp=sdp_of(version=2, direction="sendonly") + PHONE_ICE.format("ph01")),
        juliet.gets("ACK"),
        romeo.gets("content-modify", has='senders="responder"'),
        *juliet_leaves,
    )


def test_an_offer_of_late_candidates_that_meets_the_phones_own_change_is_made_after_it() -> None:
    run(
        *LATE,
        after(1.5),
        juliet.gets("INVITE"),
        juliet.sends(491),
        juliet.gets("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly") + PHONE_ICE.format("ph01")),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="responder"'),
        juliet.gets(200, has="m=audio 40300"),
        juliet.sends("ACK"),
        after(5),
        nothing(),
        *juliet_leaves,
    )


def test_a_hold_while_late_candidates_are_offered_comes_after_them() -> None:
    run(
        *LATE,
        after(1.5),
        juliet.gets("INVITE", has="a=sendrecv"),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.sends(200, sdp=sdp_of(version=2) + PHONE_ICE.format("ph01")),
        juliet.gets("ACK"),
        after(1.5),
        juliet.gets("INVITE", has=["a=sendonly", "m=audio 40300"]),
        juliet.sends(200, sdp=sdp_of(version=3, direction="recvonly") + PHONE_ICE.format("ph01")),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


# ------------------------------------------------------------------------------------------------ without a description


@pytest.mark.conformance("MOD-23")
@BOTH
def test_a_phone_that_asks_for_an_offer_gets_all_of_it_and_its_answer_counts(
    opening: tuple[Step, ...], caller: str
) -> None:
    run(
        *opening,
        juliet.sends("re-INVITE", sdp=None),
        juliet.gets(100),
        juliet.gets(200, has=["m=audio 40100 RTP/AVP 0 8", "a=sendrecv"]),
        nothing(),
        juliet.sends("ACK", sdp=sdp_of(version=2, direction="sendonly")),
        romeo.gets("content-modify", has=f'senders="{of(caller, "juliet")}"'),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=inactive"),
        juliet.sends(200, sdp=sdp_of(version=3, direction="inactive")),
        juliet.gets("ACK"),
        *(juliet_leaves if caller == "romeo" else BY_PHONE),
    )
