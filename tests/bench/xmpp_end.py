"""The driver's XMPP side: a bare component port that is server and clients in one, or one client of a real Prosody.

Both hand every stanza that comes to `on_stanza` as text, with its time, and send text; that is all a driver needs.
"""

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import Callable
from typing import Protocol, cast

_STANZA = re.compile(r"<(iq|message|presence)\b(?:[^>]*/>|.*?</\1>)", re.S)


class XmppEnd(Protocol):
    """Where the driver's client sits."""

    jid: str
    on_stanza: Callable[[str, float], None]

    def send(self, stanza: str) -> None:
        """Send one stanza, written for the client's own stream (no 'from' needed behind a real server)."""
        ...


def _cut(buffer: str) -> tuple[list[str], str]:
    """The whole stanzas of a buffer, and what is left.  Enough for a driver: nothing here nests its own name."""
    found = []
    end = 0
    for match in _STANZA.finditer(buffer):
        found.append(match[0])
        end = match.end()
    return found, buffer[end:]


class ComponentEnd(asyncio.Protocol):
    """A server that accepts one component (XEP-0114) and plays every client."""

    def __init__(self, secret: str, jid: str) -> None:
        self.jid = jid
        self.on_stanza: Callable[[str, float], None] = lambda stanza, when: None
        self.ready = asyncio.get_running_loop().create_future()
        self._secret = secret
        self._buffer = ""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer, self._open = "", False

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data.decode()
        if not self._open:
            self._greet()
            return
        stanzas, self._buffer = _cut(self._buffer)
        for stanza in stanzas:
            self.on_stanza(stanza, now)

    def _greet(self) -> None:
        if "<handshake" in self._buffer and self._buffer.rstrip().endswith("</handshake>"):
            expected = hashlib.sha1(f"bench{self._secret}".encode()).hexdigest()  # XEP-0114 asks for SHA-1
            assert expected in self._buffer
            self._buffer, self._open = "", True
            self._transport.write(b"<handshake/>")
            if not self.ready.done():
                self.ready.set_result(None)
        elif "<stream:stream" in self._buffer and "<handshake" not in self._buffer:
            self._buffer = ""
            self._transport.write(
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' id='bench' from='gw.example' "
                b"xmlns:stream='http://etherx.jabber.org/streams'>"
            )

    def send(self, stanza: str) -> None:
        """Send as the client: its 'from' is put in."""
        head, space, rest = stanza.partition(" ")
        self._transport.write(f"{head} from='{self.jid}'{space}{rest}".encode())


class ClientEnd(asyncio.Protocol):
    """A client of a real server on loopback: SASL PLAIN, bind, presence, and then only stanzas."""

    def __init__(self, domain: str, user: str, password: str) -> None:
        self.jid = f"{user}@{domain}/bench"
        self.on_stanza: Callable[[str, float], None] = lambda stanza, when: None
        self.ready = asyncio.get_running_loop().create_future()
        self._domain = domain
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind>"
        # What is awaited, and what it is answered with; None is the stream's header.
        self._steps: list[tuple[str, str | None]] = [
            ("</stream:features>", f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"),
            ("<success", None),
            ("</stream:features>", f"<iq type='set' id='bind'>{bind}</iq>"),
            ("</iq>", "<presence><priority>5</priority></presence>"),
        ]
        self._buffer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._header()

    def _header(self) -> None:
        self._buffer = ""
        self._transport.write(
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='{self._domain}' version='1.0' "
            f"xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data.decode()
        while self._steps and self._steps[0][0] in self._buffer:
            _, answer = self._steps.pop(0)
            self._buffer = ""
            if answer is None:
                self._header()
            else:
                self._transport.write(answer.encode())
            if not self._steps:
                self.ready.set_result(None)
        if not self._steps:
            stanzas, self._buffer = _cut(self._buffer)
            for stanza in stanzas:
                self.on_stanza(stanza, now)

    def send(self, stanza: str) -> None:
        """Send; the server adds who we are."""
        self._transport.write(stanza.encode())
