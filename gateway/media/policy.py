"""Which calls go through the anchor: the operator's word for each trunk, and what the descriptions say (D6)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from gateway.media.anchor import PHONE, WEB, LegMedia, Protection
from mappings.description import Description, Ice, Media
from mappings.namespaces import DTLS, ICE_UDP, JINGLE


class Policy(StrEnum):
    """What the operator wants of a trunk's media."""

    AUTO = "auto"
    "Direct where both ends understand each other, anchored where they do not."

    DIRECT = "direct"
    "Never through us: the gateway is signalling only."

    ANCHOR = "anchor"
    "Always through us."


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkMedia:
    """A trunk's media: whether they are anchored, and what its peers are offered then."""

    policy: Policy = Policy.AUTO
    leg: LegMedia = PHONE

    @property
    def is_web(self) -> bool:
        """Whether the trunk speaks what browsers speak, so that they need no help."""
        return self.leg.ice and self.leg.protection is Protection.DTLS

    @property
    def again(self) -> LegMedia | None:
        """What a peer is offered that has refused a client's own offer, as a phone; None: it is not asked again."""
        if self.policy is not Policy.AUTO or not self.is_web:
            return None
        return self.transcoded(replace(PHONE, codecs=self.leg.codecs, latch=self.leg.latch))

    def transcoded(self, leg: LegMedia) -> LegMedia:
        """Another leg of a call through the trunk, with what may be transcoded there."""
        return replace(leg, transcodes=self.leg.transcodes, transcodes_first=self.leg.transcodes_first)

    def anchors_client(self, offer: Description | None) -> bool:
        """Whether a call out is anchored that a client offers so, or (None) has only proposed."""
        return self._decides(not self.is_web and (offer is None or not all(map(_is_plain, offer.media))))

    def anchors_phone(self, offer: Description | None) -> bool:
        """Whether a call in is anchored that the trunk offers so, or (None) without a description."""
        return self._decides(offer is None or not all(map(_is_web, offer.media)))

    def _decides(self, differ: bool) -> bool:
        match self.policy:
            case Policy.DIRECT:
                return False
            case Policy.ANCHOR:
                return True
            case Policy.AUTO:
                return differ
            case never:
                assert_never(never)


ICE_ALONE = replace(WEB, protection=Protection.NONE, rtcp_mux=False, bundle=False, feedback=False)
"COMPAT(Gajim): plain RTP over ICE, and so Psi and Pidgin; an offer of DTLS ends there with failed-application."


def client_leg(has: Callable[[str], bool]) -> LegMedia:
    """What a client is offered whose features are known, or else what browsers take; ``has`` tells of a feature."""
    if has(JINGLE) and not has(DTLS):
        return ICE_ALONE if has(ICE_UDP) else PHONE
    return WEB


USUAL = TrunkMedia()
"A trunk of plain phones."


def _is_web(media: Media) -> bool:
    """Whether a browser takes it as it is, and is not left to believe that both ends look for a way.

    None takes RTCP at a port of its own (rtcpMuxPolicy `require`, which RFC 9429 §4.1.1 has for the default).
    """
    protected = isinstance(media.transport, Ice) and bool(media.transport.fingerprints)
    return protected and media.rtp.rtcp_mux is not None and not media.lite


def _is_plain(media: Media) -> bool:
    """Whether a phone takes it as it is."""
    return not isinstance(media.transport, Ice) and not media.transport.fingerprints and media.rtp.encryption is None
