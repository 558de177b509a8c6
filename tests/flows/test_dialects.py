"""One call of each kind of client, changed from both sides: what each is told, and what its answers come to."""

from collections.abc import Callable, Iterable

import pytest

from tests.flows import dialects
from tests.flows.dialects import CONVERSATIONS, DINO, HERE, KAIDAN, MONAL, MOVIM, OPTIONS, Speech
from tests.flows.inmemory import World
from tests.flows.steps import Step, after, juliet, nothing, romeo, run, sdp_of
from tests.flows.test_anchored import announces
from tests.flows.test_transfers import DONE, REFERRED, orders, tells
from tests.flows.texting import writes

MEDIA = 'addresses = ["192.0.2.1"]\nvideo = true'
FILM = "m=video 30200 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
NO_FILM = "m=video 0 RTP/AVP 96\r\n"
ICE, DTLS = "urn:xmpp:jingle:transports:ice-udp:1", "urn:xmpp:jingle:apps:dtls:0"

EACH = pytest.mark.parametrize("speech", dialects.ALL, ids=lambda speech: speech.client.split(",")[0].split(" ")[0])


def those(which: Callable[[Speech], object]) -> pytest.MarkDecorator:
    """The clients of which that holds."""
    chosen = [speech for speech in dialects.ALL if which(speech)]
    return pytest.mark.parametrize("speech", chosen, ids=lambda speech: speech.client.split(",")[0].split(" ")[0])


def anchored(*steps: Step) -> World:
    """Let it happen where every call is anchored, and video may be."""
    return run(*steps, media=MEDIA, trunk='media = "anchor"')


def signed(speech: Speech) -> str:
    """Whom it names as the initiator, where that tells who it is."""
    return " initiator='romeo@montague.example'" if speech.bare else ""


