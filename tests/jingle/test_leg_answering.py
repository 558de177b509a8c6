"""An XMPP user calls: ladders of the Jingle leg on a virtual clock."""

from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import pytest

from gateway.errors import PeerError
from gateway.jingle.leg import JingleLeg
from gateway.jingle.refusal import refuse, unknown_session
from gateway.jingle.session import MAX_UNANSWERED
from gateway.signals import Answer, Candidates, End, Offer, Progress
from gateway.stanza import Stanza
from mappings.description import Candidate, Description, Group, Ice, RawUdp
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Role

from .ladder import (
    DOMAIN,
    LAPTOP,
    LOCAL,
    NUMBER,
    PHONE,
    RAW,
    SID,
    STRANGER,
    TIMERS,
    Ladder,
    User,
    answering,
    candidate,
    content,
    describe,
    ice,
    ids,
    jmi_reason,
    reason_text,
    rtp,
    word,
)

nora = User()
HANGUP = End(EndReason.SUCCESS)


def offered(*contents: str, sid: str = SID) -> Ladder:
    """A session-initiate has been received and passed on."""
    first = nora.set("session-initiate", "".join(contents) or content(), sid=sid)
    ladder = answering(first)
    words = ladder.receive(first)
    assert words[0] == "result"
    assert words[1].startswith("Offer")
    return ladder


def answered(*contents: str) -> Ladder:
    """The call is up."""
    ladder = offered(*contents)
    assert ladder.send(Answer(answer(*contents))) == ["session-accept voice"]
    assert ladder.acknowledge() == []
    return ladder


def answer(*contents: str) -> Description:
    return describe(*(item.replace("actpass", "active") for item in contents or (content(),)))


def proceeded() -> Ladder:
    """A propose has its proceed."""
    first = nora.propose()
    ladder = answering(first)
    assert ladder.receive(first) == ["proceed"]
    return ladder


# ----------------------------------------------------------------------------------------------------- session-initiate


@pytest.mark.conformance("JIN-01")
def test_a_session_initiate_is_acknowledged_before_it_is_passed_on() -> None:
    first = nora.set("session-initiate", content())
    ladder = answering(first)
    assert not ladder.leg.closed
    assert ladder.receive(first) == ["result", "Offer voice"]
    assert (ladder.leg.sid, ladder.leg.peer, ladder.leg.local) == (SID, PHONE, LOCAL)
    assert ladder.leg.deadline is None


@pytest.mark.conformance("XS-03", "XS-04", "HLD-14")
def test_however_often_the_other_side_rings_it_is_told_once() -> None:
    ladder = offered()
    assert ladder.send(Progress(ringing=False)) == []
    assert ladder.send(Progress()) == ["session-info ringing"]
    assert ladder.stanza().children[0][0].tag == "{urn:xmpp:jingle:apps:rtp:info:1}ringing"
    assert ladder.send(Progress()) == []


@pytest.mark.conformance("XS-02", "XS-05")
def test_early_media_is_no_answer() -> None:
    ladder = offered()
    assert ladder.send(Progress(ringing=False, description=answer())) == []


@pytest.mark.conformance("XS-07")
def test_the_answer_becomes_a_session_accept_with_the_offers_names_and_our_full_jid() -> None:
    ladder = offered()
    assert ladder.send(Answer(answer())) == ["session-accept voice"]
    jingle = ladder.request().children[0]
    assert jingle.get("responder") == LOCAL
    assert jingle.get("initiator") is None
    (accepted,) = jingle
    assert (accepted.get("creator"), accepted.get("name")) == ("initiator", "voice")
    assert ladder.leg.deadline == ladder.now + TIMERS.iq_timeout_seconds
    assert ladder.acknowledge() == []
    assert ladder.leg.deadline is None


def test_a_second_answer_says_nothing() -> None:
    ladder = answered()
    assert ladder.send(Answer(answer())) == []


def test_the_creator_stays_as_it_was_offered_even_where_it_is_wrong() -> None:
    ladder = offered(content().replace("creator='initiator'", "creator='responder'"))
    ladder.send(Answer(answer()))
    assert ladder.request().children[0][0].get("creator") == "responder"


def test_a_content_that_the_answer_lacks_is_absent_from_the_accept() -> None:
    ladder = offered(content(), content("film", rtp("video")))
    assert ladder.send(Answer(answer())) == ["session-accept voice"]


def test_the_accept_has_the_order_of_the_offer() -> None:
    ladder = offered(content(), content("film", rtp("video")))
    assert ladder.send(Answer(answer(content("film", rtp("video")), content()))) == ["session-accept voice film"]


