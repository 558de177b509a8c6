"""Who may call what and how much, by real clients through a real server, and with those who try to get round it."""

import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import pytest

from tests.peers import jingle
from tests.peers.gateway import Table
from tests.peers.jingle import JINGLE
from tests.peers.jingle_client import JingleClient, initiation
from tests.peers.program import until
from tests.peers.rig import Rig
from tests.peers.steps import NUMBER, answered_out, calling_out

ANY = {"match": "(?s).*", "trunk": "pbx"}


def policy(**keys: object) -> dict[str, Table | Sequence[Table]]:
    """One policy for everybody."""
    return {"policy": [{"name": "all", "who": ["*"], **keys}]}


def told(element: Element) -> str:
    """All texts in a stanza."""
    return " ".join(text.strip() for text in element.itertext() if text.strip())


async def refused(rig: Rig, client: JingleClient, dialled: str, sid: str) -> tuple[str, str]:
    """The condition and the text of a session that is refused."""
    content = jingle.content(jingle.Audio((await rig.voice()).local))
    request = jingle.jingle("session-initiate", sid, content)
    answer = await client.request(rig.gateway.number(dialled), request)
    assert answer.type == "error", dialled
    return answer.condition, told(answer.element)


@pytest.mark.conformance("ROB-04")
async def test_a_client_is_told_which_limit_it_has_reached_and_calls_again_after_another_restart(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path, changes=policy(calls_per_day=2)) as rig:
        client = await rig.client()
        for _ in range(2):
            out = await calling_out(rig, await rig.answers("uas_answer"), client=client)
            await out.session.accepted()
            await out.session.terminate()
            await out.server.done()
        said = "policy: daily limit of 2 calls reached"
        assert await refused(rig, client, NUMBER, "third") == ("policy-violation", said)
        assert await rig.gateway.stop() == 0
        await rig.gateway.start()
        assert await refused(rig, client, NUMBER, "fourth") == ("policy-violation", said)
        sid = client.propose(rig.gateway.number(NUMBER), "audio")
        rejected = await client.expect(initiation("reject", sid))
        assert said in told(rejected.element)


