"""A call at run time: its inbox, its clock, what its legs may do to it, and what it says of itself."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.call.anchoring import Anchoring
from gateway.call.facts import CallLimits
from gateway.call.task import GIVE_WAY
from gateway.errors import PeerError
from gateway.media.anchor import PHONE, WEB, Failed
from gateway.media.anchor import Call as AnchoredCall
from gateway.signals import Answer, Candidates, End, Offer, Progress, Refuse
from mappings.description import Description
from mappings.reasons import EndReason
from tests.call.paper_anchor import PaperAnchors
from tests.call.script import AUDIO, CALLEE, CALLER, ScriptedLeg, call

HANGUP = End(EndReason.SUCCESS)
OFFERS = {"offers": ["ack", Offer(AUDIO)], "hangs up": ["ack", HANGUP]}
ANSWERS = {Offer: ["INVITE"], "rings": [Progress()], "answers": ["ACK", Answer(AUDIO)], "hangs up": [HANGUP]}


def answered() -> tuple[ScriptedLeg, ScriptedLeg]:
    """Two legs that can make a call."""
    return ScriptedLeg(dict(OFFERS)), ScriptedLeg(dict(ANSWERS))


def test_what_a_leg_returns_is_carried_out_in_its_order() -> None:
    with call(*answered()) as made:
        made.puts(CALLER, "offers")
        assert made.sent == [("caller", "ack"), ("callee", "INVITE")]
        assert made.legs[CALLEE].heard == [Offer(AUDIO)]


def test_messages_are_taken_in_the_order_in_which_they_came() -> None:
    with call(*answered()) as made:
        made.task.put(CALLER, "offers")
        made.task.put(CALLEE, "rings")
        made.task.put(CALLEE, "answers")
        made.loop.settle()
        assert [type(item) for item in made.legs[CALLER].heard[1:]] == [Progress, Answer]


def test_a_call_is_over_when_both_legs_are_closed_and_leaves_one_line() -> None:
    caller, callee = answered()
    with call(caller, callee) as made:
        made.puts(CALLER, "offers")
        made.loop.advance(3)
        made.puts(CALLEE, "rings", "answers")
        made.loop.advance(60)
        made.puts(CALLER, "hangs up")
        assert callee.heard[-1] == HANGUP
        assert not made.running.done()  # the caller's leg still waits for something
        made.puts(CALLER, "closes")
        assert made.running.done()
        assert made.closed == [made.task]
        line = made.line()
        assert (line["setup_seconds"], line["duration_seconds"], line["codec"]) == (3, 60, "PCMU")
        assert (line["reason"], line["ended_by"], line["jingle_sid"]) == ("success", "caller", "a-session")
        assert made.counts.of["ended", "xmpp", "success", "caller"] == 1
        assert (made.counts.setups, made.counts.durations) == ([3], [60])
        assert [entry["event"] for entry in made.log] == ["call_opened", "leg_ringing", "leg_answered", "call_ended"]


def test_a_call_whose_end_cannot_be_told_is_forgotten_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ValueError

    caller, callee = answered()
    with call(caller, callee) as made:
        monkeypatch.setattr(made.task.story, "tell", broken)
        made.puts(CALLER, "offers")
        made.puts(CALLEE, "answers")
        made.task.end(HANGUP)
        made.loop.settle()
        assert made.closed == [made.task]
        assert made.running.exception() is None
        assert [entry["event"] for entry in made.log if entry["log_level"] == "error"] == ["call_untold"]


def test_a_leg_is_told_of_its_deadline_at_that_time() -> None:
    caller, callee = answered()
    caller.deadline = 1_005.0
    with call(caller, callee) as made:
        made.loop.advance(4.9)
        assert not caller.heard
        made.loop.advance(0.2)
        assert caller.heard == ["expired at 1005"]


def test_a_deadline_that_moved_away_is_waited_for_anew() -> None:
    caller, callee = answered()
    caller.deadline = 1_005.0
    with call(caller, callee) as made:
        made.loop.settle()
        caller.deadline = 1_020.0
        made.loop.advance(19)
        assert not caller.heard
        made.loop.advance(1)
        assert caller.heard == ["expired at 1020"]


def test_a_deadline_that_comes_nearer_is_kept() -> None:
    caller, callee = answered()
    caller.deadline = 1_050.0
    with call(caller, callee) as made:
        made.loop.settle()
        callee.deadline = 1_002.0
        made.puts(CALLEE, "a message")
        made.loop.advance(2)
        assert callee.heard == ["a message", "expired at 1002"]


def test_nobody_answers_for_ever() -> None:
    with call(*answered(), limits=CallLimits(ring_seconds=30)) as made:
        made.puts(CALLER, "offers")
        made.loop.advance(29.9)
        assert not made.task.over
        made.loop.advance(0.1)
        assert made.legs[CALLEE].heard[-1].reason is EndReason.TIMEOUT
        assert made.legs[CALLER].heard[-1].reason is EndReason.TIMEOUT
        assert made.line()["ended_by"] == "gateway"


@pytest.mark.conformance("END-36")
def test_the_longest_call_expires() -> None:
    with call(*answered(), limits=CallLimits(ring_seconds=30, call_seconds=100)) as made:
        made.puts(CALLER, "offers")
        made.puts(CALLEE, "answers")
        made.loop.advance(99.9)
        assert not made.task.over
        made.loop.advance(0.1)
        assert made.line()["reason"] == "expired"
        assert made.line()["duration_seconds"] == 100


def test_a_call_that_is_cut_off_while_its_media_are_given_back_is_over_all_the_same() -> None:
    anchors = PaperAnchors()
    legs = {CALLER: WEB, CALLEE: PHONE}
    anchoring = Anchoring(anchors, AnchoredCall(id="c1", legs=legs), wanted=lambda offer: True, caller_proposes=False)
    with call(*answered(), anchoring=anchoring) as made:

        async def never() -> None:
            await made.loop.create_future()

        made.puts(CALLER, "offers")
        anchors.opened[0].close = never  # type: ignore[method-assign]
        made.puts(CALLER, "hangs up", "closes")
        assert not made.running.done()
        made.running.cancel()
        made.loop.settle()
        assert made.closed == [made.task]
        assert made.line()["reason"] == "success"
        assert made.counts.media.told[-1] == ("closed", "paper")


def test_media_that_stop_after_the_end_are_not_lost() -> None:
    anchors = PaperAnchors()
    legs = {CALLER: WEB, CALLEE: PHONE}
    anchoring = Anchoring(anchors, AnchoredCall(id="c1", legs=legs), wanted=lambda offer: True, caller_proposes=False)
    with call(*answered(), anchoring=anchoring) as made:
        made.puts(CALLER, "offers", "hangs up")
        assert not made.running.done()  # the caller's leg still waits for something, and its client is gone
        anchors.opened[0].listener(Failed(CALLER, EndReason.CONNECTIVITY_ERROR, "no consent"))
        made.puts(CALLER, "closes")
        assert made.running.done()
        assert "failed" not in [told[0] for told in made.counts.media.told]
        assert "media_failed" not in [entry["event"] for entry in made.log]


def test_what_a_leg_cannot_bear_ends_the_call_on_both_sides_with_its_words() -> None:
    caller, callee = answered()
    callee.script[Offer] = PeerError("too odd", status=488, reason=EndReason.INCOMPATIBLE_PARAMETERS)
    with call(caller, callee) as made:
        made.puts(CALLER, "offers")
        assert caller.heard[-1] == callee.heard[-1] == End(EndReason.INCOMPATIBLE_PARAMETERS, "too odd", 488)
        assert made.running.done()
        assert "peer_refused" in [entry["event"] for entry in made.log]


def test_a_signal_out_of_place_is_counted_and_changes_nothing() -> None:
    caller, callee = answered()
    callee.script["answers twice"] = [Answer(AUDIO), Answer(AUDIO), "ACK"]
    with call(caller, callee) as made:
        made.puts(CALLEE, "answers")
        assert made.counts.of["out of order", "callee", "Answer"] == 1
        made.puts(CALLER, "offers")
        made.puts(CALLEE, "answers twice")
        assert made.counts.of["out of order", "callee", "Answer"] == 2
        assert made.sent[-1] == ("callee", "ACK")
        assert made.task.answered


def test_after_the_end_nothing_crosses_any_more() -> None:
    caller, callee = answered()
    with call(caller, callee) as made:
        made.puts(CALLER, "offers", "hangs up")
        callee.closed = False
        callee.script["late"] = [Candidates({}), "still said"]
        made.puts(CALLEE, "late")
        assert made.counts.of["out of order", "callee", "Candidates"] == 1
        assert made.sent[-1] == ("callee", "still said")
        assert not any(isinstance(item, Candidates) for item in caller.heard)


def test_a_call_ends_from_outside_and_once() -> None:
    caller, callee = answered()
    with call(caller, callee) as made:
        made.puts(CALLER, "offers")
        gone = End(EndReason.GONE, "the gateway is stopping", 503)
        made.task.end(gone)
        made.task.end(gone)
        made.loop.settle()
        assert caller.heard.count(gone) == callee.heard.count(gone) == 1
        assert made.line()["status"] == 503


def test_a_call_that_ends_before_it_offered_calls_nobody() -> None:
    caller, callee = answered()
    callee.closed = True  # as a leg is that has nothing to do yet
    with call(caller, callee) as made:
        made.puts(CALLER, "hangs up")
        made.puts(CALLER, "closes")
        assert made.running.done()
        assert not callee.heard


def test_a_call_gives_way() -> None:
    caller, callee = answered()
    callee.script["give way"] = ["retract", End(EndReason.BUSY)]
    with call(caller, callee) as made:
        made.puts(CALLER, "offers")
        made.puts(CALLEE, GIVE_WAY)
        assert made.sent[-1] == ("callee", "retract")
        assert caller.heard[-1] == End(EndReason.BUSY)
        assert made.running.done()


def test_a_redirection_is_told_in_the_other_sides_words_or_not_at_all() -> None:
    for address, told in (("xmpp:a@b", "sip:a%40b@gw"), ("mailto:a@b", None)):
        caller, callee = answered()
        callee.script["moved"] = [End(EndReason.GENERAL_ERROR, "elsewhere", 302, redirect=address)]
        with call(caller, callee, address={"xmpp:a@b": "sip:a%40b@gw"}.get) as made:
            made.puts(CALLER, "offers")
            made.puts(CALLEE, "moved")
            assert caller.heard[-1].redirect == told


def test_what_was_dropped_is_counted_once_under_its_spelling() -> None:
    caller, callee = answered()
    caller.dropped += ["candidate", "candidate", "group"]
    with call(caller, callee) as made:
        made.puts(CALLER, "offers", "offers")
        assert made.counts.of["dropped", "jingle", "candidate"] == 2
        assert made.counts.of["dropped", "jingle", "group"] == 1
        assert not caller.dropped


def test_a_refused_change_leaves_the_call_and_its_facts() -> None:
    caller, callee = answered()
    callee.script["refuses"] = [Refuse(EndReason.FAILED_APPLICATION)]
    with call(caller, callee) as made:
        made.puts(CALLER, "offers")
        made.puts(CALLEE, "answers")
        made.loop.advance(5)
        made.puts(CALLER, "offers")
        made.puts(CALLEE, "refuses")
        made.puts(CALLER, "hangs up", "closes")
        assert made.line()["setup_seconds"] == 0
        assert "offer_refused" in [entry["event"] for entry in made.log]


@pytest.mark.parametrize("breaks", ["receive", "send", "expire"])
def test_a_bug_ends_the_call_with_a_word_to_both_sides_and_a_traceback(breaks: str) -> None:
    caller, callee = answered()
    bug = ZeroDivisionError("a bug of ours")
    caller.script |= {End: ["session-terminate"], "breaks": bug, "expire": bug}
    callee.script |= {End: ["BYE"]}
    if breaks == "send":
        callee.script[Offer] = bug
    with call(caller, callee) as made:
        if breaks == "expire":
            caller.deadline = 1_001.0
            made.puts(CALLER, "offers")
            made.loop.advance(1)
        else:
            made.puts(CALLER, "offers", "breaks")
        assert made.running.done()
        assert made.running.exception() is None
        assert made.sent[-2:] == [("caller", "session-terminate"), ("callee", "BYE")]
        (failure,) = [entry for entry in made.log if entry["log_level"] == "error"]
        assert failure["event"] == "call_failed"
        assert (made.line()["reason"], made.line()["ended_by"]) == ("general-error", "gateway")
        assert made.closed == [made.task]


def test_a_leg_that_cannot_even_say_goodbye_keeps_nobody_from_it() -> None:
    caller, callee = answered()
    caller.script |= {"breaks": ZeroDivisionError(), End: ZeroDivisionError()}
    callee.script |= {End: ["BYE", HANGUP]}
    with call(caller, callee) as made:
        made.puts(CALLER, "offers", "breaks")
        assert made.sent[-1] == ("callee", "BYE")
        assert made.closed == [made.task]
        assert [entry["event"] for entry in made.log if entry["log_level"] == "error"] == ["call_failed", "leg_failed"]


def test_what_nobody_answered_when_a_call_broke_is_told() -> None:
    caller, callee = answered()
    caller.script |= {"breaks": ZeroDivisionError()}
    with call(caller, callee) as made:
        made.puts(CALLER, "offers", "breaks", "another")
        party = made.task.parties[CALLER]
        assert made.task.unanswered == [(party, "breaks"), (party, "another")]


def test_what_was_answered_before_a_call_broke_is_not_told_as_unanswered() -> None:
    caller, callee = answered()
    callee.script[Offer] = ZeroDivisionError()
    with call(caller, callee) as made:
        made.puts(CALLER, "offers", "another")
        assert made.sent[0] == ("caller", "ack")
        assert made.task.unanswered == [(made.task.parties[CALLER], "another")]


def test_a_call_that_is_cut_off_is_forgotten_and_told_of() -> None:
    with call(*answered()) as made:
        made.puts(CALLER, "offers")
        made.running.cancel()
        made.loop.settle()
        assert made.running.cancelled()
        assert made.closed == [made.task]
        assert made.line()["reason"] == "unspecified"


def test_a_codec_without_a_name_is_told_by_its_number_and_none_as_none() -> None:
    (media,) = AUDIO.media
    nameless = replace(media, rtp=replace(media.rtp, codecs=(replace(media.rtp.codecs[0], name=None),)))
    for description, codec in ((Description(media=(nameless,)), "0"), (Description(media=()), None)):
        caller, callee = answered()
        callee.script["answers"] = [Answer(description)]
        with call(caller, callee) as made:
            made.puts(CALLER, "offers")
            made.puts(CALLEE, "answers")
            made.puts(CALLER, "hangs up", "closes")
            assert made.line()["codec"] == codec
