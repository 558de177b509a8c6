"""The packet path: what happens to every RTP and RTCP packet, and nothing else.

This is the one interface between what is decided about a call's media and the moving of packets, so that a relay of
another make can take this module's place.  In: ways (`Path.lead`), keys (`Path.key`), and lines with their routes
(`Path.carry`).  Out: counters (`Meter`, `Path.dropped`) and digits that were heard.  Nobody else touches a packet.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from pylibsrtp import Error, Session

from gateway.media.embedded import rtcp
from gateway.media.embedded.digits import Digit, EventReader, EventSender, Rescaler
from gateway.media.embedded.feedback import Feedbacks
from gateway.media.embedded.quality import Meter
from gateway.media.embedded.srtp import LONGEST, Keys, sessions
from gateway.media.negotiation import Passage

Address = tuple[str, int]
Send = Callable[[bytes, Any], object]
"A socket's sendto."

MOST_REPORTS = 8
"Sender reports that are remembered until somebody refers to them."


def _nowhere(data: bytes, address: object) -> None:
    """No way is known yet."""


class Line:
    """One stream, in the direction away from one path."""

    __slots__ = (
        "back",
        "digits",
        "feedback",
        "heard",
        "meter",
        "reader",
        "reports",
        "rescaler",
        "round_trip",
        "target",
    )

    def __init__(
        self, meter: Meter, back: Meter, heard: Callable[[Digit, bool], None], unmet: Callable[[], None]
    ) -> None:
        """``meter`` counts it, ``back`` the other direction; ``heard`` gets digits, and whether they were passed on.

        ``unmet``: see `Feedbacks`.
        """
        self.meter = meter
        self.back = back
        self.heard = heard
        self.target: Path | None = None
        self.feedback = Feedbacks(unmet)
        "What the far peer takes of feedback messages."

        self.digits: EventSender | None = None
        "What takes the place of packets at the moment."

        self.reader = EventReader()
        self.rescaler = Rescaler()
        self.reports: dict[int, float] = {}
        "When each of the near peer's sender reports passed."

        self.round_trip: float | None = None
        "Between us and the near peer, seconds."


class _Route:
    """What becomes of the packets with one second octet: a payload type, and the marker."""

    __slots__ = ("events", "line", "name", "octet", "rate", "second", "wanted")

    def __init__(self, line: Line, passage: Passage, marker: int) -> None:
        self.line = line
        self.name = passage.name
        self.events = passage.events
        self.rate = passage.clockrate
        self.wanted = passage.rate
        self.second = None if passage.number is None else passage.number | marker
        self.octet = b"" if self.second is None else bytes((self.second,))


class Path:
    """The packets of one transport, to and from its peer."""

    __slots__ = (
        "_control", "_control_peer", "_lines", "_routes", "_send", "control_inbound", "control_outbound",
        "control_seen", "dropped", "inbound", "outbound", "peer", "protected",
    )  # fmt: skip

    def __init__(self) -> None:
        self.protected = False
        "Nothing passes without keys."

        self.inbound: Session | None = None
        self.outbound: Session | None = None
        self.control_inbound: Session | None = None
        self.control_outbound: Session | None = None
        "Those of RTCP: the same, where it has no handshake of its own."

        self.peer: Address | None = None
        self.dropped = 0
        "Packets of no stream, or of nobody we know."

        self.control_seen = 0.0
        "When the last RTCP packet came."

        self._routes: dict[int, _Route] = {}
        self._lines: Sequence[Line] = ()
        self._send: Send = _nowhere
        self._control: Send = _nowhere
        self._control_peer: Address | None = None

    # ----------------------------------------------------------------------------------------------------- what is told

    def lead(self, send: Send, peer: Address, control: Send, control_peer: Address) -> None:
        """Where RTP goes, and RTCP: the same where they are multiplexed."""
        self._send, self.peer = send, peer
        self._control, self._control_peer = control, control_peer

    def key(self, keys: Keys, *, control: bool = True) -> None:
        """Protect with these keys from now on; RTCP too, unless it has its own."""
        self.outbound, self.inbound = sessions(keys)
        if control:
            self.control_outbound, self.control_inbound = self.outbound, self.inbound

    def key_control(self, keys: Keys) -> None:
        """Protect RTCP with these keys from now on."""
        self.control_outbound, self.control_inbound = sessions(keys)

    def carry(self, lines: Mapping[Line, Mapping[int, Passage]]) -> None:
        """The streams on this path, and what becomes of each one's payload types."""
        self._lines = tuple(lines)
        self._routes = {
            number | marker: _Route(line, passage, marker)
            for line, passages in lines.items()
            for number, passage in passages.items()
            for marker in (0, 0x80)
        }

    # ------------------------------------------------------------------------------------------------- what comes in

    def receive(self, data: bytes) -> bool:
        """Take a packet of RTP version 2 from the peer.  False: it was none that was agreed on, or not authentic."""
        second = data[1] if len(data) >= 8 else 0x7F
        if 192 <= second <= 223:
            return self._receive_control(data)
        route = self._routes.get(second)
        if route is None or len(data) < 12:
            self.dropped += 1
            return False
        line = route.line
        inbound = self.inbound
        if inbound is not None:
            try:
                data = inbound.unprotect(data)
            except Error:
                line.meter.dropped += 1
                return False
        elif self.protected:
            self.dropped += 1
            return False
        now = monotonic()
        line.meter.take(data, 0 if route.events else route.rate, now)
        if route.events:
            data = self._read_event(route, data, now)
        else:
            line.meter.codec = route.name
        target = line.target
        if target is None or route.second is None:
            return True
        if route.second != second:
            data = data[:1] + route.octet + data[2:]
        if line.digits is not None:
            replaced = line.digits.replace(data, now)
            if replaced is None:
                return True
            data = replaced
        if not target.send(data):
            line.meter.dropped += 1
        return True

    def _read_event(self, route: _Route, data: bytes, now: float) -> bytes:
        line = route.line
        carried = route.second is not None and line.target is not None
        for digit in line.reader.read(data, route.rate, now):
            line.heard(digit, carried)
        return line.rescaler.take(data, route.rate, route.wanted)

    def _receive_control(self, data: bytes) -> bool:
        inbound = self.control_inbound
        if inbound is not None:
            try:
                data = inbound.unprotect_rtcp(data)
            except Error:
                self.dropped += 1
                return False
        if (inbound is None and self.protected) or not self._lines or len(data) < 8:
            self.dropped += 1
            return False
        now = self.control_seen = monotonic()
        line = self._line_of(data)
        self._read_reports(line, data, now)
        if line.target is not None and (data := line.feedback.fitted(data)):
            line.target.send_control(data)
        return True

    def _line_of(self, data: bytes) -> Line:
        if len(self._lines) > 1:
            author, about = rtcp.author(data), rtcp.about(data)
            for line in self._lines:
                if line.meter.ssrc == author or (about is not None and line.back.ssrc == about):
                    return line
        return self._lines[0]

    def _read_reports(self, line: Line, data: bytes, now: float) -> None:
        for packet in rtcp.packets(data):
            if packet.kind == rtcp.SENDER_REPORT and (name := rtcp.report_time(data, packet)):
                if len(line.reports) >= MOST_REPORTS:
                    del line.reports[next(iter(line.reports))]
                line.reports[name] = now
            if packet.kind in (rtcp.SENDER_REPORT, rtcp.RECEIVER_REPORT):
                for block in rtcp.blocks(data, packet):
                    self._read_block(block, now)

    def _read_block(self, block: rtcp.Block, now: float) -> None:
        for line in self._lines:
            if line.back.ssrc == block.ssrc:
                line.back.reported_lost = block.lost
                reports = line.target.reports_of(line.back) if line.target is not None else {}
                if (sent := reports.get(block.last_report)) is not None:
                    line.round_trip = max(0.0, now - sent - block.delay)

    def reports_of(self, meter: Meter) -> Mapping[int, float]:
        """When the sender reports of a stream that comes from this path's peer passed."""
        return next((line.reports for line in self._lines if line.meter is meter), {})

    # ------------------------------------------------------------------------------------------------ what goes out

    def send(self, data: bytes) -> bool:
        """Send the peer a packet, protected where it must be.  False: that cannot be."""
        outbound = self.outbound
        if outbound is not None:
            if len(data) > LONGEST:
                return False
            try:
                data = outbound.protect(data)
            except Error:
                return False
        elif self.protected:
            return False
        try:
            self._send(data, self.peer)
        except OSError:
            return False  # the kernel has no room, or nobody is there: what is late is lost
        return True

    def send_control(self, data: bytes) -> None:
        """The same for RTCP."""
        outbound = self.control_outbound
        if outbound is not None:
            if len(data) > LONGEST:
                return
            try:
                data = outbound.protect_rtcp(data)
            except Error:
                return
        elif self.protected:
            return
        try:
            self._control(data, self._control_peer)
        except OSError:
            return

    def send_raw(self, data: bytes) -> None:
        """Send the peer what is no media: a handshake."""
        try:
            self._send(data, self.peer)
        except OSError:
            return

    def send_raw_control(self, data: bytes) -> None:
        """The same by RTCP's own way."""
        try:
            self._control(data, self._control_peer)
        except OSError:
            return

    def stop(self) -> None:
        """Carry nothing any more, and let go of everything."""
        self._routes, self._lines = {}, ()
        self._send = self._control = _nowhere
        self.inbound = self.outbound = self.control_inbound = self.control_outbound = None
