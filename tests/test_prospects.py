"""What is told of a number: what a call to it could have, for who asks, and nothing about others."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.entity import disco
from gateway.entity.disco import Info
from gateway.media.anchor import PHONE, WEB
from gateway.media.policy import Policy, TrunkMedia
from gateway.prospects import Prospects
from gateway.rules import Member
from tests.test_routing import ROMEO, dial, group, routing, trunk

DIRECT = TrunkMedia(policy=Policy.DIRECT)
SOUND_ALONE = TrunkMedia(leg=replace(PHONE, codecs=("PCMU", "PCMA")))
VIDEO, BATCH, TEXTS = "urn:xmpp:jingle:apps:rtp:video", "urn:ietf:rfc:3264", "urn:xmpp:receipts"
NUMBER = "+15551230000@gw.example"
STRANGER = "mallory@elsewhere.example/x"


def prospects(*trunks: Any, engaged: Any = lambda user, number: None, **rules: Any) -> Prospects:
    """With video, and something that anchors."""
    return Prospects(routing(*trunks, **rules), video=True, anchors=True, engaged=engaged)


def features(info: Info) -> set[str]:
    """Those that differ from trunk to trunk."""
    return {feature for feature in (VIDEO, BATCH, TEXTS) if feature in info.features}


@pytest.mark.conformance("COMP-10")
@pytest.mark.parametrize(
    ("media", "told"),
    [
        (DIRECT, {VIDEO, BATCH}),
        (TrunkMedia(), {VIDEO}),
        (TrunkMedia(policy=Policy.ANCHOR, leg=WEB), {VIDEO}),
        (TrunkMedia(leg=WEB), {VIDEO, BATCH}),
        (SOUND_ALONE, set()),
    ],
    ids=["direct", "joined", "always-anchored", "web", "sound-alone"],
)
def test_a_number_has_what_its_trunk_has(media: TrunkMedia, told: set[str]) -> None:
    assert features(prospects(trunk(media=media)).info(ROMEO, NUMBER)) == told
    assert features(prospects(trunk(media=media, messages=True)).info(ROMEO, f"{NUMBER}/sip")) == told | {TEXTS}
    without = Prospects(routing(trunk(media=media)), video=False, anchors=False)
    assert features(without.info(ROMEO, NUMBER)) == {BATCH}


def test_two_numbers_may_differ() -> None:
    known = prospects(
        trunk("web", media=DIRECT), trunk("old", media=SOUND_ALONE), dial=(dial(r"\+1.*", "web"), dial(".*", "old"))
    )
    assert features(known.info(ROMEO, NUMBER)) == {VIDEO, BATCH}
    assert features(known.info(ROMEO, "201@gw.example")) == set()


def test_of_a_group_that_is_told_which_each_of_its_trunks_has_that_the_caller_may_take() -> None:
    closed = trunk("closed", allow=["other.example"], media=SOUND_ALONE)
    members = [Member(name) for name in ("one", "two", "closed")]
    known = prospects(
        trunk("one", media=DIRECT, messages=True), trunk("two", media=TrunkMedia(), messages=True), closed,
        dial=(dial(".*", "carriers"),), groups=(group(*members),),
    )  # fmt: skip
    assert features(known.info(ROMEO, NUMBER)) == {VIDEO, TEXTS}


def test_what_cannot_be_called_has_no_call_features() -> None:
    known = prospects(dial=(dial(r"\+1900.*", None), dial(r"\+1.*")))
    nothing = disco.number(None)
    assert known.info(ROMEO, NUMBER) != nothing
    for dialled in ("+19005@gw.example", "+4930@gw.example", "anonymous@gw.example", f"{'9' * 300}@gw.example"):
        assert known.info(ROMEO, dialled) == nothing
    assert not any("jingle" in feature for feature in nothing.features)


def test_who_may_not_call_learns_nothing_of_numbers() -> None:
    known = prospects(dial=(dial(r"\+1900.*", None), dial(r"\+1.*")))
    told = {known.info(STRANGER, f"{name}@gw.example") for name in ("+15551230000", "+19005", "+4930", "alice")}
    assert told == {disco.number(None)}
    assert known.info("201@gw.example", NUMBER) == disco.number(None)


def test_who_is_in_a_call_is_told_what_that_call_can_have() -> None:
    calls = {("mallory@elsewhere.example", NUMBER): "carrier", ("nurse@elsewhere.example", NUMBER): "account-gone"}
    known = prospects(trunk(media=DIRECT), engaged=lambda user, number: calls.get((user, number)))
    assert features(known.info(STRANGER, f"{NUMBER}/sip")) == {VIDEO, BATCH}
    assert known.info(STRANGER, "+15559@gw.example") == disco.number(None)
    assert known.info("nurse@elsewhere.example/x", NUMBER) == disco.number(None)


def test_every_set_that_is_told_is_one_that_can_be_asked_for_by_its_caps() -> None:
    every = disco.numbers()
    for media in (DIRECT, TrunkMedia(), SOUND_ALONE):
        for messages in (False, True):
            assert prospects(trunk(media=media, messages=messages)).info(ROMEO, NUMBER) in every
