"""A leg and a peer that says anything at all: nothing is raised, and what is remembered stays within bounds."""

from collections.abc import Callable, Sized
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signals import Answer, End, Offer, Progress
from gateway.sip.leg import Credentials, LegSettings
from gateway.sip.malformed import Malformed
from gateway.sip.manners import Manners
from gateway.sip.message import Header, SipRequest, SipResponse, parse, respond
from gateway.sip.state import LegState, Phase
from gateway.sip.trickling import Mode
from mappings.reasons import EndReason

from .ladder import PCMU, Ladder, audio, called, calling, invite, on_wire, sdp, webrtc
from .test_leg_trickle import CAN, browser, fragment

NAMES = (
    "Accept", "Alert-Info", "Allow", "Authorization", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding",
    "Content-Type", "Event", "Expires", "Info-Package", "Max-Forwards", "Min-SE", "Proxy-Authenticate", "RAck",
    "Reason", "Record-Route", "Recv-Info", "Refer-To", "Replaces", "Require", "Retry-After", "RSeq", "Session-Expires",
    "Session-ID", "Supported", "Unsupported", "Warning", "WWW-Authenticate",
)  # fmt: skip
VALUES = (
    "", '"', ",", ";", "<", "<>", "0", "-1", "1", "2", "90", "4294967296", "9" * 30, "x", "100rel", "timer",
    "trickle-ice", "100rel, timer, trickle-ice", "1 1 INVITE", "1 100 INVITE", "90;refresher=uas", "91;refresher=uac",
    "<sip:a@b>", "<sip:a@[::1>", "sip:", "<sip:phone@192.0.2.20:5060>", "application/sdp", "multipart/mixed",
    'multipart/mixed;boundary="b"', "gzip", 'Digest realm="r", nonce="n", qop="auth"', "Digest", "INVITE, UPDATE",
    'Q.850;cause=16;text="x', "SIP;cause=x", '399 a "x"', "\u00e9\u20ac", "a" * 300, "\t", "%00", "*",
)  # fmt: skip
BODIES = (
    "", sdp(), sdp(version=2), sdp(0), "v=0", "nonsense", browser("30000"), fragment("30001"), "Signal=5",
    "--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp() + "\r\n--b--", "--b\r\n\r\n--b--", "\x00\xff" * 20,
)  # fmt: skip
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "MESSAGE")
STATUSES = (
    100,
    180,
    180,
    183,
    183,
    183,
    183,
    199,
    200,
    202,
    300,
    302,
    401,
    407,
    408,
    415,
    420,
    422,
    481,
    487,
    491,
    500,
    503,
    600,
    699,
)

Step = Callable[["Noise"], None]
headers = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3).map(tuple)
tags = st.sampled_from(["phone"] * 8 + ["other", "third", ""])
bodies = st.sampled_from(BODIES)


class Noise:
    """A leg, and what its peer throws at it."""

    def __init__(self, call: Ladder) -> None:
        self.call = call
        self.numbers = count(200)

    def asks(self, method: str, body: str, said: tuple[Header, ...], tag: str) -> None:
        dialog = self.call.leg.dialog or next((one.dialog for one in self.call.leg.early.values()), None)
        if dialog is None:
            return
        number = next(self.numbers)
        if method in ("ACK", "CANCEL") and self.call.leg.answered is not None:
            number = self.call.leg.answered.cseq.number
        request = self.call.request(
            method, body, headers=_single(said), cseq=number, dialog=dialog, from_tag=tag if tag != "phone" else None
        )
        self.gets(request.replace_header("Via", f"SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKn{next(self.numbers)}"))

    def answers(self, method: str, status: int, body: str, said: tuple[Header, ...], tag: str) -> None:
        if not self.call.sent(method):
            return
        response = respond(on_wire(self.call.last(method)), status, tag=tag or None, body=body.encode())
        self.gets(response.with_headers(_single(said)))

    def gets(self, message: SipRequest | SipResponse) -> None:
        """Through its bytes, if they can be read at all; the port answers what cannot."""
        try:
            read = parse(message.encode(), self.call.flow)
        except Malformed:
            return
        self.call._took(self.call.leg.receive(read, self.call.now))

    def size(self) -> int:
        """How much is remembered."""
        return sum(len(kept) for kept in _kept(self.call.leg))


def _single(said: tuple[Header, ...]) -> tuple[Header, ...]:
    return tuple(dict(said).items())


