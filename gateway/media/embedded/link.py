"""One transport of a call: its way to the peer, and its protection.  `ice` and `plain` are the two ways there are.

A link is told and heard in an exchange as the call is; it acts only when the exchange is complete (`start`), so that an
offer that comes to nothing leaves it as it was.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway import canonical
from gateway.errors import AnchorError
from gateway.media.anchor import Protection
from gateway.media.embedded import srtp
from gateway.media.embedded.dtls import MOST_EARLY, Handshake, Identity
from gateway.media.embedded.path import Path
from gateway.media.embedded.ports import Ports
from gateway.media.embedded.settings import EmbeddedSettings
from gateway.media.embedded.socket import Arrivals
from gateway.media.streams import protection
from mappings.description import Crypto, Encryption, Fingerprint, Ice, Media, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Setup

RTP, RTCP = 1, 2
"The components of a transport (RFC 8445 §3)."


def same(one: Sequence[Fingerprint], other: Sequence[Fingerprint]) -> bool:
    """Whether the same certificates are declared, whatever the roles."""
    return {(each.hash, each.value) for each in one} == {(each.hash, each.value) for each in other}


class Surroundings(Protocol):
    """What every link of a back-end shares."""

    settings: EmbeddedSettings
    ports: Ports
    arrivals: Arrivals
    identity: Identity
    credentials: set[tuple[str, str]]
    "Names and passwords of our own ends in ICE."

    def is_ours(self, address: tuple[str, int]) -> bool:
        """Whether it is one of our own ports, as peers see it."""
        ...


class Link:
    """What both ways have in common: DTLS, SDES, or nothing (`Protection`)."""

    def __init__(
        self, around: Surroundings, changed: Callable[[], None], failed: Callable[[EndReason, str], None]
    ) -> None:
        """``changed`` is called when the link has become `ready`, ``failed`` when it never will, or is no more."""
        self.path = Path()
        self._around = around
        self._changed = changed
        self._failed = failed
        self._closed = False
        self._said: Media | None = None
        self._client = True
        "Whether it is we who begin a handshake."

        self._handshakes: dict[int, Handshake] = {}
        "By component: RTCP has its own where it has a port of its own (RFC 5764 §3)."

        self._early: dict[int, list[bytes]] = {}
        "What of a handshake came before the exchange was complete."

        self._keys: srtp.Keys | None = None
        self._crypto: tuple[Crypto, ...] = ()
        "The SDES lines that we told last."

        self._answered: tuple[Crypto, ...] = ()
        "The peer's lines that they answer."

    # -------------------------------------------------------------------------------------------------- to be filled in

    @property
    def way(self) -> bool:
        """Whether packets get to the peer."""
        raise NotImplementedError

    @property
    def control_apart(self) -> bool:
        """Whether RTCP has a port of its own."""
        raise NotImplementedError

    @property
    def control_way(self) -> bool:
        """Whether packets get to that port of the peer's."""
        raise NotImplementedError

    def transport(self) -> Ice | RawUdp:
        """Our addresses, for a description."""
        raise NotImplementedError

    def hear(self, media: Media, source: str | None, *, answer: bool) -> None:
        """What the peer says of addresses and protection, in an offer or answer.  AnchorError where it cannot be used.

        ``source`` is where its signalling came from.
        """
        self._said = media
        setup = (
            canonical.setup(media.transport.fingerprints[0].setup, answer=answer)
            if media.transport.fingerprints
            else None
        )
        self._client = setup is not Setup.ACTIVE

    async def close(self) -> None:
        """Give everything back."""
        self._closed = True
        for handshake in self._handshakes.values():
            handshake.close()
        self._handshakes.clear()
        self._early.clear()
        self._keys = None
        self.path.stop()

    # ------------------------------------------------------------------------------------------------------- protection

    @property
    def ready(self) -> bool:
        """Whether what is sent now is heard."""
        return self.way and (not self.path.protected or self._keys is not None)

    def tell(self, wanted: Protection, offered: Media | None) -> tuple[Ice | RawUdp, Encryption | None]:
        """Our transport and keys, for an offer or, given what it answers, an answer.

        security-error: the offer has no key that can be used.
        """
        transport = self.transport()
        if wanted is Protection.DTLS:
            return self._with_fingerprint(transport, self._around.identity.fingerprint(self._setup(offered))), None
        if wanted is Protection.NONE:
            return transport, None
        if offered is None:
            if not self._crypto or self._answered:
                self._crypto, self._answered = srtp.offer(), ()
        else:
            theirs = offered.rtp.encryption.crypto if offered.rtp.encryption is not None else ()
            if theirs != self._answered or not self._crypto:
                line = srtp.answer(theirs)
                if line is None:
                    raise AnchorError("crypto: no key that can be used", EndReason.SECURITY_ERROR, 488)
                self._crypto, self._answered = (line,), theirs
        return transport, Encryption(required=offered is None, crypto=self._crypto)

    @staticmethod
    def _with_fingerprint(transport: Ice | RawUdp, fingerprint: Fingerprint) -> Ice | RawUdp:
        if isinstance(transport, Ice):
            return Ice(
                ufrag=transport.ufrag,
                pwd=transport.pwd,
                candidates=transport.candidates,
                fingerprints=(fingerprint,),
                gathering_complete=transport.gathering_complete,
            )
        return RawUdp(candidates=transport.candidates, fingerprints=(fingerprint,))

    def _setup(self, offered: Media | None) -> Setup:
        if offered is None:
            return Setup.ACTPASS
        theirs = offered.transport.fingerprints
        handshake = self._handshakes.get(RTP)
        if handshake is not None and same(handshake.declared, theirs):
            return Setup.ACTIVE if handshake.client else Setup.PASSIVE  # the association goes on (RFC 8842 §5.5)
        return Setup.PASSIVE if theirs and theirs[0].setup is Setup.ACTIVE else Setup.ACTIVE

    def start(self) -> None:
        """The exchange is complete: do what it says, as far as there is a way."""
        media = self._said
        if media is None or self._closed:
            return
        kind = protection(media)
        self.path.protected = kind is not Protection.NONE
        if kind is Protection.SDES:
            self._start_sdes(media)
        elif kind is Protection.DTLS:
            self._start_dtls(media)
        if self.ready:
            self._changed()

    def _start_sdes(self, media: Media) -> None:
        theirs = media.rtp.encryption.crypto if media.rtp.encryption is not None else ()
        keys = srtp.agreed(self._crypto, theirs)
        if keys is None:
            self._failed(EndReason.SECURITY_ERROR, "crypto: the answer has no key that fits the offer")
        elif keys != self._keys:
            self._use(keys)

    def _start_dtls(self, media: Media) -> None:
        if self.way:
            self._associate(RTP, media.transport.fingerprints)
        if self.control_way:
            self._associate(RTCP, media.transport.fingerprints)

    def _associate(self, component: int, declared: Sequence[Fingerprint]) -> None:
        before = self._handshakes.get(component)
        if before is not None and same(before.declared, declared):
            return
        if before is not None:
            # Another certificate: another association (RFC 8842 §5.1).
            before.close()
            if component == RTP:
                self._keys = None
        handshake = self._handshakes[component] = Handshake(
            self._around.identity,
            client=self._client,
            declared=declared,
            seconds=self._around.settings.dtls_seconds,
            send=self.path.send_raw if component == RTP else self.path.send_raw_control,
            ready=self._handshaken if component == RTP else self.path.key_control,
            failed=self._failed if component == RTP else self._control_failed,
        )
        handshake.begin()
        for datagram in self._early.pop(component, ()):
            handshake.receive(datagram)

    def _handshaken(self, keys: srtp.Keys) -> None:
        self._use(keys)
        self._changed()

    def _control_failed(self, reason: EndReason, text: str) -> None:
        """RTCP is missed less than speech; but who answers there with another certificate is not the peer."""
        if reason is EndReason.SECURITY_ERROR:
            self._failed(reason, text)

    def _use(self, keys: srtp.Keys) -> None:
        self._keys = keys
        self.path.key(keys, control=not self._handshakes or not self.control_apart)

    def receive_handshake(self, data: bytes, component: int = RTP) -> None:
        """Take a DTLS datagram from the peer; before the exchange is complete, a few are kept."""
        if self._closed:
            return
        if (handshake := self._handshakes.get(component)) is not None:
            handshake.receive(data)
        elif len(early := self._early.setdefault(component, [])) < MOST_EARLY:
            early.append(data)
