"""What a client is told of a conference: what it makes of it is what there is (XEP-0298)."""

from collections.abc import Mapping
from xml.etree.ElementTree import tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.attendance import PAGE, Attendee, Endpoint, News, Stream, Told
from gateway.jingle.coin import document, focus
from gateway.sip.conference import LONGEST, LONGEST_WORD, MOST_PARTS, NOBODY, Verdict, read
from mappings.namespaces import CONFERENCE_INFO
from tests.sip.test_conference import PEOPLE, user

TITLES = st.sampled_from(["", "Weekly call"])
COUNTS = st.none() | st.integers(0, 9)


def heard(parts: list[News], known: dict[str, Attendee]) -> dict[str, Attendee]:
    """What a listener makes of it."""
    for news in parts:
        known = {} if news.full else dict(known)
        for entity in news.left:
            known.pop(entity)
        known |= {one.entity: one for one in news.came}
    return known


@given(st.lists(st.tuples(PEOPLE, TITLES, COUNTS), max_size=6))
def test_who_hears_all_news_knows_what_there_is(states: list[tuple[Mapping[str, Attendee], str, int | None]]) -> None:
    told, known, versions = Told(), dict[str, Attendee](), []
    for people, title, count in states:
        parts = told.news("sip:conf@h", title, count, people)
        known = heard(parts, known)
        versions += [news.version for news in parts]
        assert known == people
        assert not told.news("sip:conf@h", title, count, people)
    assert versions == list(range(1, len(versions) + 1))


@given(st.lists(PEOPLE, min_size=1, max_size=5))
def test_what_is_written_is_what_rfc_4575_reads(states: list[Mapping[str, Attendee]]) -> None:
    told, roster = Told(), NOBODY
    for people in states:
        for news in told.news("sip:conf@h", "Title", len(people), people):
            roster, verdict = roster.take(read(tostring(document(news))), asked=False)
            assert verdict is Verdict.TAKEN
        assert roster.users == people
        assert (roster.title, roster.count) == ("Title", len(people))


def test_a_crowd_is_told_in_parts() -> None:
    people = {f"sip:{at}@h": Attendee(entity=f"sip:{at}@h", name=f"{at}") for at in range(3 * PAGE + 1)}
    parts = Told().news("sip:conf@h", "", None, people)
    assert [len(news.came) for news in parts] == [PAGE, PAGE, PAGE, 1]
    assert [news.full for news in parts] == [True, False, False, False]
    assert heard(parts, {}) == people
    assert max(len(tostring(document(news))) for news in parts) < 16_384


@pytest.mark.parametrize("mark", ["x", '"', "\N{GRINNING FACE}"])
def test_whatever_a_focus_says_no_part_is_larger_than_servers_take(mark: str) -> None:
    long = mark * 1000
    streams = tuple(Stream(id=f"{at:02}{long}"[:LONGEST_WORD], kind=long, status=long) for at in range(6))
    endpoints = tuple(Endpoint(entity=f"{at:02}{long}"[:LONGEST], name=long, streams=streams) for at in range(6))
    crowd = [Attendee(entity=f"{at:03}{long}"[:LONGEST], name=long, endpoints=endpoints) for at in range(60)]
    told, roster = Told(), NOBODY
    for version, people in enumerate((crowd, crowd[:1]), 1):
        listed = "".join(user(one) for one in people)
        body = (
            f"<conference-info xmlns='{CONFERENCE_INFO}' version='{version}'><users>{listed}</users></conference-info>"
        )
        roster, _ = roster.take(read(body.encode()), asked=False)
        parts = told.news("sip:conf@h", long, None, roster.users)
        assert max(len(tostring(document(news), "utf-8")) for news in parts) < 65_536
        assert sum(len(news.came) for news in parts) == (60 if version == 1 else 0)
    assert sum(len(news.left) for news in parts) == 59
    (one,) = roster.users.values()
    assert (len(one.endpoints), len(one.endpoints[0].streams)) == (MOST_PARTS, MOST_PARTS)


def test_a_focus_says_that_it_is_one() -> None:
    assert tostring(focus(there=True)) == b'<ns0:conference-info xmlns:ns0="urn:xmpp:coin:1" isfocus="true" />'
    assert focus(there=False).get("isfocus") == "false"
