"""What rtpengine's answer to a query says of each side of a call.  Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.media.anchor import StreamStatistics
from gateway.media.rtpengine.bencode import Value
from gateway.signals import Side

TAGS = {Side.CALLER: "caller", Side.CALLEE: "callee"}
"What the sides are called there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One medium of one side, as it comes in."""

    packets: int = 0
    octets: int = 0
    dropped: int = 0
    control: int = 0
    "RTCP packets, where they have a port of their own."

    lost: int = 0
    jitter: float = 0.0
    "Seconds."

    round_trip: float | None = None
    "Seconds."

    mos: float | None = None
    secured: bool = True
    "The DTLS handshake is done, and its certificate the announced one, where there is one."

    def statistics(self, kind: str, codec: str | None) -> StreamStatistics:
        """As the call wants them."""
        return StreamStatistics(
            kind=kind,
            codec=codec,
            packets=self.packets,
            octets=self.octets,
            dropped=self.dropped,
            lost=self.lost,
            jitter=self.jitter,
            round_trip=self.round_trip,
            mos=self.mos if kind == "audio" else None,
        )


def inquired(reply: Mapping[str, Value]) -> dict[Side, tuple[Counted, ...]]:
    """By side, its media in their order; what is missing counts as nothing."""
    tags, sources = _table(reply.get("tags")), _table(reply.get("SSRC"))
    return {
        side: tuple(_medium(_table(medium), sources) for medium in _list(_table(tags.get(tag)).get("medias")))
        for side, tag in TAGS.items()
    }


def _medium(medium: Mapping[str, Value], sources: Mapping[str, Value]) -> Counted:
    streams = [_table(stream) for stream in _list(medium.get("streams"))]
    first = streams[0] if streams else {}
    stats = [_table(stream.get("stats")) for stream in streams]
    speech = stats[0] if stats else {}
    heard = _table(sources.get(str(first.get("SSRC", ""))))
    last = _table(heard.get("average MOS"))
    trip = _number(last.get("round-trip time"))
    protected = "DTLS-SRTP" in _list(medium.get("flags"))
    return Counted(
        packets=_number(speech.get("packets")),
        octets=_number(speech.get("bytes")),
        dropped=sum(_number(one.get("errors")) for one in stats),
        control=sum(_number(one.get("packets")) for one in stats[1:]),
        lost=_number(heard.get("cumulative loss")),
        jitter=_number(last.get("jitter")) / 1000,
        round_trip=trip / 1_000_000 if trip else None,
        mos=_number(last.get("MOS")) / 10 or None,
        secured=not protected or "DTLS fingerprint verified" in _list(first.get("flags")),
    )


def _table(value: "Value | None") -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


def _list(value: "Value | None") -> Sequence[Value]:
    return value if isinstance(value, list) else ()


def _number(value: "Value | None") -> int:
    return max(0, value) if isinstance(value, int) else 0
