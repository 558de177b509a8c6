"""A way found by ICE (RFC 8445, 8838): a `Generation`, and the next one while ICE restarts.

A restart is a second generation that takes the first one's place when it has a way; DTLS and SRTP go on over it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aioice

from gateway import canonical
from gateway.errors import AnchorError
from gateway.media import streams
from gateway.media.embedded.generation import MOST_CANDIDATES, Generation
from gateway.media.embedded.link import RTCP, Link, Surroundings
from gateway.media.embedded.path import Address, Send
from mappings.description import Candidate, GatheringComplete, Ice, Media
from mappings.reasons import EndReason
from mappings.terms import CandidateType

MOST_CLOSING = 4
"Generations that are being closed; more come only to who restarts in bursts, and each has ports until it is closed."

CLOSE_SECONDS = 2.0
"How long a link takes to close at most."

_NO_WAY: tuple[Send, Address] = (lambda data, address: None, ("", 0))

_USABLE = {
    CandidateType.HOST: "host",
    CandidateType.SRFLX: "srflx",
    CandidateType.PRFLX: "srflx",  # aioice takes no others, and pairs are formed alike
    CandidateType.RELAY: "relay",
}


class IceLink(Link):
    """A transport whose way ICE finds."""

    def __init__(
        self,
        around: Surroundings,
        changed: Callable[[], None],
        failed: Callable[[EndReason, str], None],
        *,
        controlling: bool,
        components: int,
        gathered: Callable[[], None],
        foreign: bool = False,
    ) -> None:
        """Who is ``controlling`` decides between ways: whoever offers first, but never who is lite (RFC 8445 §6.1.1).

        ``components`` is 2 where RTCP has a port of its own; ``gathered`` is called when candidates came after they
        were first told.  ``foreign``: the peer is never we ourselves.
        """
        super().__init__(around, changed, failed)
        self._controlling = controlling
        self._components = components
        self._gathered = gathered
        self._foreign = foreign
        self._current: Generation | None = None
        "The generation whose way is used."

        self._next: Generation | None = None
        "The one that is to take its place, or the first."

        self._stale = False
        "The present way was lost while ICE restarts."

        self._closing: set[asyncio.Task[None]] = set()

    @property
    def way(self) -> bool:
        """Whether a way was found."""
        return self._current is not None and 1 in self._current.ways

    @property
    def control_apart(self) -> bool:
        """Whether RTCP is a component of its own."""
        return self._components == RTCP

    @property
    def control_way(self) -> bool:
        """Whether a way was found for it."""
        return self.control_apart and self._current is not None and RTCP in self._current.ways

    @property
    def _newest(self) -> Generation:
        if self._next is None and self._current is None:
            self._next = self._open()
        found = self._next or self._current
        assert found is not None
        return found

    @property
    def _heard(self) -> tuple[str, str] | None:
        """The peer's credentials that the newest generation works with."""
        newest = self._next or self._current
        if newest is None or newest.remote_username is None or newest.remote_password is None:
            return None
        return newest.remote_username, newest.remote_password

    def _open(self) -> Generation:
        # Who decides, by what was settled on the way as well, stays so when ICE restarts (RFC 8445 §6.1.1).
        controlling = self._controlling if self._current is None else self._current.ice_controlling
        generation = Generation(self, self._around, controlling=controlling, components=self._components)
        try:
            generation.open()
        except AnchorError:
            self._part(generation)
            raise
        return generation

    def transport(self) -> Ice:
        """Our credentials and the candidates that are known."""
        generation = self._newest
        generation.gather(self._gathered)
        return Ice(
            ufrag=generation.local_username,
            pwd=generation.local_password,
            candidates=tuple(map(self._candidate, generation.local_candidates)),
            gathering_complete=GatheringComplete() if generation.complete else None,
        )

    def _candidate(self, local: aioice.Candidate) -> Candidate:
        settings = self._around.settings
        host, related = local.host, local.related_address
        if settings.advertised and local.type != "relay":
            told = dict(zip(settings.addresses, settings.advertised, strict=True))
            host, related = told.get(host, host), told.get(related or "", related)
        return Candidate(
            foundation=canonical.foundation(local.foundation, decimal=True),  # COMPAT(Siskin): numbers only
            component=local.component,
            protocol="udp",
            priority=local.priority,
            ip=host,
            port=local.port,
            type=CandidateType(local.type),
            rel_addr=related,
            rel_port=local.related_port,
        )

    # ---------------------------------------------------------------------------------------------- what the peer says

    def restart(self) -> None:
        """Begin a new generation, which takes the present one's place when it has a way.

        AnchorError where that is asked for faster than those before can be closed, or no port is left.
        """
        if self._current is None:
            return  # nothing has begun that could begin anew
        if len(self._closing) >= MOST_CLOSING:
            raise AnchorError("ICE: restarted too fast", EndReason.CONNECTIVITY_ERROR, 503)
        if self._next is not None:
            self._part(self._next)
        self._next = self._open()

    def give_up_restart(self) -> None:
        """The restart came to nothing; the present one goes on."""
        if self._next is not None and self._current is not None and self._next.remote_username is None:
            self._part(self._next)
            self._next = None

    def restarts(self, transport: Ice) -> bool:
        """Whether the peer has new credentials (RFC 8839 §4.4.1.1.1: both of them)."""
        if self._heard is None or transport.ufrag is None or transport.pwd is None:
            return False
        return transport.ufrag != self._heard[0] and transport.pwd != self._heard[1]

    def hear(self, media: Media, source: str | None, *, answer: bool) -> None:
        """Take the peer's credentials and candidates."""
        super().hear(media, source, answer=answer)
        assert isinstance(media.transport, Ice)
        self._newest.remote_is_lite = media.lite
        self.add(media.transport)

    def add(self, transport: Ice) -> None:
        """Take credentials, where they are the first, and candidates.  AnchorError where they are our own."""
        if self._foreign and (transport.ufrag, transport.pwd) in self._around.credentials:
            raise streams.ours()
        generation = self._newest
        if transport.ufrag is not None and transport.pwd is not None and generation.remote_username is None:
            generation.remote_username, generation.remote_password = transport.ufrag, transport.pwd
        if transport.ufrag is not None and self._heard is not None and transport.ufrag != self._heard[0]:
            return  # of a generation that is over
        for candidate in transport.candidates:
            kind = _USABLE.get(candidate.type)
            if (
                candidate.protocol != "udp"
                or candidate.component > self._components
                or kind is None
                or not candidate.port
            ):
                continue
            if len(generation.remote_candidates) >= MOST_CANDIDATES:
                break
            generation._add_remote_candidate(
                aioice.Candidate(
                    foundation=candidate.foundation,
                    component=candidate.component,
                    transport="udp",
                    priority=candidate.priority,
                    host=candidate.ip,
                    port=candidate.port,
                    type=kind,
                ),
                candidate.ip,
            )

    def start(self) -> None:
        """Look for a way, where both sides' credentials are known; a handshake begins as soon as there is one.

        While ICE restarts, the present way may lead to another device of the peer's, which the handshake is not for.
        """
        generation = self._newest
        if generation.remote_username is not None and not generation.ways:
            generation.begin()
        if self._current is None or self._next is None:
            super().start()

    # ----------------------------------------------------------------------------------------------- what happens to it

    def found(self, generation: Generation) -> None:
        """A generation has a way, or a better one."""
        if self._closed:
            return
        if generation is self._next:
            previous, self._current, self._next, self._stale = self._current, generation, None, False
            if previous is not None:
                self._part(previous)
        if generation is self._current:
            rtp = generation.ways[1]
            control = rtp if self._components == 1 else generation.ways.get(2, _NO_WAY)
            self.path.lead(*rtp, *control)
            Link.start(self)

    def lost(self, generation: Generation, text: str) -> None:
        """A generation has no way, or not any more; the other one may have, while ICE restarts."""
        if self._closed:
            return
        if generation is self._current and self._next is not None:
            self._stale = True
        elif generation is self._next and self._current is not None and not self._stale:
            self._part(generation)
            self._next = None
        else:
            self._failed(EndReason.CONNECTIVITY_ERROR, text)

    def receive(self, data: bytes, address: Any) -> None:
        """Take a packet that is no STUN (RFC 7983)."""
        first = data[0]
        if 127 < first < 192:
            self._receive(data, address)
        elif 19 < first < 64 and self._knows(address):
            self.receive_handshake(data)
        else:
            self.path.dropped += 1

    def receive_control(self, data: bytes, address: Any) -> None:
        """Take a packet of RTCP's own port."""
        if 127 < data[0] < 192:
            self._receive(data, address)
        elif 19 < data[0] < 64 and self._knows(address):
            self.receive_handshake(data, RTCP)
        else:
            self.path.dropped += 1

    def dropped(self) -> None:
        """Count a packet that is nothing."""
        self.path.dropped += 1

    def _receive(self, data: bytes, address: Any) -> None:
        path = self.path
        # What is not protected is believed by its address, which mostly is the one that we send to.
        if (path.protected or address == path.peer or self._knows(address)) and len(data) <= 1500:
            path.receive(data)
        else:
            path.dropped += 1

    def _knows(self, address: Any) -> bool:
        return any(one is not None and one.knows((address[0], address[1])) for one in (self._current, self._next))

    def _part(self, generation: Generation) -> None:
        task = asyncio.create_task(generation.shut())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Give everything back."""
        await super().close()
        for generation in (self._current, self._next):
            if generation is not None:
                self._part(generation)
        self._current = self._next = None
        if self._closing:
            # A TURN server that does not answer is told goodbye without us.
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)
