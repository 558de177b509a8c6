"""Who sends a request and over whom it came, read from every header that says it, and written for peers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip import identity
from gateway.sip.address import Uri
from gateway.sip.identity import Claims, Station
from gateway.sip.message import Malformed, SipRequest, parse

HEAD = (
    ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"),
    ("Call-ID", "id@host"), ("CSeq", "1 INVITE"),
)  # fmt: skip
HEADERS = (
    "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy", "Diversion", "History-Info",
    "Alert-Info", "Subject", "Priority",
)  # fmt: skip


def claims(*headers: tuple[str, str]) -> Claims:
    """What an INVITE with these headers says, as it comes from the wire."""
    message = parse(SipRequest("INVITE", "sip:c@d", (*HEAD, *headers)).encode())
    assert isinstance(message, SipRequest)
    return identity.read(message)


def asserted(*headers: tuple[str, str]) -> str:
    """Who it asserts to be."""
    found = claims(*headers).asserted
    return "" if found is None else f"{found.display} {found.uri}".strip()


def via(*headers: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Over whom it came."""
    return [(str(station.uri), station.name, station.reason) for station in claims(*headers).via]


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ([("P-Asserted-Identity", '"Bob" <sip:bob@x>, <tel:+1>')], "Bob sip:bob@x"),
        ([("P-Asserted-Identity", "<http://x>"), ("P-Asserted-Identity", "<tel:+1>")], "tel:+1"),
        ([("Remote-Party-ID", '"Bob" <sip:2@x>;party=calling;screen=yes;privacy=off')], "Bob sip:2@x"),
        ([("Remote-Party-ID", '"Bob" <sip:2@x>')], "Bob sip:2@x"),
        ([("Remote-Party-ID", '"Bob" <sip:2@x>;privacy=name')], "sip:2@x"),
        ([("Remote-Party-ID", "<sip:2@x>;party=called")], ""),
        ([("P-Preferred-Identity", "<sip:3@x>")], "sip:3@x"),
        ([("P-Preferred-Identity", "<sip:3@x>"), ("P-Asserted-Identity", "<sip:1@x>")], "sip:1@x"),
        ([("P-Asserted-Identity", '"Bob <sip:1@x>')], ""),
        ([], ""),
    ],
)
def test_the_first_identity_that_can_be_read_is_asserted(headers: list[tuple[str, str]], who: str) -> None:
    assert asserted(*headers) == who


@pytest.mark.parametrize(
    ("headers", "privacy"),
    [
        ([("Privacy", "ID; Critical")], {"id", "critical"}),
        ([("Privacy", "user"), ("Privacy", "header")], {"user", "header"}),
        ([("Remote-Party-ID", "<sip:2@x>;privacy=full")], {"id"}),
        ([("Remote-Party-ID", "<sip:2@x>;privacy=uri")], {"id"}),
        ([("Remote-Party-ID", "<sip:2@x>;party=called;privacy=full")], set()),
    ],
)
def test_privacy_is_asked_for_in_two_ways(headers: list[tuple[str, str]], privacy: set[str]) -> None:
    assert claims(*headers).privacy == privacy


def test_diversion_names_the_last_station_first() -> None:
    headers = [
        ("Diversion", '"Front desk" <sip:200@pbx>;reason=user-busy;counter=1'),
        ("Diversion", "<tel:+15550100>;reason=unconditional, <sip:odd@x>;reason=whim"),
    ]
    assert via(*headers) == [
        ("sip:200@pbx", "Front desk", "user-busy"),
        ("tel:+15550100", "", "unconditional"),
        ("sip:odd@x", "", ""),
    ]


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ('"Desk" <sip:200@pbx>;privacy=full', []),
        ('"Desk" <sip:200@pbx>;privacy="uri"', []),
        ('"Desk" <sip:200@pbx>;privacy=name', [("sip:200@pbx", "", "")]),
        ("<sip:anonymous@anonymous.invalid>", []),
        ("<http://x>", []),
    ],
)
def test_a_diversion_that_wants_privacy_has_it(value: str, left: list[tuple[str, str, str]]) -> None:
    assert via(("Diversion", value)) == left


MODERN = (
    '"Bob" <sip:bob@x>;index=1, <sip:bob@192.0.2.4?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1, '
    "<sip:office@x;cause=486>;index=1.2;mp=1, <sip:cell@x;cause=408>;index=1.3;mp=1.2"
)
OLD = '<sip:bob@x?Reason=SIP%3Bcause%3D486%3Btext%3D"Busy">;index=1, <sip:office@x>;index=1.1'


