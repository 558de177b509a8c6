"""A handshake by itself: flights that are lost, peers that cannot, and what comes when it is over."""

import asyncio
from collections.abc import Callable

import pytest
from OpenSSL import SSL

from gateway.media.embedded.dtls import Handshake, Identity
from gateway.media.embedded.srtp import Keys
from mappings.reasons import EndReason
from mappings.terms import Setup
from tests.peers.program import PATIENCE_SECONDS, until


class Ends:
    """Two handshakes and the way between them."""

    def __init__(self, client: Identity, server: Identity, lost: Callable[[int], bool] = lambda count: False) -> None:
        self.keys: dict[str, Keys] = {}
        self.failed: dict[str, tuple[EndReason, str]] = {}
        self.sent: list[bytes] = []
        self._lost = lost
        self.client = self._end("client", client, server)
        self.server = self._end("server", server, client)

    def _end(self, name: str, ours: Identity, theirs: Identity) -> Handshake:
        return Handshake(
            ours,
            client=name == "client",
            declared=[theirs.fingerprint(Setup.ACTPASS)],
            seconds=PATIENCE_SECONDS,
            send=lambda data: self._send(name, data),
            ready=lambda keys: self.keys.update({name: keys}),
            failed=lambda reason, text: self.failed.update({name: (reason, text)}),
        )

    def _send(self, name: str, data: bytes) -> None:
        self.sent.append(data)
        if not self._lost(len(self.sent)):
            other = self.server if name == "client" else self.client
            asyncio.get_running_loop().call_soon(other.receive, data)

    async def run(self) -> None:
        """Until both have an end."""
        self.server.begin()
        self.client.begin()
        await until(lambda: len(self.keys) + len(self.failed) >= 2, f"two ends: {self.keys} {self.failed}")

    def close(self) -> None:
        """Close both."""
        self.client.close()
        self.server.close()


@pytest.fixture
def identities() -> tuple[Identity, Identity]:
    """Two certificates."""
    return Identity(), Identity()


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_flight_that_is_lost_is_sent_again(identities: tuple[Identity, Identity], lost: int) -> None:
    ends = Ends(*identities, lost=lambda count: count == lost)
    await ends.run()
    assert ends.failed == {}
    client, server = ends.keys["client"], ends.keys["server"]
    assert (client.ours, client.theirs, client.suite) == (server.theirs, server.ours, server.suite)
    assert client.suite.sdes == "AEAD_AES_128_GCM"
    ends.close()


async def test_what_comes_afterwards_does_no_harm(identities: tuple[Identity, Identity]) -> None:
    ends = Ends(*identities)
    await ends.run()
    for data in (b"\x16" * 20, b"\x14", *ends.sent):
        ends.client.receive(data)
        ends.server.receive(data)
    ends.client.close()
    ends.client.close()
    await asyncio.sleep(0)
    ends.server.close()
    ends.server.receive(b"\x16" * 20)
    assert ends.failed == {}


async def test_a_peer_without_srtp_is_told_from_one_with_it(identities: tuple[Identity, Identity]) -> None:
    plain = identities[0]
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    # The same certificate, and nothing of RFC 5764.
    context.use_certificate(plain.certificate)
    context.use_privatekey(plain.key)
    plain.context = context
    ends = Ends(*identities)
    await ends.run()
    assert ends.failed["server"] == (EndReason.SECURITY_ERROR, "DTLS: no SRTP profile in common")
    ends.close()


async def test_a_peer_without_a_certificate_is_refused(identities: tuple[Identity, Identity]) -> None:
    bare = identities[0]
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    bare.context = context
    ends = Ends(*identities)
    await ends.run()
    reason, text = ends.failed["server"]
    assert reason is EndReason.SECURITY_ERROR
    assert text.startswith("DTLS: the handshake failed (")
    ends.close()


async def test_what_is_said_in_a_finished_association_is_not_kept(identities: tuple[Identity, Identity]) -> None:
    ends = Ends(*identities)
    await ends.run()
    connection = ends.client._connection
    for _ in range(20):
        connection.send(b"nothing is ever said here")
    ends.server.receive(connection.bio_read(65535))  # all in one datagram
    with pytest.raises(SSL.WantReadError):
        ends.server._connection.recv(100)
    ends.close()
