"""A conference's focus at the other end, as real bridges are: what a client that knows COIN sees of it (XEP-0298)."""

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.peers import jingle
from tests.peers.jingle_client import JingleClient, Seen, Session, Wanted, action
from tests.peers.raw_sip import RawSip
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER

COIN = "urn:xmpp:coin:1"
INFO = "{urn:ietf:params:xml:ns:conference-info}"


class Focus:
    """A bridge with a roster, which speaks for itself: it answers calls and subscriptions, and notifies."""

    def __init__(self, raw: RawSip) -> None:
        self.raw = raw
        self.people: dict[str, str] = {}
        self.version = 0
        self._number = 0
        self._dialog: dict[str, str] = {}

    async def takes_a_call(self) -> None:
        """Answer an INVITE as a focus does."""
        invite = await self.raw.expect("INVITE")
        self.raw.respond(invite, "200 OK", tag="conf7", mark=";isfocus", body=self.raw.sdp())
        await self.raw.expect("ACK")

    async def takes_a_subscription(self, *, first: bool = True) -> None:
        """Answer a SUBSCRIBE, and tell everything."""
        request = await self.raw.expect("SUBSCRIBE")
        message, source = request
        assert message.header("Event") == "conference"
        self.raw.respond(request, "200 OK", tag="state" if first else "", headers=("Expires: 600",))
        if first:
            self._dialog = {
                "uri": message.header("Contact").strip("<>"),
                "from": f"{message.header('To')};tag=state",
                "to": message.header("From"),
                "call_id": message.header("Call-ID"),
                "host": source[0],
                "port": str(source[1]),
            }
        await self.tells_everything()

    async def tells_everything(self) -> None:
        await self._notify("full", "".join(self._user(name) for name in self.people))

    async def joins(self, *names: str, lost: bool = False) -> None:
        """Somebody comes; ``lost``: the NOTIFY never leaves."""
        self.people |= dict.fromkeys(names, "connected")
        await self._notify("partial", "".join(map(self._user, names)), lost=lost)

    async def leaves(self, name: str) -> None:
        """Somebody goes."""
        del self.people[name]
        await self._notify("partial", f"<user entity='sip:{name}@{self.raw.local[0]}' state='deleted'/>")

    def _user(self, name: str) -> str:
        return (
            f"<user entity='sip:{name}@{self.raw.local[0]}'><display-text>{name.title()}</display-text>"
            f"<endpoint entity='sip:{name}@192.0.2.7'><status>{self.people[name]}</status></endpoint></user>"
        )

    async def _notify(self, state: str, users: str, *, lost: bool = False) -> None:
        self.version += 1
        self._number += 1
        if lost:
            return
        host, port = self.raw.local
        to = self._dialog
        body = (
            f"<conference-info xmlns='{INFO[1:-1]}' entity='sip:conf7@{host}' state='{state}' "
            f"version='{self.version}'><users state='{state}'>{users}</users></conference-info>"
        )
        lines = [
            f"NOTIFY {to['uri']} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-notify-{self._number}",
            "Max-Forwards: 70",
            f"From: {to['from']}",
            f"To: {to['to']}",
            f"Call-ID: {to['call_id']}",
            f"CSeq: {self._number} NOTIFY",
            f"Contact: <sip:conf7@{host}:{port}>;isfocus",
            "Event: conference",
            "Subscription-State: active;expires=600",
            "Content-Type: application/conference-info+xml",
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        self.raw.send("\n".join(lines), (to["host"], int(to["port"])))
        await self.raw.expect("200", test=lambda message: message.header("CSeq") == f"{self._number} NOTIFY")


async def calling(rig: Rig, *features: str) -> tuple[Focus, JingleClient, Session]:
    """A client with these features is in a call with the bridge."""
    focus = Focus(await rig.raw_trunk())
    client = await rig.client(features=(*jingle.FEATURES, *features))
    client.announce(to=rig.gateway.number(NUMBER))
    await client.expect(Wanted("disco#info", lambda seen: seen.kind == "iq" and seen.type == "get"))
    session = client.session(f"{rig.gateway.number(NUMBER)}/sip", voice=await rig.voice())
    assert (await session.initiate()).type == "result"
    await focus.takes_a_call()
    await session.accepted()
    return focus, client, session


def roster(seen: Seen, known: dict[str, str]) -> dict[str, str]:
    """Who is there by what a client was told so far: names by addresses."""
    assert seen.jingle is not None
    info: Element = seen.jingle[0]
    assert info.tag == f"{INFO}conference-info"
    known = {} if info.get("state") == "full" else dict(known)
    for user in info.iter(f"{INFO}user"):
        entity = user.get("entity", "")
        if user.get("state") == "deleted":
            del known[entity]
        else:
            known[entity] = user.findtext(f"{INFO}display-text", "")
    return known


async def hang_up(rig: Rig, focus: Focus, session: Session, *, subscribed: bool = True) -> None:
    """The client leaves, and the bridge is told so by BYE and by the end of the subscription."""
    assert (await session.terminate()).type == "result"
    focus.raw.respond(await focus.raw.expect("BYE"), "200 OK")
    if subscribed:
        message, source = await focus.raw.expect("SUBSCRIBE")
        assert message.header("Expires") == "0"
        focus.raw.respond((message, source), "200 OK")
    await rig.gateway.active(0)


@pytest.mark.conformance("EXT-14", "EXT-15")
async def test_a_client_that_knows_coin_sees_who_comes_and_who_goes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        focus, client, session = await calling(rig, COIN)
        news = action("session-info", session.sid, "conference-info")
        told = await client.expect(news)
        assert told.jingle is not None
        assert told.jingle[0].tag == f"{{{COIN}}}conference-info"
        assert told.jingle[0].get("isfocus") == "true"

        focus.people = {"nurse": "connected"}
        await focus.takes_a_subscription()
        known = roster(await client.expect(news), {})
        nurse, paris, mab = (f"xmpp:{rig.gateway.number(name)}" for name in ("nurse", "paris", "mab"))
        assert known == {nurse: "Nurse"}

        await focus.joins("paris")
        known = roster(await client.expect(news), known)
        assert known == {nurse: "Nurse", paris: "Paris"}

        await focus.leaves("nurse")
        known = roster(await client.expect(news), known)
        assert known == {paris: "Paris"}

        await focus.joins("mab", lost=True)
        await focus.joins("tybalt")  # the gap is seen, and everything is asked for
        await focus.takes_a_subscription(first=False)
        known = roster(await client.expect(news), known)
        assert known == {paris: "Paris", mab: "Mab", f"xmpp:{rig.gateway.number('tybalt')}": "Tybalt"}

        await hang_up(rig, focus, session)


async def test_a_crowd_reaches_the_client_in_stanzas_that_servers_take(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        focus, client, session = await calling(rig, COIN)
        news = action("session-info", session.sid, "conference-info")
        await client.expect(news)
        focus.people = {f"guest{number}": "connected" for number in range(200)}
        await focus.takes_a_subscription()
        known: dict[str, str] = {}
        while len(known) < 200:
            known = roster(await client.expect(news), known)
        await hang_up(rig, focus, session)


async def test_a_bridge_that_takes_no_subscription_is_a_call_like_any_other(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        focus, client, session = await calling(rig, COIN)
        news = action("session-info", session.sid, "conference-info")
        await client.expect(news)
        focus.raw.respond(await focus.raw.expect("SUBSCRIBE"), "489 Bad Event", tag="state")
        await hang_up(rig, focus, session, subscribed=False)
        assert focus.raw.count("SUBSCRIBE") == 1


async def test_a_client_that_does_not_know_coin_hears_nothing_of_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        focus, client, session = await calling(rig)
        await hang_up(rig, focus, session, subscribed=False)
        assert focus.raw.count("SUBSCRIBE") == 0
        assert not client.came(action("session-info", session.sid, "conference-info"))