def _kept(leg: LegState) -> list[Sized]:
    memories = (leg, leg.trickle, leg.session, leg.assured)
    names = [
        (memory, name)
        for memory in memories
        for kind in type(memory).__mro__
        for name in getattr(kind, "__slots__", ())
    ]
    values = [getattr(memory, name, None) for memory, name in names if name not in ("out", "dropped")]
    return [value for value in values if isinstance(value, dict | list | set)]


asks = st.builds(
    lambda method, body, said, tag: lambda noise: noise.asks(method, body, said, tag),
    st.sampled_from(METHODS), bodies, headers, tags,
)  # fmt: skip
answers = st.builds(
    lambda method, status, body, said, tag: lambda noise: noise.answers(method, status, body, said, tag),
    st.sampled_from(("INVITE", "INVITE", "INVITE", "PRACK", "UPDATE", "INFO", "BYE", "REFER", "NOTIFY")),
    st.sampled_from(STATUSES), bodies, headers, tags,
)  # fmt: skip
signals = st.sampled_from([Offer(audio(40002)), Offer(webrtc()), Answer(audio(codecs=(PCMU,))), Progress()]).map(
    lambda signal: lambda noise: noise.call.says(signal)
)
waits = st.sampled_from([0.5, 5.0, 30.0]).map(lambda seconds: lambda noise: noise.call.after(seconds))
scripts = st.lists(st.one_of(asks, asks, answers, answers, signals, waits), min_size=12, max_size=50)


def survives(call: Ladder, script: list[Step]) -> None:
    """Whatever happens, and then the end."""
    noise = Noise(call)
    for step in script:
        step(noise)
        call.leg.dropped.clear()
    assert noise.size() < 200
    call.says(End(EndReason.SUCCESS))
    call.after(1000)
    assert call.leg.closed
    assert call.leg.phase is Phase.CLOSED


@given(scripts, st.booleans(), st.sampled_from(["auto", "required"]))
@settings(max_examples=250, deadline=None)
def test_a_leg_that_calls_survives_whatever_comes(script: list[Step], answered: bool, trickle: Mode) -> None:
    manners = Manners(follow_redirects=True, hears=True)
    call = calling(credentials=Credentials("romeo", "r0m30"), manners=manners, trickle=trickle)
    call.says(Offer(webrtc() if answered else audio()))
    call.after(3)
    if answered:
        call.answered(200, browser("30000"), headers=CAN)
    survives(call, script)


@given(
    scripts, st.sampled_from([(), (("Require", "100rel"),), CAN]), st.sampled_from(["offerless", "called", "in call"])
)
@settings(max_examples=250, deadline=None)
def test_a_leg_that_is_called_survives_whatever_comes(script: list[Step], said: tuple[Header, ...], stage: str) -> None:
    request = invite("" if stage == "offerless" else sdp(), headers=said)
    call = called(request, settings=LegSettings(offers=True))
    call.gets(request)
    if stage == "in call":
        call.says(Answer(audio(codecs=(PCMU,))))
        call.acks()
    survives(call, script)


@given(headers, bodies)
@settings(max_examples=250, deadline=None)
def test_an_invite_of_any_kind_is_answered_or_offered(said: tuple[Header, ...], body: str) -> None:
    wanted = _single(tuple(header for header in said if header[0] not in ("Contact", "Content-Type")))
    try:
        request = invite(body, headers=wanted)
    except Malformed:
        return
    words = called(request).gets(request)
    assert words[0] == "Offer" or words[0].endswith(" INVITE")


def test_a_flood_inside_a_call_is_not_remembered() -> None:
    call = calling(manners=Manners(follow_redirects=True))
    call.says(Offer(audio()))
    noise = Noise(call)
    for number in range(500):
        said = (("Require", "100rel"), ("RSeq", str(number % 70 + 1)))
        noise.answers("INVITE", 183, sdp(), said, f"fork{number % 40}")
        noise.answers("PRACK", 200, "", (), "phone")
    for number in range(100):
        noise.answers("INVITE", 200, sdp(), (), f"fork{number}")
    for number in range(300):
        noise.asks("UPDATE", sdp(version=number + 2), (), "phone")
        noise.asks("INFO", fragment(str(30000 + number)), (("Info-Package", "trickle-ice"),), "phone")
    assert noise.size() < 200
