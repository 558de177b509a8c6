"""Names and roles of a session that came into a call."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.jingle.frame import LONGEST_NAME, Frame
from gateway.signals import Answer, Candidates, End, Offer
from mappings.description import Description, Group, HeaderExtension, Ice, Media, Rtp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

CALL = (("voice", "audio"), ("picture", "video"))


def medium(name: str, kind: str = "audio", senders: Senders = Senders.BOTH, **more: object) -> Media:
    return Media(name=name, rtp=Rtp(media=kind, **more), transport=Ice(ufrag=name), senders=senders)  # type: ignore[arg-type]


def described(*media: Media, groups: tuple[Group, ...] = ()) -> Description:
    return Description(media=media, groups=groups)


def names(description: Description | None) -> list[str]:
    assert description is not None
    return [media.name for media in description.media]


def test_contents_are_called_as_the_call_does_by_their_kind_and_order() -> None:
    frame = Frame(lambda: (*CALL, ("second", "audio")), turned=False)
    bundle = Group(semantics="BUNDLE", names=("0", "1", "2"))
    offer = described(medium("0"), medium("1", "video"), medium("2"), groups=(bundle,))
    told = frame.outward(Offer(offer))
    assert isinstance(told, Offer)
    assert told.description is not None
    assert names(told.description) == ["voice", "picture", "second"]
    assert told.description.groups == (Group(semantics="BUNDLE", names=("voice", "picture", "second")),)
    heard = frame.inward(Answer(described(medium("picture", "video"), medium("voice"))))
    assert isinstance(heard, Answer)
    assert names(heard.description) == ["1", "0"]


def test_what_is_new_on_either_side_has_a_name_of_its_own() -> None:
    frame = Frame(lambda: CALL, turned=False)
    frame.outward(Offer(described(medium("picture"))))
    added = frame.outward(Offer(described(medium("picture"), medium("voice"), medium("another-long-one"))))
    assert isinstance(added, Offer)
    assert names(added.description) == ["voice", "voice-2", "another-long-one"]
    came = frame.inward(Offer(described(medium("voice"), medium("picture", "video"), medium("x" * 16))))
    assert isinstance(came, Offer)
    assert names(came.description) == ["picture", "picture-2", "x" * 16]
    assert all(len(name) <= LONGEST_NAME for name in names(came.description))


def test_candidates_follow_the_names() -> None:
    frame = Frame(lambda: CALL, turned=True)
    frame.outward(Offer(described(medium("0"))))
    for turn, own, call in ((frame.outward, "0", "voice"), (frame.inward, "voice", "0")):
        told = turn(Candidates({own: Ice(ufrag="a")}))
        assert isinstance(told, Candidates)
        by_media: Mapping[str, object] = told.by_media
        assert list(by_media) == [call]


@pytest.mark.parametrize("senders", Senders)
def test_roles_are_turned_where_the_one_who_was_called_calls_now(senders: Senders) -> None:
    extension = HeaderExtension(id=1, uri="urn:example", senders=senders)
    offer = described(medium("0", senders=senders, extensions=(extension,)))
    told = Frame(lambda: CALL, turned=True).outward(Offer(offer))
    assert isinstance(told, Offer)
    assert told.description is not None
    (media,) = told.description.media
    turned = {Senders.INITIATOR: Senders.RESPONDER, Senders.RESPONDER: Senders.INITIATOR}.get(senders, senders)
    assert (media.creator, media.senders, media.rtp.extensions[0].senders) == (Role.RESPONDER, turned, turned)


def test_what_describes_nothing_passes_as_it_is() -> None:
    frame = Frame(lambda: CALL, turned=True)
    for signal in (Offer(None, ("audio",)), End(EndReason.BUSY)):
        assert frame.outward(signal) is signal
        assert frame.inward(signal) is signal


contents = st.lists(
    st.tuples(st.sampled_from(["0", "1", "voice", "picture", "x" * 16]), st.sampled_from(["audio", "video"])),
    unique_by=lambda one: one[0],
    max_size=5,
)


@given(contents, contents, contents, st.booleans())
def test_what_goes_out_comes_back_as_it_was(
    there: list[tuple[str, str]], said: list[tuple[str, str]], added: list[tuple[str, str]], turned: bool
) -> None:
    frame = Frame(lambda: there, turned=turned)
    for contents in (said, added):
        offer = Offer(described(*(medium(name, kind, Senders.INITIATOR) for name, kind in contents)))
        told = frame.outward(offer)
        assert isinstance(told, Offer)
        assert len(set(names(told.description))) == len(contents)
        assert frame.inward(told) == offer
