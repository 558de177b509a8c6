"""Tasks that last as long as the gateway: a turn that fails is told of, and the next one comes all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

AGAIN_SECONDS: Final = 10.0
"From a turn that failed, by an error of ours, to the next one: so long a log has one traceback."

Turn = Callable[[], Awaitable[float]]
"Something that is done again and again; it returns how many seconds later."


async def steadily(turn: Turn, failed: Callable[[], None]) -> NoReturn:
    """Take turn after turn, until cancelled; ``failed`` is called in the handler of the exception that ended one."""
    while True:
        try:
            seconds = await turn()
        except Exception:
            failed()
            seconds = AGAIN_SECONDS
        await asyncio.sleep(seconds)
