"""A new call put together: whom it is for, under which names it is found, and what its log line will say."""

from typing import Any

import pytest

from gateway.errors import PeerError
from gateway.sip.flow import Flow
from gateway.sip.message import SipRequest, parse
from tests.flows.inmemory import World, world
from tests.flows.steps import juliet, romeo, sdp_of

PEER = Flow("UDP", "192.0.2.20", 5060, "main")


def invite(uri: str = "sip:+15550100@192.0.2.1", *, from_: str = '"Juliet" <sip:juliet@192.0.2.20>') -> SipRequest:
    """An INVITE of the trunk's."""
    text = (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        f"From: {from_};tag=j\r\nTo: <{uri}>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:j@192.0.2.20>\r\n"
        f"Content-Type: application/sdp\r\n\r\n{sdp_of()}"
    )
    made = parse(text.encode(), PEER)
    assert isinstance(made, SipRequest)
    return made


def from_sip(made: World, **options: Any) -> Any:
    """The call of an INVITE."""

    async def open_() -> Any:
        return made.app.calls.opening.from_sip(invite(**options), "pbx", made.app.admission.arrives("pbx"))

    return made.loop.run_until_complete(open_())


def test_a_sip_caller_has_always_the_same_full_jid() -> None:
    with world() as made:
        first, second = from_sip(made), from_sip(made)
        assert first.local == second.local == "juliet@gw.example/sip"
        assert first.jingle.sid != second.jingle.sid
        assert first.sip.tag != second.sip.tag
        assert first.task.id != second.task.id


def test_a_callee_is_proposed_to_by_their_bare_jid() -> None:
    with world() as made:
        opened = from_sip(made)
        assert (opened.peer, opened.jingle.peer) == ("romeo@montague.example",) * 2
        assert opened.sip_side is opened.xmpp_side.other


def test_a_device_that_is_named_is_called_but_any_of_the_users_may_end_the_talk_about_it() -> None:
    with world() as made:
        opened = from_sip(made, uri="sip:romeo%40montague.example@192.0.2.1;gr=phone")
        assert opened.jingle.peer == "romeo@montague.example/phone"
        assert opened.peer == "romeo@montague.example"


def test_a_caller_who_hides_is_anonymous() -> None:
    with world() as made:
        opened = from_sip(made, from_='"Anonymous" <sip:anonymous@anonymous.invalid>')
        assert opened.local == "anonymous@gw.example/sip"


def test_the_sid_is_a_uuid_of_version_4() -> None:
    with world() as made:
        a, b, c, d, e = from_sip(made).jingle.sid.split("-")
        assert [len(part) for part in (a, b, c, d, e)] == [8, 4, 4, 4, 12]
        assert (c[0], d[0]) == ("4", "a")


def test_whom_nobody_knows_is_no_call() -> None:
    with world() as made, pytest.raises(PeerError) as refused:
        from_sip(made, uri="sip:+15559999@192.0.2.1")
    assert refused.value.status == 404


def test_what_an_xmpp_caller_dials_is_found_by_the_device_that_dials_it() -> None:
    with world() as made:
        for step in (romeo.sends("session-initiate"), romeo.gets("result"), juliet.gets("INVITE")):
            step.do(made)
        calls: Any = made.app.calls
        (opened,) = calls
        assert opened.sessions == [("romeo@montague.example/phone", "+15551230000@gw.example", "s-one")]
        assert opened.peer == "romeo@montague.example"
        made.loop.advance(0)
        for step in (juliet.sends(486), juliet.gets("ACK"), romeo.gets("session-terminate")):
            step.do(made)
