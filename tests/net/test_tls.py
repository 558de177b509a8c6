"""SIP over TLS: whom we believe, who believes us, and what is said of the others (RFC 5922)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.keys import KeyPair, TlsPeer, TlsSettings
from gateway.net.sip import Listener, SipPort, SipPortSettings
from gateway.net.tls import Tls, expiry, refused
from gateway.sip.flow import Hop
from gateway.sip.message import respond
from tests.certificates import Authority, Certificate
from tests.net.rig import (
    HERE,
    Inbox,
    Rig,
    answer,
    end_of,
    incoming,
    outgoing,
    rig,
    scenario,
    stream_request,
    stream_response,
    tcp_server,
    until,
)

DOMAIN = "sip.example.org"
TLS = (Listener("UDP", HERE, 0), Listener("TCP", HERE, 0), Listener("TLS", HERE, 0))


@dataclass
class Peer:
    """A server for TLS, and the connections that it took."""

    port: int
    accepted: "asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]"

    def hop(self, domain: str = DOMAIN) -> Hop:
        return Hop(HERE, self.port, "TLS", domain=domain)


@asynccontextmanager
async def peer(shown: Certificate, asks: Path | None = None, most: ssl.TLSVersion | None = None) -> AsyncIterator[Peer]:
    """A server that shows this, and asks clients for a certificate of those authorities."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.file, shown.key)
    if most is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = most
    if asks is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(asks)
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    writers = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(take, HERE, 0, ssl=context)
    try:
        yield Peer(server.sockets[0].getsockname()[1], accepted)
    finally:
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


def pair(certificate: Certificate) -> KeyPair:
    return KeyPair(certificate.file, certificate.key)


def trusting(authority: Authority, domain: str = DOMAIN) -> TlsSettings:
    return TlsSettings(peers={domain: TlsPeer(ca_file=authority.file)})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def asked(it: Rig, hop: Hop, branch: str = "z9hG4bK1") -> Inbox:
    """Whoever waits for the answer to a request that way."""
    owner = Inbox()
    it.port.send(outgoing(hop, "OPTIONS", branch), owner)
    return owner


@scenario
async def test_a_server_that_is_who_it_is_to_be_gets_the_request(authority: Authority) -> None:
    shown = authority.issue("peer", uris=[f"sip:{DOMAIN}"])
    async with peer(shown) as server, rig(TLS[:1], tls=trusting(authority)) as it:
        owner = await asked(it, server.hop())
        reader, writer = await server.accepted.get()
        assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
        request = await stream_request(reader)
        assert request.via.transport == "TLS"
        writer.write(answer(request, 200))
        response = await owner.response()
        assert it.counts.of["expires", "shown"] == it.port.tls.shown(DOMAIN) == expiry(shown.file)
        assert response.flow is not None
        assert (response.flow.transport, response.flow.domain) == ("TLS", DOMAIN)


@scenario
async def test_requests_for_one_domain_share_a_connection_and_another_domain_has_its_own(authority: Authority) -> None:
    shown = authority.issue("peer", dns=[DOMAIN, "other.example"])
    settings = TlsSettings(peers={name: TlsPeer(ca_file=authority.file) for name in (DOMAIN, "other.example")})
    async with peer(shown) as server, rig(TLS[:1], tls=settings) as it:
        for number, domain in enumerate([DOMAIN, DOMAIN, "other.example"]):
            await asked(it, server.hop(domain), f"z9hG4bK{number}")
        reader, _ = await server.accepted.get()
        assert [(await stream_request(reader)).branch for _ in range(2)] == ["z9hG4bK0", "z9hG4bK1"]
        reader, _ = await server.accepted.get()
        assert (await stream_request(reader)).branch == "z9hG4bK2"
        assert it.port.connections == 2


@pytest.mark.parametrize(
    ("names", "days", "trusted", "cause", "text"),
    [
        ({"dns": [DOMAIN]}, -1, True, "expired", "certificate has expired"),
        ({"dns": ["other.example"]}, 5, True, "name", f"for other.example, not for {DOMAIN}"),
        ({"dns": ["*.example.org"]}, 5, True, "name", f"for *.example.org, not for {DOMAIN}"),
        ({"dns": [DOMAIN], "uris": ["sip:other.example"]}, 5, True, "name", "for other.example, not for"),
        ({"uris": [f"sip:user@{DOMAIN}"]}, 5, True, "name", f"for no domain, not for {DOMAIN}"),
        ({"dns": [DOMAIN]}, 5, False, "authority", "unable to get local issuer certificate"),
    ],
)
@scenario
async def test_a_server_that_is_not_is_refused_and_that_is_said(  # noqa: PLR0917
    authority: Authority, tmp_path: Path, names: dict[str, list[str]], days: float, trusted: bool, cause: str, text: str
) -> None:
    shown = authority.issue("peer", from_days=-5, to_days=days, **names)  # type: ignore[arg-type]
    believed = authority if trusted else Authority(tmp_path, "another")
    async with peer(shown) as server, rig(TLS[:1], tls=trusting(believed)) as it:
        failure = await (await asked(it, server.hop())).failure()
        assert text in failure.text
        assert it.counts.of["tls", cause] == 1
        (line,) = [line for line in it.logs if line["event"] == "sip_connection_lost"]
        assert text in str(line["text"])
        assert it.port.connections == 0


