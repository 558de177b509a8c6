"""Whether a registrar would take an account, asked without binding anything: a REGISTER without a Contact (RFC 3261
§10.2.3).  It is challenged and answered as any other, and leaves what is bound as it is, so that an account may be
tried while calls come in by it.

What comes of it is said in words for who owns the account, and in none of SIP's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.registration.registrant import Registrant
from gateway.registration.request import register
from gateway.registration.terms import said
from gateway.sip.auth import DigestSession
from gateway.sip.dialog import branch
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed, Outgoing

MAX_REQUESTS: Final = 6
"A question for a password, one for each proxy on the way, a nonce that has grown old."

_BINDING: Final = frozenset({"contact", "expires"})

_WORDS: Final = {
    403: "the server refuses: wrong password, or this account may not register from here",
    404: "the server knows no such user",
    405: "the server takes no registrations; look at the domain, or the registrar",
    407: "the server does not accept the user name or the password",
    416: "the server does not serve this domain",
    423: "the server wants registrations to last longer",
    480: "the server is not ready at present",
    484: "the server finds the address incomplete",
    604: "the server knows no such user",
}
"What the refusals mean that registrars make (§10.3, §21)."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial has shown."""

    well: bool
    text: str
    "In words, without a full stop."


class Trial:
    """One question, with all that it takes to have it answered."""

    def __init__(self, registrant: Registrant, *, new_id: Callable[[], str], user_agent: str) -> None:
        self._registrant = registrant
        self._new_id = new_id
        self._user_agent = user_agent
        self._call_id = new_id()
        self._tag = new_id()[:16]
        self._requests = 0
        self._digest: DigestSession | None = None
        self._branch = ""

    def ask(self) -> Outgoing:
        """The request, with what is known of passwords that it needs."""
        self._requests += 1
        whole = register(
            self._registrant,
            uri=self._registrant.registrar,
            contact="",
            expires=0,
            outbound=False,
            call_id=self._call_id,
            tag=self._tag,
            number=self._requests,
            user_agent=self._user_agent,
        )
        headers = tuple((name, value) for name, value in whole.headers if name.lower() not in _BINDING)
        request = SipRequest(whole.method, whole.uri, headers)
        if self._digest is not None:
            request = self._digest.authorize(request, self._new_id())
        self._branch = branch(self._new_id)
        return Outgoing(request, self._branch, self._registrant.hop)

    def hear(self, message: SipRequest | SipResponse | Failed) -> Outgoing | Verdict | None:
        """What came back: the next request, the end, or nothing yet."""
        if isinstance(message, SipRequest) or message.branch != self._branch:
            return None
        if isinstance(message, Failed):
            return Verdict(False, _unreached(message))
        if message.status < 200:
            return None
        if message.status < 300:
            return Verdict(True, "the server knows the account and accepts the password" if self._digest else
                           "the server knows the account, and asks for no password")  # fmt: skip
        if message.status in (401, 407):
            return self._challenged(message)
        return Verdict(False, f"{_WORDS.get(message.status) or _class(message.status)} ({said(message)})")

    def _challenged(self, response: SipResponse) -> Outgoing | Verdict:
        credentials = self._registrant.credentials
        if credentials is None:
            return Verdict(False, "the server asks for a password, and there is none")
        if self._digest is None:
            self._digest = DigestSession(credentials.user, credentials.password, credentials.realm)
        answered = self._digest.answers
        if self._digest.challenged(response):
            if self._requests < MAX_REQUESTS:
                return self.ask()
            return Verdict(False, "the server asks for the password again and again")
        if answered:
            return Verdict(False, _WORDS[407])
        return Verdict(False, "the server asks for the password in a way, or for a realm, that there is no answer for")


def _unreached(failure: Failed) -> str:
    """Why nobody has answered; what the network said is for the log, but says most by itself."""
    if failure.cause == "timeout":
        return f"the server does not answer ({failure.text})"
    if "does not resolve" in failure.text:
        return f"there is no such server: {failure.text}"
    return f"the server cannot be reached: {failure.text}"


def _class(status: int) -> str:
    if status < 400:
        return "the server is elsewhere"
    return "the server has failed" if 500 <= status < 600 else "the server refuses"
