"""Two legs that call each other through real transactions, over a wire that loses what it is told to lose."""

import heapq
from collections.abc import Callable, Iterable
from itertools import chain, count, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sdp.history import SdpSession
from gateway.signals import Answer, End, Offer, Progress, Signal
from gateway.sip.address import NameAddr
from gateway.sip.dialog import refuse_fork
from gateway.sip.effects import Deliver, Effect, Terminated, Transmit
from gateway.sip.flow import Flow, Hop
from gateway.sip.leg import LegSettings, SipLeg, SipTarget
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import SipRequest, SipResponse, parse
from gateway.sip.state import Phase
from gateway.sip.transactions import Transactions
from gateway.sip.uas import check
from gateway.sip.wire import Failed, Outgoing
from mappings.description import Description
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from .ladder import PCMU, audio, ids, word

ADDRESSES = ("192.0.2.1", "192.0.2.2")
LATENCY = 0.02


class World:
    """The clock, the wire, and two stations."""

    def __init__(
        self, lost: Iterable[bool] = (), *, late: Iterable[Iterable[float]] = (), transport: str = "UDP"
    ) -> None:
        """``late``: for each datagram, how much later than usual each of its copies arrives."""
        self.now = 0.0
        self.transport = transport
        self._lost = iter(lost)
        self._late = iter(late)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = count()
        self.sent: list[str] = []
        self.caller = Station(self, 0)
        self.callee = Station(self, 1)

    def send(self, data: bytes, sender: int, receiver: int) -> None:
        """Carry a datagram, or lose it."""
        self.sent.append(data.split(b"\r\n", 1)[0].decode())
        if next(self._lost, False):
            return
        flow = Flow(self.transport, ADDRESSES[sender], 5060, "main")
        station = (self.caller, self.callee)[receiver]
        for later in next(self._late, (0.0,)):
            self.at(self.now + LATENCY + later, lambda: station.arrives(data, flow))

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._due, (when, next(self._serial), what))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            wanted = [at for station in (self.caller, self.callee) for at in station.deadlines()]
            due = min([*wanted, *[at for at, _, _ in self._due[:1]]], default=until + 1)
            if due > until:
                break
            self.now = max(self.now, due)
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            for station in (self.caller, self.callee):
                station.expire()
        self.now = until


