"""What is true of a leg whatever happens to it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress, Refuse, Signal
from gateway.sip.leg import Credentials, LegSettings
from gateway.sip.manners import Manners
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.state import Phase, Timer
from gateway.sip.table import TABLE, Event
from gateway.sip.wire import Failed, Outgoing
from mappings.reasons import EndReason
from mappings.terms import CandidateType

from .ladder import PCMU, Ladder, audio, called, calling, candidate, ice, invite, sdp, webrtc
from .test_leg_trickle import CAN, browser, fragment, trickles

FOLLOWING = Manners(follow_redirects=True, hears=True)
ASKED = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
Step = Callable[["Run"], object]

signals: st.SearchStrategy[Signal] = st.one_of(
    st.sampled_from(
        [
            Offer(audio()),
            Offer(webrtc()),
            Offer(None),
            Complete(audio()),
            Progress(),
            Answer(audio(codecs=(PCMU,))),
            Refuse(EndReason.GENERAL_ERROR),
            Refuse(EndReason.GENERAL_ERROR, glare=True),
            Candidates({"0": ice(candidate(CandidateType.SRFLX))}),
        ]
    ),
    st.builds(End, st.sampled_from(list(EndReason))),
)
says = signals.map(lambda signal: lambda run: run.says(signal))
asks = st.builds(
    lambda method, body, tag, low: lambda run: run.asks(method, body, tag, low=low),
    st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "DANCE"]),
    st.sampled_from(["", sdp(), sdp(version=2), sdp(0, version=3), "nonsense"]),
    st.sampled_from([None, None, None, "stranger"]),
    st.sampled_from([False, False, False, True]),
)
answers = st.builds(
    lambda status, body, to, tag, number: lambda run: run.answered(status, body, to, tag, number),
    st.sampled_from([100, 180, 183, 200, 200, 200, 302, 401, 408, 481, 486, 488, 491, 503]),
    st.sampled_from(["", sdp(), sdp(version=2), "nonsense"]),
    st.sampled_from(["INVITE", "INVITE", "BYE", "CANCEL", "PRACK", "UPDATE"]),
    st.sampled_from(["phone", "phone", "other"]),
    st.sampled_from([None, None, 1, 2, 3]),
)
fails = st.builds(
    lambda method, cause: lambda run: run.fails(method, cause),
    st.sampled_from(["INVITE", "BYE", "CANCEL", "INFO", "PRACK", "UPDATE"]),
    st.sampled_from(["timeout", "transport"]),
)
waits = st.sampled_from([0.1, 0.5, 2.0, 4.0, 32.0, 200.0]).map(lambda seconds: lambda run: run.after(seconds))
scripts = st.lists(st.one_of(says, says, asks, answers, answers, acks := st.just(lambda run: run.acks()), fails, waits))


class Run:
    """A leg in a script; what it owes and what it has said."""

    def __init__(self, call: Ladder) -> None:
        self.call = call
        self.told = False
        "Whether the other side told the leg that it is over."
        self.open: list[SipRequest] = []
        self.numbers = count(200)
        self.stray: list[object] = []
        "What came out after the leg was closed."

    def took(self, step: Callable[[], list[str]]) -> None:
        was_closed = self.call.leg.phase is Phase.CLOSED
        step()
        if was_closed:
            self.stray += [i for i in self.call.out if not (isinstance(i, SipResponse) and i.status == 481)]

    def says(self, signal: Signal) -> None:
        self.told = self.told or isinstance(signal, End)
        self.took(lambda: self.call.says(signal))

    def asks(self, method: str, body: str, tag: str | None, *, low: bool) -> None:
        if self.call.leg.dialog is None:
            return
        number = 3 if low else next(self.numbers)
        if method == "CANCEL":
            number = self.call.leg.invited.cseq.number if self.call.leg.invited else number
        request = self.call.request(method, body, cseq=number, from_tag=tag)
        if method in ("INVITE", "UPDATE") and number % 3:
            request = request.with_headers((("Session-Expires", "100"), ("Supported", "timer")))
        if method == "PRACK":
            request = request.with_header("RAck", f"{self.call.leg.assured.rseq} 100 INVITE")
        request = request.replace_header("Via", f"SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKn{next(self.numbers)}")
        if method not in ("ACK", "CANCEL"):
            self.open.append(request)
        self.took(lambda: self.call.gets(request))

    def answered(self, status: int, body: str, to: str, tag: str, number: int | None = None) -> None:
        if self.call.sent(to):
            moved = (("Contact", "<sip:b@192.0.2.9>"),)
            headers: tuple[Header, ...] = ASKED if status == 401 else moved if status == 302 else ()
            if number is not None and status == 200:
                headers = (("Session-Expires", "90;refresher=ua" + "cs"[number % 2]), ("Allow", "UPDATE"[: number * 3]))
            if number is not None and status < 200 and to == "INVITE":
                headers = (("Require", "100rel"), ("RSeq", str(number)))
            self.took(lambda: self.call.answered(status, body, to=to, tag=tag, headers=headers))

    def trickles(self, body: str) -> None:
        if self.call.leg.dialog is not None:
            self.took(lambda: trickles(self.call, body))

    def knows(self, status: int, to: str) -> None:
        """The peer answers, as one that trickles."""
        if self.call.sent(to):
            headers = ASKED if status == 401 else (("Unsupported", "trickle-ice"),) if status == 420 else CAN
            body = browser("30000") if to == "INVITE" and status == 200 else ""
            self.took(lambda: self.call.answered(status, body, to=to, headers=headers))

    def fails(self, method: str, cause: str) -> None:
        if self.call.sent(method):
            self.took(lambda: self.call.fails(method, cause))

    def acks(self) -> None:
        if self.call.leg.answered is not None:
            self.took(self.call.acks)

    def after(self, seconds: float) -> None:
        self.took(lambda: self.call.after(seconds))

    def check(self) -> None:
        """The laws, at the end of all."""
        call = self.call
        assert call.leg.closed
        assert call.leg.deadline is None
        assert not self.stray
        fenced = {item.hop.fenced for item in call.every if isinstance(item, Outgoing)}
        assert fenced <= {call.leg.manners.fenced}
        ends = [item for item in call.every if isinstance(item, End)]
        assert len(ends) <= 1
        assert self.told or len(ends) == 1
        finals: dict[tuple[str, int], set[int]] = {}
        for item in call.every:
            if isinstance(item, SipResponse) and item.status >= 200:
                finals.setdefault((item.branch or "", item.cseq.number), set()).add(id(item))
        for request in self.open:
            assert len(finals[request.branch or "", request.cseq.number]) == 1, request.method


def finish(run: Run) -> None:
    """The other side ends the call, and all time passes."""
    run.says(End(EndReason.SUCCESS))
    run.after(1000)
    run.check()


@given(scripts)
@settings(max_examples=150, deadline=None)
def test_a_leg_that_calls_keeps_the_laws(script: list[Step]) -> None:
    run = Run(calling(manners=replace(FOLLOWING, fenced=True), credentials=Credentials("romeo", "secret")))
    run.says(Offer(audio()))
    for step in script:
        step(run)
    finish(run)


@given(scripts)
@settings(max_examples=150, deadline=None)
def test_a_leg_in_a_call_keeps_the_laws(script: list[Step]) -> None:
    run = Run(calling(manners=FOLLOWING))
    run.says(Offer(audio()))
    run.answered(200, sdp(), "INVITE", "phone")
    for step in script:
        step(run)
    finish(run)


@given(scripts)
@settings(max_examples=150, deadline=None)
def test_a_leg_that_is_called_keeps_the_laws(script: list[Step]) -> None:
    request = invite()
    run = Run(called(request, manners=Manners(fenced=True)))
    run.open.append(request)
    run.took(lambda: run.call.gets(request))
    for step in script:
        step(run)
    finish(run)


@given(scripts)
@settings(max_examples=100, deadline=None)
def test_a_leg_that_is_called_and_must_be_heard_keeps_the_laws(script: list[Step]) -> None:
    request = invite(headers=(("Require", "100rel"),))
    run = Run(called(request))
    run.open.append(request)
    run.took(lambda: run.call.gets(request))
    run.says(Progress())
    for step in script:
        step(run)
    finish(run)
    assert len(run.call.leg.early) == 0


@given(scripts)
@settings(max_examples=100, deadline=None)
def test_a_leg_that_is_called_without_an_offer_keeps_the_laws(script: list[Step]) -> None:
    request = invite("")
    run = Run(called(request, settings=LegSettings(offers=True)))
    run.open.append(request)
    run.took(lambda: run.call.gets(request))
    run.says(Answer(audio()))
    for step in script:
        step(run)
    finish(run)


@given(scripts)
@settings(max_examples=100, deadline=None)
def test_without_an_end_from_the_other_side_the_leg_says_one_itself(script: list[Step]) -> None:
    run = Run(calling(manners=FOLLOWING))
    run.says(Offer(audio()))
    for step in script:
        step(run)
    if run.call.leg.dialog is not None and not run.call.leg.end_said:
        run.asks("BYE", "", None, low=False)
        run.after(1000)
        assert run.call.leg.closed or run.call.leg.phase in (Phase.CONFIRMED, Phase.GATHERING)


more = st.integers(50000, 50009).map(
    lambda port: lambda run: run.says(Candidates({"0": ice(candidate(CandidateType.HOST, port))}))
)
infos = st.sampled_from(["", fragment("30001"), fragment("30002", ufrag="other"), "nonsense"]).map(
    lambda body: lambda run: run.trickles(body)
)
told = st.builds(
    lambda status, to: lambda run: run.knows(status, to),
    st.sampled_from([180, 183, 200, 200, 401, 420, 469, 481, 487, 491, 500]),
    st.sampled_from(["INVITE", "INFO", "INFO"]),
)
trickling = st.lists(st.one_of(more, infos, told, says, answers, acks, fails, waits))


@given(trickling)
@settings(max_examples=150, deadline=None)
def test_a_leg_that_calls_a_peer_that_trickles_keeps_the_laws(script: list[Step]) -> None:
    run = Run(calling(manners=FOLLOWING, credentials=Credentials("romeo", "secret"), trickle="required"))
    run.says(Offer(webrtc()))
    for step in script:
        step(run)
    finish(run)


@given(trickling)
@settings(max_examples=150, deadline=None)
def test_a_leg_that_is_called_by_a_peer_that_trickles_keeps_the_laws(script: list[Step]) -> None:
    request = invite(browser(setup="actpass"), headers=CAN)
    run = Run(called(request))
    run.open.append(request)
    run.took(lambda: run.call.gets(request))
    for step in script:
        step(run)
    finish(run)


def test_every_phase_has_its_rows_and_every_row_an_event_that_is_told() -> None:
    assert set(TABLE) == set(Phase)
    used = {event for rows in TABLE.values() for event in rows}
    assert used == {*Event, *Timer}


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.CLOSED, Phase.TERMINATING, Phase.CANCELLING}))
def test_an_end_is_heard_in_every_phase_that_is_not_ending_already(phase: Phase) -> None:
    ending = {Phase.WITHDRAWING, Phase.LEAVING}
    assert (Event.END in TABLE[phase]) != (phase in ending)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_that_only_waits_for_the_peer_has_a_limit(phase: Phase) -> None:
    limits = {
        Phase.WITHDRAWING: Timer.GIVE_UP,
        Phase.CANCELLING: Timer.GIVE_UP,
        Phase.TERMINATING: Timer.GIVE_UP,
        Phase.ANSWERED: Timer.UNACKED,
        Phase.PROMISED: Timer.UNACKED,
        Phase.OFFERING: Timer.UNACKED,
        Phase.REFRESHING: Timer.SILENT,
        Phase.UPDATED: Timer.OVERDUE,
        Phase.LEAVING: Timer.UNACKED,
        Phase.PROCEEDING: Timer.SILENT,
    }
    assert limits.get(phase) in {None, *TABLE[phase]}
    assert Failed is not None