def out(speech: Speech) -> tuple[Step, ...]:
    """It has called the phone."""
    if not speech.by_message:
        return (
            romeo.sends("session-initiate", xml=speech.offer(), attributes=signed(speech)),
            romeo.gets("result"),
            juliet.gets("INVITE", has="m=audio"),
            juliet.sends(180),
            romeo.gets("session-info ringing"),
            juliet.sends(200),
            juliet.gets("ACK"),
            romeo.gets("session-accept", has=f'name="{speech.name}"'),
        )
    return (
        romeo.sends("propose"),
        juliet.gets("INVITE", has="m=audio"),
        juliet.sends(180),
        romeo.gets("ringing"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("proceed"),
        romeo.sends("session-initiate", xml=speech.offer(), attributes=signed(speech)),
        romeo.gets("result"),
        romeo.gets("session-accept", has=f'name="{speech.name}"'),
    )


def into(speech: Speech) -> tuple[Step, ...]:
    """The phone has called it."""
    begun: tuple[Step, ...]
    if speech.by_message:
        begun = (
            juliet.sends("INVITE"),
            juliet.gets(100),
            romeo.gets("propose"),
            romeo.sends("ringing"),
            juliet.gets(180),
            romeo.sends("proceed"),
        )
    else:
        begun = (*announces(ICE, *([DTLS] if speech.protected else [])), juliet.sends("INVITE"), juliet.gets(100))
    return (
        *begun,
        romeo.gets("session-initiate", has=['name="audio"', 'initiator="juliet']),
        romeo.sends("session-accept", xml=speech.accept("audio"), attributes=signed(speech)),
        romeo.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
    )


def finish(speech: Speech) -> tuple[Step, ...]:
    """A call by message ends with a message."""
    return (romeo.gets("finish success"),) if speech.by_message else ()


def client_leaves(speech: Speech) -> tuple[Step, ...]:
    """It hangs up."""
    return (
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        *finish(speech),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def phone_leaves(speech: Speech) -> tuple[Step, ...]:
    """The phone hangs up."""
    return (
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success"),
        *finish(speech),
    )


def told(speech: Speech, what: str, *, has: str | Iterable[str] = ()) -> tuple[Step, ...]:
    """It hears of a change, and answers in its way, or not."""
    heard = romeo.gets(what, has=has, reply=speech.reply)
    return (heard,) if speech.reply is not None else (heard, after(4.5))


# ----------------------------------------------------------------------------------------------------------- the calls


@EACH
def test_each_client_calls_and_is_hung_up_on(speech: Speech) -> None:
    anchored(*out(speech), *phone_leaves(speech))


@EACH
def test_each_client_is_called_and_hangs_up(speech: Speech) -> None:
    anchored(*into(speech), *client_leaves(speech))


# ----------------------------------------------------------------------------------------------------------------- hold


@pytest.mark.conformance("HLD-06", "HLD-07")
@EACH
@pytest.mark.parametrize("way", ["out", "in"])
def test_each_client_is_held_by_the_phone_and_resumed(speech: Speech, way: str) -> None:
    begun = out(speech) if way == "out" else into(speech)
    ours = "responder" if way == "out" else "initiator"
    held = [] if speech.hold.startswith("session-info") else [f'senders="{ours}"']
    resumed = speech.hold.replace("hold", "unhold")
    free = [] if speech.hold.startswith("session-info") else ['senders="both"']
    # Who never replies is waited for once.
    again = romeo.gets(resumed, has=free, reply=speech.reply)
    anchored(
        *begun,
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        *told(speech, speech.hold, has=held),
        juliet.gets(200, has="a=recvonly"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3)),
        juliet.gets(100),
        again,
        juliet.gets(200, has="a=sendrecv"),
        juliet.sends("ACK"),
        *client_leaves(speech),
    )


@pytest.mark.conformance("HLD-01", "HLD-03", "HLD-04", "HLD-05")
@those(lambda speech: speech.holds)
def test_each_client_that_holds_holds_the_phone(speech: Speech) -> None:
    assert speech.holds is not None

    def says(word: str) -> Step:
        if word in ("initiator", "both"):
            inside = f"<content creator='initiator' name='{speech.name}' senders='{word}'/>"
            return romeo.sends("content-modify", xml=inside)
        return romeo.sends(f"session-info {word}")

    hold, resume = speech.holds
    anchored(
        *out(speech),
        says(hold),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.sends(200, sdp=sdp_of(version=2, direction="recvonly")),
        juliet.gets("ACK"),
        says(resume),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=sendrecv"),
        juliet.sends(200, sdp=sdp_of(version=3)),
        juliet.gets("ACK"),
        *client_leaves(speech),
    )


@pytest.mark.conformance("HLD-11")
@those(lambda speech: speech.mutes)
def test_each_client_that_mutes_does_so_for_itself(speech: Speech) -> None:
    anchored(
        *out(speech),
        *(
            step
            for word in ("mute", "unmute")
            for step in (
                romeo.sends("session-info", xml=f"<{word} xmlns='urn:xmpp:jingle:apps:rtp:info:1' {speech.mutes}/>"),
                romeo.gets("result"),
                nothing(),
            )
        ),
        *client_leaves(speech),
    )


# -------------------------------------------------------------------------------------------------- video of the client


@pytest.mark.conformance("MOD-01", "MOD-09")
@those(lambda speech: speech.adds)
def test_each_client_that_adds_video_is_seen(speech: Speech) -> None:
    anchored(
        *out(speech),
        romeo.sends("content-add", xml=speech.adds),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["m=audio", "m=video", "VP8"]),
        juliet.sends(200, sdp=sdp_of(version=2) + FILM),
        juliet.gets("ACK"),
        romeo.gets(
            speech.taken,
            has=['media="video"', *(["fingerprint", "ufrag"] if speech.protected else ["ufrag"])],
            lacks="candidates",
        ),
        *phone_leaves(speech),
    )


@pytest.mark.conformance("MOD-02", "MOD-03")
@those(lambda speech: speech.adds)
@pytest.mark.parametrize("status", [200, 488])
def test_each_client_that_adds_video_survives_that_nobody_wants_it(speech: Speech, status: int) -> None:
    anchored(
        *out(speech),
        romeo.sends("content-add", xml=speech.adds),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=video"),
        juliet.sends(status, sdp=sdp_of(version=2) + NO_FILM),
        juliet.gets("ACK"),
        romeo.gets(speech.refused, has=['media="video"', "transport"], reply=speech.rejected),
        nothing(),
        *client_leaves(speech),
    )


# --------------------------------------------------------------------------------------------------- video of the phone

SHOWS = (juliet.sends("re-INVITE", sdp=sdp_of(version=2) + FILM), juliet.gets(100))


