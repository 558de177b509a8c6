"""A SIP leg on a virtual clock, and a peer's side of the wire: what the tests of legs are written with.

Whatever comes out of the leg is told in words: a request by its method, a response by its status and the method it
answers, a signal by its name and what matters of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from gateway.sdp.history import SdpSession
from gateway.signals import (
    Answer,
    Attendance,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    PickedUp,
    Picture,
    Progress,
    Refuse,
    Signal,
    Transfer,
    Transferred,
)
from gateway.sip.address import NameAddr
from gateway.sip.dialog import Dialog
from gateway.sip.flow import Flow, Hop
from gateway.sip.leg import Credentials, Emitted, LegSettings, SipLeg, SipTarget
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import Header, SipRequest, SipResponse, parse, respond
from gateway.sip.trickling import Mode
from gateway.sip.wire import Failed, Outgoing
from mappings.description import (
    Candidate,
    Codec,
    Description,
    Fingerprint,
    GatheringComplete,
    Ice,
    Media,
    RawCandidate,
    RawUdp,
    RtcpMux,
    Rtp,
)
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Role, Senders, Setup

PEER = Flow("UDP", "192.0.2.20", 5060, "main")
PEER_TCP = Flow("TCP", "192.0.2.20", 40112, "7")
SDP = "application/sdp"

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, NOTIFY, REFER"
SUPPORTED = "100rel, timer, replaces, norefersub"
"What we say that we can, word for word."

PCMU = Codec(id=0, name="PCMU", clockrate=8000)
PCMA = Codec(id=8, name="PCMA", clockrate=8000)


def ids(start: int = 1) -> Callable[[], str]:
    """Counted ids."""
    numbers = count(start)
    return lambda: f"{next(numbers):032x}"


def raw(port: int, ip: str = "192.0.2.7") -> RawUdp:
    """Where to send RTP and RTCP."""
    return RawUdp(
        candidates=(RawCandidate(ip=ip, port=port, component=1), RawCandidate(ip=ip, port=port + 1, component=2))
    )


def audio(
    port: int = 40000,
    *,
    codecs: tuple[Codec, ...] = (PCMU, PCMA),
    senders: Senders = Senders.BOTH,
    transport: RawUdp | Ice | None = None,
    rtcp_mux: bool = False,
) -> Description:
    """A plain call."""
    rtp = Rtp(media="audio", codecs=codecs, rtcp_mux=RtcpMux() if rtcp_mux else None)
    media = Media(name="audio", rtp=rtp, transport=transport or raw(port), senders=senders)
    return Description(media=(media,))


def candidate(kind: CandidateType, port: int = 50000, component: int = 1) -> Candidate:
    """An ICE candidate."""
    related = kind is not CandidateType.HOST
    return Candidate(
        foundation="1",
        component=component,
        protocol="udp",
        priority=2130706431 - port,
        ip="198.51.100.7",
        port=port,
        type=kind,
        rel_addr="10.0.0.7" if related else None,
        rel_port=40000 if related else None,
    )


def ice(*candidates: Candidate, complete: bool = False) -> Ice:
    """An ICE transport with DTLS."""
    return Ice(
        ufrag="8hhY",
        pwd="asd88fgpdd777uzjYhagZg",
        candidates=candidates,
        fingerprints=(Fingerprint(hash="sha-256", value=":".join(["A5"] * 32), setup=Setup.ACTPASS),),
        gathering_complete=GatheringComplete() if complete else None,
    )


def webrtc(*candidates: Candidate, complete: bool = False) -> Description:
    """A call of a browser."""
    media = Media(
        name="0",
        rtp=Rtp(media="audio", codecs=(PCMU,), rtcp_mux=RtcpMux()),
        transport=ice(*candidates, complete=complete),
    )
    return Description(media=(media,))


def sdp(port: int = 30000, *, version: int = 1, media: str = "RTP/AVP 0", direction: str = "sendrecv") -> str:
    """What a phone says of its side."""
    return (
        f"v=0\r\no=phone 77 {version} IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
        f"m=audio {port} {media}\r\na={direction}\r\n"
    )


def word(item: Emitted) -> str:
    """What came out, in words."""
    match item:
        case Outgoing():
            return item.request.method
        case SipResponse():
            return f"{item.status} {item.cseq.method}"
        case End() | Refuse():
            return f"{type(item).__name__} {item.reason.value}"
        case Digit():
            return f"Digit {item.digit} {item.duration}"
        case Transferred():
            return f"Transferred {item.status}"
        case Attendance() | NoDigits() | Picture():
            return type(item).__name__
        case Transfer() | Offer() | Answer() | Complete() | PickedUp() | Progress() | Early() | Candidates():
            return type(item).__name__


@dataclass
class Ladder:
    """A leg, its clock, and what came out of it last."""

    leg: SipLeg
    now: float = 1000.0
    out: list[Emitted] = field(default_factory=list)
    every: list[Emitted] = field(default_factory=list)
    peer_cseq: Iterator[int] = field(default_factory=lambda: count(101))
    flow: Flow = PEER

    # What happens ---------------------------------------------------------------------------------------------

    def says(self, signal: Signal) -> list[str]:
        """The other side says something."""
        return self._took(self.leg.send(signal, self.now))

    def ends(self, reason: EndReason = EndReason.SUCCESS, text: str | None = None) -> list[str]:
        """The other side is gone."""
        return self.says(End(reason, text))

    def gets(self, message: SipRequest | SipResponse | Failed) -> list[str]:
        """The peer's message, through its bytes."""
        if not isinstance(message, Failed):
            message = parse(message.encode(), message.flow)
        return self._took(self.leg.receive(message, self.now))

    def after(self, seconds: float) -> list[str]:
        """Time passes, with all that falls due in it, at its time."""
        until, words = self.now + seconds, []
        self.out = []
        while (due := self.leg.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            words += self._took(self.leg.expire(self.now))
        self.now = until
        return words

    def _took(self, out: list[Emitted]) -> list[str]:
        self.out = out
        self.every += out
        for item in out:
            if isinstance(item, Outgoing):
                on_wire(item).encode()
            elif isinstance(item, SipResponse):
                item.encode()
        return [word(item) for item in out]

    # What a peer sends ------------------------------------------------------------------------------------------

    def answered(
        self,
        status: int,
        body: str = "",
        *,
        to: str = "INVITE",
        tag: str = "phone",
        headers: tuple[Header, ...] = (),
        phrase: str | None = None,
        contact: str | None = "<sip:phone@192.0.2.20:5060>",
    ) -> list[str]:
        """The peer answers the last request of a method."""
        request = on_wire(self.last(to))
        if contact is not None and to == "INVITE" and 100 < status < 300:
            headers = (("Contact", contact), *headers)
        response = respond(
            request, status, phrase, tag=tag, headers=headers, body=body.encode(), content_type=SDP if body else None
        )
        return self.gets(SipResponse(response.status, response.phrase, response.headers, response.body, self.flow))

    def fails(self, method: str, cause: str = "timeout", text: str = "192.0.2.20: no response in 32 s") -> list[str]:
        """The last request of a method gets no answer."""
        assert cause in ("timeout", "transport")
        return self.gets(Failed(self.last(method).branch, method, cause, text))  # type: ignore[arg-type]

    def asks(
        self,
        method: str,
        body: str = "",
        *,
        headers: tuple[Header, ...] = (),
        cseq: int | None = None,
        content_type: str = SDP,
        from_tag: str | None = None,
        dialog: Dialog | None = None,
    ) -> list[str]:
        """The peer sends a request in the dialog."""
        return self.gets(
            self.request(
                method, body, headers=headers, cseq=cseq, content_type=content_type, from_tag=from_tag, dialog=dialog
            )
        )

    def request(
        self,
        method: str,
        body: str = "",
        *,
        headers: tuple[Header, ...] = (),
        cseq: int | None = None,
        content_type: str = SDP,
        from_tag: str | None = None,
        dialog: Dialog | None = None,
    ) -> SipRequest:
        """A request of the peer in the dialog, or in an early one."""
        dialog = dialog or self.leg.dialog
        assert dialog is not None
        remote = dialog.remote
        if from_tag is not None:
            remote = remote.replace(f"tag={dialog.remote_tag}", f"tag={from_tag}")
        number = next(self.peer_cseq) if cseq is None else cseq
        lines: list[Header] = [
            ("Via", f"SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKpeer{method}{number};rport"),
            ("Max-Forwards", "70"),
            ("From", remote),
            ("To", dialog.local),
            ("Call-ID", self.leg.call_id),
            ("CSeq", f"{number} {method}"),
            *headers,
        ]
        if method == "INVITE" and not any(name == "Contact" for name, _ in headers):
            lines.append(("Contact", "<sip:phone@192.0.2.20:5060>"))
        if body:
            lines.append(("Content-Type", content_type))
        return SipRequest(method, "sip:gw@192.0.2.1:5060", tuple(lines), body.encode(), self.flow)

    def acks(self, number: int | None = None) -> list[str]:
        """The peer acknowledges our last 200."""
        answered = next(
            item
            for item in reversed(self.every)
            if isinstance(item, SipResponse) and item.status == 200 and item.cseq.method == "INVITE"
        )
        return self.asks("ACK", cseq=answered.cseq.number if number is None else number)

    # What came out ----------------------------------------------------------------------------------------------

    def last(self, method: str) -> Outgoing:
        """The last request of a method."""
        return next(
            item for item in reversed(self.every) if isinstance(item, Outgoing) and item.request.method == method
        )

    def sent(self, method: str) -> list[SipRequest]:
        """All requests of a method."""
        return [item.request for item in self.every if isinstance(item, Outgoing) and item.request.method == method]

    @property
    def responses(self) -> list[SipResponse]:
        """What we answered just now."""
        return [item for item in self.out if isinstance(item, SipResponse)]

    @property
    def end(self) -> End:
        """The one End that the leg said."""
        (found,) = [item for item in self.every if isinstance(item, End)]
        return found

    def signal(self, kind: type[Signal]) -> Signal:
        """The signal of a kind that came out just now."""
        (found,) = [item for item in self.out if isinstance(item, kind)]
        return found


def on_wire(outgoing: Outgoing) -> SipRequest:
    """The request as the peer has it."""
    return outgoing.request.with_first("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={outgoing.branch};rport")


def target(credentials: Credentials | None = None, headers: tuple[Header, ...] = ()) -> SipTarget:
    """A phone behind a trunk."""
    return SipTarget(
        uri="sip:+15551230000@trunk.example",
        hop=Hop("trunk.example"),
        from_=NameAddr.parse('"Romeo" <sip:romeo@gw.example>'),
        to=NameAddr.parse("<sip:+15551230000@trunk.example>"),
        headers=headers,
        credentials=credentials,
    )


def calling(
    *,
    settings: LegSettings | None = None,
    credentials: Credentials | None = None,
    headers: tuple[Header, ...] = (),
    new_id: Callable[[], str] | None = None,
    trickle: Mode = "auto",
    manners: Manners = USUAL,
) -> Ladder:
    """A leg that calls."""
    return Ladder(
        SipLeg.calling(
            target(credentials, headers),
            call_id="5f2c@gw",
            tag="ours",
            contact="<sip:gw@192.0.2.1:5060>",
            sdp=SdpSession(Role.INITIATOR, 4711, address="192.0.2.1"),
            new_id=new_id or ids(),
            settings=settings or LegSettings(),
            trickle=trickle,
            manners=manners,
        )
    )


def in_call(**options: object) -> Ladder:
    """A leg that called and was answered."""
    call = calling(**options)  # type: ignore[arg-type]
    assert call.says(Offer(audio())) == ["INVITE"]
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    return call


def invite(
    body: str | None = None,
    *,
    headers: tuple[Header, ...] = (),
    content_type: str = SDP,
    contact: str | None = "<sip:phone@192.0.2.20:5060>",
    flow: Flow = PEER,
) -> SipRequest:
    """A phone's INVITE, through its bytes."""
    body = sdp() if body is None else body
    lines: list[Header] = [
        ("Via", "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKfirst;rport"),
        ("Max-Forwards", "70"),
        ("From", '"Juliet" <sip:juliet@phones.example>;tag=phone'),
        ("To", "<sip:romeo@gw.example>"),
        ("Call-ID", "c4ll@phones.example"),
        ("CSeq", "100 INVITE"),
        *headers,
    ]
    if contact is not None:
        lines.append(("Contact", contact))
    if body:
        lines.append(("Content-Type", content_type))
    made = parse(SipRequest("INVITE", "sip:romeo@gw.example", tuple(lines), body.encode()).encode(), flow)
    assert isinstance(made, SipRequest)
    return made


def called(
    request: SipRequest | None = None,
    *,
    settings: LegSettings | None = None,
    new_id: Callable[[], str] | None = None,
    trickle: Mode = "auto",
    manners: Manners = USUAL,
) -> Ladder:
    """A leg that is called; the INVITE is not in yet."""
    request = request or invite()
    return Ladder(
        SipLeg.called(
            request,
            tag="ours",
            contact="<sip:gw@192.0.2.1:5060>",
            sdp=SdpSession(Role.RESPONDER, 4712, address="192.0.2.1"),
            new_id=new_id or ids(),
            settings=settings or LegSettings(),
            trickle=trickle,
            manners=manners,
        )
    )


def rung(request: SipRequest | None = None, **options: object) -> Ladder:
    """A leg that is called, and whose callee is being alerted."""
    request = request or invite()
    call = called(request, **options)  # type: ignore[arg-type]
    assert call.gets(request) == ["Offer"]
    assert call.says(Progress()) == ["180 INVITE"]
    return call


def picked_up(request: SipRequest | None = None, **options: object) -> Ladder:
    """A leg that was called and answered."""
    call = rung(request, **options)
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    assert call.acks() == []
    return call
