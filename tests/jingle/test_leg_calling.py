"""An XMPP user is called: ladders of the Jingle leg on a virtual clock."""

from collections.abc import Callable
from xml.etree.ElementTree import Element, SubElement, fromstring

import pytest

from gateway.jingle.refusal import break_tie
from gateway.signals import Answer, Candidates, End, Offer, Progress
from gateway.stanza import Stanza
from mappings.description import Description, Ice
from mappings.namespaces import STANZAS
from mappings.reasons import EndReason

from .ladder import (
    LAPTOP,
    LOCAL,
    NUMBER,
    PHONE,
    SID,
    STRANGER,
    TIMERS,
    USER,
    Ladder,
    User,
    calling,
    candidate,
    content,
    describe,
    ice,
    jmi_reason,
    reason_text,
    rtp,
    word,
)

nora = User()
laptop = User(LAPTOP)
CANCEL = End(EndReason.CANCEL)
HANGUP = End(EndReason.SUCCESS)
TOO_LATE = "message error item-not-found"
CAPS = fromstring("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>")


def proposed(*contents: str, announce: tuple[Element, ...] = (), nick: str | None = None) -> Ladder:
    """The propose is with the user's devices."""
    ladder = calling(announce=announce, nick=nick)
    words = ladder.send(Offer(describe(*contents)))
    assert words[-1].startswith("propose")
    return ladder


def initiated(*contents: str) -> Ladder:
    """The phone has said proceed and has our session-initiate."""
    ladder = proposed(*contents)
    words = ladder.receive(nora.message("proceed"))
    assert words[0].startswith("session-initiate")
    return ladder


def rung_directly(*contents: str) -> Ladder:
    """The phone has our session-initiate out of the blue."""
    ladder = calling(peer=PHONE, direct=True)
    words = ladder.send(Offer(describe(*contents)))
    assert words[0].startswith("session-initiate")
    return ladder


def accept(*contents: str) -> Stanza:
    inside = "".join(item.replace("actpass", "active") for item in contents or (content(),))
    return nora.set("session-accept", inside)


def answered(ladder: Ladder) -> Ladder:
    ladder.acknowledge()
    assert ladder.receive(accept()) == ["result", "Answer voice"]
    return ladder


def bounce(
    ladder: Ladder, condition: str, *, sender: str = USER, address: str = "", id: str | None = None
) -> list[str]:
    """An error for the message that the leg sent last."""
    failure = Element("error", {"type": "cancel"})
    SubElement(failure, f"{{{STANZAS}}}{condition}").text = address or None
    sent = id or ladder.stanza().id
    return ladder.receive(Stanza(kind="message", type="error", id=sent, sender=sender, to=LOCAL, children=(failure,)))


BOTH = pytest.mark.parametrize("state", [initiated, rung_directly])


# -------------------------------------------------------------------------------------------------------------- propose


@pytest.mark.conformance("JMI-01")
def test_a_call_is_proposed_to_all_devices_from_a_full_jid() -> None:
    ladder = calling()
    assert ladder.leg.closed  # it has been told nothing yet
    assert ladder.send(Offer(describe())) == ["propose audio"]
    propose = ladder.stanza()
    assert (propose.kind, propose.type, propose.sender, propose.to) == ("message", "chat", LOCAL, USER)
    assert propose.children[0].get("id") == SID
    assert not ladder.leg.closed


@pytest.mark.conformance("JMI-02")
def test_each_kind_of_medium_is_proposed_once() -> None:
    ladder = calling()
    offer = describe(content(), content("film", rtp("video")), content("slides", rtp("video")))
    assert ladder.send(Offer(offer)) == ["propose audio video"]


@pytest.mark.conformance("JMI-31")
def test_the_callers_name_goes_with_the_propose() -> None:
    ladder = proposed(nick="Bob")
    nick = ladder.stanza().child("{http://jabber.org/protocol/nick}nick")
    assert nick is not None
    assert nick.text == "Bob"