@pytest.mark.parametrize(
    ("offers", "answers", "expected"),
    [
        (("BUNDLE",), ("BUNDLE",), [("BUNDLE", ["voice"])]),
        (("BUNDLE",), (), []),
        ((), ("BUNDLE",), []),
        (("BUNDLE",), ("BUNDLE", "LS"), [("BUNDLE", ["voice"])]),
    ],
)
def test_a_group_is_echoed_if_it_was_offered_and_is_in_the_answer(
    offers: tuple[str, ...], answers: tuple[str, ...], expected: list[tuple[str, list[str]]]
) -> None:
    group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='{}'><content name='voice'/></group>"
    ladder = offered(content(), *(group.format(name) for name in offers))
    groups = tuple(Group(semantics=name, names=("voice", "gone")) for name in answers)
    ladder.send(Answer(Description(media=answer().media, groups=groups)))
    told = ladder.request().children[0].iterfind("{urn:xmpp:jingle:apps:grouping:0}group")
    assert [(item.get("semantics"), [child.get("name") for child in item]) for item in told] == expected


@pytest.mark.conformance("XS-22")
def test_an_answer_with_nothing_of_the_offer_ends_the_call() -> None:
    ladder = offered()
    words = ladder.send(Answer(answer(content("other"))))
    assert words == ["session-terminate incompatible-parameters", "End incompatible-parameters"]


@pytest.mark.conformance("XS-19")
def test_a_session_of_something_else_than_rtp_is_terminated_as_unsupported() -> None:
    files = "<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>"
    first = nora.set("session-initiate", content(description=files))
    ladder = answering(first)
    assert ladder.receive(first) == [
        "result",
        "session-terminate unsupported-applications",
        "End unsupported-applications",
    ]


@pytest.mark.conformance("XS-20")
def test_a_session_on_an_unknown_transport_is_terminated_as_unsupported() -> None:
    first = nora.set(
        "session-initiate", content(transport="<transport xmlns='urn:xmpp:jingle:transports:s5b:1' sid='s'/>")
    )
    ladder = answering(first)
    assert ladder.receive(first) == ["result", "session-terminate unsupported-transports", "End unsupported-transports"]


def test_a_session_without_a_medium_that_is_carried_here_is_terminated() -> None:
    first = nora.set("session-initiate", content("film", rtp("video")))
    ladder = answering(first)
    assert ladder.receive(first)[1:] == ["session-terminate unsupported-applications", "End unsupported-applications"]
    video = answering(first, kinds=("audio", "video"))
    assert video.receive(first) == ["result", "Offer film"]


@pytest.mark.conformance("JIN-26")
def test_of_alternatives_of_one_name_the_first_that_is_known_is_used() -> None:
    files = content("voice", "<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>")
    ladder = offered(files, content(), content(transport=RAW))
    offer = ladder.signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert [type(media.transport).__name__ for media in offer.description.media] == ["Ice"]


@pytest.mark.conformance("ICE-30")
def test_a_session_initiate_that_cannot_be_read_is_refused_and_over() -> None:
    bad = ice(candidate(), ufrag="", setup="")
    first = nora.set("session-initiate", content(transport=bad))
    ladder = answering(first)
    words = ladder.receive(first)
    if words[0] != "result":  # whether candidates without credentials can be lived with is the reader's decision
        assert words == ["error bad-request", "End general-error"]
        assert ladder.leg.closed


def test_what_opens_no_session_makes_no_leg() -> None:
    for stanza in (nora.set("session-info"), nora.message("ringing"), nora.message("invented")):
        with pytest.raises(PeerError):
            answering(stanza)


# ---------------------------------------------------------------------------------------------------------------- order


@pytest.mark.conformance("JIN-07", "JIN-08", "ROB-11")
def test_who_only_knows_the_sid_learns_nothing_and_changes_nothing() -> None:
    ladder = answered()
    for jid in (STRANGER, LAPTOP):
        for action in ("session-info", "session-terminate", "session-initiate"):
            stranger = User(jid).set(action, content() if action == "session-initiate" else "")
            assert ladder.receive(stranger) == ["error item-not-found unknown-session"]
    assert ladder.receive(nora.set("session-info")) == ["result"]
    assert ladder.receive(nora.set("session-info", sid="another")) == ["error item-not-found unknown-session"]


def test_calls_answers_requests_of_no_session_with_the_same_words() -> None:
    assert word(unknown_session(nora.set("session-info"))) == "error item-not-found unknown-session"


@pytest.mark.conformance("JIN-09")
@pytest.mark.parametrize("state", [offered, answered])
def test_a_second_session_initiate_of_the_sid_is_out_of_order(state: Callable[[], Ladder]) -> None:
    ladder = state()
    again = nora.set("session-initiate", content())
    assert ladder.receive(again) == ["error unexpected-request out-of-order"]


