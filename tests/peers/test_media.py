"""Sound, both ways, straight between a Jingle client and a SIP phone: the gateway carries only the signalling.

Each peer has ports, and mostly an address, of its own, so the source of every packet says who sent it.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

from tests.peers import g711, jingle
from tests.peers.baresip import Baresip
from tests.peers.jingle_client import action, initiation
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.rtp import RtpEndpoint

PACKETS = 60
NEAR = 10
"What may be under way, or lie unread on a busy machine, when a call ends."


async def test_a_client_and_a_phone_that_it_calls_hear_each_other(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True, hertz=1000)
        client = await rig.client()
        voice = await rig.voice(440)
        number = rig.gateway.number(phone.user)
        sid = client.propose(number)
        proceeded = await client.expect(initiation("proceed", sid))
        session = client.session(proceeded.sender, sid, voice=voice)
        assert (await session.initiate()).type == "result"
        accepted = await session.accepted()
        assert accepted.jingle is not None
        await _hears_phone(rig, voice, phone, jingle.address(accepted.jingle))
        said = voice.sent
        await session.terminate()
        await _phone_heard(phone, voice, 440, said)


async def test_a_phone_and_a_client_that_it_calls_hear_each_other(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(hertz=1000)
        client = await rig.client("juliet")
        voice = await rig.voice(600)
        await phone.dial(f"sip:juliet@{rig.gateway.uri}")
        proposed = await client.expect(initiation("propose"))
        client.initiate_message("ringing", proposed.sid, proposed.sender)
        await phone.expect("CALL_RINGING")
        client.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await client.expect(action("session-initiate", proposed.sid))
        assert offer.jingle is not None
        session = client.session(offer.sender, proposed.sid, voice=voice, initiator=False)
        assert (await session.accept(offer)).type == "result"
        await phone.expect("CALL_ESTABLISHED")
        await _hears_phone(rig, voice, phone, jingle.address(offer.jingle))
        said = voice.sent
        await phone.hang_up()
        assert (await session.terminated()).condition == "success"
        await _phone_heard(phone, voice, 600, said)


async def test_a_law_is_agreed_on_when_the_client_offers_nothing_else(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True)
        client = await rig.client()
        voice = await rig.voice(440, g711.PCMA)
        session = client.session(f"{rig.gateway.number(phone.user)}/sip", voice=voice)
        offered = jingle.Audio(voice.local, payloads=(jingle.PCMA,))
        assert (await session.initiate(jingle.content(offered))).type == "result"
        await session.accepted()
        heard = await voice.hears(PACKETS)
        assert set(heard.payload_types) == {g711.PCMA}
        assert heard.share_of_tone(phone.hertz) > 0.9
        said = voice.sent
        await session.terminate()
        await _phone_heard(phone, voice, 440, said)


async def test_digits_that_are_written_in_a_call_are_pressed_on_the_phone(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone = await rig.phone(auto_answer=True)
        client = await rig.client()
        voice = await rig.voice(440)
        number = rig.gateway.number(phone.user)
        session = client.session(f"{number}/sip", voice=voice)
        assert (await session.initiate()).type == "result"
        await session.accepted()
        said = Element(f"{{{jingle.CLIENT}}}body")
        said.text = "4*,2#"
        client.say(number, said)
        assert [(await phone.expect("CALL_DTMF_START")).text for _ in "4*2#"] == list("4*2#")
        await session.terminate()
        await phone.expect("CALL_CLOSED")


async def _hears_phone(rig: Rig, voice: RtpEndpoint, phone: Baresip, announced: tuple[str, int] | None) -> None:
    """The client hears the phone's tone, from where the phone said, and from nowhere else."""
    heard = await voice.hears(PACKETS)
    assert announced is not None
    assert announced[0] == phone.host
    # The phone's socket is open on all addresses, so the kernel chooses which its packets have; the port is its own.
    assert {port for _, port in heard.sources} == {announced[1]}
    assert announced[1] in {port for _, port in phone.program.datagram_sockets()}
    assert len(heard.streams) == 1
    assert heard.lost == 0
    assert heard.loudness() > 1000
    assert heard.share_of_tone(phone.hertz) > 0.9
    await rig.check_sockets()


async def _phone_heard(phone: Baresip, voice: RtpEndpoint, hertz: float, said: int) -> None:
    """The phone counted what was sent to it, at least what was ``said`` when the call ended, and heard the tone."""
    await phone.expect("CALL_CLOSED")
    sent, received = await phone.packets()
    assert min(sent, received) >= PACKETS - NEAR
    await until(lambda: sent - voice.heard.packets <= NEAR, f"the client reads the {sent} packets of the phone")
    assert voice.heard.packets - sent <= NEAR
    assert said - NEAR <= received <= voice.sent
    assert g711.share_of_tone(phone.heard(), hertz) > 0.9
    # The phone names the address that its sound comes from: the client's, none of the gateway's.
    host, port = voice.local
    assert f"receiving from {host}:{port}" in phone.program.text()