class Station:
    """A leg, its transactions, and what it told the side behind it."""

    def __init__(self, world: World, index: int) -> None:
        self.world = world
        self.index = index
        self.transactions = Transactions()
        self.leg: SipLeg | None = None
        self.told: list[Signal] = []
        self.answers = True
        self.rings = True
        self.manners = USUAL
        self.new_id = ids(1 + (index << 64))

    @property
    def words(self) -> list[str]:
        return [word(signal) for signal in self.told]

    def call(self) -> None:
        """Call the other station."""
        self.leg = SipLeg.calling(
            SipTarget(
                uri=f"sip:b@{ADDRESSES[1]}",
                hop=Hop(ADDRESSES[1]),
                from_=NameAddr.parse("<sip:a@gw.example>"),
                to=NameAddr.parse(f"<sip:b@{ADDRESSES[1]}>"),
            ),
            call_id="pair",
            tag="caller",
            contact=f"<sip:a@{ADDRESSES[0]}>",
            sdp=SdpSession(Role.INITIATOR, 1),
            new_id=self.new_id,
            settings=LegSettings(),
            manners=self.manners,
        )
        self.says(Offer(audio()))

    def says(self, signal: Signal) -> None:
        assert self.leg is not None
        self._carry(self.leg.send(signal, self.world.now))

    def arrives(self, data: bytes, flow: Flow) -> None:
        self._run(self.transactions.receive(parse(data, flow), self.world.now))

    def deadlines(self) -> list[float]:
        found = [self.transactions.deadline, self.leg.deadline if self.leg is not None else None]
        return [at for at in found if at is not None]

    def expire(self) -> None:
        self._run(self.transactions.expire(self.world.now))
        if self.leg is not None and self.leg.deadline is not None and self.leg.deadline <= self.world.now:
            self._carry(self.leg.expire(self.world.now))

    def _run(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Transmit():
                    self.world.send(effect.data, self.index, 1 - self.index)
                case Deliver():
                    self._deliver(effect.message)
                case Failed():
                    assert self.leg is not None
                    self._carry(self.leg.receive(effect, self.world.now))
                case Terminated():
                    pass

    def _deliver(self, message: SipRequest | SipResponse) -> None:
        now = self.world.now
        if isinstance(message, SipRequest) and self.leg is None:
            if (refused := check(message, tag="none")) is not None:
                self._run(self.transactions.respond(refused, now))
                return
            if message.method != "INVITE":
                return
            self.leg = SipLeg.called(
                message,
                tag="callee",
                contact=f"<sip:b@{ADDRESSES[1]}>",
                sdp=SdpSession(Role.RESPONDER, 2),
                new_id=self.new_id,
                settings=LegSettings(),
                manners=self.manners,
            )
        assert self.leg is not None
        if self.leg.closed and isinstance(message, SipResponse) and message.cseq.method == "INVITE":
            found = self.transactions.invite(message.branch or "")
            if message.status // 100 == 2 and found is not None:
                self._carry(refuse_fork(found[0], message, self.new_id)[:1])
            return
        self._carry(self.leg.receive(message, now))

    def _carry(self, out: Iterable[object]) -> None:
        for item in out:
            match item:
                case Outgoing():
                    self._send(item)
                case SipResponse():
                    self._run(self.transactions.respond(item, self.world.now))
                case _:
                    self.told.append(item)  # type: ignore[arg-type]
                    self._react(item)

    def _send(self, outgoing: Outgoing) -> None:
        via = f"SIP/2.0/{self.world.transport} {ADDRESSES[self.index]};branch={outgoing.branch};rport"
        request = outgoing.request.with_first("Via", via)
        flow = Flow(self.world.transport, outgoing.hop.host, outgoing.hop.port or 5060, "main")
        self._run(self.transactions.request(request, outgoing.branch, flow, self.world.now))

    def _react(self, signal: object) -> None:
        """What the side behind this leg does: rings, answers, agrees."""
        if not isinstance(signal, Offer):
            return
        first = len([one for one in self.told if isinstance(one, Offer)]) == 1 and self.index == 1
        if first and self.rings:
            self.world.at(self.world.now + 0.1, lambda: self.says(Progress()))
        if self.answers:
            wanted = signal.description
            assert wanted is not None
            self.world.at(self.world.now + 1.0, lambda: self.says(Answer(_agreed(wanted))))


def _agreed(offer: Description) -> Description:
    return audio(41000, codecs=(PCMU,), senders=offer.media[0].senders)


def ended(world: World) -> None:
    """Everything is over on both sides."""
    world.run(200)
    for station in (world.caller, world.callee):
        assert station.leg is None or station.leg.closed
        assert len(station.transactions) == 0
        assert len([signal for signal in station.told if isinstance(signal, End)]) <= 1


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_from_the_offer_to_the_bye(transport: str) -> None:
    world = World(transport=transport)
    world.caller.call()
    world.run(5)
    assert world.caller.words == ["Progress", "Answer"]
    assert world.callee.words == ["Offer"]
    world.caller.says(End(EndReason.SUCCESS))
    world.run(1)
    assert world.callee.words == ["Offer", "End success"]
    ended(world)
    # F1 to F16 of the reference's ladder 1.12.1, with the 100 and the 200 to BYE that it lacks.
    assert [line.removesuffix(" SIP/2.0").split(" sip:")[0] for line in world.sent] == [
        "INVITE",
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 200 OK",
        "ACK",
        "BYE",
        "SIP/2.0 200 OK",
    ]


def test_the_callee_may_hang_up_too() -> None:
    world = World()
    world.caller.call()
    world.run(5)
    world.callee.says(End(EndReason.BUSY))
    world.run(1)
    assert world.caller.words == ["Progress", "Answer", "End busy"]
    ended(world)


@pytest.mark.parametrize(("reason", "word_"), [(EndReason.BUSY, "busy"), (EndReason.DECLINE, "decline")])
def test_a_refusal_comes_across_with_its_reason(reason: EndReason, word_: str) -> None:
    world = World()
    world.callee.answers = False
    world.caller.call()
    world.run(1)
    world.callee.says(End(reason))
    world.run(1)
    assert world.caller.words == ["Progress", f"End {word_}"]
    ended(world)


def test_a_cancel_ends_both() -> None:
    world = World()
    world.callee.answers = False
    world.caller.call()
    world.run(1)
    world.caller.says(End(EndReason.CANCEL, "never mind"))
    world.run(1)
    assert world.callee.told[-1] == End(EndReason.CANCEL, "never mind")
    ended(world)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.05, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.05, 1.1])