def takes(speech: Speech) -> tuple[Step, ...]:
    """What it does when it is offered video, until the phone may know."""
    if speech.offered is None:
        return romeo.gets("content-add", reply=None), after(15.5)
    if speech.offered.startswith("error"):
        return (romeo.gets("content-add", reply=speech.offered),)
    xml = speech.video
    return (
        romeo.gets("content-add", has=['media="video"', 'name="video"']),
        romeo.sends(speech.offered, xml=xml),
        romeo.gets("result"),
    )


@pytest.mark.conformance("MOD-04", "MOD-05", "MOD-06")
@those(lambda speech: speech.video or speech.offered != "content-accept")
@pytest.mark.parametrize("way", ["out", "in"])
def test_each_client_is_offered_video_and_takes_it_or_not(speech: Speech, way: str) -> None:
    seen = ["m=audio", "m=video 40"] if speech.video else ["m=audio", "m=video 0"]
    anchored(
        *(out(speech) if way == "out" else into(speech)),
        *SHOWS,
        *takes(speech),
        juliet.gets(200, has=seen),
        juliet.sends("ACK"),
        nothing(),
        *client_leaves(speech),
    )


@pytest.mark.conformance("MOD-07")
@those(lambda speech: speech.video)
def test_each_client_that_takes_video_hears_that_there_is_none_any_more(speech: Speech) -> None:
    anchored(
        *into(speech),
        *SHOWS,
        *takes(speech),
        juliet.gets(200),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3) + NO_FILM),
        juliet.gets(100),
        romeo.gets("content-remove", has='media="video"', reply=speech.rejected)
        if speech.loses
        else romeo.gets("content-modify", has=['name="video"', 'senders="responder"']),
        juliet.gets(200, has=["m=audio 40", "m=video 0"]),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=4) + FILM),
        juliet.gets(100),
        *(takes(speech) if speech.loses else ()),
        juliet.gets(200, has=["m=audio 40", "m=video 40" if speech.loses else "m=video 0"]),
        juliet.sends("ACK"),
        *phone_leaves(speech),
    )


@pytest.mark.conformance("MOD-05")
def test_a_user_who_does_not_want_video_keeps_the_sound() -> None:
    """COMPAT(Conversations): its content-reject has a kind and an empty transport."""
    stub = dialects.content("video", "video", "", dialects.STUB)
    anchored(
        *into(CONVERSATIONS),
        *SHOWS,
        romeo.gets("content-add"),
        romeo.sends("content-reject", xml=stub),
        romeo.gets("result"),
        juliet.gets(200, has=["m=audio 40", "m=video 0"]),
        juliet.sends("ACK"),
        *phone_leaves(CONVERSATIONS),
    )


def test_a_user_who_is_shown_something_is_not_made_to_show_something() -> None:
    """COMPAT(Conversations): before it accepts video that it is only to see, it asks to send, too."""
    shown = dialects.content("video", "video", dialects.FILM, dialects.STUB, "creator='initiator' senders='initiator'")
    anchored(
        *into(CONVERSATIONS),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2) + FILM + "a=sendonly\r\n"),
        juliet.gets(100),
        romeo.gets("content-add", has='senders="initiator"'),
        romeo.sends("content-modify", xml="<content creator='initiator' name='video' senders='both'/>"),
        romeo.gets("error not-acceptable"),
        romeo.sends("content-accept", xml=shown + dialects.group("audio", "video")),
        romeo.gets("result"),
        juliet.gets(200, has=["m=video 40", "a=recvonly"]),
        juliet.sends("ACK"),
        *phone_leaves(CONVERSATIONS),
    )


def test_a_client_that_withdraws_its_video_before_the_phone_has_answered_gets_no_answer() -> None:
    """COMPAT(Conversations): it has no other use for content-remove."""
    stub = dialects.content("1", "video", "", dialects.STUB)
    anchored(
        *out(CONVERSATIONS),
        romeo.sends("content-add", xml=CONVERSATIONS.adds),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=video"),
        romeo.sends("content-remove", xml=stub),
        romeo.gets("result"),
        juliet.sends(200, sdp=sdp_of(version=2) + FILM),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has="m=video 0"),
        juliet.sends(200, sdp=sdp_of(version=3) + NO_FILM),
        juliet.gets("ACK"),
        *client_leaves(CONVERSATIONS),
    )