@pytest.mark.conformance("JIN-10", "JIN-11")
@pytest.mark.parametrize("state", [offered, answered])
def test_the_initiator_does_not_accept(state: Callable[[], Ladder]) -> None:
    ladder = state()
    assert ladder.receive(nora.set("session-accept", content())) == ["error unexpected-request out-of-order"]


@pytest.mark.parametrize("action", ["content-accept", "content-reject", "transport-accept", "transport-reject"])
def test_replies_to_what_was_never_asked_are_out_of_order(action: str) -> None:
    ladder = answered()
    assert ladder.receive(nora.set(action, content())) == ["error unexpected-request out-of-order"]


@pytest.mark.conformance("JIN-04", "JIN-06")
def test_a_malformed_request_is_refused_and_the_session_goes_on() -> None:
    ladder = answered()
    assert ladder.receive(nora.set("frobnicate")) == ["error bad-request"]
    assert ladder.receive(nora.set("session-info", type="get")) == ["error bad-request"]
    assert ladder.receive(nora.set("session-info")) == ["result"]


@pytest.mark.conformance("JIN-12", "END-38")
def test_after_our_session_terminate_the_session_is_unknown() -> None:
    ladder = answered()
    assert ladder.send(HANGUP) == ["session-terminate success"]
    assert not ladder.leg.closed
    for action in ("session-info", "session-terminate", "transport-info"):
        request = nora.set(action, content() if action == "transport-info" else "")
        assert ladder.receive(request) == ["error item-not-found unknown-session"]
    assert ladder.acknowledge() == []
    assert ladder.leg.closed
    assert ladder.leg.deadline is None


# ------------------------------------------------------------------------------------------------------------ the ends


@pytest.mark.conformance("END-01", "END-02")
@pytest.mark.parametrize(
    ("end", "words"), [(HANGUP, "session-terminate success"), (End(EndReason.BUSY), "session-terminate busy")]
)
def test_the_other_side_hangs_up(end: End, words: str) -> None:
    ladder = answered()
    assert ladder.send(end) == [words]


@pytest.mark.conformance("END-03", "END-04")
@pytest.mark.parametrize("reason", ["success", "timeout", "connectivity-error"])
def test_the_client_hangs_up_and_its_reason_is_passed_on(reason: str) -> None:
    ladder = answered()
    assert ladder.receive(nora.terminate(reason, "that was\nthat")) == ["result", f"End {reason}"]
    assert ladder.end().text == "that was that"
    assert ladder.leg.closed


@pytest.mark.conformance("XS-11", "XS-12", "END-34")
@pytest.mark.parametrize("rings", [True, False])
def test_the_client_gives_up_before_the_answer(rings: bool) -> None:
    ladder = offered()
    if rings:
        ladder.send(Progress())
    assert ladder.receive(nora.terminate("cancel")) == ["result", "End cancel"]
    assert ladder.send(Answer(answer())) == []
    assert ladder.send(HANGUP) == []
    assert ladder.leg.closed


@pytest.mark.conformance(
    "END-05", "END-06", "END-07", "END-08", "END-09", "END-10", "END-11", "END-12", "END-13", "END-14",
    "END-15", "END-16", "END-17", "END-18", "END-19", "XS-16", "XS-19", "XS-23",
)  # fmt: skip
@pytest.mark.parametrize(
    ("reason", "status", "phrase"),
    [
        (EndReason.BUSY, 486, "Busy Here"),
        (EndReason.BUSY, 600, "Busy Everywhere"),
        (EndReason.DECLINE, 603, "Decline"),
        (EndReason.GONE, 404, "Not Found"),
        (EndReason.TIMEOUT, 480, "Temporarily Unavailable"),
        (EndReason.INCOMPATIBLE_PARAMETERS, 488, "Not Acceptable Here"),
        (EndReason.UNSUPPORTED_APPLICATIONS, 415, "Unsupported Media Type"),
        (EndReason.CONNECTIVITY_ERROR, 503, "Service Unavailable"),
        (EndReason.SECURITY_ERROR, 407, "Proxy Authentication Required"),
        (EndReason.GENERAL_ERROR, 499, "What"),
    ],
)
def test_a_refusal_by_sip_reaches_the_client_with_its_status_and_phrase(
    reason: EndReason, status: int, phrase: str
) -> None:
    ladder = offered()
    assert ladder.send(End(reason, f"{status} {phrase}", status, phrase)) == [f"session-terminate {reason}"]
    terminate = ladder.request()
    assert reason_text(terminate) == f"{status} {phrase}"
    (told,) = terminate.children[0].iter("{urn:x-jingle-sip:status:0}status")
    assert (told.get("code"), told.get("phrase")) == (str(status), phrase)


