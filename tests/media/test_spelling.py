"""What the anchor says of itself can be written in both protocols, and means the same when it is read."""

from collections.abc import Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest

from gateway.jingle import description as jingle
from gateway.media.anchor import PHONE, WEB, LegMedia
from gateway.sdp.history import SdpSession
from gateway.signals import Side
from mappings.description import Description, Ice
from mappings.terms import Role
from tests.forms import common
from tests.media.rig import BackToBack, rigged
from tests.media.test_embedded import WAYS

CALLER, CALLEE = Side


def as_stanza(description: Description, action: str) -> Description:
    """Through Jingle and back."""
    element = Element("{urn:xmpp:jingle:1}jingle", {"action": action, "sid": "1"})
    element.extend(jingle.write(description))
    read, dropped = jingle.read(element)
    assert dropped == ()
    return read


def without_end(description: Description) -> Description:
    """What Jingle says of it: nobody is told there that gathering is complete."""
    return replace(
        description,
        media=tuple(
            replace(media, transport=replace(media.transport, gathering_complete=None))
            if isinstance(media.transport, Ice)
            else media
            for media in description.media
        ),
    )


@pytest.mark.parametrize("way", WAYS)
async def test_an_offer_and_its_answer_survive_both_protocols(way: str) -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer(WAYS[way])
        answer = await pair.answer(offer)
        ours, theirs = SdpSession(Role.INITIATOR, 1), SdpSession(Role.RESPONDER, 2)
        assert common(theirs.read_offer(ours.write_offer(offer))) == common(offer)
        assert common(ours.read_answer(theirs.write_answer(answer))) == common(answer)
        assert (ours.dropped, theirs.dropped) == ((), ())
        assert common(as_stanza(offer, "session-initiate")) == common(without_end(offer))
        assert common(as_stanza(answer, "session-accept")) == common(without_end(answer))


@pytest.mark.conformance("MED-01")
async def test_a_phone_is_told_of_neither_ice_nor_dtls() -> None:
    async with rigged() as rig:
        anchor, _ = await rig.anchor(PHONE, WEB)
        legs: Mapping[Side, LegMedia] = {CALLER: PHONE, CALLEE: WEB}
        texts = {
            side: SdpSession(Role.INITIATOR, 1).write_offer(await anchor.make_offer(side, ["audio", "video"]))
            for side in legs
        }
        for word in ("ice-", "candidate", "fingerprint", "setup", "SAVP", "rtcp-mux", "rtcp-fb", "BUNDLE"):
            assert word not in texts[CALLER], word
            assert word in texts[CALLEE], word
        assert isinstance((await anchor.make_offer(CALLEE)).media[0].transport, Ice)