@pytest.mark.parametrize("speech", [MONAL, CONVERSATIONS])
def test_video_that_a_phone_does_not_have_is_answered_so_that_the_client_can_read_it(speech: Speech) -> None:
    """COMPAT(Conversations): without it, it ends the call; COMPAT(Monal): it cannot read that nobody sends."""
    video = dialects.content("1", "video", dialects.FILM, dialects.FULL)
    anchored(
        romeo.sends("session-initiate", xml=speech.offer() + video),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=video"),
        juliet.sends(200, sdp=sdp_of() + NO_FILM),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has=['media="audio"', 'media="video"', 'senders="responder"'], lacks="none"),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_a_phone_that_shows_video_after_it_had_none_is_seen_and_sees_nothing() -> None:
    """COMPAT(Conversations): it cannot be told to send what it was told not to send from the beginning."""
    video = dialects.content("1", "video", dialects.FILM, dialects.FULL)
    anchored(
        romeo.sends("session-initiate", xml=CONVERSATIONS.offer() + video),
        romeo.gets("result"),
        juliet.gets("INVITE", has="m=video"),
        juliet.sends(200, sdp=sdp_of() + NO_FILM),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='senders="responder"'),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2) + FILM),
        juliet.gets(100),
        juliet.gets(200, has=["m=video 40", "a=recvonly"]),
        juliet.sends("ACK"),
        nothing(),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


# -------------------------------------------------------------------------------------------------------- handed on


@pytest.mark.conformance("EXT-07", "EXT-09")
@EACH
def test_each_client_is_held_and_handed_on_and_talks_again(speech: Speech) -> None:
    resumed = speech.hold.replace("hold", "unhold")
    anchored(
        *out(speech),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        *told(speech, speech.hold),
        juliet.gets(200, has="a=recvonly"),
        juliet.sends("ACK"),
        *REFERRED,
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets(resumed, has=[] if resumed != speech.hold else 'senders="both"', reply=speech.reply),
        juliet.gets("ACK", call="two", has=["m=audio", "192.0.2.99"]),
        *DONE,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        *finish(speech),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
    )


@pytest.mark.conformance("EXT-10")
@pytest.mark.parametrize("speech", [dialects.ATALK, dialects.STANZA], ids=lambda speech: speech.client)
def test_each_client_that_hands_the_phone_on_does_so(speech: Speech) -> None:
    anchored(
        *out(speech),
        orders(),
        juliet.gets("REFER", has="Refer-To: <sip:+15557777@192.0.2.20;user=phone>"),
        juliet.sends(202, to="REFER"),
        romeo.gets("result"),
        *tells("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
        romeo.gets("session-terminate success", has=":transferred"),
        *finish(speech),
        juliet.gets("BYE"),
        juliet.sends(200, to="BYE"),
    )


# ------------------------------------------------------------------------------------------- straight to such a phone

WEB = 'media = "direct"\nmedia_ice = true\nmedia_protection = "dtls"'
PHONE_ICE = (
    "a=ice-ufrag:ph01\r\na=ice-pwd:phonephonephonephone01\r\na=fingerprint:sha-256 01:02\r\na=setup:{setup}\r\n"
    "a=rtcp-mux\r\na=mid:{mid}\r\na=candidate:1 1 udp 2130706431 192.0.2.20 30000 typ host\r\na=end-of-candidates\r\n"
)


def web(*, film: str = "", version: int = 1, setup: str = "active", direction: str = "sendrecv", mid: str = "0") -> str:
    """What a phone says that speaks as browsers do; ``film``: the mid of its video, or "no" for a refused one."""
    head, sound = sdp_of(version=version, direction=direction).split("m=audio", 1)
    names = f"{mid} {film}" if film not in ("", "no") else mid
    said = f"{head}a=group:BUNDLE {names}\r\nm=audio{sound}".replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
    said += PHONE_ICE.format(mid=mid, setup=setup)
    if film == "no":
        return said + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
    if film:
        said += FILM.replace("30200", "30000").replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
        said += PHONE_ICE.format(mid=film, setup=setup)
    return said


def directly(*steps: Step) -> World:
    """Let it happen where media go from end to end."""
    return run(*steps, media='anchor = "none"\nvideo = true', trunk=WEB)


COMPLETE = CONVERSATIONS.offer().replace(OPTIONS, OPTIONS + HERE.format(foundation="7"))
conversations_calls = (
    romeo.sends("session-initiate", xml=COMPLETE),
    romeo.gets("result"),
    after(2),
    juliet.gets("INVITE", has=["a=ice-ufrag:cl01", "a=group:BUNDLE 0", "198.51.100.7 41000"]),
    juliet.sends(200, sdp=web()),
    juliet.gets("ACK"),
    romeo.gets("session-accept", has=['ufrag="ph01"', 'setup="active"', "group"]),
)
conversations_leaves = (
    romeo.sends("session-terminate success"),
    romeo.gets("result"),
    juliet.gets("BYE"),
    juliet.sends(200),
)


@pytest.mark.conformance("MOD-01")
def test_video_in_the_bundle_of_the_sound_is_offered_with_its_transport() -> None:
    """COMPAT(Conversations): the transport of its content-add is empty."""
    directly(
        *conversations_calls,
        romeo.sends("content-add", xml=CONVERSATIONS.adds),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["a=group:BUNDLE 0 1", "m=video 41000", "a=mid:1"], lacks="m=video 9"),
        juliet.sends(200, sdp=web(version=2, film="1")),
        juliet.gets("ACK"),
        romeo.gets("content-accept", has=["BUNDLE", 'name="0"', 'name="1"', 'ufrag="ph01"']),
        *conversations_leaves,
    )


