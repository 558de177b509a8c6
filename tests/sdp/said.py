"""Short ways to say descriptions in tests."""

from collections.abc import Iterable

from gateway.sdp.history import SdpSession
from mappings.description import Codec, Description, Ice, Media, RawCandidate, RawUdp, Rtp
from mappings.terms import Role

AUDIO = "m=audio 4000 RTP/AVP 0"
ICE = ("a=ice-ufrag:8hhy", "a=ice-pwd:asd88fgpdd777uzjYhagZg")
SHA = "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46"
DTLS = (f"a=fingerprint:sha-256 {SHA}", "a=setup:actpass")


def sdp(*media: str, head: Iterable[str] = (), version: int = 1, end: str = "\r\n") -> str:
    """A description of these lines below the usual head."""
    lines = ["v=0", f"o=- 42 {version} IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0", *head, *media]
    return end.join(lines) + end


def read(*media: str, head: Iterable[str] = (), by: Role = Role.INITIATOR) -> Description:
    """What an offer of these lines says."""
    return SdpSession(by.other, 1).read_offer(sdp(*media, head=head))


def medium(*media: str, head: Iterable[str] = (), by: Role = Role.INITIATOR) -> Media:
    """Its one medium."""
    (only,) = read(*media, head=head, by=by).media
    return only


def codec(*lines: str, formats: str = "96") -> Codec:
    """Its first payload type."""
    return medium(f"m=audio 4000 RTP/AVP {formats}", *lines).rtp.codecs[0]


def dropped(*media: str, head: Iterable[str] = ()) -> tuple[str, ...]:
    """What is left out of it."""
    session = SdpSession(Role.RESPONDER, 1)
    session.read_offer(sdp(*media, head=head))
    return session.dropped


PCMU = Codec(id=0, name="PCMU", clockrate=8000)
RAW = RawUdp(candidates=(RawCandidate(ip="192.0.2.1", port=5000),))


def offer(*media: Media) -> Description:
    """A description of these."""
    return Description(media=media)


def audio(name: str = "audio", *codecs: Codec, transport: Ice | RawUdp = RAW) -> Media:
    """An audio medium."""
    return Media(name=name, rtp=Rtp(media="audio", codecs=codecs or (PCMU,)), transport=transport)


def video(name: str = "video") -> Media:
    """A video medium."""
    h264 = Codec(id=97, name="H264", clockrate=90000)
    return Media(name=name, rtp=Rtp(media="video", codecs=(h264,)), transport=RAW)


def write(*media: Media, role: Role = Role.INITIATOR) -> list[str]:
    """The lines of an offer of these."""
    return SdpSession(role, 1).write_offer(offer(*media)).splitlines()


def media_lines(text: str) -> list[str]:
    """The m= lines of a text."""
    return [line for line in text.splitlines() if line.startswith("m=")]
