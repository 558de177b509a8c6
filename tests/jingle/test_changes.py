"""The law of changes: what differs, and nothing else, makes one description of another."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.jingle.changes import Add, Arrange, Inform, Modify, Remove, Replace, apply, diff, roles, settle, silence
from mappings.description import Description, Group, Ice
from mappings.terms import Role, Senders, Setup
from tests.mappings.strategies import descriptions

from .ladder import RAW, candidate, content, describe, ice, rtp


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Description, Description]:
    """Two descriptions, related or not."""
    one, other = draw(descriptions()), draw(descriptions())
    if draw(st.booleans()):
        return one, other
    media = []
    for before in draw(st.permutations(one.media)):
        item = before
        match draw(st.sampled_from(["same", "gone", "senders", "transport", "rtp", "creator"])):
            case "senders":
                item = replace(item, senders=draw(st.sampled_from(Senders)))
            case "transport":
                item = replace(item, transport=other.media[0].transport)
            case "rtp":
                item = replace(item, rtp=other.media[0].rtp)
            case "creator":
                item = replace(item, creator=item.creator.other)
            case "gone":
                continue
        media.append(item)
    names = {item.name for item in media}
    media += [item for item in other.media if item.name not in names and draw(st.booleans())]
    groups = draw(st.sampled_from([one.groups, other.groups, ()]))
    return one, Description(media=tuple(media), groups=groups)


@given(pairs())
@settings(max_examples=300, deadline=None)
def test_the_difference_makes_one_description_of_the_other(pair: tuple[Description, Description]) -> None:
    one, other = pair
    assert apply(diff(one, other), one) == other


@given(descriptions())
@settings(max_examples=100, deadline=None)
def test_a_description_does_not_differ_from_itself(one: Description) -> None:
    assert diff(one, one) == ()
    assert settle(one, one) == one


@given(descriptions(), descriptions())
@settings(max_examples=100, deadline=None)
def test_what_is_settled_once_is_settled(one: Description, other: Description) -> None:
    settled = settle(one, other)
    assert settle(one, settled) == settled


VOICE = content(transport=ice(candidate(1)))
FILM = content("film", rtp("video"))


def test_each_kind_of_change_is_one_action() -> None:
    before = describe(VOICE)
    film = describe(FILM).media[0]
    assert diff(before, describe(VOICE, FILM)) == (Add(film),)
    assert diff(describe(VOICE, FILM), before) == (Remove("film"),)
    held = describe(content(transport=ice(candidate(1)), attributes=" senders='initiator'"))
    assert diff(before, held) == (Modify("voice", Senders.INITIATOR),)
    raw = describe(content(transport=RAW))
    assert diff(before, raw) == (Replace("voice", raw.media[0].transport),)
    restarted = describe(content(transport=ice(ufrag="uf02", pwd="secretsecretsecret0002")))
    assert diff(before, restarted) == (Inform("voice", restarted.media[0].transport),)
    grouped = replace(before, groups=(Group(semantics="BUNDLE", names=("voice",)),))
    assert diff(before, grouped) == (Arrange(("voice",), grouped.groups),)


@pytest.mark.conformance("ICE-22", "ICE-23")
@pytest.mark.parametrize(("ufrag", "pwd"), [("uf02", "secretsecretsecret0001"), ("uf01", "secretsecretsecret0002")])
def test_one_credential_alone_is_no_restart(ufrag: str, pwd: str) -> None:
    before = describe(VOICE)
    after = describe(content(transport=ice(candidate(1), ufrag=ufrag, pwd=pwd)))
    assert diff(before, settle(before, after)) == ()


@pytest.mark.conformance("SEC-10")
def test_the_same_certificate_in_another_role_is_no_change() -> None:
    before = describe(content(transport=ice(candidate(1), setup="active")))
    assert diff(before, settle(before, describe(VOICE))) == ()


@pytest.mark.conformance("SEC-11")
def test_another_certificate_is_a_change() -> None:
    before = describe(VOICE)
    transport = before.media[0].transport
    assert isinstance(transport, Ice)
    other = replace(transport, fingerprints=(replace(transport.fingerprints[0], value="AA:BB"),))
    after = replace(before, media=(replace(before.media[0], transport=other),))
    assert diff(before, settle(before, after)) == (Inform("voice", other),)


def test_the_role_that_is_left_is_taken() -> None:
    answer = describe(content(transport=ice(setup="active")))
    (media,) = roles(describe(), answer).media
    assert media.transport.fingerprints[0].setup is Setup.PASSIVE
    assert roles(describe(), describe()) == describe()
    assert roles(describe(), describe(FILM)) == describe()


@pytest.mark.conformance("HLD-02")
@pytest.mark.parametrize(
    ("before", "after"),
    [("both", "responder"), ("initiator", "none"), ("responder", "responder"), ("none", "none")],
)
def test_who_is_silenced_does_not_send_and_nobody_else_begins(before: str, after: str) -> None:
    assert silence(Senders(before), Role.INITIATOR) is Senders(after)
