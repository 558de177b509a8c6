"""What users say of where their accounts are does not lead into networks that are not theirs to ask about."""

from collections.abc import Callable

import pytest

from gateway.net.names import Names, Reply
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import Address, Question
from gateway.sip.message import respond
from tests.net.rig import HERE, Inbox, Phone, Rig, answer, outgoing, rig, scenario
from tests.peers import loopback

ELSEWHERE = "203.0.113.7"
NOT_THERE = "a user's own account may not lead there"


def reaches(*addresses: str) -> Callable[[str], bool]:
    """These may be gone to."""
    return lambda address: address in addresses


async def refused(it: Rig, hop: Hop, method: str = "INVITE") -> str:
    """The text with which that is not sent."""
    owner = Inbox()
    it.port.send(outgoing(hop, method), owner)
    failed = await owner.failure()
    assert failed.cause == "transport"
    return failed.text


@scenario
async def test_an_address_that_may_not_be_gone_to_gets_nothing() -> None:
    async with rig(reaches=reaches(ELSEWHERE)) as it:
        hop = Hop(HERE, it.phone.port, "UDP")
        for transport in ("UDP", "TCP", None):
            fenced = Hop(HERE, it.phone.port, transport, fenced=True)
            assert await refused(it, fenced) == f"{HERE}: {NOT_THERE}"
        it.port.send(outgoing(hop, "OPTIONS"), None)
        await it.phone.gets_request("OPTIONS")  # and so nothing came before it


@scenario
async def test_a_name_that_leads_there_gets_nothing_and_of_several_addresses_the_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = {"evil.example": (Address(HERE),), "both.example": (Address(ELSEWHERE), Address(HERE))}

    async def ask(_: Names, question: Question, seconds: float) -> Reply:
        return Reply(addresses[question.name] if question.kind == "A" else (), 600.0)

    monkeypatch.setattr(Names, "ask", ask)
    async with rig(reaches=reaches(ELSEWHERE)) as it:
        text = await refused(it, Hop("evil.example", it.phone.port, "UDP", fenced=True), "REGISTER")
        assert text == f"evil.example: {NOT_THERE}"
    async with rig(reaches=reaches(HERE)) as it:
        it.port.send(outgoing(Hop("both.example", it.phone.port, "UDP", fenced=True)), Inbox())
        await it.phone.gets_request("INVITE")


@scenario
async def test_where_a_message_seemed_to_come_from_is_no_way_around() -> None:
    async with rig(reaches=reaches()) as it:
        flow = Flow("UDP", HERE, it.phone.port, f"{HERE}:{it.udp}")
        text = await refused(it, Hop(HERE, it.phone.port, "UDP", flow, fenced=True), "BYE")
        assert text == f"{HERE}: {NOT_THERE}"


@pytest.mark.parametrize("fenced", [True, False])
@scenario
async def test_who_answers_too_late_names_no_address_for_the_ack_either(fenced: bool) -> None:
    async with rig(reaches=reaches(HERE)) as it:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, it.phone.port, "UDP", fenced=fenced)), owner)
        invite = await it.phone.gets_request("INVITE")
        it.port.release(owner)
        elsewhere = loopback.address()
        victim = await _phone(elsewhere)
        contact = (("Contact", f"<sip:x@{elsewhere}:{victim.port}>"),)
        it.phone.send(respond(invite, 200, tag="late", headers=contact).encode(), it.udp)
        if fenced:
            it.port.send(outgoing(Hop(elsewhere, victim.port, "UDP"), "OPTIONS", "z9hG4bK2"), None)
            await victim.gets_request("OPTIONS")
        else:
            await victim.gets_request("ACK")
            victim.send(answer(await victim.gets_request("BYE"), 200), it.udp)
        victim.close()


async def _phone(host: str) -> Phone:
    import asyncio  # noqa: PLC0415 - beside its only use

    loop = asyncio.get_running_loop()
    return (await loop.create_datagram_endpoint(Phone, local_addr=(host, 0)))[1]