def test_a_history_tells_who_passed_the_call_on_and_why() -> None:
    assert via(("History-Info", MODERN)) == [("sip:office@x", "", "no-answer"), ("sip:bob@x", "Bob", "user-busy")]
    assert via(("History-Info", OLD.replace('"Busy"', "Busy"))) == [("sip:bob@x", "", "user-busy")]
    assert via(("History-Info", "<sip:bob@x>;index=1, <sip:bob@192.0.2.4>;index=1.1;rc=1")) == []
    assert via(("History-Info", OLD.replace('"Busy"', "Busy")), ("Diversion", "<sip:z@x>")) == [
        ("sip:bob@x", "", "user-busy")
    ]


@pytest.mark.parametrize("word", ["history", "header", "session"])
def test_no_entry_of_a_history_is_told_that_wants_privacy_nor_any_when_the_whole_does(word: str) -> None:
    private = MODERN.replace("<sip:office@x;cause=486>", f"<sip:office@x;cause=486?Privacy={word}>")
    assert via(("History-Info", private)) == [("sip:bob@x", "Bob", "user-busy")]
    for header in ("History-Info", "Diversion"):
        assert via((header, MODERN if header == "History-Info" else "<sip:z@x>"), ("Privacy", word)) == []


def test_the_rest_is_known_words_on_one_line() -> None:
    found = claims(
        ("Subject", "Dinner \u202e at\t eight"),
        ("Priority", "Urgent"),
        ("Alert-Info", "<http://x/ring.wav>, <urn:alert:service:call-waiting>;x=1"),
    )
    assert (found.subject, found.priority) == ("Dinner at eight", "urgent")
    assert found.alert == ("urn:alert:service:call-waiting",)
    assert claims(("Priority", "whim")).priority == ""
    assert claims(("Subject", "from Bob"), ("Privacy", "user")).subject == ""


@pytest.mark.parametrize(
    ("how", "hidden", "headers"),
    [
        ("asserted", False, [("P-Asserted-Identity", "<sip:1@x>")]),
        ("asserted", True, [("P-Asserted-Identity", "<sip:1@x>"), ("Privacy", "id")]),
        ("preferred", False, [("P-Preferred-Identity", "<sip:1@x>")]),
        ("remote-party", False, [("Remote-Party-ID", "<sip:1@x>;party=calling;screen=yes;privacy=off")]),
        (
            "remote-party",
            True,
            [("Remote-Party-ID", "<sip:1@x>;party=calling;screen=yes;privacy=full"), ("Privacy", "id")],
        ),
        ("none", False, []),
        ("none", True, [("Privacy", "id")]),
    ],
)
def test_a_peer_is_told_as_it_wants_to_be(how: str, hidden: bool, headers: list[tuple[str, str]]) -> None:
    assert list(identity.write(how, Uri.parse("sip:1@x"), hidden=hidden)) == headers


@given(
    st.lists(
        st.tuples(
            st.sampled_from(HEADERS),
            st.one_of(
                st.text(max_size=60),
                st.text(alphabet='<>";,=?&%:@ sipmp1.privacyhistory\\', max_size=80),
                st.sampled_from([MODERN, OLD, "<sip:a@b>;index=1;mp=1", "<tel:>", "<sip:@>"]),
            ),
        ),
        max_size=6,
    )
)
def test_whatever_stands_in_them_is_read_or_says_nothing(headers: list[tuple[str, str]]) -> None:
    try:
        message = parse(SipRequest("INVITE", "sip:c@d", (*HEAD, *headers)).encode())
    except (ValueError, Malformed):
        return  # no peer can have sent it
    assert isinstance(message, SipRequest)
    found = identity.read(message)
    assert len(found.via) <= identity.MAX_VIA
    for station in found.via:
        assert isinstance(station, Station)
        assert station.uri.host != "anonymous.invalid"
        assert station.name.isprintable()
        assert len(station.name) <= identity.MAX_NAME


@given(st.text(max_size=400))
def test_a_line_is_printable_and_not_long_and_stays_as_it_is(text: str) -> None:
    shown = identity.line(text)
    assert shown == "" or shown.isprintable()
    assert len(shown) <= identity.MAX_NAME
    assert identity.line(shown) == shown
