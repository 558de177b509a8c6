"""The gateway among the contacts of ordinary clients: what they see, ask and keep, also when it starts again."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from tests.peers.jingle_client import initiation
from tests.peers.person import Person, prompt
from tests.peers.program import PATIENCE_SECONDS
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import NUMBER
from tests.peers.xmpp_server import ACCOUNTS, COMPONENT, HOST, XmppServer

CALLS = {"urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle-message:0"}
KEPT = "jingle-sip.sqlite"


async def person(rig: Rig, user: str = "romeo", resource: str = "desk") -> Person:
    """Somebody's client, signed in."""
    made = Person(f"{user}@{HOST}/{resource}", ACCOUNTS[user], (rig.server.address, rig.server.client_port))
    await made.connect()
    rig.closes(made.close)
    return made


@pytest.mark.conformance("COMP-05", "COMP-06", "COMP-08", "ADDR-24", "ADDR-25")
@pytest.mark.parametrize("server", SERVERS)
async def test_a_client_knows_the_gateway_and_a_number_as_contacts(
    server: Callable[[Path], XmppServer], tmp_path: Path
) -> None:
    async with Rig(tmp_path, server=server) as rig:
        romeo = await person(rig)
        number = rig.gateway.number(NUMBER)
        for jid, full in ((COMPONENT, f"{COMPONENT}/gateway"), (number, f"{number}/sip")):
            await romeo.add(jid)
            name = "Telephone" if jid == COMPONENT else "+1 555 123 0000"
            assert (await romeo.sees(jid, "subscribe"))["nick"]["nick"] == name
            shown = await romeo.sees(full)
            told = await romeo.knows(full)
            assert {"jid\\20escaping", "jabber:iq:gateway"} <= told["features"] or told["features"] >= CALLS
            card = (await romeo.plugin("xep_0054").get_vcard(jid=jid, local=False))["vcard_temp"]
            picture = card["PHOTO"]["BINVAL"]
            assert hashlib.sha1(picture).hexdigest() == shown["vcard_temp_update"]["photo"]
            avatar = await romeo.plugin("xep_0084").retrieve_avatar(jid, shown["vcard_temp_update"]["photo"])
            assert avatar["pubsub"]["items"]["item"]["avatar_data"]["value"] == picture
            assert card["FN"] == name
            newer = await romeo.plugin("xep_0292").retrieve_vcard(jid)
            assert newer["pubsub"]["items"]["item"]["vcard"]["full_name"] == card["FN"]
            assert (await romeo.plugin("xep_0092").get_version(full))["software_version"]["name"] == "jingle-sip"
            clock = (await romeo.plugin("xep_0202").get_entity_time(full)).xml.findtext(".//{urn:xmpp:time}utc")
            assert abs(datetime.fromisoformat(clock).timestamp() - time.time()) < 60
            assert await romeo.plugin("xep_0199").ping(jid, timeout=PATIENCE_SECONDS) < PATIENCE_SECONDS
        assert (await romeo.knows(f"{COMPONENT}/gateway"))["identities"] >= {("gateway", "pstn", "en", "Telephone")}
        assert (await romeo.knows(f"{number}/sip"))["identities"] == {("client", "phone", "en", None)}
        last = await romeo.plugin("xep_0012").get_last_activity(COMPONENT)
        assert last["last_activity"]["seconds"] < 90
        assert (await romeo.ask(COMPONENT, prompt())).findtext("{jabber:iq:gateway}prompt") == "Number or SIP address"
        answer = await romeo.ask(COMPONENT, prompt("+1 (555) 123-0000"), "set")
        assert answer.findtext("{jabber:iq:gateway}jid") == f"+15551230000@{COMPONENT}"
        with pytest.raises(IqError):
            await romeo.plugin("xep_0030").get_info(jid=number, node="no-such-node")


@pytest.mark.parametrize("server", SERVERS)
async def test_contacts_see_the_gateway_go_and_come_back_without_signing_in_again(
    server: Callable[[Path], XmppServer], tmp_path: Path
) -> None:
    async with Rig(tmp_path, server=server) as rig:
        romeo = await person(rig)
        number = rig.gateway.number(NUMBER)
        full = f"{number}/sip"
        await romeo.add(number)
        await romeo.sees(full)
        # What the client asks while the stream closes reaches nobody (RFC 6120 §4.4): one question is answered first.
        assert (await romeo.knows(full))["features"] >= CALLS
        assert await rig.gateway.stop() == 0
        await romeo.sees(full, "unavailable")
        await rig.gateway.start()
        await romeo.sees(full)
        assert (await romeo.knows(full))["features"] >= CALLS
        rig.gateway.kill()
        await rig.gateway.start()
        await romeo.sees(full)
        await romeo.remove(number)
        await romeo.plugin("xep_0199").ping(COMPONENT, timeout=PATIENCE_SECONDS)
        assert await rig.gateway.stop() == 0
        await rig.gateway.start()
        await romeo.plugin("xep_0199").ping(COMPONENT, timeout=PATIENCE_SECONDS)
        assert (await rig.gateway.metrics()).by("jinglesip_xmpp_stanzas_total", "kind").keys() == {"iq"}


async def test_a_number_that_is_removed_in_the_middle_of_a_call_goes_on_talking(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.answers("uas_answer")
        number = rig.gateway.number(NUMBER)
        romeo, beside = await rig.client("romeo"), await person(rig)
        await beside.add(number)
        session = romeo.session(f"{number}/sip", voice=await rig.voice())
        assert (await session.initiate()).type == "result"
        await session.accepted()
        await beside.remove(number)
        await beside.is_so(lambda: not beside.client.client_roster.has_jid(number), "the contact is removed")
        await romeo.fence(COMPONENT)
        await rig.gateway.active(1)
        assert (await session.terminate()).type == "result"
        await phone.done()


MANY = 10_000


async def test_ten_thousand_contacts_at_a_start_delay_no_call(tmp_path: Path) -> None:
    changes: dict[str, dict[str, object]] = {
        "presence": {"rate_per_second": 500.0, "leave_timeout_seconds": 0.0},
        "log": {"level": "info"},
    }
    async with Rig(tmp_path, changes=changes) as rig:
        await rig.gateway.stop()
        kept = sqlite3.connect(rig.gateway.folder / KEPT)
        with kept:
            rows = ((f"u{one}@{HOST}", f"+1555{one:07}@{COMPONENT}", 1, 2, one) for one in range(MANY))
            kept.executemany("INSERT INTO bonds VALUES (?, ?, ?, ?, ?)", rows)
        kept.close()
        await rig.gateway.start()
        romeo = await rig.client("romeo")
        waits = []
        for _ in range(3):
            phone = await rig.answers("uas_answer")
            began = time.monotonic()
            sid = romeo.propose(rig.gateway.number(NUMBER))
            proceeded = await romeo.expect(initiation("proceed", sid))
            waits.append(time.monotonic() - began)
            session = romeo.session(proceeded.sender, sid, voice=await rig.voice())
            assert (await session.initiate()).type == "result"
            await session.accepted()
            assert (await session.terminate()).type == "result"
            await phone.done()
        meanwhile = await rig.gateway.metrics()
        assert meanwhile.total("jinglesip_presences_waiting") > 0, "they were told before the calls"
        assert meanwhile.total("jinglesip_subscribers") == MANY
        print(f"proceed after {', '.join(f'{wait * 1000:.0f}' for wait in waits)} ms")
