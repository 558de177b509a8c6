"""Chat messages between real XMPP servers and real SIP programs."""

from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers.jingle import CLIENT, condition
from tests.peers.jingle_client import JingleClient, Seen, Wanted
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.servers import SERVERS
from tests.peers.steps import NUMBER, status_in
from tests.peers.test_registration import ACCOUNTS, DOMAIN, house
from tests.peers.xmpp_server import HOST, XmppServer

RECEIPTS = "urn:xmpp:receipts"
MESSAGES = {"messages": True}


def text(body: str = "") -> Wanted:
    """A message with that text, or with any."""

    def test(seen: Seen) -> bool:
        said = seen.element.findtext(f"{{{CLIENT}}}body")
        return seen.kind == "message" and seen.type != "error" and said is not None and body in (said, "")

    return Wanted(f"the text {body}", test)


RECEIPT = Wanted("a receipt", lambda seen: seen.element.find(f"{{{RECEIPTS}}}received") is not None)
BOUNCE = Wanted("an error", lambda seen: seen.kind == "message" and seen.type == "error")


def write(client: JingleClient, to: str, body: str, id: str) -> None:
    """Send a text that asks for a receipt."""
    said = Element(f"{{{CLIENT}}}body")
    said.text = body
    client.say(to, said, Element(f"{{{RECEIPTS}}}request"), id=id)


def confirm(client: JingleClient, seen: Seen) -> None:
    """Send the receipt for a text."""
    client.say(seen.sender, Element(f"{{{RECEIPTS}}}received", {"id": seen.id}))


@pytest.mark.parametrize("server", SERVERS)
async def test_texts_cross_both_ways_and_their_results_come_back(
    server: Callable[[Path], XmppServer], tmp_path: Path
) -> None:
    async with Rig(tmp_path, server=server, trunk=MESSAGES) as rig:
        romeo = await rig.client("romeo")
        number = rig.gateway.number(NUMBER)

        phone = await rig.answers("uas_message", parameters={"status": "200 OK"})
        write(romeo, number, "What light? ☀", "m1")
        receipt = (await romeo.expect(RECEIPT)).element.find(f"{{{RECEIPTS}}}received")
        assert receipt is not None
        assert receipt.get("id") == "m1"
        (message, _) = await phone.done()
        assert message.body == "What light? ☀"
        assert message.header("Content-Type") == "text/plain;charset=UTF-8"
        assert message.header("Contact") == ""

        phone = await rig.answers("uas_message", parameters={"status": "404 Not Found"})
        write(romeo, number, "Anybody?", "m2")
        bounced = await romeo.expect(BOUNCE)
        assert (bounced.id, condition(bounced.element), status_in(bounced)) == ("m2", "item-not-found", "404")
        await phone.done()

        diverted = {"extra": 'Diversion: "Front desk" <sip:200@sip.example>;reason=user-busy'}
        sender = await rig.calls("uac_message", "romeo", keys=diverted, parameters={"body": "Here!", "status": "200"})
        came = await romeo.expect(text("Here!"))
        assert came.element.findtext("{http://jabber.org/protocol/nick}nick") == "Alice, via Front desk"
        assert came.sender == "alice\\40sip.example@" + rig.gateway.domain + "/sip"
        confirm(romeo, came)
        await sender.done()

        sender = await rig.calls("uac_message", "juliet", parameters={"body": "Asleep?", "status": "202"})
        await sender.done()  # she is not there, and the server keeps it for her
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_texts_total", origin="xmpp", result="delivered") == 1
        assert metrics.total("jinglesip_texts_total", origin="sip", result="delivered") == 1
        assert metrics.total("jinglesip_texts_total", origin="sip", result="accepted") == 1


async def test_a_text_for_nobody_is_refused_by_what_the_server_says(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=MESSAGES) as rig:
        sender = await rig.calls("uac_message", "nobody", parameters={"status": "480"})
        await sender.done()


async def test_a_large_text_goes_over_tcp_where_the_trunk_takes_it_and_is_refused_elsewhere(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=MESSAGES) as rig:
        romeo = await rig.client("romeo")
        write(romeo, rig.gateway.number(NUMBER), "x" * 2000, "m1")
        bounced = await romeo.expect(BOUNCE)
        assert condition(bounced.element) == "policy-violation"
        phone = await rig.answers("uas_message", parameters={"status": "200 OK"}, transport="tcp")
        write(romeo, rig.gateway.number(NUMBER), "y" * 2000, "m2")
        await romeo.expect(RECEIPT)
        (message, _) = await phone.done()
        assert message.body == "y" * 2000


async def test_baresip_shows_a_text(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=MESSAGES) as rig:
        phone = await rig.phone()
        romeo = await rig.client("romeo")
        write(romeo, rig.gateway.number(NUMBER), "Good night, good night!", "m1")
        await romeo.expect(RECEIPT)
        await until(lambda: "Good night, good night!" in phone.program.text(), "baresip shows the text")


async def test_what_people_write_is_in_no_log_even_where_all_is_shown(tmp_path: Path) -> None:
    async with Rig(tmp_path, trunk=MESSAGES) as rig:
        romeo = await rig.client("romeo")
        phone = await rig.answers("uas_message", parameters={"status": "200 OK"})
        write(romeo, rig.gateway.number(NUMBER), "rosemary", "m1")
        await romeo.expect(RECEIPT)
        await phone.done()
        sender = await rig.calls("uac_message", "romeo", parameters={"body": "thyme", "status": "202"})
        await romeo.expect(text("thyme"))
        await sender.done()
        assert len(await rig.gateway.logged("text_carried", 2)) == 2
        shown = rig.gateway.program.text()
        assert f"romeo@{HOST}" in shown
        assert "MESSAGE sip:" in shown
        assert "rosemary" not in shown
        assert "thyme" not in shown


async def test_a_text_between_two_accounts_goes_through_a_proxy_that_asks_for_the_password(tmp_path: Path) -> None:
    """Out by romeo's account, through Kamailio, in by juliet's; her receipt comes back as his."""
    trunk = {"domain": DOMAIN, **MESSAGES}
    async with house(tmp_path, trunk=trunk, accounts=ACCOUNTS, registered=2) as (rig, server):
        romeo, juliet = await rig.client("romeo"), await rig.client("juliet")
        for body in ("Parting is such", "sweet sorrow"):
            write(romeo, rig.gateway.number("202"), body, body[:5])
            came = await juliet.expect(text(body))
            assert came.sender == f"201@{rig.gateway.domain}/sip"
            confirm(juliet, came)
            receipt = (await romeo.expect(RECEIPT)).element.find(f"{{{RECEIPTS}}}received")
            assert receipt is not None
            assert receipt.get("id") == body[:5]
        # The second one answered before it was asked.
        assert server.program.text().count("received MESSAGE sip:202") == 3