@pytest.mark.parametrize("answers", ["nothing", "error item-not-found", "late"])
def test_whatever_becomes_of_our_session_terminate_the_leg_closes(answers: str) -> None:
    ladder = answered()
    ladder.send(HANGUP)
    if answers == "error item-not-found":
        assert ladder.refuse("item-not-found") == []
    else:
        assert ladder.wait(TIMERS.iq_timeout_seconds) == []
    assert ladder.leg.closed
    if answers == "late":
        request = ladder.request()
        assert ladder.receive(Stanza(kind="iq", type="result", id=request.id, sender=PHONE, to=LOCAL)) == []


def test_a_reply_of_somebody_else_is_none() -> None:
    ladder = offered()
    ladder.send(Answer(answer()))
    assert ladder.refuse("item-not-found", sender=STRANGER) == []
    assert ladder.leg.deadline is not None


@pytest.mark.conformance("JIN-32")
@pytest.mark.parametrize(
    ("condition", "detail", "words"),
    [
        ("item-not-found", "{urn:xmpp:jingle:errors:1}unknown-session", ["End general-error"]),
        ("item-not-found", None, ["End general-error"]),
        (
            "unexpected-request",
            "{urn:xmpp:jingle:errors:1}out-of-order",
            ["session-terminate general-error", "End general-error"],
        ),
    ],
)
def test_a_refused_session_accept_ends_the_call(condition: str, detail: str | None, words: list[str]) -> None:
    ladder = offered()
    ladder.send(Answer(answer()))
    assert ladder.refuse(condition, detail=detail) == words


def test_an_unanswered_session_accept_ends_the_call() -> None:
    ladder = offered()
    ladder.send(Answer(answer()))
    assert ladder.wait(TIMERS.iq_timeout_seconds) == ["session-terminate timeout", "End timeout"]


def test_a_client_that_does_not_know_ringing_is_forgiven() -> None:
    ladder = offered()
    ladder.send(Progress())
    assert ladder.refuse("feature-not-implemented", detail="{urn:xmpp:jingle:errors:1}unsupported-info") == []
    assert ladder.wait(60) == []


def test_a_client_that_has_lost_the_session_ends_it() -> None:
    ladder = offered()
    ladder.send(Progress())
    assert ladder.refuse("item-not-found", detail="{urn:xmpp:jingle:errors:1}unknown-session") == ["End general-error"]
    assert ladder.leg.closed


@pytest.mark.conformance("JIN-27")
def test_a_client_whose_presence_went_and_that_stays_silent_is_gone() -> None:
    ladder = answered()
    assert ladder.receive(nora.presence("unavailable")) == []
    assert ladder.wait(9.9) == []
    assert ladder.wait(0.2) == ["session-terminate gone", "End gone"]


@pytest.mark.conformance("JIN-27")
@pytest.mark.parametrize("sign", ["request", "presence", "reply"])
def test_a_client_that_is_heard_again_is_not_gone(sign: str) -> None:
    ladder = offered()
    ladder.send(Answer(answer()))
    ladder.gone()
    match sign:
        case "request":
            ladder.receive(nora.set("session-info"))
        case "presence":
            ladder.receive(nora.presence())
        case _:
            ladder.acknowledge()
    ladder.acknowledge()
    assert ladder.wait(60) == []


def test_the_presence_of_another_device_is_nothing_to_the_call() -> None:
    ladder = answered()
    ladder.receive(User(LAPTOP).presence("unavailable"))
    assert ladder.leg.deadline is None


# ----------------------------------------------------------------------------------------------------------- in between


@pytest.mark.conformance("JIN-13")
def test_an_empty_session_info_is_a_ping() -> None:
    assert answered().receive(nora.set("session-info")) == ["result"]


@pytest.mark.conformance("JIN-14")
def test_an_unknown_session_info_is_unsupported_and_the_clients_to_mend() -> None:
    ladder = answered()
    words = ladder.receive(nora.set("session-info", "<dance xmlns='urn:example'/>"))
    assert words == ["error feature-not-implemented unsupported-info"]
    assert ladder.stanza().children[0].get("type") == "modify"


@pytest.mark.conformance("JIN-15", "HLD-11")
@pytest.mark.parametrize("namespace", ["urn:xmpp:jingle:apps:rtp:info:1", "urn:xmpp:jingle:apps:rtp:1:info"])
@pytest.mark.parametrize("info", ["active", "unhold", "mute", "unmute", "ringing"])
def test_known_session_infos_are_acknowledged(info: str, namespace: str) -> None:
    ladder = answered()
    told = f"<{info} xmlns='{namespace}' creator='initiator' name='voice'/>"
    assert ladder.receive(nora.set("session-info", told)) == ["result"]


