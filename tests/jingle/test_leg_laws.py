"""What holds for a Jingle leg whatever happens to it, and whenever."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.jingle.phases import MESSAGES, REQUESTS, Phase
from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress, Refuse, Signal
from gateway.stanza import Stanza, error, result
from mappings.reasons import EndReason
from mappings.terms import Action, Initiation

from .ladder import (
    LAPTOP,
    LOCAL,
    NUMBER,
    PHONE,
    RAW,
    STRANGER,
    Ladder,
    User,
    answering,
    calling,
    candidate,
    content,
    describe,
    ice,
    jmi_reason,
    rtp,
)

CAPS = fromstring("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>")
INSIDE = (
    "",
    content(),
    content() + content("film", rtp("video")),
    content(transport=RAW),
    content(transport=ice(candidate(), setup="", ufrag="")),
    "<content creator='initiator' name='voice' senders='none'/><reason><gone/></reason>",
    "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>",
    "<unheard xmlns='urn:example'/>",
    "<reason><busy/><text>no</text></reason>",
)
DESCRIPTION = describe()
SIGNALS: tuple[Signal, ...] = (
    Offer(DESCRIPTION),
    Offer(None),
    Complete(DESCRIPTION),
    Progress(),
    Answer(DESCRIPTION),
    Answer(describe(content("other"))),
    Refuse(EndReason.FAILED_APPLICATION),
    Candidates({"voice": DESCRIPTION.media[0].transport}),
    End(EndReason.BUSY, None, 486, "Busy Here"),
)

senders = st.sampled_from([PHONE, PHONE, PHONE, LAPTOP, STRANGER])
requests = st.tuples(
    st.just("request"), senders, st.sampled_from([*Action, "frobnicate"]), st.sampled_from(INSIDE), st.booleans()
)
messages = st.tuples(
    st.just("message"), senders, st.sampled_from(Initiation), st.sampled_from(["", "busy"]), st.booleans()
)
replies = st.tuples(
    st.just("reply"),
    senders,
    st.sampled_from(["result", "item-not-found", "service-unavailable", "conflict"]),
    st.booleans(),
)
bounces = st.tuples(st.just("bounce"), senders)
presences = st.tuples(st.just("presence"), senders, st.sampled_from(["", "unavailable"]))
signals = st.tuples(st.just("signal"), st.sampled_from(SIGNALS))
pauses = st.tuples(st.just("pause"), st.sampled_from([0.0, 1.0, 12.0, 16.0, 31.0]))
ties = st.tuples(st.just("tie"))
scripts = st.lists(
    st.one_of(requests, requests, messages, replies, bounces, presences, signals, signals, pauses, ties), max_size=14
)
beginnings = st.sampled_from(["initiate", "propose", "call", "direct"])


@given(beginnings, st.booleans(), scripts)
@settings(max_examples=600, deadline=None)
def test_each_request_gets_one_reply_and_the_end_is_said_once(
    beginning: str, announces: bool, script: list[tuple[object, ...]]
) -> None:
    run = Run(beginning, announces)
    for step in script:
        run.step(step)
    run.end()


class Run:
    """A leg driven by a script; checks after every step what must hold."""

    def __init__(self, beginning: str, announces: bool) -> None:
        nora = User()
        announce = (CAPS,) if announces else ()
        self.first: Stanza | None = None
        self.told = False
        self.ended_at: int | None = None
        "How many signals there were when the call ended."

        if beginning in ("initiate", "propose"):
            self.first = nora.set("session-initiate", content()) if beginning == "initiate" else nora.propose()
            self.ladder = answering(self.first, announce=announce)
            self.receive(self.first)
        else:
            direct = beginning == "direct"
            self.ladder = calling(peer=PHONE, direct=direct, announce=announce)
            self.send(Offer(DESCRIPTION))

    def step(self, step: tuple[object, ...]) -> None:
        match step:
            case ("request", str(sender), str(action), str(inside), bool(ours)):
                self.receive(User(sender).set(action, inside, sid=self.ladder.leg.sid if ours else "other"))
            case ("message", str(sender), Initiation() as kind, str(reason), bool(tied)):
                inside = jmi_reason(reason) + ("<tie-break/>" if tied else "")
                receipt = "<request xmlns='urn:xmpp:receipts'/>" if tied else ""
                self.receive(User(sender).message(kind.value, inside, more=receipt))
            case ("reply", str(sender), str(what), bool(lost)):
                detail = "{urn:xmpp:jingle:errors:1}unknown-session" if lost else None
                for id in list(self.ladder.leg._session.waiting):
                    asked = Stanza(kind="iq", type="set", id=id, sender=LOCAL, to=sender)
                    self.receive(result(asked) if what == "result" else error(asked, what, detail=detail))
                    break
            case ("bounce", str(sender)):
                id = self.ladder.leg._session.proposed_as
                asked = Stanza(kind="message", type="chat", id=id, sender=LOCAL, to=sender)
                self.receive(error(asked, "service-unavailable"))
            case ("presence", str(sender), str(type)):
                self.receive(User(sender).presence(type))
            case ("signal", signal):
                self.send(signal)  # type: ignore[arg-type]
            case ("pause", float(seconds)):
                self.ladder.wait(seconds)
            case ("tie",):
                self.ladder._noted(self.ladder.leg.give_way(self.ladder.now))
            case _:
                raise AssertionError(step)
        self.holds()

    def receive(self, stanza: Stanza) -> None:
        before = len(self.ladder.said)
        self.ladder.receive(stanza)
        said = self.ladder.said[before:]
        answers = [
            item
            for item in said
            if isinstance(item, Stanza)
            and item.kind == "iq"
            and item.type in ("result", "error")
            and (item.id, item.to, item.sender) == (stanza.id, stanza.sender, stanza.to)
        ]
        wanted = stanza.kind == "iq" and stanza.type == "set"
        assert len(answers) == wanted
        if wanted:
            assert said[0] is answers[0]

    def send(self, signal: Signal) -> None:
        if self.ended_at is not None:
            return  # the bridge passes nothing on after the end
        self.told = isinstance(signal, End)
        self.ladder.send(signal)
        self.holds()

    def ends(self) -> int:
        return sum(isinstance(item, End) for item in self.ladder.said)

    def holds(self) -> None:
        leg = self.ladder.leg
        over = leg.phase in (Phase.ENDING, Phase.CLOSED)
        signals = sum(not isinstance(item, Stanza) for item in self.ladder.said)
        assert self.ends() + self.told == over
        if self.ended_at is None and over:
            self.ended_at = signals
        assert self.ended_at in (None, signals), "a signal after the end"
        if leg.closed:
            assert leg.deadline is None

    def end(self) -> None:
        """Let the call end and time go by: nothing stays."""
        if not self.ends() and not self.told:
            self.send(End(EndReason.SUCCESS))
        self.ladder.wait(300)
        self.holds()
        assert self.ladder.leg.closed
        assert self.ladder.leg.deadline is None
        ids = [item.id for item in self.ladder.said if isinstance(item, Stanza) and item.id.startswith("c1-")]
        assert len(set(ids)) == len(ids)
        said = [item for item in self.ladder.said if isinstance(item, Stanza) and item.kind == "presence"]
        assert [item.type for item in said] in ([], ["", "unavailable"])


def test_every_phase_has_a_step_for_every_action() -> None:
    assert set(REQUESTS) == set(Phase) == set(MESSAGES)
    for phase, steps in REQUESTS.items():
        assert set(steps) == set(Action), phase


@pytest.mark.parametrize("ladder", [lambda: answering(User().propose()), calling])
def test_nothing_is_said_to_what_a_leg_cannot_be_asked(ladder: object) -> None:
    leg = ladder()  # type: ignore[operator]
    assert isinstance(leg, Ladder)
    assert leg.receive(Stanza(kind="presence", type="probe", sender=PHONE, to=NUMBER)) == []
    assert leg.wait(100) == []
