"""What `jingle-sip check` does about registrations: each is made once, and taken back."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable

from gateway.net.sip import SipPort
from gateway.registration.binding import Binding
from gateway.registration.registrant import Registrant, Timing
from gateway.registration.request import contact_uri
from gateway.registration.terms import Emitted, Outcome, Phase
from gateway.registrations import where
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed

REGISTER_SECONDS = 8.0
"How long a registrar may take, all its questions included."

LEAVE_SECONDS = 2.0
"How long it may take to forget us again."

AT_ONCE = 20
"Registrations that are tried at a time."


class _Try:
    """One binding, once."""

    def __init__(self, sip: SipPort, registrant: Registrant, user_agent: str) -> None:
        self._sip = sip
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[SipResponse | Failed] = asyncio.Queue()
        self._binding = Binding(
            registrant,
            contact=contact_uri(registrant.contact_user, where(sip, registrant)),
            timing=Timing(),
            new_id=lambda: secrets.token_hex(16),
            user_agent=user_agent,
            now=self._loop.time(),
        )

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        """What came back."""
        assert not isinstance(message, SipRequest)
        self._inbox.put_nowait(message)

    async def run(self) -> str | None:
        """None when it could be registered, or why not."""
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                outcome = await self._until(self._binding.due(self._loop.time()))
        except TimeoutError:
            return f"no answer to REGISTER within {REGISTER_SECONDS:g} seconds"
        finally:
            self._sip.release(self)
        if outcome is None or outcome.cause is not None:
            return outcome.text if outcome is not None else "it was taken back"
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._until(self._binding.leave(self._loop.time()))
        except TimeoutError:
            pass  # it lapses by itself
        finally:
            self._sip.release(self)
        return None

    async def _until(self, emitted: Iterable[Emitted]) -> Outcome | None:
        while True:
            for what in emitted:
                if isinstance(what, Outcome):
                    return what
                self._sip.send(what, self)
            if self._binding.phase is Phase.GONE:
                return None
            emitted = self._binding.receive(await self._inbox.get(), self._loop.time())


async def registrations(
    sip: SipPort, registrants: Iterable[Registrant], user_agent: str
) -> AsyncIterator[tuple[Registrant, str | None]]:
    """Try each, some at a time, and tell in their order: None, or why it failed."""
    room = asyncio.Semaphore(AT_ONCE)

    async def once(registrant: Registrant) -> tuple[Registrant, str | None]:
        async with room:
            return registrant, await _Try(sip, registrant, user_agent).run()

    tasks = [asyncio.create_task(once(registrant)) for registrant in registrants]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