@pytest.mark.conformance("MOD-22")
def test_description_info_is_acknowledged_whatever_it_says() -> None:
    ladder = answered()
    assert ladder.receive(nora.set("description-info", content())) == ["result"]
    assert ladder.receive(nora.set("description-info")) == ["result"]


def test_security_info_is_unsupported_unless_it_is_empty() -> None:
    ladder = answered()
    assert ladder.receive(nora.set("security-info")) == ["result"]
    assert ladder.receive(nora.set("security-info", content())) == ["error feature-not-implemented unsupported-info"]
    assert ladder.receive(nora.set("security-info", "<x xmlns='urn:example'/>")) == [
        "error feature-not-implemented unsupported-info"
    ]


@pytest.mark.conformance("JIN-25")
def test_a_content_of_a_name_that_is_there_already_is_a_bad_request() -> None:
    ladder = answered()
    assert ladder.receive(nora.set("content-add", content())) == ["error bad-request"]


@pytest.mark.conformance("JIN-23")
def test_a_content_that_is_not_there_can_be_removed_with_a_reason() -> None:
    ladder = answered()
    removed = "<content creator='initiator' name='film'/><reason><failed-application/></reason>"
    assert ladder.receive(nora.set("content-remove", removed)) == ["result"]


@pytest.mark.conformance("MOD-10")
@pytest.mark.parametrize(
    ("reason", "words"),
    [("", "success"), ("<reason><failed-application/></reason>", "failed-application")],
)
def test_the_last_content_takes_the_session_with_it(reason: str, words: str) -> None:
    ladder = answered()
    removed = nora.set("content-remove", f"<content creator='initiator' name='voice'/>{reason}")
    assert ladder.receive(removed) == ["result", f"session-terminate {words}", f"End {words}"]


def test_what_is_nested_in_a_rejected_transport_is_not_said_again() -> None:
    leg = offered().leg
    deep = f"<content creator='initiator' name='voice'>{RAW.replace('<candidate', '<a><candidate')}"
    deep = deep.replace("</transport>", "</a></transport>") + "</content>"
    _, rejected = leg.receive(nora.set("transport-replace", deep), 1.0)
    assert isinstance(rejected, Stanza)
    (transport,) = rejected.children[0][0]
    assert (transport.tag, len(transport)) == ("{urn:xmpp:jingle:transports:raw-udp:1}transport", 0)


def test_a_client_that_makes_us_ask_and_never_answers_is_waited_for_within_bounds() -> None:
    leg = offered().leg
    for number in range(2_000):
        leg.receive(nora.set("content-add", f"<content creator='initiator' name='more{number}'/>"), number / 1_000)
    leg.send(Answer(answer()), 2.0)
    for number in range(2_000):
        leg.receive(nora.set("content-add", f"<content creator='initiator' name='yet{number}'/>"), 2 + number / 1_000)
    assert len(leg._session.waiting) == MAX_UNANSWERED
    assert leg.deadline == 2.0 + TIMERS.iq_timeout_seconds, "the session-accept is still waited for"


# ----------------------------------------------------------------------------------------------------------- candidates


@pytest.mark.conformance("JIN-16")
def test_candidates_right_behind_the_session_initiate_are_passed_on() -> None:
    ladder = offered(content(transport=ice()))
    trickled = f"<content creator='initiator' name='voice'>{ice(candidate(2), setup='')}</content>"
    assert ladder.receive(nora.set("transport-info", trickled)) == ["result", "Candidates voice"]
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    transport = signal.by_media["voice"]
    assert isinstance(transport, Ice)
    assert [item.ip for item in transport.candidates] == ["192.0.2.2"]
    assert (transport.ufrag, transport.pwd) == ("uf01", "secretsecretsecret0001")


def test_credentials_that_are_known_may_be_left_out() -> None:
    ladder = offered(content(transport=ice()))
    bare = ice(candidate(2), setup="", ufrag="").replace("<transport ", "<transport ufrag='uf01' ")
    ladder.receive(nora.set("transport-info", f"<content creator='initiator' name='voice'>{bare}</content>"))
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    transport = signal.by_media["voice"]
    assert isinstance(transport, Ice)
    assert transport.pwd == "secretsecretsecret0001"


