"""The checks of the clients themselves: each finds what it is there for."""

from xml.etree.ElementTree import fromstring

import pytest

from tests.flows import dialects
from tests.peers.dialects import strict
from tests.peers.dialects.strict import Known
from tests.peers.jingle_client import Seen

ME, GATEWAY = "romeo@home.example/phone", "+15551230000@gw.example/sip"
ICE = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'{}>{}</transport>"
CREDENTIALS = " ufrag='u' pwd='p'"
PRINT = "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='{}'>AB</fingerprint>"
CANDIDATE = (
    "<candidate component='1' foundation='1' generation='0' id='x' ip='127.0.0.1' network='0' port='1' priority='1' "
    "protocol='udp' type='host'/>"
)
GOOD = ICE.format(CREDENTIALS, PRINT.format("active") + CANDIDATE)
SOUND = (
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='0'>{}</payload-type></description>"
)
STUB = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/>" + ICE.format("", "")
GROUP = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>"


def content(inside: str = "", name: str = "0", more: str = "creator='initiator'") -> str:
    return f"<content name='{name}' {more}>{inside}</content>"


def complaints(
    client: str, action: str, inside: str, *, sender: str = GATEWAY, to: str = ME, attributes: str = ""
) -> list[str]:
    """What such a client says to a stanza in its call, which it has begun, and in which it shows video."""
    said = f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='s'{attributes}>{inside}</jingle>"
    stanza = fromstring(f"<iq xmlns='jabber:client' type='set' id='i' from='{sender}' to='{to}'>{said}</iq>")
    offer = content(SOUND.format("") + ICE.format(CREDENTIALS, PRINT.format("actpass"))) + GROUP
    known = Known(
        ME, role="initiator", peer=GATEWAY, offered=fromstring(f"<all xmlns='urn:xmpp:jingle:1'>{offer}</all>"),
        contents={"0": "audio"}, senders={"0": "both"},
        adding={} if action == "session-accept" else {"1": ("video", "both")},
    )  # fmt: skip
    return [text for rule in strict.rules(client) for text in rule(known, Seen(0.0, False, stanza))]


CONVERSATIONS, MONAL, DINO, MOVIM, GAJIM = (
    speech.client for speech in (dialects.CONVERSATIONS, dialects.MONAL, dialects.DINO, dialects.MOVIM, dialects.GAJIM)
)
ACCEPT = content(SOUND.format("") + GOOD)


@pytest.mark.parametrize(
    ("client", "action", "inside"),
    [
        (CONVERSATIONS, "session-accept", ACCEPT + GROUP),
        (CONVERSATIONS, "content-reject", content(STUB, "1")),
        (CONVERSATIONS, "content-modify", content(more="creator='initiator' senders='initiator'")),
        (MONAL, "transport-info", content(ICE.format(CREDENTIALS, CANDIDATE))),
        (DINO, "content-modify", content(more="creator='initiator' senders='responder'")),
        (GAJIM, "content-remove", content()),
        (GAJIM, "session-terminate", "<reason><decline/></reason>"),
    ],
)
def test_what_is_good_is_let_pass(client: str, action: str, inside: str) -> None:
    assert complaints(client, action, inside) == []


@pytest.mark.parametrize(
    ("client", "action", "inside", "text"),
    [
        (MOVIM, "session-accept", ACCEPT, "group"),
        (MOVIM, "session-accept", ACCEPT.replace("'0'", "'1'", 1) + GROUP, "{'1': 'audio'} for {'0': 'audio'}"),
        (MOVIM, "session-accept", ACCEPT.replace("active", "actpass") + GROUP, "setup 'actpass'"),
        (MOVIM, "session-accept", ACCEPT.replace("id='0'", "id='9'") + GROUP, "payload types"),
        (MOVIM, "session-accept", ACCEPT.replace("foundation='1'", "foundation='a1'") + GROUP, "foundation 'a1'"),
        (MOVIM, "session-accept", ACCEPT.replace("'host'", "'nat'") + GROUP, "a candidate of 'nat'"),
        (MOVIM, "session-accept", ACCEPT.replace(" network='0'", "") + GROUP, "without network"),
        (MOVIM, "session-initiate", content(SOUND.format("") + GOOD), "setup 'active'"),
        (MOVIM, "session-initiate", content(SOUND.format("") + GOOD, "a long name of more"), "name 'a long"),
        (MOVIM, "session-initiate", content(SOUND.format("") + GOOD), "initiator None"),
        (MOVIM, "content-remove", content(name="7"), "which is not there"),
        (MONAL, "transport-info", content(ICE.format(" ufrag='u'", CANDIDATE)), "without ufrag and pwd"),
        (MONAL, "transport-info", content(ICE.format(CREDENTIALS, CANDIDATE * 2)), "more than one candidate"),
        (MONAL, "session-accept", ACCEPT.replace("creator", "senders='none' creator") + GROUP, "senders none"),
        (MONAL, "session-accept", ACCEPT.replace("></p", "><parameter name='x'/></p") + GROUP, "a parameter"),
        (DINO, "transport-info", content(ICE.format(CREDENTIALS, PRINT.format("active"))), "a fingerprint"),
        (DINO, "transport-info", content(GOOD, "8"), "a transport of no content"),
        (DINO, "content-modify", content() + content(), "can't process multiple"),
        (DINO, "content-modify", content(more="creator='responder'"), "mismatching creator"),
        (GAJIM, "session-accept", ACCEPT + GROUP, "a fingerprint"),
        (GAJIM, "session-terminate", "<reason><busy/></reason>", "does not hear: busy"),
        (CONVERSATIONS, "content-reject", content(name="1"), "does not contain ICE-UDP"),
        (CONVERSATIONS, "content-reject", content(STUB, "1", "senders='initiator'"), "is no answer to"),
        (CONVERSATIONS, "content-accept", content(STUB, "2"), "is no answer to"),
        (CONVERSATIONS, "content-remove", content(STUB), "only supports content-remove"),
        (CONVERSATIONS, "content-add", content(STUB), "already exist"),
        (CONVERSATIONS, "content-modify", content(more="senders='responder'"), "unsupported senders"),
        (CONVERSATIONS, "content-modify", content(more="senders='none'"), "unsupported senders"),
    ],
)
def test_what_a_client_chokes_on_is_found(client: str, action: str, inside: str, text: str) -> None:
    assert any(text in found for found in complaints(client, action, inside))


def test_what_is_for_another_device_or_from_another_one_is_found() -> None:
    accept = ACCEPT + GROUP
    assert complaints(MOVIM, "session-accept", accept, to="romeo@home.example") == ["is for romeo@home.example"]
    other = "+15551230000@gw.example/other"
    assert complaints(MOVIM, "session-accept", accept, sender=other) == [
        f"comes from {other}, and before from {GATEWAY}"
    ]
