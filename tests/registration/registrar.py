"""A registrar that says what the test wants, and one binding's side of the conversation."""

from collections.abc import Iterable
from itertools import count

from gateway.registration.binding import Binding
from gateway.registration.registrant import Registrant, Timing, contact_user, instance
from gateway.registration.terms import Emitted, Outcome
from gateway.sip.flow import Flow, Hop
from gateway.sip.message import SipRequest, SipResponse, respond
from gateway.sip.target import Credentials
from gateway.sip.wire import Failed, Outgoing

USER = contact_user("gw.example", "pbx")
CONTACT = f"sip:{USER}@192.0.2.1:5060"
FLOW = Flow("UDP", "192.0.2.20", 5060, "main")
ASKS = 'Digest realm="pbx.example", nonce="n1", algorithm=MD5, qop="auth"'


def registrant(*, password: str | None = "pw", transport: str | None = None, expires: int = 3600) -> Registrant:
    """Extension 1001 of a PBX."""
    return Registrant(
        name="pbx",
        aor="sip:1001@pbx.example",
        registrar="sip:pbx.example",
        hop=Hop("192.0.2.20", None, transport),
        credentials=None if password is None else Credentials("1001", password),
        expires_seconds=expires,
        contact_user=USER,
        instance=instance("gw.example", "pbx"),
    )


class Conversation:
    """A binding, its clock, and what it has said."""

    def __init__(self, whom: Registrant | None = None, *, timing: Timing | None = None, first_id: int = 1) -> None:
        self.now = 1000.0
        ids = count(first_id)
        self.binding = Binding(
            whom or registrant(),
            contact=CONTACT,
            timing=timing or Timing(),
            new_id=lambda: f"{next(ids) * 0x9E3779B1 % 2**32:08x}" * 4,
            user_agent="test",
            now=self.now,
        )
        self.sent: list[Outgoing] = []
        self.at: list[float] = []
        "When each was sent."
        self.outcomes: list[Outcome] = []

    @property
    def last(self) -> SipRequest:
        """The last request."""
        return self.sent[-1].request

    def take(self, emitted: Iterable[Emitted]) -> None:
        """Keep what the binding says."""
        for what in emitted:
            if isinstance(what, Outgoing):
                self.sent.append(what)
                self.at.append(self.now)
            else:
                self.outcomes.append(what)

    def due(self) -> SipRequest:
        """Let time pass until it is due; its request."""
        before = len(self.sent)
        self.now = max(self.now, self.binding.at)
        self.take(self.binding.due(self.now))
        assert len(self.sent) == before + 1, "it asked nothing"
        return self.last

    def answer(self, status: int, *headers: tuple[str, str], took: float = 0.0) -> bool:
        """Answer the last request; whether there came another at once."""
        before = len(self.sent)
        self.now += took
        self.take(self.binding.receive(response(self.sent[-1], status, *headers), self.now))
        return len(self.sent) > before

    def grant(self, expires: int | None = 3600, *headers: tuple[str, str]) -> bool:
        """Answer it with 200, as most do."""
        ending = "" if expires is None else f";expires={expires}"
        return self.answer(200, ("Contact", f"<{CONTACT}>{ending}"), *headers)

    def fail(self, cause: str = "timeout") -> None:
        """Nothing comes back."""
        out = self.sent[-1]
        self.take(
            self.binding.receive(Failed(out.branch, "REGISTER", cause, f"192.0.2.20: {cause}"), self.now)  # type: ignore[arg-type]
        )

    def leave(self) -> bool:
        """Tell it to go; whether it has something to say."""
        before = len(self.sent)
        self.take(self.binding.leave(self.now))
        return len(self.sent) > before


def response(out: Outgoing, status: int, *headers: tuple[str, str]) -> SipResponse:
    """An answer, as the transaction hands it over."""
    request = out.request.with_first("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={out.branch}")
    made = respond(request, status, tag="r", headers=headers)
    return SipResponse(made.status, made.phrase, made.headers, b"", FLOW)
