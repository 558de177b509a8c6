"""One call each way between an XMPP client and a SIP phone, with sound and the ladder of each; see deploy/demo."""

import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.peers import g711
from tests.peers.baresip import Baresip
from tests.peers.jingle_client import JingleClient, action, initiation
from tests.peers.ladder import Ladder
from tests.peers.program import PeerFailure, Program
from tests.peers.rig import Rig
from tests.peers.rtp import RtpEndpoint

TALK_PACKETS = 100
"Two seconds of sound."
RING_SECONDS = 0.5
"How long the one who is called lets it ring."
CLIENT_HERTZ, PHONE_HERTZ = 440, 1000


async def demonstrate(folder: Path) -> None:
    """Put everything up, call both ways, and take everything down."""
    async with Rig(folder) as rig:
        client = await rig.client("romeo", "phone")
        phone = await rig.phone(hertz=PHONE_HERTZ)
        print(f"Prosody    {rig.server.address}:{rig.server.component_port}  (component {rig.gateway.domain})")
        print(f"gateway    {rig.gateway.uri}  metrics on http://{rig.gateway.http[0]}:{rig.gateway.http[1]}/metrics")
        print(f"SIP phone  {phone.uri}  (baresip)")
        print(f"client     {client.jid}")
        await from_xmpp(rig, client, phone)
        await from_sip(rig, client, phone)
        if rig.gateway.program.datagram_sockets() != {rig.gateway.sip}:
            raise PeerFailure("the gateway holds a socket for media")


async def from_xmpp(rig: Rig, client: JingleClient, phone: Baresip) -> None:
    """The client calls the phone, with message initiation; the client hangs up."""
    voice = await rig.voice(CLIENT_HERTZ)
    ladder = Ladder(rig.gateway, "romeo@home.example (Jingle)", f"{phone.user} (SIP)")
    async with ladder.following():
        begun = time.monotonic()
        sid = client.propose(rig.gateway.number(phone.user))
        proceeded = await client.expect(initiation("proceed", sid))
        session = client.session(proceeded.sender, sid, voice=voice)
        answer = await session.initiate()
        if answer.type != "result":
            raise PeerFailure(f"the session was refused: {answer.condition} {answer.text}")
        await client.expect(action("session-info", sid, "ringing"))
        await asyncio.sleep(RING_SECONDS)
        await phone.accept()
        await session.accepted()
        milliseconds = (time.monotonic() - begun) * 1000
        ladder.note(f" {PHONE_HERTZ} Hz ◀  sound, not through the gateway  ▶ {CLIENT_HERTZ} Hz ")
        await voice.hears(TALK_PACKETS)
        await session.terminate()
        await client.expect(initiation("finish", sid))
        await phone.expect("CALL_CLOSED")
    await report("XMPP → SIP", milliseconds, voice, phone)


async def from_sip(rig: Rig, client: JingleClient, phone: Baresip) -> None:
    """The phone calls the client; the phone hangs up."""
    voice = await rig.voice(CLIENT_HERTZ)
    ladder = Ladder(rig.gateway, "romeo@home.example (Jingle)", f"{phone.user} (SIP)")
    async with ladder.following():
        begun = time.monotonic()
        # The phone says that it dials only 40 ms later (its control port waits for acknowledgements): not waited for.
        dialling = asyncio.create_task(phone.dial(f"sip:romeo@{rig.gateway.uri}"))
        proposed = await client.expect(initiation("propose"))
        client.initiate_message("ringing", proposed.sid, proposed.sender)
        await dialling
        await phone.expect("CALL_RINGING")
        await asyncio.sleep(RING_SECONDS)
        client.initiate_message("proceed", proposed.sid, proposed.sender)
        offer = await client.expect(action("session-initiate", proposed.sid))
        session = client.session(offer.sender, proposed.sid, voice=voice, initiator=False)
        await session.accept(offer)
        await phone.expect("CALL_ESTABLISHED")
        milliseconds = (time.monotonic() - begun) * 1000
        ladder.note(f" {PHONE_HERTZ} Hz ◀  sound, not through the gateway  ▶ {CLIENT_HERTZ} Hz ")
        await voice.hears(TALK_PACKETS)
        await phone.hang_up()
        await session.terminated()
        await phone.expect("CALL_CLOSED")
    await report("SIP → XMPP", milliseconds, voice, phone)


async def report(what: str, milliseconds: float, voice: RtpEndpoint, phone: Baresip) -> None:
    """The line of result; fails when the sound did not come through."""
    sent, received = await phone.packets()
    heard = voice.heard
    from_phone = heard.share_of_tone(PHONE_HERTZ)
    from_client = g711.share_of_tone(phone.heard(), CLIENT_HERTZ)
    print(
        f"\n{what}: answered after {milliseconds:.0f} ms (of them {RING_SECONDS * 1000:.0f} ringing); "
        f"{received} packets client → phone (of {voice.sent}), {heard.packets} phone → client (of {sent}); "
        f"the tones are {from_client:.0%} and {from_phone:.0%} of what was heard"
    )
    if min(received, heard.packets) < TALK_PACKETS * 0.9 or min(from_phone, from_client) < 0.9:
        raise PeerFailure(f"{what}: the sound did not come through both ways")


async def main() -> None:
    """Run the demonstration; a signal ends it, and everything it started."""
    task = asyncio.ensure_future(_bounded())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    await task


async def _bounded() -> None:
    with tempfile.TemporaryDirectory(prefix="jingle-sip-demo-") as folder:
        try:
            async with asyncio.timeout(60):
                await demonstrate(Path(folder))
        finally:
            Program.kill_all()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("\ninterrupted; nothing is left running")
    except (PeerFailure, TimeoutError) as failure:
        notes = "\n".join(getattr(failure, "__notes__", ()))
        sys.exit(f"\nFAILED: {failure or 'took too long'}\n{notes}")
    print("\nboth calls went through, in both directions")