@pytest.mark.conformance("JMI-30")
def test_where_presence_is_not_shared_it_is_directed_before_and_taken_back_after() -> None:
    ladder = calling(announce=(CAPS,))
    assert ladder.send(Offer(describe())) == ["presence", "propose audio"]
    assert ladder.send(CANCEL) == ["retract cancel", "presence unavailable"]
    presences = [item for item in ladder.said if isinstance(item, Stanza) and item.kind == "presence"]
    assert {(item.sender, item.to) for item in presences} == {(LOCAL, USER)}
    assert presences[0].children == (CAPS,)


def test_an_offer_without_a_description_has_nobody_to_complete_it() -> None:
    for offer in (Offer(None, ("audio",)), Offer(Description(media=()))):
        ladder = calling()
        assert ladder.send(offer) == ["End incompatible-parameters 488"]
        assert ladder.leg.closed


@pytest.mark.conformance("JMI-03", "SX-23")
def test_however_many_devices_ring_it_is_told_once() -> None:
    ladder = proposed()
    assert ladder.receive(nora.message("ringing")) == ["Progress"]
    assert ladder.receive(laptop.message("ringing")) == []
    assert ladder.signal() == Progress(ringing=True, description=None)


@pytest.mark.conformance("JMI-04", "JMI-05")
def test_the_first_device_to_proceed_has_the_call() -> None:
    ladder = proposed()
    ladder.receive(nora.message("ringing"))
    assert ladder.receive(laptop.message("proceed")) == ["session-initiate voice"]
    initiate = ladder.request()
    assert (initiate.sender, initiate.to) == (LOCAL, LAPTOP)
    assert (initiate.children[0].get("sid"), initiate.children[0].get("initiator")) == (SID, LOCAL)
    assert ladder.leg.peer == LAPTOP
    assert ladder.receive(nora.message("proceed")) == [TOO_LATE]
    assert ladder.receive(laptop.message("proceed")) == []
    assert ladder.receive(nora.message("reject", jmi_reason("busy"))) == []


def test_what_a_client_puts_into_proceed_for_its_own_does_not_matter() -> None:
    device = "<device xmlns='http://gultsch.de/xmpp/drafts/omemo/dlts-srtp-verification' id='1'/>"
    assert proposed().receive(nora.message("proceed", device)) == ["session-initiate voice"]


def test_a_proceed_from_a_bare_jid_has_no_device_to_call() -> None:
    assert proposed().receive(User(USER).message("proceed")) == []


def test_a_stranger_has_no_say() -> None:
    ladder = proposed()
    stranger = User(STRANGER)
    for kind in ("proceed", "reject", "ringing"):
        assert ladder.receive(stranger.message(kind)) == []
    assert bounce(ladder, "item-not-found", sender="mallory@example.net") == []
    assert ladder.receive(nora.message("proceed", sid="another")) == []


@pytest.mark.conformance("JMI-28")
def test_the_old_accept_element_is_ignored() -> None:
    assert proposed().receive(nora.message("accept")) == []


@pytest.mark.conformance("COMP-19")
def test_messages_of_the_call_get_the_receipts_that_they_ask_for() -> None:
    ladder = proposed()
    request = "<request xmlns='urn:xmpp:receipts'/>"
    assert ladder.receive(nora.message("ringing", more=request)) == ["received", "Progress"]
    assert ladder.receive(laptop.message("ringing", more=request)) == ["received"]


@pytest.mark.conformance("JMI-06", "JMI-07", "JMI-08", "JMI-09")
@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("busy", "End busy"),
        ("decline", "End decline"),
        ("", "End busy"),
        ("cancel", "End cancel"),
        ("application-error", "End failed-application"),
        ("never-heard-of", "End unspecified"),
    ],
)
@pytest.mark.parametrize("to", [LOCAL, NUMBER])
def test_a_rejected_call_ends_with_the_reason_that_was_given(reason: str, words: str, to: str) -> None:
    ladder = proposed()
    assert ladder.receive(nora.message("reject", jmi_reason(reason, "later"), to=to)) == [words]
    assert ladder.end().text == ("later" if reason else None)
    assert ladder.leg.closed