def test_a_cancel_may_cross_anything(delay: float) -> None:
    world = World()
    world.caller.call()
    world.run(delay)
    world.caller.says(End(EndReason.CANCEL))
    ended(world)
    assert world.callee.words[-1:] != ["Offer"], "the callee is told"


def test_both_may_hang_up_at_the_same_time() -> None:
    world = World()
    world.caller.call()
    world.run(5)
    world.caller.says(End(EndReason.SUCCESS))
    world.callee.says(End(EndReason.SUCCESS))
    ended(world)


def test_a_change_from_either_side_is_agreed() -> None:
    world = World()
    world.caller.call()
    world.run(5)
    world.caller.says(Offer(audio(senders=Senders.INITIATOR)))
    world.run(3)
    world.callee.says(Offer(audio(41000, codecs=(PCMU,), senders=Senders.BOTH)))
    world.run(3)
    assert world.caller.words == ["Progress", "Answer", "Answer", "Offer"]
    assert world.callee.words == ["Offer", "Offer", "Answer"]
    world.callee.says(End(EndReason.SUCCESS))
    ended(world)


def test_of_changes_that_cross_the_one_of_who_did_not_make_the_call_id_comes_through() -> None:
    world = World()
    world.caller.call()
    world.run(5)
    world.caller.says(Offer(audio(senders=Senders.INITIATOR)))
    world.callee.says(Offer(audio(41000, codecs=(PCMU,), senders=Senders.RESPONDER)))
    world.run(20)
    assert world.caller.words == ["Progress", "Answer", "Refuse general-error", "Offer"]
    assert world.callee.words == ["Offer", "Answer"]
    world.caller.says(End(EndReason.SUCCESS))
    ended(world)


@given(st.lists(st.booleans(), max_size=30), st.sampled_from([0, 1]))
@settings(max_examples=80, deadline=None)
def test_a_lossy_wire_delays_a_call_and_nothing_else(lost: list[bool], side: int) -> None:
    # Five at most: whatever is sent up to 64*T1 then gets through in its time, and so does what answers it.
    world = World([one and sum(lost[:index]) < 5 for index, one in enumerate(lost)])
    world.caller.call()
    world.run(40)
    assert world.caller.words[-1] == "Answer"
    assert world.callee.words == ["Offer"]
    (world.caller, world.callee)[side].says(End(EndReason.SUCCESS))
    world.run(40)
    ended(world)
    assert (world.callee, world.caller)[side].words[-1] == "End success"


@given(st.lists(st.booleans(), max_size=80), st.floats(0, 12), st.sampled_from([0, 1]))
@settings(max_examples=80, deadline=None)
def test_whatever_is_lost_and_whoever_hangs_up_when_nothing_is_left(lost: list[bool], when: float, side: int) -> None:
    world = World(lost)
    world.caller.call()
    world.run(when)
    station = (world.caller, world.callee)[side]
    if station.leg is not None:
        station.says(End(EndReason.CANCEL))
    world.run(60)
    for one in (world.caller, world.callee):
        if one.leg is not None and not one.leg.closed:
            one.says(End(EndReason.SUCCESS))
    ended(world)


