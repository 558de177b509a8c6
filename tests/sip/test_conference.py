"""The state of a conference put together from what a focus tells, whatever order and whoever tells it (RFC 4575)."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.attendance import Attendee, Endpoint, Stream
from gateway.errors import PeerError
from gateway.sip.conference import DEEPEST, MOST_ELEMENTS, MOST_PARTS, MOST_USERS, NOBODY, Roster, Verdict, read

NS = "urn:ietf:params:xml:ns:conference-info"
NAMES = st.sampled_from(["sip:a@example.org", "sip:b@example.org", "tel:+15550100", "sip:d@192.0.2.9", "mailto:e"])
STATUSES = st.sampled_from(["connected", "on-hold", "disconnected", ""])
STREAMS = st.builds(
    Stream, id=st.sampled_from("12"), kind=st.sampled_from(["audio", "video"]), status=st.sampled_from(["sendrecv", ""])
)
ENDPOINTS = st.builds(
    Endpoint,
    entity=st.sampled_from(["sip:1@h", "sip:2@h"]),
    name=st.sampled_from(["", "desk"]),
    status=STATUSES,
    streams=st.lists(STREAMS, unique_by=lambda one: one.id, max_size=2).map(tuple),
)
ATTENDEES = st.builds(
    Attendee,
    entity=NAMES,
    name=st.sampled_from(["", "Nurse", "Ty <&> balt"]),
    endpoints=st.lists(ENDPOINTS, unique_by=lambda one: one.entity, max_size=2).map(tuple),
)
PEOPLE = st.lists(ATTENDEES, unique_by=lambda one: one.entity, max_size=5).map(
    lambda found: {one.entity: one for one in found}
)


def element(name: str, text: str) -> str:
    return f"<{name}>{text.replace('&', '&amp;').replace('<', '&lt;')}</{name}>" if text else ""


def user(one: Attendee, state: str = "full") -> str:
    """A user as a focus writes it."""
    inner = element("display-text", one.name)
    for endpoint in one.endpoints:
        streams = "".join(
            f"<media id={quoteattr(stream.id)}>{element('type', stream.kind)}{element('status', stream.status)}</media>"
            for stream in endpoint.streams
        )
        inner += (
            f"<endpoint entity={quoteattr(endpoint.entity)}>{element('display-text', endpoint.name)}"
            f"{element('status', endpoint.status)}{streams}</endpoint>"
        )
    return f"<user entity={quoteattr(one.entity)} state='{state}'>{inner}</user>"


def document(version: object, users: Iterable[str] = (), state: str = "full", more: str = "") -> bytes:
    return (
        f"<conference-info xmlns='{NS}' entity='sip:conf@example.org' state='{state}' version='{version}'>{more}"
        f"<users state='{state}'>{''.join(users)}</users></conference-info>"
    ).encode()


def take(roster: Roster, body: bytes, *, asked: bool = False) -> tuple[Roster, Verdict]:
    return roster.take(read(body), asked=asked)


def changes(before: Mapping[str, Attendee], after: Mapping[str, Attendee]) -> list[str]:
    """What a focus says of a change."""
    gone = [f"<user entity={quoteattr(key)} state='deleted'/>" for key in before if key not in after]
    return [*gone, *(user(one) for key, one in after.items() if before.get(key) != one)]


@given(PEOPLE, st.lists(PEOPLE, max_size=6), st.integers(0, 1000))
def test_everything_and_then_the_changes_are_what_there_is(
    first: dict[str, Attendee], states: list[dict[str, Attendee]], version: int
) -> None:
    roster, verdict = take(NOBODY, document(version, map(user, first.values())))
    assert verdict is Verdict.TAKEN
    before = first
    for number, state in enumerate(states, version + 1):
        roster, verdict = take(roster, document(number, changes(before, state), "partial"))
        assert verdict is Verdict.TAKEN
        before = state
    assert roster.users == before
    assert roster.entity == "sip:conf@example.org"


@given(PEOPLE, st.lists(st.integers(-3, 5), max_size=8))
def test_only_the_next_version_is_taken_and_what_is_missed_is_seen(
    first: dict[str, Attendee], jumps: list[int]
) -> None:
    roster, _ = take(NOBODY, document(10, map(user, first.values())))
    for jump in jumps:
        known = roster.version
        assert known is not None
        after, verdict = take(roster, document(known + jump, (), "partial"))
        assert verdict is (Verdict.TAKEN if jump == 1 else Verdict.GAP if jump > 1 else Verdict.OLD)
        assert after is roster or jump == 1
        roster = after


def test_changes_before_everything_are_a_gap() -> None:
    assert take(NOBODY, document(1, (), "partial")) == (NOBODY, Verdict.GAP)


def test_everything_may_have_any_number_once_it_was_asked_for() -> None:
    roster, _ = take(NOBODY, document(9))
    assert take(roster, document(3))[1] is Verdict.OLD
    again, verdict = take(roster, document(3), asked=True)
    assert (again.version, verdict) == (3, Verdict.TAKEN)


def test_a_partial_user_keeps_what_is_not_said_again() -> None:
    one = Attendee(
        entity="sip:a@example.org",
        name="A",
        endpoints=(
            Endpoint(entity="sip:1@h", status="connected", streams=(Stream(id="1", kind="audio", status="sendrecv"),)),
            Endpoint(entity="sip:2@h", status="connected"),
        ),
    )
    roster, _ = take(NOBODY, document(1, [user(one)]))
    held = (
        "<user entity='sip:a@example.org' state='partial'><endpoint entity='sip:1@h' state='partial'>"
        "<status>on-hold</status><media id='1' state='partial'><status>inactive</status></media></endpoint>"
        "<endpoint entity='sip:2@h' state='deleted'/></user>"
    )
    roster, _ = take(roster, document(2, [held], "partial"))
    assert roster.users["sip:a@example.org"] == Attendee(
        entity="sip:a@example.org",
        name="A",
        endpoints=(
            Endpoint(entity="sip:1@h", status="on-hold", streams=(Stream(id="1", kind="audio", status="inactive"),)),
        ),
    )


def test_a_conference_that_is_deleted_has_nobody() -> None:
    roster, _ = take(NOBODY, document(1, [user(Attendee(entity="sip:a@h"))]))
    roster, verdict = take(roster, document(2, (), "deleted"))
    assert (roster.users, verdict) == ({}, Verdict.TAKEN)


def test_title_and_count_are_kept_until_they_are_said_otherwise() -> None:
    said = (
        "<conference-description><display-text> Weekly\n call </display-text></conference-description>"
        "<conference-state><user-count>7</user-count></conference-state>"
    )
    roster, _ = take(NOBODY, document(1, more=said))
    assert (roster.title, roster.count) == ("Weekly call", 7)
    roster, _ = take(roster, document(2, (), "partial"))
    assert (roster.title, roster.count) == ("Weekly call", 7)
    roster, _ = take(
        roster, document(3, (), "partial", "<conference-state><user-count>many</user-count></conference-state>")
    )
    assert roster.count == 7


def test_of_too_many_the_first_are_kept() -> None:
    crowd = [user(Attendee(entity=f"sip:{at}@example.org")) for at in range(MOST_USERS + 50)]
    roster, _ = take(NOBODY, document(1, crowd))
    assert len(roster.users) == MOST_USERS
    endpoints = tuple(Endpoint(entity=f"sip:{at}@h") for at in range(MOST_PARTS + 5))
    roster, _ = take(NOBODY, document(1, [user(Attendee(entity="sip:a@h", endpoints=endpoints))]))
    assert len(roster.users["sip:a@h"].endpoints) == MOST_PARTS
    roster, _ = take(NOBODY, document(1, [f"<user entity='sip:{'x' * 500}@h'/>", "<user/>"]))
    assert not roster.users


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><conference-info xmlns='%s'>&x;</conference-info>" % NS.encode(),
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"<conference-info/>",
        b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
    ],
    ids=["nothing", "no text", "encoding", "entities", "external", "namespace", "deep", "many"],
)
def test_what_is_no_document_or_more_than_one_is_refused(body: bytes) -> None:
    with pytest.raises(PeerError):
        read(body)


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "٣", str(2**32), "9" * 400])
def test_a_version_is_a_number(version: str) -> None:
    with pytest.raises(PeerError, match="version"):
        take(NOBODY, document(version))


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    for said in (body, b"<conference-info xmlns='%s' version='1'>%s</conference-info>" % (NS.encode(), body)):
        with suppress(PeerError):
            NOBODY.take(read(said), asked=False)
