"""The table [media], and what a trunk says of media, as what the anchor works with."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

from gateway.config.house import Media
from gateway.config.networks import reach
from gateway.config.reading import refuse
from gateway.config.trunk_tables import Trunk
from gateway.media.anchor import Latch, LegMedia, Protection
from gateway.media.embedded.settings import EmbeddedSettings, IceServer
from gateway.media.policy import Policy, TrunkMedia
from gateway.media.rtpengine import Node, RtpengineSettings
from gateway.reach import Reach

_SERVER = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")

_NODE = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})(?:\*(?P<weight>[0-9]{1,4}))?")


def embedded_settings(media: Media, listening: Iterable[str]) -> EmbeddedSettings | None:
    """What the embedded anchor is told; None where there is none.  ``listening``: the hosts of SIP's sockets."""
    if media.anchor != "embedded":
        return None
    addresses = _addresses("addresses", media.addresses) or _own(listening)
    advertised = _addresses("advertised_addresses", media.advertised_addresses)
    if advertised and len(advertised) != len(addresses):
        here = ", ".join(addresses) or "addresses, which must be named then"
        refuse("[media]", "advertised_addresses", f"expected one for each of {here}")
    if media.port_high - media.port_low < 3:
        refuse("[media]", "port_high", "a call takes four ports, and there are fewer from port_low on")
    return EmbeddedSettings(
        addresses=addresses,
        advertised=advertised,
        port_low=media.port_low,
        port_high=media.port_high,
        servers=tuple(_server(index, text) for index, text in enumerate(media.stun)),
        dscp=media.dscp,
        silence_seconds=media.silence_timeout_seconds,
        held_seconds=media.held_timeout_seconds,
    )


def client_reach(media: Media, listening: Iterable[str]) -> Reach:
    """Where clients' media may be sent; ``listening``: the hosts of SIP's sockets."""
    return reach("[media]", "client_networks", media.client_networks).beside(media.addresses or _own(listening))


def rtpengine_settings(media: Media) -> RtpengineSettings | None:
    """What the anchor at rtpengines is told; None where there is none."""
    if media.anchor != "rtpengine":
        if media.rtpengine:
            refuse("[media]", "rtpengine", f'names nodes, but anchor is "{media.anchor}"')
        return None
    if not media.rtpengine:
        refuse("[media]", "rtpengine", "missing — where do the rtpengines listen for ng?")
    nodes = tuple(_node(index, text) for index, text in enumerate(media.rtpengine))
    if not any(node.weight for node in nodes):
        refuse("[media]", "rtpengine", "every weight is 0, so nobody takes calls")
    if len({(node.host, node.port) for node in nodes}) < len(nodes):
        refuse("[media]", "rtpengine", "names a node twice")
    return RtpengineSettings(
        nodes=nodes, silence_seconds=media.silence_timeout_seconds, held_seconds=media.held_timeout_seconds
    )


def _node(index: int, text: str) -> Node:
    match = _NODE.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        refuse("[media]", f"rtpengine[{index}]", f"expected HOST:PORT or HOST:PORT*WEIGHT — got {text!r}")
    return Node(match["host"].strip("[]"), int(match["port"]), int(match["weight"] or 1))


def trunk_media(where: str, trunk: Trunk, anchor: str) -> TrunkMedia:
    """What a trunk's calls are anchored by, and offered; ``anchor`` is what [media] says there is."""
    if trunk.media == "anchor" and anchor == "none":
        refuse(where, "media", "is anchor, but [media] anchor is none")
    if trunk.early_media == "hear" and (trunk.media == "direct" or anchor == "none"):
        missing = "media is direct" if trunk.media == "direct" else "[media] anchor is none"
        refuse(where, "early_media", f"is hear, which takes an anchor, but {missing}")
    _check_transcoding(where, trunk, anchor)
    web = trunk.media_protection == "dtls"
    leg = LegMedia(
        ice=trunk.media_ice,
        protection=Protection(trunk.media_protection),
        rtcp_mux=trunk.media_ice,
        bundle=False,
        feedback=web,
        codecs=trunk.media_codecs,
        transcodes=trunk.media_transcode,
        transcodes_first=trunk.media_transcode_first,
        latch=Latch(trunk.media_source),
    )
    return TrunkMedia(policy=Policy(trunk.media), leg=leg)


def _check_transcoding(where: str, trunk: Trunk, anchor: str) -> None:
    named = set(trunk.media_transcode)
    if named and anchor != "rtpengine":
        refuse(where, "media_transcode", f'only rtpengine transcodes, but [media] anchor is "{anchor}"')
    if named and trunk.media == "direct":
        refuse(where, "media_transcode", "is for calls through the anchor, but media is direct")
    if len(named) == 1:
        refuse(where, "media_transcode", "expected two codecs or more, which are turned into each other")
    if named and not named & set(trunk.media_codecs):
        refuse(where, "media_transcode", "has nothing for the trunk: none of it stands in media_codecs")
    if trunk.media_transcode_first and not named:
        refuse(where, "media_transcode_first", "without media_transcode")
    for index, codec in enumerate(trunk.media_codecs):
        if codec in ("G729", "GSM") and codec not in named:
            refuse(
                where,
                f"media_codecs[{index}]",
                f"no client has {codec}: name it in media_transcode too",
            )


def _own(listening: Iterable[str]) -> tuple[str, ...]:
    """Where SIP is; nothing where that is everywhere, or known by a name."""
    found: dict[str, None] = {}
    for host in listening:
        try:
            address = ip_address(host)
        except ValueError:
            return ()
        if address.is_unspecified:
            return ()
        found[str(address)] = None
    return tuple(found)


def _addresses(key: str, texts: Iterable[str]) -> tuple[str, ...]:
    found = []
    for index, text in enumerate(texts):
        try:
            address = ip_address(text)
        except ValueError:
            address = None
        if address is None or address.is_unspecified or address.is_multicast:
            refuse("[media]", f"{key}[{index}]", f"expected an address of this machine — got {text!r}")
        found.append(str(address))
    return tuple(found)


def _server(index: int, text: str) -> IceServer:
    match = _SERVER.fullmatch(text)
    if match is None or not 0 < int(match["port"] or 3478) < 65536:
        refuse("[media]", f"stun[{index}]", f"expected HOST or HOST:PORT — got {text!r}")
    return IceServer(kind="stun", host=match["host"].strip("[]"), port=int(match["port"] or 3478))
