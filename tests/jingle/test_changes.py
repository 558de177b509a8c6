"""The law of changes: what differs, and nothing else, makes one description of another."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.jingle.changes import Add, Arrange, Inform, Modify, Remove, Replace, apply, diff, roles, settle, silence
from mappings.description import Description, Group, Ice, Media
from mappings.terms import Role, Senders, Setup
from tests.mappings.strategies import descriptions

from .ladder import RAW, candidate, content, describe, ice, rtp

VOICE = content(transport=ice(candidate(1)))
FILM = content("film", rtp("video"))

# A difference compares applications and transports whole, and looks at no more of them than their kinds, so that a few
# of each, of which some are equal, make every case there is; what varies here is the shape.
APPLICATIONS = [
    describe(content(description=said)).media[0].rtp
    for said in (
        rtp(),
        rtp().replace("PCMA", "G729").replace("'8'", "'18'"),
        rtp("video"),
        rtp("video").replace("VP8", "VP9"),
    )
]
TRANSPORTS = [
    describe(content(transport=said)).media[0].transport
    for said in (
        ice(candidate(1)),
        ice(candidate(1), candidate(2)),
        ice(candidate(1), setup=""),
        ice(ufrag="uf02", pwd="secretsecretsecret0002"),
        RAW,
        RAW.replace("40100", "40200"),
    )
]
MEDIA = st.builds(
    Media,
    name=st.sampled_from(["a", "b", "c", "d"]),
    rtp=st.sampled_from(APPLICATIONS),
    transport=st.sampled_from(TRANSPORTS),
    creator=st.sampled_from(Role),
    senders=st.sampled_from(Senders),
    disposition=st.sampled_from(["session", "early-session"]),
)
GROUPS = st.builds(
    Group,
    semantics=st.sampled_from(["BUNDLE", "LS"]),
    names=st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True).map(tuple),
)
SHAPES = st.builds(
    Description,
    media=st.lists(MEDIA, max_size=4, unique_by=lambda media: media.name).map(tuple),
    groups=st.lists(GROUPS, max_size=2).map(tuple),
)


@given(SHAPES, SHAPES)
@settings(max_examples=1000, deadline=None)
def test_the_difference_makes_one_description_of_the_other(one: Description, other: Description) -> None:
    assert apply(diff(one, other), one) == other


@given(descriptions(), descriptions())
@settings(max_examples=25, deadline=None)
def test_it_does_so_whatever_stands_in_them(one: Description, other: Description) -> None:
    assert apply(diff(one, other), one) == other


@given(SHAPES)
@settings(max_examples=200, deadline=None)
def test_a_description_does_not_differ_from_itself(one: Description) -> None:
    assert diff(one, one) == ()
    assert settle(one, one) == one


@given(descriptions(), descriptions())
@settings(max_examples=25, deadline=None)
def test_what_is_settled_once_is_settled(one: Description, other: Description) -> None:
    settled = settle(one, other)
    assert settle(one, settled) == settled
    assert settle(one, one) == one


@given(SHAPES, SHAPES)
@settings(max_examples=300, deadline=None)
def test_what_is_settled_once_is_settled_in_every_shape(one: Description, other: Description) -> None:
    settled = settle(one, other)
    assert settle(one, settled) == settled


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
