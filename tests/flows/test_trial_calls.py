"""Test calls: a user's account calls, nobody's client does, and all else is as in any call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from gateway.accounts.account import trunk_name
from gateway.call.trial import Heard
from gateway.call.trials import Trial, Trials
from gateway.errors import PeerError
from gateway.signals import Answer, End, Progress
from mappings.description import Codec, Description, Media, RawCandidate, RawUdp, Rtp
from mappings.reasons import EndReason
from tests.flows.inmemory import World
from tests.flows.steps import NUMBER, Step, after, calls, holds, juliet, romeo, run, sdp_of, stranger

ACCOUNTS = """
[[account]]
jid = "romeo@montague.example"
address = "201@sip.example"
password_env = "SECRET"
trunk = "pbx"
register = false
[[account]]
jid = "romeo@montague.example"
name = "work"
address = "7001@work.example"
proxy = "192.0.2.20"
register = false
[[dial]]
match = 'premium.*'
refuse = true
[accounts]
users = ["capulet.example"]
"""
USER = "romeo@montague.example/phone"
MERCUTIO = "mercutio@montague.example/street"
AUDIO = Description(
    media=(
        Media(
            name="audio",
            rtp=Rtp(media="audio", codecs=(Codec(id=0, name="PCMU", clockrate=8000),)),
            transport=RawUdp(candidates=(RawCandidate(ip="192.0.2.1", port=4000),)),
        ),
    )
)


@dataclass
class Experimenter:
    """Who wants a test call, and hears what becomes of it."""

    heard: list[Heard] = field(default_factory=list)
    refused: list[PeerError] = field(default_factory=list)
    ids: Callable[[], str] = lambda: ""
    call: Trial | None = None

    def calls(self, number: str = NUMBER, *, name: str = "work", user: str = USER, owner: str = "") -> Step:
        """Have that account call a number."""
        whose = owner or user.partition("/")[0]

        def do(world: World) -> None:
            ids = count(1)
            trials = Trials(world.app.calls, world.app.routing, lambda: f"{next(ids):032x}")

            async def begin() -> None:
                try:
                    self.call = trials.trial(
                        user,
                        f"{number}@gw.example",
                        name=trunk_name("gw.example", whose, name),
                        told=self.heard.append,
                    )
                    self.call.dial(AUDIO)
                except PeerError as refused:
                    self.refused.append(refused)

            world.loop.run_until_complete(begin())
            world.loop.settle()

        return Step(do)

    def hangs_up(self) -> Step:
        """End it."""

        def do(world: World) -> None:
            assert self.call is not None
            self.call.hang_up()
            world.loop.settle()

        return Step(do)

    def hears(self, *kinds: type) -> Step:
        """So far this, in this order."""
        return holds(lambda world: [type(each.signal) for each in self.heard] == list(kinds), f"heard {self.heard}")


def ended(**facts: object) -> Step:
    """The one line at the end says so."""

    def true(world: World) -> bool:
        lines = [line for line in world.log if line["event"] == "call_ended"]
        return [{key: line[key] for key in facts} for line in lines] == [facts]

    return holds(true, f"the end is not {facts}")


def test_the_account_that_is_named_calls_and_the_user_hangs_up() -> None:
    tester = Experimenter()
    run(
        tester.calls(),
        calls(1),
        juliet.gets("INVITE", has=[f"INVITE sip:{NUMBER}@work.example", "From: <sip:7001@work.example>;tag="]),
        juliet.sends(180),
        tester.hears(Progress),
        after(2),
        juliet.sends(200),
        juliet.gets("ACK"),
        tester.hears(Progress, Answer),
        after(3),
        tester.hangs_up(),
        juliet.gets("BYE"),
        juliet.sends(200),
        calls(0),
        ended(reason="success", ended_by="caller", answered=True, caller=USER, duration_seconds=3.0),
        dial=ACCOUNTS,
    )


def test_what_plays_before_the_answer_is_ringing_in_a_test() -> None:
    tester = Experimenter()
    run(
        tester.calls(name="sip"),
        juliet.gets("INVITE"),
        juliet.sends(183, sdp=sdp_of()),
        tester.hears(Progress),
        after(2),
        juliet.sends(200),
        juliet.gets("ACK"),
        tester.hears(Progress, Answer),
        tester.hangs_up(),
        juliet.gets("BYE"),
        juliet.sends(200),
        calls(0),
        ended(answered=True, early_media=False, setup_seconds=2.0),
        dial=ACCOUNTS,
        trunk='early_media = "hear"',
        media='addresses = ["192.0.2.1"]',
    )


def test_a_refusal_is_told_with_its_status() -> None:
    tester = Experimenter()
    run(tester.calls(), juliet.gets("INVITE"), juliet.sends(486), juliet.gets("ACK"), calls(0), dial=ACCOUNTS)
    (heard,) = tester.heard
    assert isinstance(heard.signal, End)
    assert (heard.signal.reason, heard.signal.status) == (EndReason.BUSY, 486)


def test_it_is_taken_back_while_it_rings() -> None:
    tester = Experimenter()
    run(
        tester.calls(),
        juliet.gets("INVITE"),
        juliet.sends(180),
        tester.hangs_up(),
        juliet.gets("CANCEL"),
        juliet.sends(200, to="CANCEL"),
        juliet.sends(487),
        juliet.gets("ACK"),
        calls(0),
        dial=ACCOUNTS,
    )


def test_the_other_side_hangs_up_and_may_change_nothing() -> None:
    tester = Experimenter()
    run(
        tester.calls(),
        juliet.gets("INVITE"),
        juliet.sends(200),
        juliet.gets("ACK"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        juliet.gets(488),
        juliet.sends("BYE"),
        juliet.gets(200),
        tester.hears(Answer, End),
        calls(0),
        dial=ACCOUNTS,
    )


def test_a_user_who_is_gone_needs_no_test() -> None:
    tester = Experimenter()
    run(
        tester.calls(),
        juliet.gets("INVITE"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.sends("presence unavailable"),
        juliet.gets("BYE"),
        juliet.sends(200),
        calls(0),
        dial=ACCOUNTS,
    )


def test_it_counts_among_the_users_calls() -> None:
    first, second = Experimenter(), Experimenter()
    run(
        first.calls(),
        juliet.gets("INVITE"),
        second.calls(),
        juliet.sends(486),
        juliet.gets("ACK"),
        dial=ACCOUNTS,
        limits="calls_per_caller = 1",
    )
    (refused,) = second.refused
    assert refused.text == "too many calls of this user"


@pytest.mark.parametrize(
    ("tester", "number", "more", "condition"),
    [
        (Experimenter(), "premium1", {}, "forbidden"),
        (Experimenter(), "112", {}, "policy-violation"),
        (Experimenter(), NUMBER, {"name": "gone"}, "item-not-found"),
        (
            Experimenter(),
            NUMBER,
            {"user": "mercutio@montague.example/x", "owner": "romeo@montague.example"},
            "item-not-found",
        ),
    ],
    ids=["refused", "emergency", "no account", "another's"],
)
def test_what_may_not_be_called(tester: Experimenter, number: str, more: dict[str, str], condition: str) -> None:
    run(tester.calls(number, **more), calls(0), dial=ACCOUNTS)
    (refused,) = tester.refused
    assert refused.condition == condition


@pytest.mark.conformance("COMP-14")
def test_who_might_register_an_account_is_told_so_when_they_call() -> None:
    run(
        stranger.sends("session-initiate"),
        stranger.gets("error registration-required"),
        dial=ACCOUNTS,
    )
    run(stranger.sends("session-initiate"), stranger.gets("error service-unavailable"))
