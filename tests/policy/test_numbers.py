"""What a number is, however it is spelled, and which may be called."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.emergency import NUMBERS, Emergency
from gateway.policy.numbering import Numbering
from gateway.policy.prefixes import LOCAL, Prefixes, expanded
from mappings.destinations import DESTINATIONS

GERMANY = Numbering(country="49")
AMERICA = Numbering(country="1", international=("011",), national=("1", ""))
NOWHERE = Numbering()

DIGITS = st.text("0123456789", min_size=4, max_size=15).filter(lambda text: text.strip("0"))


# ------------------------------------------------------------------------------------------------------------ one form


@pytest.mark.parametrize(
    ("numbering", "name", "number"),
    [
        (GERMANY, "+4930123456", "+4930123456"),
        (GERMANY, "004930123456", "+4930123456"),
        (GERMANY, "0114930123456", "+4930123456"),
        (GERMANY, "030123456", "+4930123456"),
        (GERMANY, "+49 30 / 123-456", "+4930123456"),
        (GERMANY, "030123456@sip.example.org", "+4930123456"),
        (GERMANY, "tel:+4930123456", "+4930123456"),
        (GERMANY, "+4930123456;ext=7", "+4930123456"),
        (GERMANY, "7042", "7042"),
        (GERMANY, "*97", "*97"),
        (GERMANY, "0110", "0110"),
        (AMERICA, "15551230000", "+15551230000"),
        (AMERICA, "5551230000", "+15551230000"),
        (AMERICA, "7042", "7042"),
        (NOWHERE, "030123456", "030123456"),
        (NOWHERE, "0049301", "+49301"),
    ],
)
def test_a_number_has_one_form(numbering: Numbering, name: str, number: str) -> None:
    assert numbering.meant(name) == {number}


@pytest.mark.parametrize("name", ["alice", "alice@sip.example.org", "7zip", "sales;x=1", "+", "one-two"])
def test_a_name_is_no_number(name: str) -> None:
    assert GERMANY.meant(name) == frozenset()


@given(DIGITS)
def test_the_form_is_the_same_whichever_way_abroad_is_dialled(digits: str) -> None:
    assert GERMANY.canonical(f"+{digits}") == GERMANY.canonical(f"00{digits}") == GERMANY.canonical(f"000{digits}")


@given(st.text("0123456789+*#", min_size=1, max_size=20))
def test_the_form_of_a_form_is_itself(digits: str) -> None:
    for numbering in (GERMANY, AMERICA, NOWHERE):
        once = numbering.canonical(digits)
        assert numbering.canonical(once) == once or not once.startswith("+")


@given(st.text(max_size=60))
def test_any_text_has_readings_and_what_is_meant_is_among_them(name: str) -> None:
    for numbering in (GERMANY, AMERICA, NOWHERE):
        assert numbering.meant(name) <= numbering.possible(name)


# ------------------------------------------------------------------------------------------------------------ prefixes


def objection(name: str, numbering: Numbering = GERMANY, **lists: Any) -> str | None:
    """Why a name may not be called."""
    return Prefixes(**lists).objection(name, numbering)


@pytest.mark.conformance("ROB-04")
@pytest.mark.parametrize(
    "name",
    [
        "+4990012345",
        "004990012345",
        "090012345",
        "0900-123 45",
        "0900/12345",
        "%30900123",
        "+49 (0)900 12345",
        "+49090012345",
        "٠٩٠٠١٢٣٤٥",
        "０９００１２３４５",
        "tel:090012345",
        "sip:090012345",
        "90012345;phone-context=+49",
        "090012345;ext=1",
        "090012345@anywhere.example",
        "+0049900123",
        "000049900123",
        "*67090012345",
        "#31#090012345",
        "*31#090012345",
        "090012345#",
        "090012345,,1",
        "090012345x",
        "+881612345",
        "+8835100",
        "0088112345",
        "+1 900 555 0100",
        "+49~900!12345",
        "=+4990012345",
        "$:090&0,12345",
        "+*4990012345",
        "+*67090012345",
        "tel:tel:090012345",
        "sip:sip:+4990012345@pbx.example",
        "4990012345;phone-context=+",
        "4990012345;phone-context=00",
    ],
)
def test_what_costs_most_is_denied_however_it_is_spelled(name: str) -> None:
    assert objection(name, allow=("+", LOCAL)) is not None


@pytest.mark.parametrize(
    ("name", "lists", "allowed"),
    [
        ("+4930123", {}, True),
        ("7042", {}, True),
        ("*97", {}, True),
        ("+4330123", {}, False),
        ("004330123", {}, False),
        ("+4330123", {"allow": ("+43",)}, True),
        ("+4930123", {"allow": ("+43",)}, False),
        ("7042", {"allow": ("+43",)}, False),
        ("7042", {"allow": ("+43", LOCAL)}, True),
        ("7042", {"allow": ("+43", "7")}, True),
        ("+4330123", {"allow": ("+",)}, True),
        ("+4330123", {"allow": ("+",), "deny": ("+43",)}, False),
        ("+4316601", {"allow": ("+", "+431"), "deny": ("+43",)}, True),
        ("+882123", {"allow": ("+", "+88212")}, True),
        ("7042", {"allow": (LOCAL,), "deny": ("70",)}, False),
        ("7042", {"deny": (LOCAL,)}, False),
        ("30123;phone-context=+49", {"allow": ("+49",)}, False),
        ("30123;phone-context=+49", {"allow": ("+49", LOCAL)}, True),
        ("alice", {"allow": ("+49",)}, True),
        ("7zip", {"allow": ("+49",)}, True),
        ("+4412345x", {"allow": ("+49",)}, False),
        ("+4412345x", {}, False),
        ("1234abc@sip.example.org", {"allow": ("+49",)}, False),
        ("1234abc@sip.example.org", {}, True),
        ("alice@sip.example.org", {"allow": ("+49",)}, True),
    ],
)
def test_the_longest_prefix_decides(name: str, lists: dict[str, tuple[str, ...]], allowed: bool) -> None:
    assert (objection(name, GERMANY, **lists) is None) is allowed


def test_the_user_is_told_which_numbers() -> None:
    assert objection("+882123", allow=("+",)) == "numbers beginning +882 may not be called here"
    assert objection("+43123") == "international numbers may not be called here"
    assert objection("+43123", allow=("+49",)) == "this number is not among those that may be called here"
    assert objection("7042", deny=(LOCAL,)) == "local numbers may not be called here"


def test_abroad_is_no_country_where_none_is_known() -> None:
    assert objection("+4330123", NOWHERE) is None
    assert objection("+8816", NOWHERE) is not None


PREFIX = st.one_of(st.just("+"), st.just(LOCAL), st.text("0123456789", min_size=1, max_size=4).map(lambda t: "+" + t))


@given(DIGITS, st.booleans(), st.sets(PREFIX, max_size=6), st.sets(PREFIX, max_size=6))
def test_the_verdict_is_that_of_the_longest_prefix_whatever_the_order(
    digits: str, abroad: bool, allow: set[str], deny: set[str]
) -> None:
    number = f"+{digits}" if abroad else digits
    found = Prefixes(tuple(allow), tuple(deny)).verdict(number)
    assert found == Prefixes(tuple(reversed([*allow])), tuple(reversed([*deny]))).verdict(number)
    matching = [
        (len(prefix), kind != "deny", prefix)
        for kind, prefixes in (("allow", allow), ("deny", deny))
        for prefix in expanded(tuple(prefixes))
        if number.startswith(prefix) and (prefix or not abroad)
    ]
    if not matching:
        assert found is None
        return
    assert found is not None
    longest = max(length for length, _, _ in matching)
    assert len(found.prefix) == longest
    assert found.allowed is all(allowed for length, allowed, _ in matching if length == longest)


@given(st.sampled_from([*DESTINATIONS["premium"], *DESTINATIONS["satellite"]]), DIGITS)
def test_no_costly_number_passes_unless_it_is_allowed(prefix: str, digits: str) -> None:
    for numbering in (GERMANY, AMERICA, NOWHERE):
        for spelled in (f"{prefix}{digits}", f"{numbering.international[0]}{prefix[1:]}{digits}", f"{prefix} {digits}"):
            assert Prefixes(allow=("+",)).objection(spelled, numbering) is not None


# ----------------------------------------------------------------------------------------------------------- emergency


@pytest.mark.conformance("ROB-04")
@pytest.mark.parametrize(
    "name",
    ["112", "+112", "00112", "+49112", "0049112", "1-1-2", "112;phone-context=+49", "%31%31%32", "١١٢", "112@pbx"],
)
def test_an_emergency_number_is_known_however_it_is_spelled(name: str) -> None:
    assert Emergency().called(name, GERMANY) == "112"


@pytest.mark.parametrize("name", ["1120", "0112", "7112", "alice", "", "+4911", "112a", "*112", "+4930112"])
def test_other_numbers_are_none(name: str) -> None:
    assert Emergency().called(name, GERMANY) is None


def test_all_numbers_of_help_are_three_digits() -> None:
    assert all(len(number) == 3 for number in NUMBERS)


# ------------------------------------------------------------------------------------------------------------- attacks

SCRIPTS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９", "⁰¹²³⁴⁵⁶⁷⁸⁹", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
"Digits that some software reads as digits."


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A number that costs most, written as somebody would who hopes that only the switch will read it."""
    written = draw(
        st.sampled_from(("+4990012345", "004990012345", "0114990012345", "090012345", "+49090012345", "+8811"))
    )
    letters = []
    for letter in written:
        if letter.isdigit() and draw(st.booleans()):
            letter = draw(st.sampled_from(SCRIPTS))[int(letter)]  # noqa: PLW2901
        if letter.isascii() and draw(st.integers(0, 3)) == 0:
            letter = f"%{ord(letter):02{draw(st.sampled_from('xX'))}}"  # noqa: PLW2901
        letters.append(letter + draw(st.sampled_from(("", "", "", "-", ".", " ", "/", "(", ")", "_", "%20", "%2d"))))
    before = draw(st.sampled_from(("", "", "tel:", "sip:", "TEL:", "*67", "#31#", "*31#", "**67*", "+", "++", "(")))
    after = draw(st.sampled_from(("", "", "#", "*", ",,1", "p1", "x", ";ext=1", ";isub=2", ";foo", ";phone-context=+49",
                                  "@pbx.example", "@127.0.0.1", ";user=phone@pbx.example", "%3bfoo")))  # fmt: skip
    return before + "".join(letters) + after


