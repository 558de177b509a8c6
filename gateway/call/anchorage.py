"""Which new calls may come to an anchor, and what is carried on each of their legs then."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from gateway.call.anchoring import Anchoring
from gateway.entity.presence import Direct, Propose
from gateway.media.anchor import PHONE, WEB, Anchors, Call, LegMedia
from gateway.media.policy import Policy, client_leg
from gateway.outward import Outbound
from gateway.routing import Inbound
from gateway.signals import Side


class Anchorage:
    """Gives calls their dealings with an anchor; keeps none."""

    def __init__(
        self,
        anchors: Anchors | None,
        *,
        kinds: tuple[str, ...],
        knows: Callable[[str, str], bool],
        reaches: Callable[[str], bool],
        clients: Callable[[str], bool],
    ) -> None:
        """No ``anchors``: media never pass here.  ``kinds`` of media are those that calls have here.

        ``knows``: whether a device has announced a feature.  ``reaches``: whether media of an account of a user's own
        making may be sent to an address; ``clients``: whether those of an XMPP client may.
        """
        self._anchors = anchors
        self._kinds = kinds
        self._knows = knows
        self._reaches = reaches
        self._clients = clients

    def is_late(self, outbound: Outbound) -> bool:
        """Whether a client that has only proposed is called with the anchor's description before it gives its own."""
        return self._anchors is not None and outbound.media.anchors_client(None)

    def offers(self, inbound: Inbound) -> tuple[str, ...]:
        """The kinds of media that an INVITE without a description is offered; none: it is refused."""
        return self._kinds if self._anchors is not None and inbound.media.anchors_phone(None) else ()

    def from_xmpp(self, name: str, outbound: Outbound) -> Anchoring | None:
        """For a call out; None: its media never pass here."""
        media = outbound.media
        if self._anchors is None or media.policy is Policy.DIRECT:
            return None
        again = media.again
        return Anchoring(
            self._anchors,
            Call(
                id=name, legs={Side.CALLER: self._carried(media.transcoded(WEB)), Side.CALLEE: self._carried(media.leg)}
            ),
            wanted=media.anchors_client,
            caller_proposes=True,
            again=None if again is None else self._carried(again),
            reaches=self._held(Side.CALLER, fenced=outbound.manners.fenced),
        )

    def from_sip(self, name: str, inbound: Inbound, whom: Propose | Direct) -> Anchoring | None:
        """For a call in, to that device or those; None: its media never pass here."""
        media = inbound.media
        client = client_leg(partial(self._knows, whom.jid)) if isinstance(whom, Direct) else WEB
        plain = media.policy is Policy.AUTO and client is PHONE
        if self._anchors is None or media.policy is Policy.DIRECT or plain:
            return None
        return Anchoring(
            self._anchors,
            Call(
                id=name,
                legs={Side.CALLEE: self._carried(media.transcoded(client)), Side.CALLER: self._carried(media.leg)},
            ),
            wanted=media.anchors_phone,
            caller_proposes=False,
            reaches=self._held(Side.CALLEE, fenced=inbound.manners.fenced),
        )

    def _held(self, client: Side, *, fenced: bool) -> Mapping[Side, Callable[[str], bool]]:
        """Where the media of each side may be sent, where not anywhere."""
        return {client: self._clients} | ({client.other: self._reaches} if fenced else {})

    def _carried(self, leg: LegMedia) -> LegMedia:
        """What is carried on a leg, of the kinds that calls have here."""
        return leg if "video" in self._kinds else replace(leg, codecs=leg.audio)
