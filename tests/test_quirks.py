"""What we know of the clients' ways, what becomes of each here, and which test shows it.

A row is a client, what it does or cannot take, and how the gateway meets it: by a COMPAT of that name in the code, or
as it meets everybody.  A test is named by its file and function; a folder of `descriptions` is a pair that is read and
written both ways.  A new quirk gets its test first, then its row.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
GATEWAY = TESTS.parent / "gateway"

CC = "Conversations"
"And Cheogram, which has its code for calls."

ANY = ""
"As everybody."

LEG, FLOWS, PEERS = "jingle/test_dialects.py::", "flows/test_dialects.py::", "peers/dialects/test_dialects.py::"
CHANGES, CALLING = "jingle/test_leg_changes.py::", "jingle/test_leg_calling.py::"
ANSWERING = "jingle/test_leg_answering.py::"
CANDIDATES, TREE, REQUEST = "jingle/test_candidates.py::", "jingle/test_tree.py::", "jingle/test_request.py::"
MATRIX = (PEERS + "test_each_kind_of_client_calls_a_phone", PEERS + "test_each_kind_of_client_is_called_by_a_phone")

Row = tuple[str, str, str, tuple[str, ...]]

MEDIA: tuple[Row, ...] = (
    (
        "browsers",
        "opus first, red, CN, telephone-event of both rates",
        ANY,
        (
            "descriptions/stanza-offer",
            "media/test_negotiation.py::test_redundancy_and_what_is_not_named_do_not_pass",
            "media/test_negotiation.py::test_an_offer_has_digits_at_the_rate_of_each_codec",
        ),
    ),
    (
        "Dino",
        "uses the first payload type alone, so the one that is sent stands first",
        ANY,
        (
            "descriptions/dino-accept",
            "media/test_negotiation.py::test_an_answer_keeps_the_order_of_the_other_side",
            *MATRIX,
        ),
    ),
    (
        "Dino",
        "no telephone-event",
        ANY,
        (
            "descriptions/dino-offer",
            "media/test_negotiation.py::test_digits_are_offered_though_the_other_side_has_none",
            FLOWS + "test_who_has_no_key_pad_writes_the_keys",
        ),
    ),
    ("Dino", "a key of SDES beside the fingerprint, which comes first", ANY, ("descriptions/dino-sdes-offer",)),
    ("Gajim", "OPUS without channels, every foundation 1, odd priorities", ANY, ("descriptions/gajim-offer", *MATRIX)),
    (
        "Gajim",
        "plain RTP over ICE; an offer of DTLS ends in content-remove and terminate",
        "Gajim",
        (
            "flows/test_anchored.py::test_a_client_without_message_initiation_is_offered_what_it_can",
            FLOWS + "test_gajim_refuses_what_it_cannot_take_by_removing_it",
        ),
    ),
    ("Gajim", "no trickle, TCP candidates without a type", ANY, ("descriptions/gajim-tcp-candidates-offer",)),
    ("Gajim", "no rtcp-mux, two components", ANY, ("descriptions/gajim-accept", *MATRIX)),
    ("Kaidan", "DTLS or plain RTP, without rtcp-mux", ANY, ("descriptions/kaidan-offer", *MATRIX)),
    ("Psi", "plain RTP, the transport of XEP-0371, names A and V", ANY, ("descriptions/psi-ice0-offer", *MATRIX)),
    (
        "aTalk",
        "DTLS, SDES with AES-256 first and ZRTP together; ptime as a parameter",
        ANY,
        ("descriptions/atalk-offer", *MATRIX),
    ),
    (
        CC,
        "requires DTLS; actpass in an offer, a fingerprint in each content",
        ANY,
        ("flows/test_anchored.py::test_a_phone_calls_and_hears_the_anchor", *MATRIX),
    ),
    (
        "Dino",
        "always active as answerer, turns client as offerer where the answer says passive",
        ANY,
        (
            "media/test_security.py::test_a_role_that_is_left_out_is_the_answerers",
            "jingle/test_description.py::test_the_dtls_role_of_an_offer_and_an_answer",
        ),
    ),
    (
        "stanza.js",
        "what its browser refuses stands in its session-accept, with an empty transport",
        "stanza.js",
        (CALLING + "test_what_a_browser_refuses_is_not_accepted_though_it_is_said",),
    ),
    ("browsers", "require rtcp-mux", ANY, ("media/test_contract.py::test_a_phone_calls_a_browser", *MATRIX)),
    (
        "browsers",
        "a group is echoed if and only if it was offered",
        ANY,
        (ANSWERING + "test_a_group_is_echoed_if_it_was_offered_and_is_in_the_answer", *MATRIX),
    ),
    (
        "Movim",
        "max-bundle: refuses an answer without its group",
        ANY,
        (
            "descriptions/movim-video-offer",
            "media/test_calls.py::test_sound_and_pictures_share_a_way_where_that_was_agreed_on",
            *MATRIX,
        ),
    ),
    ("Dino", "never bundles: each content has its own transport", ANY, ("descriptions/dino-video-offer", *MATRIX)),
    (
        CC,
        "trickles, or sends all at once to who knows urn:ietf:rfc:3264",
        ANY,
        (
            "descriptions/conversations-offer",
            "flows/test_call.py::test_candidates_that_trickle_in_are_gathered_into_one_invite",
        ),
    ),
    (
        "stanza.js",
        "ufrag without pwd in a transport-info",
        "stanza.js",
        (
            CANDIDATES + "test_credentials_may_be_left_out_in_part_or_whole",
            ANSWERING + "test_credentials_that_are_known_may_be_left_out",
        ),
    ),
    (
        "stanza.js",
        "in Firefox candidates without ufrag, after a restart of ICE, too",
        "stanza.js",
        (
            CHANGES + "test_candidates_without_credentials_are_those_of_the_latest_restart",
            CHANGES + "test_candidates_of_a_restart_that_waits_for_another_change_wait_with_it",
            "peers/test_firefox.py::test_firefox_and_chromium_see_and_hear_each_other",
        ),
    ),
    (
        "stanza.js",
        "gathering-complete in the namespace of its transport",
        ANY,
        (
            CANDIDATES + "test_the_end_of_the_candidates_is_passed_on",
            CANDIDATES + "test_the_end_of_the_other_sides_is_told_to_a_client_that_tells_its_own",
        ),
    ),
    (
        "stanza.js",
        "red with a parameter that is no pair, rtcp-reduced-size, stream",
        ANY,
        ("descriptions/stanza-offer", TREE + "test_format_parameters_are_read_as_clients_write_them"),
    ),
    (
        "browsers",
        "full ICE: the gateway must not be lite, and controls as the caller",
        ANY,
        ("media/test_ice.py::test_who_decides_is_settled_between_two_that_both_want_to",),
    ),
    (
        CC,
        "ICE options of a namespace of its own, which tell it from others",
        CC,
        (LEG + "test_a_client_is_known_by_what_it_writes", "descriptions/cheogram-video-offer"),
    ),
    (
        "everybody",
        "creator initiator, also for what the responder adds",
        ANY,
        (
            "descriptions/dino-content-add-video",
            CHANGES + "test_a_content_of_the_other_side_is_offered_and_its_acceptance_answers",
        ),
    ),
    (
        "everybody",
        "senders may be missing",
        ANY,
        ("jingle/test_description.py::test_senders_and_creator_have_defaults",),
    ),
    (
        "everybody",
        "ssrc, hdrext, rtcp-fb and group may be left out",
        ANY,
        ("media/test_contract.py::test_a_browser_calls_a_phone", *MATRIX),
    ),
)

IN_CALL: tuple[Row, ...] = (
    (
        CC,
        "ends the call when a content-modify tells it not to send; lets session-info hold pass",
        CC,
        (
            LEG + "test_a_hold_is_told_as_such_to_a_client_that_ends_the_call_when_it_is_not_to_send",
            LEG + "test_one_content_of_several_that_it_is_not_to_send_is_not_told",
            LEG + "test_an_error_to_a_hold_is_not_followed_by_what_would_end_the_call",
            FLOWS + "test_each_client_is_held_by_the_phone_and_resumed",
            FLOWS + "test_a_hold_and_a_video_that_ends_leave_it_the_call_where_media_are_direct_too",
            *MATRIX,
        ),
    ),
    (
        CC,
        "cannot be told to send what it was told not to send from the beginning",
        CC,
        (FLOWS + "test_a_phone_that_shows_video_after_it_had_none_is_seen_and_sees_nothing",),
    ),
    (
        "everybody",
        "held, handed on, and talking again",
        ANY,
        (FLOWS + "test_each_client_is_held_and_handed_on_and_talks_again",),
    ),
    (
        CC,
        "takes a content-modify by which the other side stops or begins to send",
        CC,
        (LEG + "test_that_the_other_side_does_not_send_is_told_it_by_content_modify",),
    ),
    (
        CC,
        "content-add of video in its bundle: an empty transport, and a group of all",
        CC,
        (
            LEG + "test_video_that_joins_a_bundle_has_its_transport",
            FLOWS + "test_each_client_that_adds_video_is_seen",
            FLOWS + "test_video_in_the_bundle_of_the_sound_is_offered_with_its_transport",
        ),
    ),
    (
        CC,
        "so is the transport of its content-accept empty",
        CC,
        (
            LEG + "test_so_does_the_video_that_it_accepts",
            FLOWS + "test_video_that_is_accepted_in_the_bundle_is_answered_with_its_transport",
            *MATRIX,
        ),
    ),
    (
        CC,
        "compares content-accept and content-reject with its content-add: name, kind, senders",
        CC,
        (
            CHANGES + "test_the_answer_to_an_added_content_has_its_senders_and_narrower_ones_follow",
            LEG + "test_a_rejected_content_is_told_by_name_kind_and_senders",
            LEG + "test_so_is_one_that_cannot_be_carried",
            FLOWS + "test_each_client_that_adds_video_survives_that_nobody_wants_it",
            *MATRIX,
        ),
    ),
    (
        CC,
        "content-remove only withdraws a content-add that is not accepted yet; any other ends the call",
        CC,
        (
            LEG + "test_a_content_that_is_given_up_stays_with_a_client_that_can_lose_none",
            LEG + "test_what_is_taken_back_is_told_so_too",
            LEG + "test_a_change_that_fails_takes_back_what_it_has_not_accepted_and_leaves_the_rest",
            FLOWS + "test_each_client_that_takes_video_hears_that_there_is_none_any_more",
            FLOWS + "test_a_client_that_withdraws_its_video_before_the_phone_has_answered_gets_no_answer",
            *MATRIX,
        ),
    ),
    (
        CC,
        "asks to send both ways before it accepts video that it is to see only",
        CC,
        (
            LEG + "test_more_senders_than_were_offered_are_refused_and_the_content_is_accepted_with_fewer",
            FLOWS + "test_a_user_who_is_shown_something_is_not_made_to_show_something",
        ),
    ),
    (
        CC,
        "takes video only where it has sound alone; its user may refuse",
        ANY,
        (
            FLOWS + "test_a_user_who_does_not_want_video_keeps_the_sound",
            CHANGES + "test_a_content_that_nobody_accepts_is_taken_back_before_the_other_side_gives_up",
        ),
    ),
    (
        CC,
        "restarts ICE by new credentials without candidates; the answer has some",
        CC,
        (
            CHANGES + "test_a_restart_of_the_client_is_offered_and_answered_with_a_candidate",
            CHANGES + "test_a_restart_of_the_other_side_is_told_and_the_clients_answers_it",
            FLOWS + "test_it_restarts_ice_by_new_credentials_alone_and_is_answered_with_a_candidate",
        ),
    ),
    (
        CC,
        "a tie-break where both restart or change at once",
        ANY,
        (
            CHANGES + "test_a_tie_that_only_the_client_sees_is_glare",
            CHANGES + "test_of_two_equal_actions_ours_stands_where_we_began_the_session",
        ),
    ),
    (
        CC,
        "digits as RFC 4733, also after the number; none in Conversations itself",
        ANY,
        (
            "media/test_digits.py::test_a_digit_is_heard_once_with_its_whole_duration",
            FLOWS + "test_who_has_no_key_pad_writes_the_keys",
        ),
    ),
    (
        "Dino",
        "mute and unmute with name and creator",
        ANY,
        (FLOWS + "test_each_client_that_mutes_does_so_for_itself", *MATRIX),
    ),
    ("Dino", "session-info ringing on direct calls", ANY, (CALLING + "test_ringing_in_the_session_is_told_once",)),
    (
        "Dino",
        "content-add without a group, senders initiator",
        ANY,
        (FLOWS + "test_each_client_that_adds_video_is_seen", *MATRIX),
    ),
    (
        "Dino",
        "knows no content-reject and no content-remove: its user waits, and the call goes on",
        "Dino",
        (
            CHANGES + "test_a_refused_content_add_is_rejected_and_the_call_goes_on",
            FLOWS + "test_each_client_that_adds_video_survives_that_nobody_wants_it",
            *MATRIX,
        ),
    ),
    (
        "Dino",
        "reads one content of a content-modify",
        "Dino",
        (LEG + "test_several_directions_are_several_requests", *MATRIX),
    ),
    (
        "Dino",
        "knows what it was added by the creator that it said itself",
        "Dino",
        (LEG + "test_a_content_of_ours_keeps_the_creator_that_the_client_gives_it", *MATRIX),
    ),
    (
        "Dino",
        "knows no ICE restart: the first credentials stay",
        "Dino",
        (CHANGES + "test_a_restart_that_the_client_does_not_know_is_refused",),
    ),
    (
        "Monal",
        "answers nothing to actions that it does not know",
        "Monal",
        (
            LEG + "test_a_hold_that_gets_no_reply_is_waited_for_once",
            LEG + "test_so_is_a_content_modify_where_no_request_is_waited_for_that_long",
            LEG + "test_a_content_add_that_gets_no_reply_is_refused_in_time",
            FLOWS + "test_actions_that_get_no_reply_end_nothing",
            *MATRIX,
        ),
    ),
    (
        "Siskin",
        "changes senders, adds and accepts contents",
        ANY,
        (
            FLOWS + "test_each_client_that_holds_holds_the_phone",
            FLOWS + "test_each_client_is_offered_video_and_takes_it_or_not",
            *MATRIX,
        ),
    ),
    (
        "Movim",
        "answers a content-add by another session-accept",
        "Movim",
        (CHANGES + "test_another_session_accept_answers_a_content_add", "descriptions/movim-video-answer", *MATRIX),
    ),
    (
        "Movim",
        "hears no content-accept and no content-reject, but another session-accept of all",
        "Movim",
        (
            LEG + "test_the_answer_to_an_added_content_is_another_session_accept_of_all",
            LEG + "test_a_session_accept_that_answers_a_content_modify_is_let_pass",
            FLOWS + "test_each_client_that_adds_video_is_seen",
            FLOWS + "test_each_client_that_adds_video_survives_that_nobody_wants_it",
            *MATRIX,
        ),
    ),
    (
        "stanza.js",
        "hold, and its end as active; mute",
        ANY,
        (
            CHANGES + "test_a_hold_leaves_only_the_client_sending_and_its_end_restores_what_was",
            FLOWS + "test_each_client_that_holds_holds_the_phone",
        ),
    ),
    (
        "stanza.js",
        "restarts ICE for all contents at once, and is answered in the same way",
        ANY,
        (
            "peers/test_chromium.py::test_each_side_holds_and_resumes_and_the_client_restarts_ice",
            CHANGES + "test_a_restart_of_a_bundle_is_answered_for_all_of_it_by_one",
        ),
    ),
    ("xows", "hold and unhold by session-info", ANY, (FLOWS + "test_each_client_that_holds_holds_the_phone", *MATRIX)),
    ("Gajim", "content-add of video", ANY, (FLOWS + "test_each_client_that_adds_video_is_seen", *MATRIX)),
    (
        "Monal",
        "application-error, which is no condition of Jingle",
        ANY,
        (FLOWS + "test_an_end_by_a_reason_that_jingle_does_not_have_is_an_end",),
    ),
    ("Dino", "conditions with underscores", ANY, (REQUEST + "test_reasons_in_other_spellings_are_understood",)),
    (
        "Movim",
        "conditions in the namespace of message initiation",
        ANY,
        (REQUEST + "test_a_reason_in_the_namespace_of_its_parent_is_understood",),
    ),
    (
        "everybody",
        "a SIP failure before proceed is a reject with its reason",
        ANY,
        ("flows/test_anchored.py::test_a_phone_refuses_before_there_is_a_session",),
    ),
)

TROUBLES: tuple[Row, ...] = (
    (
        CC,
        "ends a call whose session-accept lacks a kind that it offered",
        CC,
        (
            FLOWS + "test_video_that_a_phone_does_not_have_is_answered_so_that_the_client_can_read_it",
            "media/test_agreement.py::test_video_that_the_phone_refuses_stands_in_the_answer_without_senders",
        ),
    ),
    (
        CC,
        "no error may answer what it asks in a call",
        ANY,
        (ANSWERING + "test_known_session_infos_are_acknowledged", *MATRIX),
    ),
    (
        "Dino",
        "a candidate of an unknown type costs the stanza",
        ANY,
        (TREE + "test_a_candidate_that_cannot_be_used_is_left_out", *MATRIX),
    ),
    (
        "Dino",
        "a transport-info of an unknown content, or with a fingerprint in it",
        "Dino",
        (CHANGES + "test_a_restart_of_the_other_side_is_told_and_the_clients_answers_it", *MATRIX),
    ),
    (
        "Dino",
        "hangs where DTLS does not begin, or plain RTP comes instead",
        ANY,
        ("media/test_security.py::test_media_that_are_to_be_protected_never_leave_unprotected",),
    ),
    ("Monal", "rel_port", "Monal", ("descriptions/monal-offer",)),
    (
        "Monal",
        "dtmp_tones",
        ANY,
        ("descriptions/monal-offer", TREE + "test_format_parameters_are_read_as_clients_write_them"),
    ),
    (
        "Monal",
        "reads one candidate of a transport-info, with ufrag and pwd",
        "Monal",
        (
            ANSWERING + "test_candidates_of_the_other_side_wait_for_its_answer_and_then_go_one_by_one_with_credentials",
            *MATRIX,
        ),
    ),
    ("Monal", "its candidates come only after the session-accept", ANY, ("descriptions/monal-accept",)),
    (
        "Monal",
        "cannot read senders none in a session-initiate or -accept",
        "Monal",
        (
            LEG + "test_nobody_sends_is_never_said_in_a_session_initiate",
            LEG + "test_nobody_sends_is_said_in_a_session_accept_where_it_is_understood",
            FLOWS + "test_video_that_a_phone_does_not_have_is_answered_so_that_the_client_can_read_it",
        ),
    ),
    (
        "Monal",
        "parameters without name or value",
        ANY,
        (TREE + "test_a_parameter_always_has_name_and_value_but_for_flags_of_sources", *MATRIX),
    ),
    (
        "Siskin",
        "foundations must be numbers",
        "TigaseSwift",
        (TREE + "test_a_foundation_is_a_number_for_clients_and_itself_for_translations", *MATRIX),
    ),
    ("Siskin", "fingerprints need a setup; related addresses are lost", ANY, ("descriptions/siskin-offer", *MATRIX)),
    (
        "Siskin",
        "feature-not-implemented to what it does not know",
        ANY,
        (CHANGES + "test_an_error_to_a_content_modify_does_not_keep_the_other_side_from_holding",),
    ),
    (
        "Movim",
        "the initiator is a bare JID; parameters without = are lost; a blank behind msid",
        ANY,
        ("descriptions/movim-bare-initiator-offer",),
    ),
    (
        "Converse",
        "replies to the initiator, not to from",
        ANY,
        (
            CALLING + "test_a_call_is_proposed_to_all_devices_from_a_full_jid",
            FLOWS + "test_each_client_is_called_and_hangs_up",
            *MATRIX,
        ),
    ),
    (
        "Gajim",
        "description-info after the accept",
        ANY,
        (FLOWS + "test_gajim_describes_its_sound_again_after_it_was_accepted",),
    ),
    (
        "Gajim",
        "goes on ringing, or calling, at any reason of an end but success and decline",
        "Gajim",
        (
            FLOWS + "test_gajim_hears_that_a_phone_is_busy_and_that_it_gives_up_as_a_no",
            "flows/test_anchored.py::test_a_client_without_message_initiation_is_offered_what_it_can",
            "peers/dialects/test_strict.py::test_what_a_client_chokes_on_is_found",
        ),
    ),
    (
        "Gajim",
        "gives up calling by a content-remove without a reason",
        ANY,
        (FLOWS + "test_gajim_gives_up_calling_by_removing_what_it_offered",),
    ),
    (
        "xows",
        "senders on the transport, a source for each attribute, no candidate ids",
        "xows",
        ("descriptions/xows-offer", TREE + "test_sources_of_one_number_are_one", *MATRIX),
    ),
    (
        "xows",
        "knows no transport-info",
        ANY,
        (CALLING + "test_a_refused_transport_info_is_forgiven_unless_the_session_is_lost",),
    ),
    (
        "aTalk",
        "ringing with the responder as initiator",
        ANY,
        (FLOWS + "test_who_rings_by_itself_says_so_with_whatever_initiator",),
    ),
    ("old clients", "no fingerprint, a name with a blank, audio-session", ANY, ("descriptions/pidgin-offer", *MATRIX)),
    (
        "everybody",
        "a group before or after the contents, attributes in any order",
        ANY,
        (
            "jingle/test_description.py::test_groups_may_come_first",
            REQUEST + "test_the_order_of_what_is_inside_does_not_matter",
        ),
    ),
    (
        "everybody",
        "transport-info before the session-accept, and before the session-initiate has its result",
        ANY,
        (
            CALLING + "test_candidates_ahead_of_the_accept_come_with_the_answer",
            ANSWERING + "test_candidates_right_behind_the_session_initiate_are_passed_on",
        ),
    ),
    (
        "everybody",
        "empty transports, and none",
        ANY,
        (ANSWERING + "test_candidates_of_nobodys_content_and_empty_transports_are_acknowledged_and_dropped",),
    ),
    ("everybody", "candidates that come twice", ANY, (CANDIDATES + "test_a_candidate_that_comes_twice_is_one",)),
    (
        "everybody",
        "candidates of component 2 although mux was agreed",
        ANY,
        (CANDIDATES + "test_candidates_for_rtcp_are_taken_though_mux_was_offered", "descriptions/dino-accept"),
    ),
    (
        "browsers",
        ".local addresses",
        ANY,
        (
            CANDIDATES + "test_an_address_that_only_the_browsers_network_knows_is_left_out",
            "media/test_ice.py::test_a_peer_that_tells_no_usable_candidate_is_found_by_its_own_checks",
        ),
    ),
    (
        "Asterisk",
        "hangs up with Q.850;cause=0, and refuses with 603 at the end of its dialplan",
        "Asterisk",
        (
            "sip/test_reasons.py::test_a_bye_says_why_by_its_reason_header",
            "sip/test_reasons.py::test_who_declines_without_a_cause_has_come_to_the_end_of_its_dialplan",
        ),
    ),
    ("everybody", "no key pad: digits are written", ANY, (FLOWS + "test_who_has_no_key_pad_writes_the_keys",)),
)

ROWS = (*MEDIA, *IN_CALL, *TROUBLES)
_COMPAT = re.compile(r"COMPAT(?:\(| )([A-Z]?[\w.]+(?:, [\w.]+)*)\)?")
_CLIENTS = {
    "Asterisk",
    "Conversations",
    "Dino",
    "Gajim",
    "Monal",
    "Movim",
    "Siskin",
    "TigaseSwift",
    "stanza.js",
    "xows",
}


@cache
def functions(path: str) -> frozenset[str]:
    """The tests of a file."""
    nodes = ast.parse((TESTS / path).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def exists(test: str) -> bool:
    """Whether a test, or a pair of descriptions, is there."""
    path, _, function = test.partition("::")
    return function in functions(path) if function else (TESTS / path / "jingle.xml").exists()


def named() -> set[str]:
    """The clients that the code of the gateway has a COMPAT for."""
    texts = (path.read_text(encoding="utf-8") for path in GATEWAY.rglob("*.py"))
    said = {name for text in texts for found in _COMPAT.findall(text) for name in found.split(", ")}
    return said & _CLIENTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}"[:60])
def test_each_quirk_is_shown_by_tests_that_there_are(row: Row) -> None:
    assert row[3]
    assert [test for test in row[3] if not exists(test)] == []


def test_each_client_that_the_code_makes_room_for_has_its_row() -> None:
    # Both back-ends and the writer name Siskin or the library that it is made of.
    told = {compat for _, _, compat, _ in ROWS if compat}
    assert told | {"Siskin"} == named()


def test_no_quirk_is_told_twice() -> None:
    assert len({(who, what) for who, what, _, _ in ROWS}) == len(ROWS)
