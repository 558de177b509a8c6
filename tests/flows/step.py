"""One step of a flow, and what it holds a message to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.flows.inmemory import World


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    do: Callable[[World], None]


def check(
    world: World, what: str, word: str, text: str, *, has: str | Iterable[str] = (), lacks: str | Iterable[str] = ()
) -> None:
    """Break the flow unless the message is the one that was due, and has what it should."""
    if not f"{word} ".startswith(f"{what} "):
        world.fail(f"'{what}' was due, and there came '{word}'\n{text}")
    for part in [has] if isinstance(has, str) else has:
        if part not in text:
            world.fail(f"{part!r} is missing in\n{text}")
    for part in [lacks] if isinstance(lacks, str) else lacks:
        if part in text:
            world.fail(f"{part!r} has no place in\n{text}")
