"""Calls and questions over TLS, with Kamailio and baresip at the other end."""

import asyncio
from pathlib import Path

import pytest

from gateway import check, log
from tests.certificates import Authority
from tests.configured import configured
from tests.net.component_server import component_server
from tests.peers import loopback
from tests.peers.baresip import Baresip
from tests.peers.gateway import Table
from tests.peers.jingle_client import action, initiation
from tests.peers.kamailio import Kamailio
from tests.peers.rig import Rig
from tests.peers.sipp import Sipp
from tests.peers.steps import answered_in, calling_out

DOMAIN = "sip.example.org"


async def test_a_call_goes_out_over_tls_and_both_ends_show_their_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("theirs", uris=[f"sip:{DOMAIN}"])
    ours = authority.issue("ours", dns=["gw.example"])
    host = loopback.address()
    at = (host, loopback.port(host))
    async with Kamailio(
        tmp_path, "proxy", transports=["udp", "tls"], parameters={"next": f"sip:{at[0]}:{at[1]}"},
        certificate=theirs.file, key=theirs.key, authority=authority.file,
    ) as proxy:  # fmt: skip
        trunk: Table = {
            "host": proxy.address, "port": proxy.ports["tls"], "transport": "tls", "domain": DOMAIN,
            "ca_file": str(authority.file), "certificate_file": str(ours.file), "key_file": str(ours.key),
        }  # fmt: skip
        async with Rig(tmp_path, trunk=trunk) as rig:
            server = await Sipp(tmp_path, "uas_answer", host=at[0], port=at[1]).start()
            call = await calling_out(rig, server)
            await call.session.accepted()
            assert (await call.session.terminate()).type == "result"
            messages = await server.done()
            invite = next(message for message in messages if message.is_("INVITE"))
            assert invite.uri.startswith("sip:+15551230000@sip.example.org")
            assert "SIP/2.0/TLS" in invite.text
            for method in ("INVITE", "ACK", "BYE"):
                assert proxy.said(f"received {method} over tls ")
            metrics = await rig.gateway.metrics()
            left = metrics.total("jinglesip_sip_certificate_expiry_seconds", whose="shown")
            assert 9 * 86_400 < left <= 10 * 86_400


async def test_a_call_comes_in_over_tls_from_a_trunk_that_must_show_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.issue("theirs", dns=[DOMAIN])
    host = loopback.address()
    ours = authority.issue("ours", addresses=[host])
    port = loopback.port(host)
    changes: dict[str, Table] = {
        "sip": {"listen": [f"udp:{host}:{port}", f"tls:{host}:{port}"]},
        "tls": {
            "certificate_file": str(ours.file), "key_file": str(ours.key), "client_ca_file": str(authority.file),
            "client_required": True,
        },
    }  # fmt: skip
    async with Kamailio(
        tmp_path, "proxy", transports=["udp", "tls"], parameters={"next": f"sip:{host}:{port};transport=tls"},
        certificate=theirs.file, key=theirs.key, authority=authority.file, asks_clients=False,
    ) as proxy:  # fmt: skip
        trunk = {"host": proxy.address, "port": proxy.ports["udp"]}
        async with Rig(tmp_path, trunk=trunk, changes=changes, at=(host, port)) as rig:
            juliet = await rig.client("juliet", carbons=True)
            caller = Sipp(tmp_path, "uac_call", target=(proxy.address, proxy.ports["udp"]))
            session = await answered_in(rig, await caller.start(), juliet)
            assert (await session.terminated()).condition == "success"
            messages = await caller.done()
            (answer,) = [message for message in messages if message.is_("200") and "INVITE" in message.header("CSeq")]
            assert f"{host}:{port};transport=tls" in answer.header("Contact")


async def test_a_phone_is_called_and_calls_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    host = loopback.address()
    port = loopback.port(host)
    ours = authority.issue("ours", dns=["gw.example"], addresses=[host])
    phone = Baresip(
        tmp_path, auto_answer=False, certificate=authority.issue("phone", dns=[DOMAIN]), authority=authority.file
    )
    changes: dict[str, Table] = {
        "sip": {"listen": [f"udp:{host}:{port}", f"tls:{host}:{port}"]},
        "tls": {"certificate_file": str(ours.file), "key_file": str(ours.key)},
    }
    trunk: Table = {
        "host": phone.host, "port": phone.port + 1, "transport": "tls", "tls_domain": DOMAIN,
        "ca_file": str(authority.file), "addresses": ["host", "127.0.0.1"],
    }  # fmt: skip
    async with Rig(tmp_path, trunk=trunk, changes=changes, at=(host, port)) as rig:
        try:
            await phone.start()
            romeo = await rig.client("romeo")
            session = romeo.session(f"{rig.gateway.number(phone.user)}/sip", voice=await rig.voice())
            assert (await session.initiate()).type == "result"
            await phone.expect("CALL_INCOMING")
            await phone.accept()
            await session.accepted()
            assert (await session.terminate()).type == "result"
            await phone.expect("CALL_CLOSED")

            juliet = await rig.client("juliet")
            await phone.dial(f"sip:juliet@{host}:{port};transport=tls")
            proposed = await juliet.expect(initiation("propose"))
            juliet.initiate_message("proceed", proposed.sid, proposed.sender)
            offer = await juliet.expect(action("session-initiate", proposed.sid))
            answering = juliet.session(offer.sender, proposed.sid, voice=await rig.voice(), initiator=False)
            assert (await answering.accept(offer)).type == "result"
            await phone.expect("CALL_ESTABLISHED")
            await phone.expect("CALL_ESTABLISHED")
            await phone.hang_up()
            assert (await answering.terminated()).condition == "success"
        finally:
            await phone.stop()


@pytest.mark.parametrize(
    ("names", "days", "trusted", "wanted"),
    [
        ([DOMAIN], 9.5, True, "its certificate is good for 9 days"),
        (["other.example"], 9.5, True, f"its certificate is for other.example, not for {DOMAIN}"),
        ([DOMAIN], -1, True, "its certificate is refused: certificate has expired"),
        ([DOMAIN], 9.5, False, "its certificate is refused: unable to get local issuer certificate"),
    ],
)
async def test_check_says_what_becomes_of_a_trunks_certificate(  # noqa: PLR0917
    names: list[str],
    days: float,
    trusted: bool,
    wanted: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    logging_undone: None,
) -> None:
    log.configure(level="error", format="console")
    authority = Authority(tmp_path)
    theirs = authority.issue("theirs", dns=names, from_days=-5, to_days=days)
    believed = authority if trusted else Authority(tmp_path, "another")
    async with Kamailio(
        tmp_path, "answering", transports=["tls"], parameters={"status": 486},
        certificate=theirs.file, key=theirs.key,
    ) as peer, component_server() as server:  # fmt: skip
        settings = configured(
            tmp_path, xmpp_port=server.port, trunk=peer.address, trunk_port=peer.ports["tls"], transport="tls",
            more=f'domain = "{DOMAIN}"\nca_file = "{believed.file}"',
        )  # fmt: skip
        status = await asyncio.to_thread(check.check, settings)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " trunk pbx " in line]
    assert wanted in line
    assert status == (0 if "good for" in wanted else 1)
    assert line.startswith("[ok]" if status == 0 else "[FAIL]")
