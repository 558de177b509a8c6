"""The command by which a user has a test call made: by one of their accounts, to a number that echoes, if there is one.

What is told is what a person wants to know: whether it rang, whether somebody answered and how soon, why not, and
whether sound goes there and comes back.  A test call is a call of the user's: it is admitted, limited, logged and
counted as any other, and there is one at a time.  A client does not wait for an answer as long as a phone may ring, so
that after a while the form is the answer, and going on is to look again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.accounts.account import SipAccount
from gateway.addressing import localpart, prompted
from gateway.call.trial import Heard
from gateway.errors import AnchorError, PeerError
from gateway.jid import bare
from gateway.media.streams import held_to
from gateway.signals import Answer, End
from mappings.description import Codec, Description, Media, RawCandidate, RawUdp, Rtp
from mappings.terms import Senders

from .affairs import NONE, Affairs, among
from .command import Ask, Done, Note, Outcome, Severity, done, failed
from .form import Fault, Field, Filled, Form

RING_SECONDS = 45.0
"How long a phone may ring."

ECHO_SECONDS = 12.0
"How long the tone is listened for: many echo services explain themselves before they begin."

PATIENCE_SECONDS = 8.0
"After so long the user is told how it is."

MUTE = Description(
    media=(
        Media(
            name="audio",
            rtp=Rtp(
                media="audio",
                codecs=(Codec(id=0, name="PCMU", clockrate=8000), Codec(id=8, name="PCMA", clockrate=8000)),
            ),
            transport=RawUdp(candidates=(RawCandidate(ip="0.0.0.0", port=9),)),  # noqa: S104 - nowhere
            senders=Senders.NONE,
        ),
    )
)
"What is offered where media never pass here: sound that flows nowhere."

_WORDS = {
    401: "the server does not accept the user name or the password",
    403: "the server forbids this call",
    404: "there is no such number",
    407: "the server does not accept the user name or the password",
    408: "the server does not answer",
    410: "there is no such number any more",
    415: "the other side takes no such calls",
    480: "nobody is there at present",
    484: "the number is incomplete",
    486: "it is busy",
    488: "the other side has no sound in common with us",
    600: "it is busy",
    603: "the call was declined",
    604: "there is no such number",
}
"What the refusals of a call mean (RFC 3261 §21)."


class Voice(Protocol):
    """What speaks and listens in a test call (`gateway.media.embedded.voice`)."""

    heard: asyncio.Event
    packets: int

    @property
    def offer(self) -> Description:
        """What the callee is offered."""
        ...

    def hear(self, answer: Description) -> None:
        """Begin to speak to where the answer says; AnchorError when that is nowhere."""
        ...

    def close(self) -> None:
        """Be silent."""
        ...


class Dialled(Protocol):
    """A test call."""

    def dial(self, description: Description) -> None:
        """Call, and offer this."""
        ...

    def hang_up(self) -> None:
        """End it."""
        ...


class Dialling(Protocol):
    """Who makes calls."""

    def trial(self, jid: str, dialled: str, *, name: str, told: Callable[[Heard], None]) -> Dialled:
        """A test call of a user, a full JID, through the trunk of that name; PeerError where it may not be."""
        ...


class _Test:
    """One test, from dialling to hanging up."""

    def __init__(self, voice: Voice | None, reaches: Callable[[str], bool]) -> None:
        self.voice = voice
        self._reaches = reaches
        self.call: Dialled | None = None
        self.ringing = False
        self.answered: float | None = None
        "After how many seconds somebody answered."

        self._inbox: asyncio.Queue[Heard] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()

    def heard(self, heard: Heard) -> None:
        """What becomes of the call."""
        self._inbox.put_nowait(heard)

    async def run(self, call: Dialled) -> Done:
        """See it through; what is to be told of it."""
        try:
            call.dial(MUTE if self.voice is None else self.voice.offer)
            return await self._called()
        finally:
            call.hang_up()
            if self.voice is not None:
                self.voice.close()

    async def _called(self) -> Done:
        try:
            async with asyncio.timeout(RING_SECONDS):
                while not isinstance(signal := (await self._inbox.get()).signal, Answer):
                    if isinstance(signal, End):
                        return failed(f"The call failed after {self._since()}: {_why(signal)}.")
                    self.ringing = True
        except TimeoutError:
            rang = "It rang, but nobody answered" if self.ringing else "Nothing was heard of the number"
            return failed(f"{rang} within {RING_SECONDS:g} seconds.")
        self.answered = self._loop.time() - self.began
        return await self._talk(signal, f"The call was answered after {self._since()}")

    async def _talk(self, answer: Answer, said: str) -> Done:
        voice = self.voice
        if voice is None:
            return done(f"{said}. Whether there is sound cannot be told: it does not pass through the gateway itself.")
        try:
            voice.hear(held_to(self._reaches, answer.description))
        except AnchorError as error:
            return failed(f"{said}, but there can be no sound: {error.text}.")
        echo, end = asyncio.ensure_future(voice.heard.wait()), asyncio.ensure_future(self._inbox.get())
        try:
            await asyncio.wait({echo, end}, timeout=ECHO_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            echo.cancel()
            end.cancel()
        if voice.heard.is_set():
            return done(f"{said}, and the echo of a tone came back: sound goes both ways.")
        if voice.packets:
            text = f"{said}, and sound came back, but not the tone that was sent. Does this number echo?"
            return Done(notes=(Note(text, Severity.WARN),))
        over = "the other side hung up before any sound came" if end.done() and not end.cancelled() else "no sound came"
        return failed(f"{said}, but {over}.")

    def _since(self) -> str:
        return f"{self._loop.time() - self.began:.1f} s"

    @property
    def how(self) -> str:
        """How it is, for who waits."""
        if self.answered is not None:
            return "Somebody has answered. A tone is sent, and its echo is listened for."
        return f"{'It rings' if self.ringing else 'The number is being called'}, since {self._since()}."


def _why(end: End) -> str:
    said = None if end.status is None else _WORDS.get(end.status)
    if said is None and end.status is not None and 500 <= end.status < 600:
        said = "the server has failed"
    official = " ".join(filter(None, (str(end.status or ""), end.phrase or "")))
    if said is None:
        return end.text or official or end.reason.value.replace("-", " ")
    return f"{said} ({official})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCall:
    """One at a time of each user."""

    affairs: Affairs
    component: str
    calls: Dialling
    echo: str
    "The number that is called if the user names no other; empty: the user has to."

    voices: Callable[[], Voice] | None
    "Makes a voice; None: media never pass through this process."

    reaches: Callable[[str], bool]
    "Whether an account of a user's own making may lead to an address."

    node: str = "test-call"
    name: str = "Make a test call"
    _running: set[str] = field(default_factory=set)

    def may(self, jid: str) -> bool:
        """Who has an account, or may have one."""
        return self.affairs.concern(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask by which account, and whom."""
        accounts = await self.affairs.all(jid)
        if not accounts:
            return failed(NONE)
        number = Field(
            var="number",
            label="Number to call",
            required=True,
            values=(self.echo,) if self.echo else (),
            desc="Best one that echoes what it hears.",
        )
        by_name = {account.name: account for account in accounts}

        async def call(filled: Filled) -> Outcome:
            account = by_name[filled.text("account")] if len(by_name) > 1 else accounts[0]
            return await self._call(jid, account, filled.text("number"))

        text = "The number is called once, a short tone is sent, and the call is ended. It may cost what a call costs."
        fields = (among(accounts), number) if len(by_name) > 1 else (number,)
        return Ask(form=Form(title=self.name, instructions=(text,), fields=fields), then=call, last=False)

    async def _call(self, jid: str, account: SipAccount, number: str) -> Outcome:
        user = bare(jid)
        if user in self._running:
            raise Fault("a test call of yours is going on already")
        try:
            voice = None if self.voices is None else self.voices()
        except AnchorError as error:
            return failed(f"There can be no test call at present: {error.text}.")
        test = _Test(voice, self.reaches if account.made_by == "user" else lambda address: True)
        try:
            dialled = f"{localpart(prompted(number))}@{self.component}"
            call = self.calls.trial(jid, dialled, name=account.trunk(self.component).name, told=test.heard)
        except PeerError as error:
            if voice is not None:
                voice.close()
            raise Fault(f"Number to call: {error.text.partition(': ')[2] or error.text}") from None
        self._running.add(user)
        running = asyncio.get_running_loop().create_task(test.run(call))
        running.add_done_callback(lambda _: self._running.discard(user))
        return await self._look(test, running)

    async def _look(self, test: _Test, running: "asyncio.Task[Done]") -> Outcome:
        """How it went, or, if that takes long, how it is."""
        try:
            await asyncio.wait({running}, timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if running.done():
            return running.result()

        async def again(filled: Filled) -> Outcome:
            return await self._look(test, running)

        form = Form(title=self.name, instructions=(test.how, "Go on to see what becomes of it."))
        return Ask(form=form, then=again, last=False, back=False, left=lambda: _stop(running))


def _stop(running: "asyncio.Task[Done]") -> None:
    running.cancel()