def test_candidates_of_new_credentials_that_are_not_all_there_are_a_bad_request() -> None:
    ladder = offered(content(transport=ice()))
    bare = ice(candidate(2), setup="", ufrag="").replace("<transport ", "<transport ufrag='other' ")
    trickled = nora.set("transport-info", f"<content creator='initiator' name='voice'>{bare}</content>")
    assert ladder.receive(trickled) == ["error bad-request"]


def test_only_the_content_that_has_new_candidates_is_spoken_of() -> None:
    film = content("film", rtp("video"))
    ladder = offered(content(), film)
    ladder.send(Answer(answer(content(), film)))
    more = describe(content(transport=ice(candidate(5)))).media[0].transport
    assert ladder.send(Candidates({"film": more})) == ["transport-info film"]


@pytest.mark.conformance("ICE-24")
def test_new_credentials_are_passed_on_and_known_from_then_on() -> None:
    ladder = offered(content(transport=ice()))
    restart = ice(setup="", ufrag="uf02", pwd="secretsecretsecret0002")
    ladder.receive(nora.set("transport-info", f"<content creator='initiator' name='voice'>{restart}</content>"))
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    assert signal.by_media == {"voice": Ice(ufrag="uf02", pwd="secretsecretsecret0002")}
    later = ice(candidate(4), setup="", ufrag="").replace("<transport ", "<transport ufrag='uf02' ")
    ladder.receive(nora.set("transport-info", f"<content creator='initiator' name='voice'>{later}</content>"))
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    transport = signal.by_media["voice"]
    assert isinstance(transport, Ice)
    assert transport.pwd == "secretsecretsecret0002"


def test_a_raw_candidate_takes_the_place_of_the_one_before() -> None:
    ladder = offered(content(transport=RAW))
    again = RAW.replace("40100", "40200")
    twice = f"<content creator='initiator' name='voice'>{RAW}</content>" + (
        f"<content creator='initiator' name='voice'>{again}</content>"
    )
    assert ladder.receive(nora.set("transport-info", twice)) == ["result", "Candidates voice"]
    signal = ladder.signal()
    assert isinstance(signal, Candidates)
    transport = signal.by_media["voice"]
    assert isinstance(transport, RawUdp)
    assert [item.port for item in transport.candidates] == [40200]
    ladder.send(Candidates(signal.by_media))
    ladder.send(Answer(answer(content(transport=RAW))))
    assert ladder.send(Candidates(signal.by_media)) == ["transport-info voice"]
    assert ladder.send(Candidates({"voice": RawUdp()})) == []


def test_candidates_of_another_transport_than_the_answers_are_not_mixed_into_it() -> None:
    ladder = offered()
    ladder.send(Candidates({"voice": RawUdp()}))
    ladder.send(Candidates({"voice": Ice()}))
    assert ladder.send(Answer(answer())) == ["session-accept voice"]


def test_candidates_of_nobodys_content_and_empty_transports_are_acknowledged_and_dropped() -> None:
    ladder = offered()
    stray = f"<content creator='initiator' name='nobody'>{ice(candidate(3))}</content>"
    assert ladder.receive(nora.set("transport-info", stray)) == ["result"]
    assert "transport-info" in ladder.leg.dropped
    for inside in ("<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'/>", ""):
        empty = f"<content creator='initiator' name='voice'>{inside}</content>"
        assert ladder.receive(nora.set("transport-info", empty)) == ["result"]


@pytest.mark.conformance("ICE-30")
def test_candidates_without_any_known_credentials_are_a_bad_request() -> None:
    ladder = offered(content(transport=RAW))
    trickled = f"<content creator='initiator' name='voice'>{ice(candidate(2), setup='', ufrag='')}</content>"
    assert ladder.receive(nora.set("transport-info", trickled)) == ["error bad-request"]


def test_candidates_of_the_other_side_wait_for_its_answer_and_then_go_one_by_one_with_credentials() -> None:
    ladder = offered()
    more = [
        Candidate(
            foundation=str(number),
            component=1,
            protocol="udp",
            priority=100 + number,
            ip=f"198.51.100.{number}",
            port=5000,
            type=CandidateType.HOST,
            id=f"x{number}",
            generation=0,
        )
        for number in range(4)
    ]
    assert ladder.send(Candidates({"voice": Ice(candidates=(more[0],))})) == []
    ladder.send(Answer(answer()))
    accept = ladder.request().children[0]
    ips = [item.get("ip") for item in accept.iter("{urn:xmpp:jingle:transports:ice-udp:1}candidate")]
    assert ips == ["198.51.100.0"]
    trickled = {"voice": Ice(candidates=tuple(more[1:3])), "nobody": Ice(candidates=(more[3],))}
    assert ladder.send(Candidates(trickled)) == ["transport-info voice", "transport-info voice"]
    (transport,) = ladder.request().children[0].iter("{urn:xmpp:jingle:transports:ice-udp:1}transport")
    assert (transport.get("ufrag"), transport.get("pwd")) == ("uf01", "secretsecretsecret0001")
    assert len(transport) == 1