@scenario
async def test_the_systems_authorities_are_the_default(authority: Authority) -> None:
    shown = authority.issue("peer", dns=[DOMAIN])
    async with peer(shown) as server, rig(TLS[:1]) as it:
        assert "unable to get local issuer" in (await (await asked(it, server.hop())).failure()).text


@pytest.mark.parametrize(("verify", "names"), [("wildcard", ["*.example.org"]), ("never", ["other.example"])])
@scenario
async def test_an_operator_may_want_less(authority: Authority, verify: str, names: list[str]) -> None:
    ca_file = authority.file if verify == "wildcard" else None
    settings = TlsSettings(peers={DOMAIN: TlsPeer(ca_file=ca_file, verify=verify)})  # type: ignore[arg-type]
    async with peer(authority.issue("peer", dns=names)) as server, rig(TLS[:1], tls=settings) as it:
        await asked(it, server.hop())
        reader, _ = await server.accepted.get()
        await stream_request(reader)


@scenario
async def test_the_domain_is_what_the_server_is_asked_for(authority: Authority) -> None:
    shown = authority.issue("peer", dns=[DOMAIN])
    names: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.file, shown.key)
    context.sni_callback = lambda _, name, __: names.append(name)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), HERE, 0, ssl=context)
    async with rig(TLS[:1], tls=trusting(authority)) as it:
        owner = await asked(it, Hop(HERE, server.sockets[0].getsockname()[1], "TLS", domain=DOMAIN))
        await owner.failure()
        assert names == [DOMAIN]
    server.close()
    await server.wait_closed()


@scenario
async def test_we_show_the_trunks_own_certificate_or_else_that_of_our_listeners(authority: Authority) -> None:
    ours = pair(authority.issue("ours", dns=["gw.example"]))
    special = pair(authority.issue("special", dns=["special.example"]))
    trusts = authority.file
    peers = {DOMAIN: TlsPeer(ca_file=trusts), "b.example": TlsPeer(ca_file=trusts, own=special)}
    settings = TlsSettings(own=ours, peers=peers)
    both = authority.issue("peer", dns=[DOMAIN, "b.example"])
    async with peer(both, asks=trusts) as server, rig(TLS[:1], tls=settings) as it:
        for domain, shown in ((DOMAIN, "gw.example"), ("b.example", "special.example")):
            await asked(it, server.hop(domain), f"z9hG4bK{domain}")
            reader, writer = await server.accepted.get()
            await stream_request(reader)
            assert writer.get_extra_info("peercert")["subjectAltName"] == (("DNS", shown),)


@scenario
async def test_a_server_that_refuses_us_is_said_to(authority: Authority, tmp_path: Path) -> None:
    shown = authority.issue("peer", dns=[DOMAIN])
    asking = peer(shown, asks=authority.file, most=ssl.TLSVersion.TLSv1_2)
    async with asking as server, rig(TLS[:1], tls=trusting(authority)) as it:
        assert "closed during the TLS handshake" in (await (await asked(it, server.hop())).failure()).text
        assert it.counts.of["tls", "closed"] == 1


def test_old_versions_are_not_spoken(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    tls = Tls(settings)
    for context in (tls.server, tls.client(DOMAIN)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize(
    ("reason", "cause", "text"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "theirs", "it refuses us: unknown ca"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "theirs", "it refuses us: certificate required"),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "missing", "it shows no certificate"),
        ("WRONG_VERSION_NUMBER", "protocol", "it speaks no TLS (wrong version number)"),
        ("NO_SHARED_CIPHER", "protocol", "no TLS that both can: no shared cipher"),
    ],
)
def test_openssls_reasons_are_told_in_words(reason: str, cause: str, text: str) -> None:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    assert (refused(error).cause, refused(error).text) == (cause, text)


# ------------------------------------------------------------------------------------------------------------ listening