@pytest.mark.conformance("MOD-04")
def test_video_that_is_accepted_in_the_bundle_is_answered_with_its_transport() -> None:
    """COMPAT(Conversations): so is that of its content-accept."""
    accepted = dialects.content("1", "video", dialects.FILM, dialects.STUB) + dialects.group("0", "1")
    directly(
        *conversations_calls,
        juliet.sends("re-INVITE", sdp=web(version=2, film="1")),
        juliet.gets(100),
        romeo.gets("content-add", has=['name="1"', 'media="video"']),
        romeo.sends("content-accept", xml=accepted),
        romeo.gets("result"),
        juliet.gets(200, has=["a=group:BUNDLE 0 1", "m=video 41000", "a=ice-ufrag:cl01"]),
        juliet.sends("ACK"),
        *conversations_leaves,
    )


@pytest.mark.conformance("HLD-06", "MOD-07")
def test_a_hold_and_a_video_that_ends_leave_it_the_call_where_media_are_direct_too() -> None:
    """COMPAT(Conversations)."""
    accepted = dialects.content("1", "video", dialects.FILM, dialects.STUB) + dialects.group("0", "1")
    directly(
        *conversations_calls,
        juliet.sends("re-INVITE", sdp=web(version=2, direction="inactive")),
        juliet.gets(100),
        romeo.gets("content-modify", has='senders="initiator"'),
        romeo.gets("session-info hold"),
        juliet.gets(200, has="a=inactive"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=web(version=3, film="1")),
        juliet.gets(100),
        romeo.gets("content-add"),
        romeo.gets("content-modify", has='senders="both"'),
        romeo.gets("session-info unhold"),
        romeo.sends("content-accept", xml=accepted),
        romeo.gets("result"),
        juliet.gets(200, has="m=video 41000"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=web(version=4, film="no")),
        juliet.gets(100),
        romeo.gets("content-modify", has=['name="1"', 'senders="initiator"']),
        juliet.gets(200, has="m=video 0"),
        juliet.sends("ACK"),
        *conversations_leaves,
    )


calls_by_video = (
    romeo.sends(
        "session-initiate",
        xml=COMPLETE.replace(dialects.group("0"), "")
        + dialects.content("1", "video", dialects.FILM, dialects.FULL)
        + dialects.group("0", "1"),
    ),
    romeo.gets("result"),
    after(2),
    juliet.gets("INVITE", has=["a=group:BUNDLE 0 1", "m=video 41000"]),
)