# --------------------------------------------------------------------------------------------------- message initiation


@pytest.mark.conformance("JMI-14", "JMI-15", "COMP-19")
def test_a_propose_gets_its_receipt_and_proceed_from_one_full_jid_and_then_the_session() -> None:
    first = nora.propose(more="<request xmlns='urn:xmpp:receipts'/>")
    ladder = answering(first)
    assert ladder.receive(first) == ["received", "proceed"]
    proceed = ladder.stanza()
    assert (proceed.sender, proceed.to, proceed.type) == (LOCAL, PHONE, "chat")
    opening = nora.set("session-initiate", content())
    assert ladder.receive(opening) == ["result", "Offer voice"]
    assert ladder.leg.deadline is None
    assert ladder.send(Progress()) == ["session-info ringing"]
    assert ladder.send(Answer(answer())) == ["session-accept voice"]


@pytest.mark.conformance("JMI-22")
def test_after_a_session_that_began_by_message_finish_is_sent_whoever_ends_it() -> None:
    for ours in (True, False):
        ladder = proceeded()
        ladder.receive(nora.set("session-initiate", content()))
        ladder.send(Answer(answer()))
        ladder.acknowledge()
        words = ladder.send(HANGUP) if ours else ladder.receive(nora.terminate())
        assert words == (
            ["session-terminate success", "finish success"] if ours else ["result", "finish success", "End success"]
        )
        finish = next(item for item in reversed(ladder.said) if isinstance(item, Stanza) and item.kind == "message")
        assert (finish.sender, finish.to) == (LOCAL, PHONE)


@pytest.mark.conformance("JMI-16")
@pytest.mark.parametrize("media", ["video", "application", ""])
def test_a_propose_of_what_is_not_carried_here_is_rejected(media: str) -> None:
    first = nora.propose(media) if media else nora.message("propose", "<other xmlns='urn:example'/>")
    ladder = answering(first)
    assert ladder.receive(first) == ["reject unsupported-applications", "End unsupported-applications"]
    assert ladder.leg.closed
    assert ladder.stanza().to == PHONE


def test_a_propose_of_audio_and_video_is_about_audio() -> None:
    first = nora.propose("audio", "video")
    assert answering(first).receive(first) == ["proceed"]


@pytest.mark.conformance("JMI-17")
def test_a_propose_that_is_taken_back_was_no_call() -> None:
    ladder = proceeded()
    assert ladder.receive(nora.message("retract", jmi_reason("cancel"), to=NUMBER)) == ["End cancel"]
    assert ladder.leg.closed
    assert ladder.receive(nora.set("session-initiate", content())) == ["error item-not-found unknown-session"]


def test_a_retract_without_a_reason_is_a_cancel() -> None:
    assert proceeded().receive(nora.message("retract")) == ["End cancel"]


def test_another_device_can_neither_take_back_nor_begin_what_this_one_proposed() -> None:
    ladder = proceeded()
    laptop = User(LAPTOP)
    assert ladder.receive(laptop.message("retract")) == []
    assert ladder.receive(laptop.set("session-initiate", content())) == ["error item-not-found unknown-session"]
    assert ladder.receive(nora.set("session-initiate", content())) == ["result", "Offer voice"]


def test_before_its_session_initiate_a_proposed_session_is_unknown() -> None:
    assert proceeded().receive(nora.set("session-info")) == ["error item-not-found unknown-session"]


def test_a_client_that_does_not_go_on_after_proceed_is_told_so() -> None:
    ladder = proceeded()
    assert ladder.wait(TIMERS.proceed_timeout_seconds) == ["reject timeout", "End timeout"]
    assert ladder.leg.closed


def test_a_client_that_cannot_get_our_proceed_is_gone() -> None:
    ladder = proceeded()
    proceed = ladder.stanza()
    bounce = fromstring(
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    )
    stranger = Stanza(kind="message", type="error", id=proceed.id, sender=STRANGER, to=LOCAL, children=(bounce,))
    assert ladder.receive(stranger) == []
    back = Stanza(kind="message", type="error", id=proceed.id, sender=PHONE, to=LOCAL, children=(bounce,))
    assert ladder.receive(back) == ["End gone 480"]
    assert ladder.leg.closed


def test_a_client_that_goes_offline_after_proceed_is_gone() -> None:
    ladder = proceeded()
    ladder.gone()
    assert ladder.wait(10) == ["End gone"]


