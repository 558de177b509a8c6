"""The test call of a user: what is told of each way in which it may go."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from gateway.call.trial import Heard
from gateway.commands.trial_call import MUTE, PATIENCE_SECONDS, RING_SECONDS, TrialCall
from gateway.errors import AnchorError, PeerError
from gateway.jid import bare
from gateway.signals import Answer, End, Progress
from mappings.description import Description, RawCandidate, RawUdp
from mappings.reasons import EndReason
from tests.call.script import AUDIO
from tests.commands.house import GATEWAY, USER, House, Reply
from tests.commands.memory import MemoryStore

NURSE = bare(USER)
WAITS = PATIENCE_SECONDS + 0.1


INSIDE = "10.0.0.5"
"Where no account of a user's own making may lead."


@dataclass
class PaperVoice:
    """A voice without sound."""

    packets: int = 0
    refuses: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    peer: Description | None = None
    closed: bool = False

    @property
    def offer(self) -> Description:
        return AUDIO

    def hear(self, answer: Description) -> None:
        if self.refuses:
            raise AnchorError(self.refuses, EndReason.FAILED_TRANSPORT)
        self.peer = answer

    def close(self) -> None:
        self.closed = True


@dataclass
class Line:
    """In the place of all calls: one test call at a time, whose other side is played by the test."""

    refusal: PeerError | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    offered: list[Description] = field(default_factory=list)
    hung_up: int = 0
    told: Callable[[Heard], None] = lambda heard: None

    def trial(self, jid: str, dialled: str, *, name: str, told: Callable[[Heard], None]) -> "Line":
        if self.refusal is not None:
            raise self.refusal
        self.asked.append((jid, dialled, name))
        self.told = told
        return self

    def dial(self, description: Description) -> None:
        self.offered.append(description)

    def hang_up(self) -> None:
        self.hung_up += 1

    def hears(self, *signals: Progress | Answer | End) -> None:
        for signal in signals:
            self.told(Heard(signal))


class Trial:
    """A user who has one account, or several, and makes a test call."""

    def __init__(
        self, *names: str, voice: PaperVoice | None = None, echo: str = "*43", line: Line | None = None
    ) -> None:
        self.line = line or Line()
        self.voice = voice
        self.store = MemoryStore()
        for name in names or ("home",):
            self.store.has(NURSE, name)
        command = TrialCall(
            affairs=self.store.affairs(),
            component=GATEWAY,
            calls=self.line,
            echo=echo,
            voices=None if voice is None else lambda: voice,
            reaches=lambda address: address != INSIDE,
        )
        self.house = House([command])

    def __enter__(self) -> "Trial":
        self.house.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.house.__exit__(*_)

    def begins(self, **fields: str) -> str:
        """Fill the form in; the id of the request."""
        form = self.house.runs("test-call")
        self.session = form.session
        return self.house.asks("test-call", None, self.session, {"number": "*43", **fields})

    def reply(self, id: str, after: float = 0.0) -> Reply:
        """What is told, after a while."""
        self.house.loop.settle()
        self.house.loop.advance(after)
        (reply,) = self.house.answers(id)
        return reply

    def told(self, *signals: Progress | Answer | End) -> list[tuple[str, str]]:
        """Call, let this happen, and take the last word."""
        id = self.begins()
        self.house.loop.settle()
        self.house.loop.advance(1.5)
        self.line.hears(*signals)
        reply = self.reply(id, WAITS)
        while reply.status == "executing":
            id = self.house.asks("test-call", "next", self.session)
            reply = self.reply(id, WAITS)
        assert reply.status == "completed"
        assert self.line.hung_up == 1
        assert self.voice is None or self.voice.closed
        return reply.notes


def test_the_operators_echo_number_is_called_unless_another_is_wanted() -> None:
    with Trial() as trial:
        form = trial.house.runs("test-call")
        assert (form.fields, form.actions) == ({"number": ["*43"]}, ["next", "next"])
        id = trial.begins(number="+1 (555) 0100")
        trial.house.loop.settle()
        ((jid, dialled, name),) = trial.line.asked
        assert (jid, dialled) == (USER, f"+15550100@{GATEWAY}")
        assert name.startswith("account-")
        trial.line.hears(End(EndReason.BUSY, status=486, phrase="Busy Here"))
        trial.reply(id)


def test_the_account_is_chosen_where_there_are_several() -> None:
    with Trial("home", "work", echo="") as trial:
        form = trial.house.runs("test-call")
        assert form.fields == {"account": ["home"], "number": []}
        id = trial.begins(account="work")
        trial.house.loop.settle()
        name = trial.store.accounts[NURSE]["work"].trunk(GATEWAY).name
        assert trial.line.asked[0][2] == name
        trial.line.hears(End(EndReason.BUSY))
        trial.reply(id)


def test_an_echo_is_the_best_there_is() -> None:
    voice = PaperVoice()
    with Trial(voice=voice) as trial:
        id = trial.begins()
        trial.house.loop.settle()
        assert trial.line.offered == [AUDIO]
        trial.house.loop.advance(1.5)
        trial.line.hears(Progress(), Answer(AUDIO))
        trial.house.loop.settle()
        assert voice.peer == AUDIO
        voice.heard.set()
        reply = trial.reply(id)
        told = "The call was answered after 1.5 s, and the echo of a tone came back: sound goes both ways."
        assert reply.notes == [("info", told)]
        assert (voice.closed, trial.line.hung_up) == (True, 1)


def test_no_echo_is_told_from_no_sound() -> None:
    with Trial(voice=PaperVoice()) as trial:
        assert trial.told(Answer(AUDIO)) == [("error", "The call was answered after 1.5 s, but no sound came.")]
    with Trial(voice=PaperVoice(packets=7)) as trial:
        ((severity, text),) = trial.told(Answer(AUDIO))
        assert severity == "warn"
        assert "not the tone that was sent" in text
    with Trial(voice=PaperVoice()) as trial:
        ((_, text),) = trial.told(Answer(AUDIO), End(EndReason.SUCCESS))
        assert text == "The call was answered after 1.5 s, but the other side hung up before any sound came."


def test_an_answer_without_a_way_for_sound() -> None:
    with Trial(voice=PaperVoice(refuses="the answer is not by plain RTP")) as trial:
        assert "there can be no sound: the answer is not by plain RTP" in trial.told(Answer(AUDIO))[0][1]


def test_no_sound_goes_inside_for_an_account_of_a_users_own_making() -> None:
    voice = PaperVoice()
    inside = RawUdp(candidates=(RawCandidate(ip=INSIDE, port=6379),))
    answer = Answer(Description(media=tuple(replace(media, transport=inside) for media in AUDIO.media)))
    with Trial(voice=voice) as trial:
        ((severity, text),) = trial.told(answer)
        assert (severity, voice.peer) == ("error", None)
        assert f"there can be no sound: transport: {INSIDE}" in text


def test_without_an_anchor_of_ours_sound_is_not_judged() -> None:
    with Trial() as trial:
        ((severity, text),) = trial.told(Answer(AUDIO))
        assert (severity, trial.line.offered) == ("info", [MUTE])
        assert "answered after 1.5 s" in text


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (End(EndReason.BUSY, status=486, phrase="Busy Here"), "it is busy (486 Busy Here)"),
        (End(EndReason.GONE, status=404, phrase="Not Found"), "there is no such number (404 Not Found)"),
        (End(EndReason.DECLINE, status=403), "the server forbids this call (403)"),
        (End(EndReason.GENERAL_ERROR, status=503, phrase="Overloaded"), "the server has failed (503 Overloaded)"),
        (End(EndReason.GENERAL_ERROR, status=499, phrase="Odd"), "499 Odd"),
        (End(EndReason.GENERAL_ERROR, "pbx.example: name does not resolve"), "pbx.example: name does not resolve"),
        (End(EndReason.CONNECTIVITY_ERROR), "connectivity error"),
    ],
)
def test_a_refusal_is_told_in_words(end: End, words: str) -> None:
    voice = PaperVoice()
    with Trial(voice=voice) as trial:
        assert trial.told(Progress(), end) == [("error", f"The call failed after 1.5 s: {words}.")]


def test_who_waits_is_told_how_it_is() -> None:
    with Trial(voice=PaperVoice()) as trial:
        id = trial.begins()
        reply = trial.reply(id, WAITS)
        assert (reply.status, reply.actions) == ("executing", ["next", "next"])
        instructions = [each.text for each in reply.command.iter("{jabber:x:data}instructions")]
        assert instructions[0] == "The number is being called, since 8.0 s."
        trial.line.hears(Progress())
        reply = trial.reply(trial.house.asks("test-call", "next", reply.session), WAITS)
        instructions = [each.text for each in reply.command.iter("{jabber:x:data}instructions")]
        assert instructions[0] == "It rings, since 16.1 s."
        trial.line.hears(Answer(AUDIO))
        reply = trial.reply(trial.house.asks("test-call", "next", reply.session), WAITS)
        instructions = [each.text for each in reply.command.iter("{jabber:x:data}instructions")]
        assert (instructions[0] or "").startswith("Somebody has answered.")
        assert trial.house.runs("test-call", "cancel", reply.session).status == "canceled"
        trial.house.loop.settle()
        assert trial.line.hung_up == 1


def test_a_phone_does_not_ring_for_ever() -> None:
    with Trial() as trial:
        assert trial.told(Progress()) == [("error", f"It rang, but nobody answered within {RING_SECONDS:g} seconds.")]
    with Trial() as trial:
        assert "Nothing was heard of the number" in trial.told()[0][1]


def test_a_user_makes_one_test_call_at_a_time() -> None:
    with Trial() as trial:
        id = trial.begins()
        trial.house.loop.settle()
        second = trial.reply(trial.begins())
        assert (second.status, second.notes) == ("executing", [("error", "a test call of yours is going on already")])
        trial.line.hears(End(EndReason.BUSY))
        assert trial.reply(id).status == "completed"
        third = trial.house.asks("test-call", None, second.session, {"number": "*43"})
        trial.house.loop.settle()
        assert len(trial.line.asked) == 2
        trial.line.hears(End(EndReason.BUSY))
        trial.reply(third)


def test_cancelling_while_it_is_waited_for_hangs_up() -> None:
    voice = PaperVoice()
    with Trial(voice=voice) as trial:
        trial.begins()
        trial.house.loop.settle()
        assert trial.house.runs("test-call", "cancel", trial.session).status == "canceled"
        trial.house.loop.settle()
        assert (trial.line.hung_up, voice.closed) == (1, True)


@pytest.mark.parametrize("number", ["", " ", "\x00", "x" * 2000, "sips:a@b"])
def test_what_cannot_be_called_is_said_at_once(number: str) -> None:
    voice = PaperVoice()
    with Trial(voice=voice) as trial:
        reply = trial.reply(trial.begins(number=number))
        assert reply.status == "executing"
        assert reply.notes[0][1].startswith("Number to call: ")
        assert trial.line.asked == []


def test_a_call_that_may_not_be_is_told_why() -> None:
    line = Line(refusal=PeerError("too many calls of this user", status=486))
    voice = PaperVoice()
    with Trial(voice=voice, line=line) as trial:
        reply = trial.reply(trial.begins())
        assert reply.notes == [("error", "Number to call: too many calls of this user")]
        assert voice.closed


def test_who_has_no_account_has_no_test_call() -> None:
    with Trial() as trial:
        trial.store.accounts.clear()
        assert trial.house.runs("test-call").notes == [("error", "You have no SIP account here.")]
