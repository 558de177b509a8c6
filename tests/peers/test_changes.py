"""Hold and resume between a Jingle client and a real SIP phone, from each side."""

from pathlib import Path

import pytest

from tests.peers import jingle
from tests.peers.baresip import Baresip
from tests.peers.jingle_client import JingleClient, Seen, Session, action, initiation
from tests.peers.program import until
from tests.peers.rig import Rig


async def in_call(rig: Rig) -> tuple[Baresip, JingleClient, Session]:
    """A client has called a phone, which answered."""
    phone = await rig.phone(auto_answer=True)
    client = await rig.client()
    sid = client.propose(rig.gateway.number(phone.user))
    proceeded = await client.expect(initiation("proceed", sid))
    session = client.session(proceeded.sender, sid, voice=await rig.voice())
    assert (await session.initiate()).type == "result"
    await session.accepted()
    return phone, client, session


def senders(seen: Seen) -> list[str | None]:
    assert seen.jingle is not None
    return [content.get("senders") for content in seen.jingle if jingle.local(content.tag) == "content"]


@pytest.mark.conformance("HLD-06")
async def test_a_phone_holds_and_resumes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone, client, session = await in_call(rig)
        await phone.command("hold")
        held = await client.expect(action("content-modify", session.sid))
        assert senders(held) in (["responder"], ["none"])
        await phone.command("resume")
        resumed = await client.expect(action("content-modify", session.sid))
        assert senders(resumed) == ["both"]
        assert (await session.terminate()).type == "result"
        await phone.expect("CALL_CLOSED")


@pytest.mark.conformance("HLD-01", "HLD-03")
async def test_a_client_holds_and_resumes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        phone, _, session = await in_call(rig)
        assert (await session.act("session-info", jingle.info("hold"))).type == "result"
        await until(lambda: "a=sendonly" in phone.program.text() or None, "the phone is held")
        assert (await session.act("session-info", jingle.info("unhold"))).type == "result"
        await until(
            lambda: phone.program.text().rfind("a=sendrecv") > phone.program.text().rfind("a=recvonly") or None,
            "the phone is resumed",
        )
        assert (await session.terminate()).type == "result"
        await phone.expect("CALL_CLOSED")