@pytest.mark.parametrize("bundles", [True, False])
def test_video_that_the_phone_refuses_from_the_start_is_accepted_by_nobody_sending_it(bundles: bool) -> None:
    """COMPAT(Conversations): an answer without a kind that it has offered ends its call."""
    sdp = web(film="no") if bundles else web(film="no").replace("a=group:BUNDLE 0\r\n", "")
    directly(
        *calls_by_video,
        juliet.sends(200, sdp=sdp),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has=['name="1"', 'senders="responder"', "VP8", 'ufrag="ph01"', "BUNDLE"]),
        juliet.sends("re-INVITE", sdp=web(version=2, direction="inactive", film="no")),
        juliet.gets(100),
        romeo.gets("content-modify", has=['name="0"', 'senders="initiator"'], lacks='name="1"'),
        romeo.gets("session-info hold"),
        juliet.gets(200, has=["a=inactive", "m=video 0"]),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=web(version=3, film="1")),
        juliet.gets(100),
        romeo.gets("content-modify", has=['name="0"', 'senders="both"']),
        romeo.gets("session-info unhold"),
        juliet.gets(200, has="m=video 0"),
        juliet.sends("ACK"),
        romeo.sends("content-modify", xml="<content creator='initiator' name='1' senders='both'/>"),
        romeo.gets("result"),
        *conversations_leaves,
    )


def test_video_that_a_phone_without_rtcp_mux_refuses_is_left_out() -> None:
    """A medium that is not there cannot have a transport of its own, and shares none with what is not multiplexed."""
    directly(
        *calls_by_video,
        juliet.sends(200, sdp=web(film="no").replace("a=rtcp-mux\r\n", "").replace("a=group:BUNDLE 0\r\n", "")),
        juliet.gets("ACK"),
        romeo.gets("session-accept", has='name="0"', lacks='name="1"'),
        *conversations_leaves,
    )


@pytest.mark.conformance("ICE-24")
def test_it_restarts_ice_by_new_credentials_alone_and_is_answered_with_a_candidate() -> None:
    """COMPAT(Conversations)."""
    directly(
        *conversations_calls,
        romeo.sends("transport-info", xml=_again("")),
        romeo.gets("result"),
        romeo.sends("transport-info", xml=_again(HERE.format(foundation="9"))),
        romeo.gets("result"),
        after(2),
        juliet.gets("INVITE", has="a=ice-ufrag:cl02"),
        juliet.sends(200, sdp=web(version=2).replace("ph01", "ph02").replace("phone01", "phone02")),
        juliet.gets("ACK"),
        romeo.gets("transport-info", has=['ufrag="ph02"', "candidate"], lacks="fingerprint"),
        *conversations_leaves,
    )


def _again(inside: str) -> str:
    carried = f"<transport xmlns='{ICE}' ufrag='cl02' pwd='client-client-client-02'>{inside}</transport>"
    return f"<content creator='initiator' name='0'>{carried}</content>"


# ------------------------------------------------------------------------------------------------------------- the rest


@pytest.mark.conformance("MOD-10")
@EACH
def test_each_client_that_removes_all_that_there_is_ends_the_call(speech: Speech) -> None:
    anchored(
        *out(speech),
        romeo.sends("content-remove", xml=f"<content creator='initiator' name='{speech.name}'/>"),
        romeo.gets("result"),
        romeo.gets("session-terminate success"),
        *finish(speech),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


@pytest.mark.conformance("HLD-02", "MOD-12")
def test_a_medium_that_only_came_in_is_silent_on_hold_and_less_than_was_asked_is_told() -> None:
    shown = sdp_of(version=2) + FILM + "a=sendonly\r\n"
    anchored(
        *out(dialects.SISKIN),
        juliet.sends("re-INVITE", sdp=shown),
        juliet.gets(100),
        romeo.gets("content-add", has='senders="responder"'),
        romeo.sends(
            "content-accept", xml=dialects.SISKIN.video.replace("name='video'", "name='video' senders='responder'")
        ),
        romeo.gets("result"),
        juliet.gets(200, has="a=recvonly"),
        juliet.sends("ACK"),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["a=sendonly", "a=inactive"]),
        juliet.sends(200, sdp=sdp_of(version=3, direction="recvonly") + FILM + "a=inactive\r\n"),
        juliet.gets("ACK"),
        romeo.sends("session-info active"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["a=sendrecv", "a=recvonly"]),
        juliet.sends(200, sdp=sdp_of(version=4, direction="sendonly") + FILM + "a=sendonly\r\n"),
        juliet.gets("ACK"),
        romeo.gets("content-modify", has=['senders="responder"', 'name="0"']),
        *client_leaves(dialects.SISKIN),
    )