def test_a_reject_that_gives_way_to_the_users_own_call_is_busy() -> None:
    ladder = proposed()
    assert ladder.receive(nora.message("reject", jmi_reason("expired") + "<tie-break/>")) == ["End busy 486"]


@pytest.mark.conformance("JMI-10")
def test_a_call_that_rings_and_is_not_taken_is_retracted() -> None:
    ladder = proposed()
    ladder.receive(nora.message("ringing"))
    assert ladder.wait(TIMERS.ring_timeout_seconds - 0.1) == []
    assert ladder.wait(0.2) == ["retract cancel", "End timeout 480"]
    assert ladder.stanza().to == USER
    assert ladder.leg.closed


@pytest.mark.conformance("JMI-11")
def test_a_call_that_rings_nowhere_is_retracted_earlier() -> None:
    ladder = proposed()
    assert ladder.wait(TIMERS.no_device_timeout_seconds) == ["retract cancel", "End timeout 480"]
    assert ladder.end().text == "no device rings"


@pytest.mark.conformance("JMI-12", "END-35")
@pytest.mark.parametrize("text", [None, "Call completed elsewhere"])
def test_a_call_given_up_while_it_rings_is_retracted_with_the_text(text: str | None) -> None:
    ladder = proposed()
    ladder.receive(nora.message("ringing"))
    assert ladder.send(End(EndReason.CANCEL, text)) == ["retract cancel"]
    assert reason_text(ladder.stanza()) == text
    assert ladder.leg.closed
    assert ladder.receive(nora.message("proceed")) == [TOO_LATE]


@pytest.mark.conformance("SX-16", "END-36")
def test_whatever_ends_it_before_proceed_it_is_retracted_as_cancelled() -> None:
    assert proposed().send(End(EndReason.EXPIRED, "too long")) == ["retract cancel"]


@pytest.mark.conformance("SX-02", "JIN-30")
@pytest.mark.parametrize(
    ("condition", "sender", "words"),
    [
        ("item-not-found", USER, "End gone 604"),
        ("item-not-found", PHONE, "End gone 404"),
        ("service-unavailable", USER, "End gone 480"),
        ("recipient-unavailable", USER, "End busy 600"),
        ("remote-server-not-found", USER, "End gone 404"),
        ("remote-server-timeout", USER, "End timeout 408"),
        ("forbidden", USER, "End decline 603"),
        ("not-authorized", USER, "End decline 403"),
        ("no-such-condition", USER, "End general-error 400"),
    ],
)
def test_a_propose_that_comes_back_ends_the_call_by_the_table(condition: str, sender: str, words: str) -> None:
    ladder = proposed()
    assert bounce(ladder, condition, sender=sender) == [words]
    assert ladder.leg.closed


def test_an_error_for_another_message_is_nothing_to_the_call() -> None:
    ladder = proposed()
    assert bounce(ladder, "item-not-found", id="c1-77") == []
    ladder = initiated()
    propose = next(item for item in ladder.said if isinstance(item, Stanza))
    assert bounce(ladder, "item-not-found", id=propose.id) == []


def test_before_proceed_there_is_no_session() -> None:
    ladder = proposed()
    assert ladder.receive(nora.set("session-info")) == ["error item-not-found unknown-session"]
    assert ladder.receive(accept()) == ["error item-not-found unknown-session"]


# --------------------------------------------------------------------------------------------------------------- direct


@pytest.mark.conformance("JMI-27")
def test_a_known_device_is_called_without_a_propose() -> None:
    ladder = calling(peer=PHONE, direct=True, announce=(CAPS,))
    assert ladder.send(Offer(describe())) == ["presence", "session-initiate voice"]
    assert ladder.request().to == PHONE
    assert ladder.request().children[0].get("initiator") == LOCAL