@pytest.mark.conformance("ROB-04")
@given(disguised())
def test_no_disguise_leads_to_a_number_that_is_denied(name: str) -> None:
    assert objection(name, allow=("+", LOCAL)) is not None
    assert objection(name) is not None


@pytest.mark.conformance("ROB-04")
@given(disguised())
def test_no_disguise_leads_past_a_short_list(name: str) -> None:
    assert objection(name, allow=("+43",), deny=()) is not None


@st.composite
def spelled(draw: st.DrawFn, number: str) -> str:
    """A short number, in other digits, with what may stand around it."""
    letters = [
        draw(st.sampled_from(SCRIPTS))[int(digit)] + draw(st.sampled_from(("", "-", " ", "."))) for digit in number
    ]
    letters = [
        f"%{ord(one):02x}" if len(one) == 1 and one.isascii() and draw(st.booleans()) else one for one in letters
    ]
    before = draw(st.sampled_from(("", "+", "00", "+49", "0049", "tel:", "sip:", "(")))
    after = draw(st.sampled_from(("", ";phone-context=+49", ";ext=1", "@pbx.example", ")", ";user=phone")))
    return before + "".join(letters) + after


@pytest.mark.conformance("ROB-04")
@given(st.data())
def test_a_call_for_help_is_known_in_any_spelling(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(NUMBERS))
    name = data.draw(spelled(number))
    assert Emergency().called(name, GERMANY) == number