def test_actions_that_get_no_reply_end_nothing() -> None:
    """COMPAT(Monal)."""
    anchored(
        *into(MONAL),
        *SHOWS,
        romeo.gets("content-add", reply=None),
        after(16),
        juliet.gets(200, has="m=video 0"),
        juliet.sends("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=3, direction="sendonly") + NO_FILM),
        juliet.gets(100),
        romeo.gets("session-info hold", reply=None),
        after(4.5),
        juliet.gets(200),
        juliet.sends("ACK"),
        after(60),
        *phone_leaves(MONAL),
    )


def test_an_end_by_a_reason_that_jingle_does_not_have_is_an_end() -> None:
    """COMPAT(Monal): application-error."""
    anchored(
        *out(MONAL),
        romeo.sends("session-terminate application-error"),
        romeo.gets("result"),
        romeo.gets("finish failed-application"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


@pytest.mark.parametrize("speech", [CONVERSATIONS, MONAL, DINO, KAIDAN, MOVIM], ids=lambda speech: speech.client)
def test_who_has_no_key_pad_writes_the_keys(speech: Speech) -> None:
    anchored(*out(speech), writes(romeo, "5"), after(1), *client_leaves(speech))


def test_gajim_refuses_what_it_cannot_take_by_removing_it() -> None:
    """COMPAT(Gajim): a content-remove before the session-terminate is the end of the call."""
    anchored(
        *announces(ICE, DTLS),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("session-initiate"),
        romeo.sends(
            "content-remove",
            xml="<content creator='initiator' name='audio'/><reason><failed-application/></reason>",
        ),
        romeo.gets("result"),
        romeo.gets("session-terminate failed-application"),
        juliet.gets(488),
        romeo.sends("session-terminate cancel"),
        romeo.gets("error item-not-found unknown-session"),
    )


@pytest.mark.parametrize("speech", [dialects.GAJIM, dialects.JSXC], ids=["Gajim", "JSXC"])
def test_gajim_hears_that_a_phone_is_busy_and_that_it_gives_up_as_a_no(speech: Speech) -> None:
    """COMPAT(Gajim): at any reason but success and decline it goes on calling, or ringing."""
    busy, cancel = ("decline", "decline") if speech is dialects.GAJIM else ("busy", "cancel")
    anchored(
        romeo.sends("session-initiate", xml=speech.offer()),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets(f"session-terminate {busy}", has="486 Busy Here"),
    )
    anchored(
        *announces(ICE, *([DTLS] if speech.protected else [])),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("session-initiate"),
        romeo.sends("session-info ringing"),
        romeo.gets("result"),
        juliet.gets(180),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets(f"session-terminate {cancel}"),
        juliet.sends("ACK"),
    )


def test_gajim_gives_up_calling_by_removing_what_it_offered() -> None:
    """COMPAT(Gajim): a content-remove without a reason is what its button says, whatever that means just then."""
    world = anchored(
        romeo.sends("session-initiate", xml=dialects.GAJIM.offer()),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        romeo.sends("content-remove", xml="<content creator='initiator' name='voice'/>"),
        romeo.gets("result"),
        romeo.gets("session-terminate decline"),
        juliet.gets("CANCEL"),
        juliet.sends(200),
        juliet.sends(487),
        juliet.gets("ACK"),
        romeo.sends("session-terminate cancel"),
        romeo.gets("error item-not-found unknown-session"),
    )
    assert [entry["reason"] for entry in world.log if entry["event"] == "call_ended"] == ["cancel"]


def test_gajim_describes_its_sound_again_after_it_was_accepted() -> None:
    """COMPAT(Gajim): description-info."""
    anchored(
        *out(dialects.GAJIM),
        romeo.sends(
            "description-info",
            xml="<content creator='initiator' name='voice'>"
            f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{dialects.PCMU}</description></content>",
        ),
        romeo.gets("result"),
        nothing(),
        *client_leaves(dialects.GAJIM),
    )


@pytest.mark.conformance("HLD-12")
def test_who_rings_by_itself_says_so_with_whatever_initiator() -> None:
    """COMPAT(aTalk): the initiator of its ringing is the responder."""
    anchored(
        *announces(ICE, DTLS),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("session-initiate"),
        romeo.sends("session-info ringing"),
        romeo.gets("result"),
        juliet.gets(180),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("session-terminate cancel"),
    )
