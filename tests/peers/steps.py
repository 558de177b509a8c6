"""The stretches of a call that many tests begin with."""

from dataclasses import dataclass

from tests.peers import jingle
from tests.peers.jingle_client import JingleClient, Seen, Session, action, initiation
from tests.peers.rig import Rig
from tests.peers.sipp import Sipp

NUMBER = "+15551230000"


@dataclass(frozen=True, slots=True)
class Out:
    """A call from an XMPP user, as far as it has come."""

    client: JingleClient
    session: Session
    server: Sipp


async def calling_out(rig: Rig, server: Sipp, *, client: JingleClient | None = None, dialled: str = NUMBER) -> Out:
    """A client sends a session-initiate for a number, without message initiation; the IQ result is there."""
    client = client or await rig.client()
    session = client.session(f"{rig.gateway.number(dialled)}/sip", voice=await rig.voice())
    answer = await session.initiate()
    assert answer.type == "result", answer.condition
    return Out(client, session, server)


async def ringing_out(rig: Rig, server: Sipp) -> Out:
    """... and it rings."""
    call = await calling_out(rig, server)
    await call.client.expect(action("session-info", call.session.sid, "ringing"))
    return call


async def answered_out(rig: Rig, server: Sipp) -> Out:
    """... and the phone has answered."""
    call = await ringing_out(rig, server)
    await call.session.accepted()
    return call


@dataclass(frozen=True, slots=True)
class In:
    """A call to an XMPP user, as far as it has come."""

    client: JingleClient
    caller: Sipp
    proposed: Seen

    @property
    def sid(self) -> str:
        """The session's id."""
        return self.proposed.sid


async def proposed_in(rig: Rig, caller: Sipp, client: JingleClient) -> In:
    """The gateway proposes a call to a client."""
    return In(client, caller, await client.expect(initiation("propose")))


async def offered_in(rig: Rig, caller: Sipp, client: JingleClient) -> tuple[Session, Seen]:
    """... which lets it ring, takes it, and is offered the session."""
    call = await proposed_in(rig, caller, client)
    client.initiate_message("ringing", call.sid, call.proposed.sender)
    client.initiate_message("proceed", call.sid, call.proposed.sender)
    offer = await client.expect(action("session-initiate", call.sid))
    return client.session(offer.sender, call.sid, voice=await rig.voice(), initiator=False), offer


async def answered_in(rig: Rig, caller: Sipp, client: JingleClient) -> Session:
    """... and accepts it."""
    session, offer = await offered_in(rig, caller, client)
    answer = await session.accept(offer)
    assert answer.type == "result", answer.condition
    return session


def status_in(seen: Seen) -> str:
    """The SIP status beside the reason of a session-terminate, as its namespaced child says it."""
    for element in seen.element.iter():
        if element.tag.startswith("{urn:x-jingle-sip:status:0}"):
            return element.get("code") or element.text or ""
    return ""


def has_hint(seen: Seen) -> bool:
    """Whether the server is asked to store the message (XEP-0334)."""
    return seen.element.find(f"{{{jingle.HINTS}}}store") is not None
