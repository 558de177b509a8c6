"""What flows are written with: actors, and steps that read like the arrows of a ladder diagram.

::

    answered = (
        romeo.sends("session-initiate"), romeo.gets("result"),
        juliet.gets("INVITE"), juliet.sends(180), romeo.gets("session-info ringing"),
        juliet.sends(200), juliet.gets("ACK"), romeo.gets("session-accept"),
    )

    def test_the_caller_hangs_up() -> None:
        run(*answered, romeo.sends("session-terminate success"), romeo.gets("result"),
            juliet.gets("BYE"), juliet.sends(200))

`gets` takes the next message for that actor, which must be the one named (more words may follow in it), and answers an
IQ set by a result unless told otherwise.  What nobody gets breaks the flow, and so does anything that is left after it.
Time passes only in `after`.  SIP's ACK to a refusal goes without saying on the phone's side.
"""

from collections.abc import Callable
from typing import Any

from tests.flows.client import CANDIDATE, ICE, NUMBER, Client
from tests.flows.inmemory import World, world
from tests.flows.phone import Phone, sdp_of
from tests.flows.step import Step

__all__ = ["CANDIDATE", "ICE", "NUMBER", "Client", "Phone", "Step", "sdp_of"]

romeo = Client("romeo@montague.example/phone", "romeo")
tablet = Client("romeo@montague.example/tablet", "tablet")
mercutio = Client("mercutio@montague.example/street", "mercutio")
nurse = Client("nurse@capulet.example/kitchen", "nurse")
stranger = Client("tybalt@capulet.example/sword", "tybalt")
juliet = Phone("juliet")


def run(*steps: Step, fails: bool = False, stops: bool = False, **tables: str) -> World:
    """Let it happen, step by step, and see that nothing is left.

    ``fails``: the gateway is to say in its log that it failed; ``stops``: it has left by the last step.  ``tables``:
    further keys of the configuration.
    """
    with world(**tables) as made:
        for step in steps:
            step.do(made)
        made.expect_nothing_left(failures=fails)
        if stops is not made.has_stopped:
            made.fail("the gateway has left" if made.has_stopped else "the gateway has not left")
    return made


def after(seconds: float) -> Step:
    """Time passes."""
    return Step(lambda world: world.loop.advance(seconds))


def at_once(*steps: Step) -> Step:
    """The gateway hears all of these before it can react to the first."""

    def do(world: World) -> None:
        world.holding = True
        for step in steps:
            step.do(world)
        world.holding = False
        world.settle()

    return Step(do)


def loses(step: Step) -> Step:
    """What is sent does not arrive."""

    def do(world: World) -> None:
        world.losing = True
        step.do(world)
        world.losing = False

    return Step(do)


def nothing() -> Step:
    """Nobody has got anything that was not got."""
    return Step(lambda world: world.expect_silence())


def holds(what: Callable[[World], bool], text: str) -> Step:
    """Something is so at this moment."""
    return Step(lambda world: None if what(world) else world.fail(text))


def does(what: Callable[[World], Any]) -> Step:
    """Something that no message says."""

    def do(world: World) -> None:
        what(world)
        world.settle()

    return Step(do)


def calls(number: int) -> Step:
    """So many calls are open."""
    return Step(lambda world: None if len(world.app.calls) == number else world.fail(f"{len(world.app.calls)} calls"))


def signals(number: int) -> Step:
    """The operator sends the process a signal."""
    return does(lambda world: world.loop.signal(number))


def _down(world: World) -> None:
    world.server_is_up = False
    world.stream.lose("connection reset")


def server_goes() -> Step:
    """The XMPP server is gone."""
    return does(_down)


def server_returns() -> Step:
    """The XMPP server takes connections again."""
    return does(lambda world: setattr(world, "server_is_up", True))