delays = st.lists(st.lists(st.sampled_from([0.0, 0.0, 0.03, 0.2, 1.0]), min_size=1, max_size=3), max_size=40)
"Copies of datagrams, some of which overtake others."


@given(delays, st.sampled_from([0, 1]))
@settings(max_examples=80, deadline=None)
def test_a_wire_that_repeats_and_reorders_changes_nothing_that_is_told(late: list[list[float]], side: int) -> None:
    world = World(late=late)
    world.callee.manners = Manners(prack="always")
    world.caller.call()
    world.run(40)
    assert [said for said in world.caller.words if said != "Progress"] == ["Answer"]
    assert world.callee.words == ["Offer"]
    (world.caller, world.callee)[side].says(End(EndReason.SUCCESS))
    ended(world)
    assert (world.callee, world.caller)[side].words[-1] == "End success"


def test_ringing_that_must_arrive_does() -> None:
    world = World([False, False, True, True, True])
    world.callee.manners = Manners(prack="always")
    world.callee.answers = False
    world.caller.call()
    world.run(10)
    assert world.caller.words == ["Progress"]
    assert world.callee.words == ["Offer"]
    assert [line for line in world.sent if line.startswith("PRACK")] != []
    world.caller.says(End(EndReason.CANCEL))
    ended(world)


@given(st.lists(st.booleans(), max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_lossy_wire_delays_a_call_that_rings_reliably_and_nothing_else(lost: list[bool]) -> None:
    world = World([one and sum(lost[:index]) < 5 for index, one in enumerate(lost)])
    world.callee.manners = Manners(prack="always")
    world.caller.call()
    world.run(40)
    assert world.caller.words[-1] == "Answer"
    world.caller.says(End(EndReason.SUCCESS))
    ended(world)


SHORT = Manners(session_expires_seconds=90)


@given(st.lists(st.booleans(), max_size=60), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_session_is_refreshed_over_a_lossy_wire_for_as_long_as_it_lasts(lost: list[bool], updates: bool) -> None:
    world = World([one and sum(lost[:index]) < 5 for index, one in enumerate(lost)])
    world.caller.manners = world.callee.manners = SHORT
    world.caller.call()
    world.run(40)
    assert world.caller.leg is not None
    world.caller.leg.session.updates = updates
    before = len(world.sent)
    world.run(400)
    assert world.caller.words[-1] == "Answer", "nobody is told"
    assert world.callee.words == ["Offer"]
    assert len(world.sent) - before >= 2 * 400 // 45
    world.callee.says(End(EndReason.SUCCESS))
    ended(world)


def test_a_peer_that_is_gone_is_noticed_on_both_sides() -> None:
    world = World(chain([False] * 8, repeat(True)))
    world.caller.manners = world.callee.manners = SHORT
    world.caller.call()
    world.run(300)
    for station in (world.caller, world.callee):
        assert station.words[-1] == "End timeout"
    ended(world)


@given(delays)
@settings(max_examples=40, deadline=None)
def test_changes_from_both_sides_over_a_wire_that_repeats_and_reorders_are_agreed_or_refused(
    late: list[list[float]],
) -> None:
    world = World(late=chain([[0.0]] * 8, late))
    world.caller.manners = world.callee.manners = SHORT
    world.caller.call()
    world.run(40)
    for index in range(3):
        world.caller.says(Offer(audio(40010 + index)))
        world.callee.says(Offer(audio(41010 + index, codecs=(PCMU,))))
        world.run(40)
    for station in (world.caller, world.callee):
        assert station.leg is not None
        offers = [word for word in station.words if word == "Offer"]
        settled = [word for word in station.words if word in ("Answer", "Refuse general-error")]
        assert len(settled) == 3 + (station is world.caller)
        assert len(offers) <= 4
        assert station.leg.phase is Phase.CONFIRMED
    world.caller.says(End(EndReason.SUCCESS))
    ended(world)