def test_the_offers_group_and_candidates_go_with_the_session_initiate() -> None:
    group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='voice'/></group>"
    ladder = rung_directly(content(transport=ice(candidate(1), candidate(2))), group)
    jingle = ladder.request().children[0]
    assert len(list(jingle.iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate"))) == 2
    assert jingle.find("{urn:xmpp:jingle:apps:grouping:0}group") is not None
    (fingerprint,) = jingle.iter("{urn:xmpp:jingle:apps:dtls:0}fingerprint")
    assert fingerprint.get("setup") == "actpass"


@BOTH
@pytest.mark.conformance("HLD-12", "HLD-13", "JIN-15")
@pytest.mark.parametrize("namespace", ["urn:xmpp:jingle:apps:rtp:info:1", "urn:xmpp:jingle:apps:rtp:1:info"])
def test_ringing_in_the_session_is_told_once(state: Callable[[], Ladder], namespace: str) -> None:
    ladder = state()
    ringing = f"<ringing xmlns='{namespace}'/>"
    assert ladder.receive(nora.set("session-info", ringing)) == ["result", "Progress"]
    assert ladder.receive(nora.set("session-info", ringing)) == ["result"]


@BOTH
@pytest.mark.conformance("SX-03", "JIN-11")
def test_the_clients_accept_is_the_answer_and_there_is_one(state: Callable[[], Ladder]) -> None:
    ladder = state()
    assert ladder.acknowledge() == []
    assert ladder.receive(accept()) == ["result", "Answer voice"]
    assert ladder.leg.deadline is None
    assert ladder.receive(accept()) == ["error unexpected-request out-of-order"]


@pytest.mark.conformance("SX-09")
def test_a_client_that_takes_only_audio_answers_only_audio() -> None:
    ladder = initiated(content(), content("film", rtp("video")))
    assert ladder.receive(accept(content())) == ["result", "Answer voice"]


REFUSED = {
    "Firefox": "<payload-type id='120' name='VP8' clockrate='90000' channels='1'/>",
    "Chromium": "<payload-type id='97' name='H264' clockrate='90000'/>",
    "Chromium, nothing known": "<rtcp-mux/>",
}


@pytest.mark.conformance("SX-09")
@pytest.mark.parametrize("inside", REFUSED.values(), ids=REFUSED)
def test_what_a_browser_refuses_is_not_accepted_though_it_is_said(inside: str) -> None:
    """COMPAT(stanza.js): the refused lines of its browser's answer stand in the session-accept, with an empty way."""
    film = f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>{inside}</description>"
    nowhere = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'/>"
    refused = content("film", film, nowhere, " senders='none'" if "VP8" in inside else "")
    ladder = initiated(content(), content("film", rtp("video")))
    assert ladder.receive(accept(content(), refused)) == ["result", "Answer voice"]
    ladder = initiated(content("film", rtp("video")))
    words = ladder.receive(accept(refused))
    assert words[:2] == ["result", "session-terminate incompatible-parameters"]
    assert words[-1] == "End incompatible-parameters"


def test_an_accept_ahead_of_the_result_is_an_answer_all_the_same() -> None:
    ladder = initiated()
    assert ladder.receive(accept()) == ["result", "Answer voice"]
    assert ladder.wait(300) == []
    assert ladder.leg.deadline is None


@BOTH
@pytest.mark.conformance("JIN-24")
def test_an_accept_of_what_was_not_offered_ends_the_call(state: Callable[[], Ladder]) -> None:
    ladder = state()
    words = ladder.receive(accept(content(), content("film", rtp("video"))))
    finish = ["finish failed-application"] if state is initiated else []
    assert words == ["result", "session-terminate failed-application", *finish, "End failed-application"]


def test_an_accept_that_cannot_be_read_is_refused_and_ends_the_call() -> None:
    ladder = rung_directly()
    unreadable = content(attributes=" senders='everyone'")
    words = ladder.receive(accept(unreadable))
    assert words == ["error bad-request", "session-terminate general-error", "End general-error"]


def test_an_accept_without_contents_is_a_bad_request_and_the_call_goes_on() -> None:
    ladder = rung_directly()
    assert ladder.receive(nora.set("session-accept")) == ["error bad-request"]
    assert ladder.receive(accept()) == ["result", "Answer voice"]


def test_an_accept_of_another_device_is_unknown() -> None:
    ladder = initiated()
    assert ladder.receive(laptop.set("session-accept", content())) == ["error item-not-found unknown-session"]
    assert ladder.receive(accept()) == ["result", "Answer voice"]


@BOTH
@pytest.mark.conformance("JIN-10")
def test_the_responder_does_not_initiate(state: Callable[[], Ladder]) -> None:
    ladder = state()
    assert ladder.receive(nora.set("session-initiate", content())) == ["error unexpected-request out-of-order"]


def test_candidates_ahead_of_the_accept_come_with_the_answer() -> None:
    ladder = initiated(content(transport=ice()))
    for number in (1, 2, 2):
        trickled = f"<content creator='initiator' name='voice'>{ice(candidate(number), setup='')}</content>"
        assert ladder.receive(nora.set("transport-info", trickled)) == ["result"]
    ladder.receive(accept(content(transport=ice(candidate(1)))))
    signal = ladder.signal()
    assert isinstance(signal, Answer)
    transport = signal.description.media[0].transport
    assert isinstance(transport, Ice)
    assert [item.ip for item in transport.candidates] == ["192.0.2.1", "192.0.2.2"]
    later = f"<content creator='initiator' name='voice'>{ice(candidate(3), setup='')}</content>"
    assert ladder.receive(nora.set("transport-info", later)) == ["result", "Candidates voice"]


def test_candidates_ahead_of_the_accept_may_lack_the_credentials_that_come_with_it() -> None:
    ladder = initiated(content(transport=ice()))
    bare = ice(candidate(1), setup="", ufrag="").replace("<transport ", "<transport ufrag='uf01' ")
    early = f"<content creator='initiator' name='voice'>{bare}</content>"
    stray = f"<content creator='initiator' name='film'>{ice(candidate(2))}</content>"
    assert ladder.receive(nora.set("transport-info", early + stray)) == ["result"]
    ladder.receive(accept())
    signal = ladder.signal()
    assert isinstance(signal, Answer)
    transport = signal.description.media[0].transport
    assert isinstance(transport, Ice)
    assert (transport.ufrag, transport.pwd, len(transport.candidates)) == ("uf01", "secretsecretsecret0001", 1)


def test_a_refused_transport_info_is_forgiven_unless_the_session_is_lost() -> None:
    ladder = answered(rung_directly())
    more = describe(content(transport=ice(candidate(1)))).media[0].transport
    ladder.send(Candidates({"voice": more}))
    assert ladder.refuse("bad-request") == []
    ladder.send(Candidates({"voice": more}))
    assert ladder.refuse("item-not-found", detail="{urn:xmpp:jingle:errors:1}unknown-session") == ["End general-error"]


def test_candidates_of_the_other_side_join_the_offer_while_nobody_has_it_and_trickle_afterwards() -> None:
    ladder = proposed(content(transport=ice()))
    more = describe(content(transport=ice(candidate(1)))).media[0].transport
    assert ladder.send(Candidates({"voice": more})) == []
    ladder.receive(nora.message("proceed"))
    jingle = ladder.request().children[0]
    assert len(list(jingle.iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate"))) == 1
    later = describe(content(transport=ice(candidate(2)))).media[0].transport
    assert ladder.send(Candidates({"voice": later})) == ["transport-info voice"]


# ------------------------------------------------------------------------------------------------------------- the ends


@pytest.mark.conformance(
    "END-20", "END-21", "END-22", "END-23", "END-24", "END-25", "END-26", "END-27", "END-28", "END-29", "END-30",
    "END-31", "END-32",
)  # fmt: skip
@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("<busy/>", "busy"),
        ("<decline/>", "decline"),
        ("<unsupported-applications/>", "unsupported-applications"),
        ("<unsupported-transports/>", "unsupported-transports"),
        ("<incompatible-parameters/>", "incompatible-parameters"),
        ("<failed-application/>", "failed-application"),
        ("<failed-transport/>", "failed-transport"),
        ("<gone/>", "gone"),
        ("<general-error/>", "general-error"),
        ("<media-error/>", "media-error"),
        ("<crypto-required xmlns='urn:xmpp:jingle:apps:rtp:errors:1'/><security-error/>", "security-error"),
        ("", "unspecified"),
        ("<dissatisfied/>", "unspecified"),
    ],
)
@BOTH
def test_the_client_refuses_with_a_reason(state: Callable[[], Ladder], reason: str, end: str) -> None:
    ladder = state()
    words = ladder.receive(nora.set("session-terminate", f"<reason>{reason}</reason>" if reason else ""))
    assert words[0] == "result"
    assert words[-1] == f"End {end}"
    assert ladder.leg.closed


@BOTH
@pytest.mark.conformance("JMI-13", "JMI-22")
def test_a_call_given_up_before_the_accept_is_terminated_and_finished(state: Callable[[], Ladder]) -> None:
    ladder = state()
    finish = ["finish cancel"] if state is initiated else []
    assert ladder.send(CANCEL) == ["session-terminate cancel", *finish]
    assert ladder.receive(accept()) == ["error item-not-found unknown-session"]
    assert ladder.acknowledge() == []
    assert ladder.leg.closed


@BOTH
@pytest.mark.conformance("JMI-22", "END-01")
def test_an_answered_call_is_hung_up_by_the_other_side(state: Callable[[], Ladder]) -> None:
    ladder = answered(state())
    finish = ["finish success"] if state is initiated else []
    assert ladder.send(HANGUP) == ["session-terminate success", *finish]
    ladder.acknowledge()
    assert ladder.leg.closed


@BOTH
@pytest.mark.conformance("JIN-27")
def test_a_device_that_goes_offline_ends_the_call_after_a_while(state: Callable[[], Ladder]) -> None:
    ladder = answered(state())
    ladder.gone()
    assert ladder.wait(10)[0] == "session-terminate gone"


def test_no_presence_is_missed_while_nobody_has_the_call() -> None:
    ladder = proposed()
    ladder.gone()
    assert ladder.wait(11) == []


@pytest.mark.conformance("JIN-28", "JIN-29", "JIN-30")
@pytest.mark.parametrize(
    ("condition", "sender", "words"),
    [
        ("service-unavailable", PHONE, "End gone 480"),
        ("item-not-found", PHONE, "End gone 404"),
        ("item-not-found", USER, "End gone 604"),
        ("resource-constraint", PHONE, "End general-error 500"),
        ("feature-not-implemented", PHONE, "End general-error 405"),
        ("feature-not-implemented", USER, "End general-error 501"),
        ("not-acceptable", PHONE, "End incompatible-parameters 406"),
    ],
)
def test_a_refused_session_initiate_ends_the_call_by_the_table(condition: str, sender: str, words: str) -> None:
    ladder = rung_directly()
    assert ladder.refuse(condition, sender=sender) == [words]
    assert ladder.leg.closed


@pytest.mark.conformance("JIN-29")
@pytest.mark.parametrize(("condition", "status"), [("redirect", 302), ("gone", 301)])
def test_a_user_who_is_elsewhere_is_looked_for_there(condition: str, status: int) -> None:
    ladder = rung_directly()
    failure = Element("error", {"type": "modify"})
    SubElement(failure, f"{{{STANZAS}}}{condition}").text = " xmpp:desk@example.net "
    reply = Stanza(kind="iq", type="error", id=ladder.request().id, sender=PHONE, to=LOCAL, children=(failure,))
    assert ladder.receive(reply) == [f"End general-error {status}"]
    assert ladder.end().redirect == "xmpp:desk@example.net"


def test_a_user_who_is_gone_for_good_has_no_address() -> None:
    ladder = rung_directly()
    assert ladder.refuse("gone") == ["End gone 410"]
    assert ladder.end().redirect is None


@pytest.mark.conformance("JIN-31")
def test_a_device_that_never_answers_is_a_timeout() -> None:
    ladder = rung_directly()
    assert ladder.wait(TIMERS.iq_timeout_seconds) == ["session-terminate timeout", "End timeout 408"]
    assert ladder.wait(TIMERS.iq_timeout_seconds) == []
    assert ladder.leg.closed


def test_a_device_that_rings_without_a_result_is_there_all_the_same() -> None:
    ladder = rung_directly()
    ladder.receive(nora.set("session-info", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"))
    assert ladder.wait(TIMERS.iq_timeout_seconds + 1) == []
    assert ladder.receive(accept()) == ["result", "Answer voice"]


@pytest.mark.conformance("JMI-10")
def test_a_device_that_rings_and_is_not_taken_is_told_timeout() -> None:
    ladder = rung_directly()
    ladder.acknowledge()
    assert ladder.wait(TIMERS.ring_timeout_seconds) == ["session-terminate timeout", "End timeout 480"]


def test_a_device_that_proceeds_and_does_not_accept_is_told_timeout() -> None:
    ladder = proposed()
    ladder.receive(nora.message("ringing"))
    ladder.wait(80)
    ladder.receive(nora.message("proceed"))
    ladder.acknowledge()
    assert ladder.wait(29) == []
    assert ladder.wait(1) == ["session-terminate timeout", "finish timeout", "End timeout 480"]


def test_a_device_that_rejects_after_proceed_has_thought_better_of_it() -> None:
    ladder = initiated()
    assert ladder.receive(nora.message("reject")) == ["session-terminate cancel", "finish cancel", "End busy"]


def test_a_device_that_finishes_without_a_session_terminate_ends_the_call() -> None:
    ladder = initiated()
    assert ladder.receive(nora.message("finish")) == []
    assert ladder.wait(2) == ["session-terminate cancel", "finish cancel", "End cancel"]


def test_a_leg_that_was_told_the_end_first_is_closed() -> None:
    ladder = calling()
    assert ladder.send(CANCEL) == []
    assert ladder.leg.closed
    assert ladder.send(Offer(describe())) == []


# ----------------------------------------------------------------------------------------------------------------- ties


@pytest.mark.parametrize(
    ("sid", "initiator", "outranks"),
    [
        ("0", PHONE, False),
        ("z", PHONE, True),
        (SID, "aaron@example.net/x", True),
        (SID, "!@example.net/x", False),
        ("é", PHONE, True),
    ],
)
def test_the_lower_sid_wins_a_tie_and_of_equals_the_lower_jid(sid: str, initiator: str, outranks: bool) -> None:
    assert proposed().leg.outranks(sid, initiator) is outranks


@pytest.mark.conformance("JMI-23")
def test_a_call_that_loses_a_tie_is_retracted_and_its_caller_told_busy() -> None:
    ladder = proposed()
    assert ladder.leg.contested
    out = ladder.leg.give_way(ladder.now)
    assert [word(item) for item in out] == ["retract expired tie-break", "End busy 486"]
    assert ladder.leg.closed
    assert ladder.leg.give_way(ladder.now) == []


@pytest.mark.conformance("JMI-24", "JIN-20")
def test_a_call_that_loses_against_ours_is_rejected() -> None:
    propose = nora.propose(sid="zz")
    (reject,) = break_tie(propose, local=LOCAL, id="t1")
    assert word(reject) == "reject expired tie-break"
    (conflict,) = break_tie(nora.set("session-initiate", content(), sid="zz"), local=LOCAL, id="t2")
    assert word(conflict) == "error conflict tie-break"


@BOTH
@pytest.mark.conformance("JIN-19")
def test_our_session_gives_way_to_the_users_own(state: Callable[[], Ladder]) -> None:
    ladder = state()
    finish = ["finish expired"] if state is initiated else []
    out = ladder.leg.give_way(ladder.now)
    assert [word(item) for item in out] == ["session-terminate expired", *finish, "End busy 486"]


@BOTH
@pytest.mark.conformance("JIN-19")
def test_our_session_gives_way_when_the_client_says_so(state: Callable[[], Ladder]) -> None:
    ladder = state()
    words = ladder.refuse("conflict", detail="{urn:xmpp:jingle:errors:1}tie-break")
    assert words[-1] == "End busy 486"
    assert ladder.leg.closed


def test_an_answered_call_is_in_no_tie() -> None:
    ladder = answered(initiated())
    assert not ladder.leg.contested
    assert ladder.leg.give_way(ladder.now) == []