@pytest.mark.conformance("ROB-04")
async def test_emergency_calls_are_refused_in_words_and_routed_where_the_operator_says_so(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        client, trunk = await rig.client(), await rig.raw_trunk()
        for number, dialled in enumerate(("112", "+1-1-2", "00112", "911;phone-context=+1")):
            condition, text = await refused(rig, client, dialled, f"help{number}")
            assert (condition, text) == (
                "policy-violation",
                "emergency calls cannot be made here: use another phone now",
            )
        assert not trunk.received
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_emergency_calls_total", action="refuse") == 4


async def test_an_emergency_call_is_routed_past_all_limits(tmp_path: Path) -> None:
    changes = policy(calls=1, calls_per_minute=1.0) | {
        "emergency": {"action": "route", "trunk": "pbx"},
        "limits": {"calls": 1, "calls_per_caller": 1},
    }
    keys = {"caller_id": "anonymous", "caller_id_number": "+15550123", "calls": 1}
    async with Rig(tmp_path, changes=changes, trunk=keys) as rig:
        server = await rig.answers("uas_answer", calls=2)
        client = await rig.client()
        first = await calling_out(rig, server, client=client)
        await first.session.accepted()
        second = await calling_out(rig, server, client=client, dialled="1-1-2")
        await second.session.accepted()
        invites = server.received("INVITE")
        assert [invite.uri.partition("@")[0] for invite in invites] == [f"sip:{NUMBER}", "sip:112"]
        assert "anonymous" in invites[0].header("From")
        assert "<sip:+15550123@" in invites[1].header("From")
        for out in (first, second):
            await out.session.terminate()
        await server.done()
        assert len(rig.gateway.log("emergency_called")) == 1


@pytest.mark.conformance("ROB-04")
async def test_a_thousand_calls_begun_and_given_up_make_few_invites(tmp_path: Path) -> None:
    changes: dict[str, Table | list[Table]] = {"log": {"level": "info"}, "policy": []}
    async with Rig(tmp_path, changes=changes) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        attacker = await rig.client("mercutio")
        number, began = rig.gateway.number("+15559990000"), time.monotonic()
        for _ in range(1_000):
            sid = attacker.propose(number, "audio")
            attacker.initiate_message("retract", sid, number, Element(f"{{{JINGLE}}}reason"))
        await attacker.fence(number)
        took = time.monotonic() - began
        await until(lambda: len(attacker.came(initiation("reject"))) > 900, "most are rejected")
        metrics = await rig.gateway.metrics()
        allowed = 5 + 5 * (took + 1)
        assert metrics.total("jinglesip_calls_opened_total", origin="xmpp") - 1 <= min(allowed, 30 + (took + 1) / 2)
        assert metrics.total("jinglesip_calls_refused_total", origin="xmpp", cause="rate") > 900
        assert len(rig.gateway.log("call_refused")) < 60
        assert (await call.session.act("session-info")).type == "result"
        assert (await call.session.terminate()).type == "result"
        await call.server.done()


@pytest.mark.conformance("ROB-04")
async def test_no_spelling_leads_to_a_number_that_may_not_be_called(tmp_path: Path) -> None:
    changes = policy(calls_per_second=100.0, calls_per_minute=1000.0) | {
        "dial": [{"match": "\\*(.*)", "trunk": "pbx", "rewrite": "\\1"}, ANY],
        "calling": {"country": "49"},
    }
    names = (
        "+88213", "0088213", "+882-13", "+882 13", "+882\\2013", "(+882)13", "+882.13", "++88213", "%2b88213",
        "%2B%38%38%32%31%33", "tel\\3a+88213", "sip\\3a+88213", "+88213\\40pbx.example", "0088213\\40127.0.0.1",
        "+88213;ext=1", "13;phone-context=+882", "+88213;phone-context=+49", "٠٠٨٨٢١٣", "００８８２１３", "+⁸⁸²13",
        "00088213", "000088213", "+0088213", "*0088213", "**67*0088213", "0088213#", "0088213,,1", "0088213;isub=1",
        "09001234", "0900-1234", "+499001234", "+49\\200900\\201234", "+49(0)9001234", "9001234;phone-context=+49",
    )  # fmt: skip
    async with Rig(tmp_path, changes=changes) as rig:
        client, trunk = await rig.client(), await rig.raw_trunk()
        content = jingle.content(jingle.Audio((await rig.voice()).local))
        for index, name in enumerate(names):
            request = jingle.jingle("session-initiate", f"fraud{index}", content)
            assert (await client.request(rig.gateway.number(name), request)).type == "error", name
        await rig.gateway.active(0)
        assert not trunk.received
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_calls_refused_total", cause="prefix") > len(names) * 0.8


@pytest.mark.conformance("ROB-04")
async def test_a_transfer_is_no_way_to_a_number_that_may_not_be_called(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        call = await answered_out(rig, await rig.answers("uas_answer"))
        client = call.session.client
        for number in ("+88213", "112"):
            info = Element(f"{{{JINGLE}}}jingle", {"action": "session-info", "sid": call.session.sid})
            SubElement(info, "{urn:xmpp:jingle:transfer:0}transfer", {"to": rig.gateway.number(number)})
            answer = await client.request(call.session.peer, info)
            assert (answer.type, answer.condition) == ("error", "forbidden")
        assert (await call.session.terminate()).type == "result"
        await call.server.done()


@pytest.mark.conformance("ROB-04")
@pytest.mark.parametrize(("response", "status"), [("decline", 603), ("busy", 486), ("unavailable", 480)])
async def test_a_caller_who_is_blocked_rings_nobody(tmp_path: Path, response: str, status: int) -> None:
    changes: dict[str, Sequence[Table]] = {"block": [{"callers": ["alice@sip.example"], "response": response}]}
    async with Rig(tmp_path, changes=changes) as rig:
        juliet = await rig.client("juliet")
        caller = await rig.calls("uac_expect", parameters={"status": status})
        await caller.done()
        assert not juliet.came(initiation("propose"))
        metrics = await rig.gateway.metrics()
        assert metrics.total("jinglesip_calls_refused_total", origin="sip", cause="blocked") == 1