def test_a_call_that_ends_between_proceed_and_session_is_rejected_and_its_session_refused() -> None:
    ladder = proceeded()
    assert ladder.send(End(EndReason.GONE, "the gateway is leaving")) == ["reject gone"]
    assert not ladder.leg.closed
    assert ladder.receive(nora.set("session-initiate", content())) == ["error item-not-found unknown-session"]
    assert ladder.wait(TIMERS.iq_timeout_seconds) == []
    assert ladder.leg.closed


def test_a_finish_of_the_client_ends_the_call_when_no_session_terminate_follows() -> None:
    ladder = proceeded()
    ladder.receive(nora.set("session-initiate", content()))
    ladder.send(Answer(answer()))
    ladder.acknowledge()
    assert ladder.receive(nora.message("finish", jmi_reason("connectivity-error"))) == []
    assert ladder.wait(2) == [
        "session-terminate connectivity-error",
        "finish connectivity-error",
        "End connectivity-error",
    ]


def test_a_finish_ahead_of_the_session_terminate_is_harmless() -> None:
    ladder = answered()
    assert ladder.receive(nora.message("finish", jmi_reason("success"))) == []
    assert ladder.receive(nora.terminate()) == ["result", "End success"]
    assert ladder.leg.closed


@pytest.mark.parametrize("kind", ["ringing", "proceed", "accept", "reject"])
def test_messages_that_mean_nothing_here_are_ignored(kind: str) -> None:
    ladder = proceeded()
    assert ladder.receive(nora.message(kind)) == []
    assert ladder.receive(nora.message("retract", sid="another")) == []
    assert ladder.receive(nora.message("retract", sid="")) == []
    assert ladder.receive(nora.message("retract", type="groupchat")) == []
    assert ladder.receive(nora.set("session-initiate", content())) == ["result", "Offer voice"]


def test_where_presence_is_not_shared_the_caller_gets_it_with_caps_while_the_call_lasts() -> None:
    caps = fromstring("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>")
    first = nora.propose()
    ladder = answering(first, announce=(caps,))
    assert ladder.receive(first) == ["presence", "proceed"]
    ladder.receive(nora.set("session-initiate", content()))
    assert ladder.send(End(EndReason.BUSY, None, 486, "Busy Here")) == [
        "session-terminate busy",
        "finish busy",
        "presence unavailable",
    ]
    assert {item.to for item in ladder.said if isinstance(item, Stanza) and item.kind == "presence"} == {PHONE}


# ------------------------------------------------------------------------------------------------- calls that never are


@pytest.mark.conformance("JIN-02", "JIN-03", "COMP-14", "ROB-03")
@pytest.mark.parametrize(
    ("condition", "type"),
    [
        ("service-unavailable", "cancel"),
        ("resource-constraint", "wait"),
        ("registration-required", "auth"),
        ("forbidden", "auth"),
    ],
)
def test_a_session_initiate_that_may_not_be_is_refused_with_the_condition(condition: str, type: str) -> None:
    failure = PeerError("calls: not for you", condition=condition)
    (reply,) = refuse(nora.set("session-initiate", content()), failure, local=LOCAL, id="r1")
    assert word(reply) == f"error {condition}"
    assert reply.children[0].get("type") == type


@pytest.mark.conformance("JMI-20", "ROB-03")
def test_a_propose_that_may_not_be_is_rejected_from_the_full_jid() -> None:
    failure = PeerError("number: too short", condition="item-not-found", status=404, reason=EndReason.GONE)
    first = nora.propose(more="<request xmlns='urn:xmpp:receipts'/>")
    received, reject = refuse(first, failure, local=LOCAL, id="r1")
    assert [word(received), word(reject)] == ["received", "reject gone"]
    assert (reject.sender, reject.to, reject.type) == (LOCAL, PHONE, "chat")
    assert reason_text(reject) == "number: too short"


def test_other_messages_are_refused_in_silence() -> None:
    failure = PeerError("no")
    for stanza in (nora.message("retract"), nora.message("propose", sid=""), nora.message("propose", type="groupchat")):
        assert refuse(stanza, failure, local=LOCAL, id="r1") == []


def test_a_leg_that_is_told_the_end_before_its_first_stanza_just_closes() -> None:
    first = nora.set("session-initiate", content())
    leg = JingleLeg.answering(name="c", request=first, local=LOCAL, new_id=ids, settings=TIMERS)
    assert leg.send(HANGUP, 0.0) == []
    assert leg.closed


def test_the_contents_of_the_offer_have_their_creator() -> None:
    offer = offered().signal()
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert offer.description.media[0].creator is Role.INITIATOR
    assert DOMAIN in LOCAL