def client(authority: Authority, shown: Certificate | None = None) -> ssl.SSLContext:
    """What a client of ours brings."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if shown is not None:
        context.load_cert_chain(shown.file, shown.key)
    return context


async def connected(
    it: Rig, context: ssl.SSLContext, name: str = "gw.example"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(HERE, it.listening("TLS"), ssl=context, server_hostname=name)
    it.peers.append(writer)
    return reader, writer


@scenario
async def test_a_client_is_served_and_asked_back_over_its_connection(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings) as it:
        reader, writer = await connected(it, client(authority))
        writer.write(incoming("OPTIONS", transport="TLS"))
        request = await it.inbox.request()
        it.port.send(respond(request, 200))
        assert (await stream_response(reader)).status == 200
        assert request.flow is not None
        assert request.flow.transport == "TLS"
        it.port.send(outgoing(Hop("away.invalid", flow=request.flow), "INFO", "z9hG4bK1"))
        asks = await stream_request(reader)
        assert (asks.method, asks.via.transport, asks.via.port) == ("INFO", "TLS", it.listening("TLS"))
        assert it.port.contact("TLS") == f"{HERE}:{it.listening('TLS')};transport=tls"


@pytest.mark.parametrize("must", [True, False])
@scenario
async def test_clients_are_asked_for_a_certificate_and_refused_without_where_they_must_have_one(
    authority: Authority, tmp_path: Path, must: bool
) -> None:
    ours = pair(authority.issue("ours", dns=["gw.example"]))
    settings = TlsSettings(own=ours, client_ca_file=authority.file, clients_must=must)
    async with rig(TLS, tls=settings) as it:
        reader, writer = await connected(it, client(authority, authority.issue("client", dns=["phone.example"])))
        writer.write(incoming("OPTIONS", transport="TLS"))
        await it.inbox.request()
        reader, writer = await connected(it, client(authority))
        writer.write(incoming("OPTIONS", "z9hG4bK2", transport="TLS", call_id="c2"))
        if must:
            await end_of(reader)
            assert it.counts.of["tls", "missing"] == 1
        else:
            await it.inbox.request()
        stranger = Authority(tmp_path, "another").issue("stranger", dns=["phone.example"])
        context = client(authority, stranger)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connected(it, context)
        await until(lambda: it.counts.of["tls", "authority"] == 1)
        assert any("its certificate is refused" in str(line.get("text")) for line in it.logs)


@scenario
async def test_plain_text_on_the_port_for_tls_ends_its_connection_alone(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings) as it:
        _, kept = await connected(it, client(authority))
        for text in (incoming("OPTIONS"), b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100):
            reader, writer = await asyncio.open_connection(HERE, it.listening("TLS"))
            it.peers.append(writer)
            writer.write(text)
            assert not (await reader.read()).startswith(b"SIP")
        assert it.counts.of["tls", "protocol"] == 3
        assert it.port.connections == 1
        kept.write(incoming("OPTIONS", transport="TLS"))
        await it.inbox.request()


@scenario
async def test_a_handshake_that_never_ends_is_ended(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings, connect_seconds=0.2) as it:
        reader, writer = await asyncio.open_connection(HERE, it.listening("TLS"))
        it.peers.append(writer)
        writer.write(b"\x16\x03\x01")  # how a ClientHello begins
        await until(lambda: it.port.connections == 1)
        await end_of(reader)
        assert it.counts.of["tls", "timeout"] == 1
        assert it.port.connections == 0


@scenario
async def test_a_server_whose_handshake_never_ends_is_given_up(authority: Authority) -> None:
    async with tcp_server() as server, rig(TLS[:1], tls=trusting(authority), connect_seconds=0.2) as it:
        owner = await asked(it, Hop(HERE, server.port, "TLS", domain=DOMAIN))
        await server.accepted.get()
        assert "timed out" in (await owner.failure()).text


@scenario
async def test_connections_in_their_handshake_count(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings, max_connections=2) as it:
        for _ in range(2):
            it.peers.append((await asyncio.open_connection(HERE, it.listening("TLS")))[1])
        await until(lambda: it.port.connections == 2)
        reader, writer = await asyncio.open_connection(HERE, it.listening("TLS"))
        it.peers.append(writer)
        await end_of(reader)
        assert it.counts.of["refused", "connections"] == 1


@scenario
async def test_a_client_that_closes_in_the_middle_of_a_message_is_said_to(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings) as it:
        _, writer = await connected(it, client(authority))
        writer.write(incoming("INVITE", transport="TLS")[:-20])
        writer.close()
        await until(lambda: any("middle of a message" in str(line.get("text")) for line in it.logs))
        assert it.inbox.empty


@scenario
async def test_a_client_that_never_ends_its_message_is_cut_off(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    async with rig(TLS, tls=settings) as it:
        reader, writer = await connected(it, client(authority))
        writer.write(incoming("INVITE", transport="TLS")[:-20])
        await until(lambda: any(found.began_at for found in it.port._sockets._links._by_flow.values()))
        it.clock.ahead += 33
        writer.write(b"\r")  # a byte now and then is no message
        it.port._sockets._links._close_idle()
        await end_of(reader)
        assert it.port.connections == 0


@scenario
async def test_tls_is_spoken_over_ipv6_beside_ipv4(authority: Authority) -> None:
    settings = TlsSettings(own=pair(authority.issue("ours", dns=["gw.example"])))
    six = Listener("TLS", "::1", 0)
    async with rig((*TLS, six), tls=settings) as it:
        at = next(listener for listener in it.port.listening if listener.host == "::1")
        reader, writer = await asyncio.open_connection(
            "::1", at.port, ssl=client(authority), server_hostname="gw.example"
        )
        it.peers.append(writer)
        writer.write(incoming("OPTIONS", transport="TLS", sent_by="[::1]"))
        request = await it.inbox.request()
        assert request.flow is not None
        assert (request.flow.transport, request.flow.host) == ("TLS", "::1")
        it.port.send(respond(request, 200))
        await stream_response(reader)
        assert it.port.sent_by("TLS", "::1") == f"[::1]:{at.port}"
        _, four = await connected(it, client(authority))
        four.write(incoming("OPTIONS", "z9hG4bK4", transport="TLS", call_id="4"))
        await it.inbox.request()


@scenario
async def test_tls_bytes_in_a_datagram_are_no_sip(authority: Authority) -> None:
    async with rig(TLS[:1]) as it:
        it.says(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)))
        await until(lambda: it.counts.of["malformed", "UDP"] == 1)
        it.says(incoming("OPTIONS"))
        await it.inbox.request()


@scenario
async def test_a_listener_for_tls_needs_a_certificate() -> None:
    port = SipPort(SipPortSettings(listeners=TLS), on_request=Inbox().put)
    with pytest.raises(ConfigError, match=r"^\[tls\] certificate_file: missing"):
        await port.start()
    assert port.listening == ()


@scenario
async def test_a_client_that_proved_who_it_is_may_let_its_connection_be_used_for_its_domain_alone(
    authority: Authority,
) -> None:
    ours = pair(authority.issue("ours", dns=["gw.example"]))
    async with rig(TLS, tls=TlsSettings(own=ours, client_ca_file=authority.file)) as it, tcp_server() as other:
        for shown in (authority.issue("client", dns=[DOMAIN]), None):
            reader, writer = await connected(it, client(authority, shown))
            sent_by = f"{HERE}:{other.port};alias"
            name = "proved" if shown else "not"
            writer.write(incoming("OPTIONS", f"z9hG4bK{name}", transport="TLS", sent_by=sent_by, call_id=name))
            it.port.send(respond(await it.inbox.request(), 200))
            await stream_response(reader)
            if shown is None:
                break
            owner = await asked(it, Hop(HERE, other.port, "TLS", domain=DOMAIN))
            request = await stream_request(reader)
            assert request.branch == "z9hG4bK1"
            writer.write(answer(request, 200))
            assert (await owner.response()).status == 200
            await asked(it, Hop(HERE, other.port, "TLS", domain="other.example"), "z9hG4bKother")
            await other.accepted.get()
            owner = await asked(it, Hop(HERE, other.port, "TLS", domain=DOMAIN), "z9hG4bKlate")
            await stream_request(reader)
            writer.close()
            assert "connection lost" in (await owner.failure()).text
        await asked(it, Hop(HERE, other.port, "TLS", domain=DOMAIN), "z9hG4bKnew")
        await other.accepted.get()  # a connection of its own: that of the second client proves nothing


# --------------------------------------------------------------------------------------------------------- certificates


@scenario
async def test_a_certificate_that_is_renewed_is_shown_to_the_next_client(authority: Authority) -> None:
    ours = authority.issue("ours", dns=["gw.example"], to_days=1)
    async with rig(TLS, tls=TlsSettings(own=pair(ours))) as it:
        before = it.port.tls.expires_at
        _, writer = await connected(it, client(authority))
        authority.issue("ours", dns=["new.example"], to_days=9)
        await connected(it, client(authority), "new.example")
        assert before is not None
        assert it.port.tls.expires_at == pytest.approx(before + 8 * 86_400, abs=60)
        writer.write(incoming("OPTIONS", transport="TLS"))
        await it.inbox.request()
        assert it.counts.of["expires", "ours"] == it.port.tls.expires_at
        ours.key.write_text("nothing")
        for _ in range(2):
            await connected(it, client(authority), "new.example")
        (line,) = [line for line in it.logs if line["event"] == "certificates_unusable"]
        assert "no certificate with its key" in str(line["text"])
