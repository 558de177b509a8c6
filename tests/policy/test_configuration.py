"""The tables about who may call: what they become, and one line for each mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Settings, load
from gateway.errors import ConfigError
from gateway.policy.prefixes import DENIED, Prefixes
from gateway.policy.rules import PolicySettings
from gateway.policy.screening import Caller

Read = Callable[[str], Settings]

TRUNK = '[[trunk]]\nname = "carrier"\nhost = "192.0.2.1"\n'


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load a file with these tables besides what must be there."""

    def load_(text: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(f'[xmpp]\ndomain = "gw.example"\nsecret_env = "SECRET"\n{text}')
        return load(path, {"SECRET": "hush"})

    return load_


def test_nothing_said_is_careful(read: Read) -> None:
    found = read("").routing.policy
    assert found == PolicySettings()
    usual = found.of("anybody@example.org")
    assert (usual.prefixes, usual.minutes_per_day, usual.calls_per_minute) == (Prefixes((), DENIED), 600, 30.0)
    assert found.emergency.trunk is None


def test_what_the_operator_says_is_taken(read: Read) -> None:
    found = read(
        TRUNK
        + """
        calls_per_second = 2
        calls_in_per_second = 3.5
        [calling]
        country = "49"
        international = ["00"]
        time_zone = "Europe/Berlin"
        calls_per_second = 5
        calls_to_number = 6
        [[people]]
        name = "sales"
        who = ["anna@example.org", "*.sales.example"]
        [[policy]]
        name = "sales"
        who = ["sales", "bert@example.org"]
        allow = ["0043", "+1 (555)", "local", "7", "*97"]
        deny = ["premium", "+4490", "#"]
        minutes_per_day = 60
        max_call_seconds = 90
        own_accounts = true
        [callers]
        anonymous = false
        [[block]]
        callers = ["+1900*", "bob@sip.example"]
        who = ["sales"]
        response = "busy"
        [emergency]
        numbers = ["112"]
        action = "route"
        trunk = "carrier"
        """
    ).routing
    policy = found.policy
    for jid in ("anna@example.org/phone", "bert@example.org", "x@west.sales.example"):
        assert policy.of(jid).name == "sales"
    assert policy.of("carl@example.org").name == ""
    (sales,) = policy.policies
    assert sales.prefixes == Prefixes(("+43", "+1555", "local", "7", "*97"), ("premium", "+4490", "#"))
    assert (sales.minutes_per_day, sales.max_call_seconds, sales.own_accounts, sales.calls) == (60, 90.0, True, 10)
    assert (policy.numbering.country, policy.numbering.international) == ("49", ("00",))
    assert (policy.calls_per_second, policy.calls_to_number, policy.time_zone) == (5.0, 6, "Europe/Berlin")
    assert (policy.emergency.numbers, policy.emergency.trunk) == (frozenset({"112"}), "carrier")
    (block,) = policy.screening.blocks
    assert Caller("+19001") in block.callers
    assert ("anna@example.org" in block.who, "carl@example.org" in block.who, block.response) == (True, False, "busy")
    assert not policy.screening.anonymous
    assert (found.trunks[0].calls_per_second, found.trunks[0].calls_in_per_second) == (2.0, 3.5)


POLICY = '[[policy]]\nname = "p"\nwho = ["*"]\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[policy]]\nname = "p"', '[[policy]] "p" who: missing'),
        ('[[policy]]\nname = "p"\nwho = []', '[[policy]] "p" who: expected a list of length >= 1'),
        (
            '[[policy]]\nname = "p"\nwho = ["a@"]',
            "[[policy]] \"p\" who[0]: expected user@domain, *@domain, domain, *.domain or * — got 'a@'",
        ),
        (POLICY + POLICY, "[[policy]] name: stands twice — got 'p'"),
        (POLICY + "calls = 0", '[[policy]] "p" calls: expected an integer >= 1 — got 0'),
        (POLICY + "calls_per_second = 0", '[[policy]] "p" calls_per_second: expected a number > 0.0 — got 0'),
        (
            POLICY + 'allow = ["+", "x49"]',
            '[[policy]] "p" allow[1]: expected first digits such as +49, +, 7, or one of the words '
            "satellite, premium, local — got 'x49'",
        ),
        (POLICY + 'allow = ["+882"]', "[[policy]] \"p\" deny: stands in allow, too — got '+882'"),
        (POLICY + 'allow = ["local"]\ndeny = ["local"]', "[[policy]] \"p\" deny: stands in allow, too — got 'local'"),
        (POLICY + "minuts_per_day = 1", '[[policy]] "p" minuts_per_day: no such key — did you mean minutes_per_day?'),
        (
            '[[people]]\nname = "x"\nwho = ["@"]',
            "[[people]] \"x\" who[0]: expected user@domain, *@domain, domain, *.domain or * — got '@'",
        ),
        ('[[people]]\nname = "x"\nwho = ["a"]\n' * 2, "[[people]] name: stands twice — got 'x'"),
        ('[calling]\ncountry = "049"', "[calling] country: expected a country code — got '049'"),
        ('[calling]\ninternational = [""]', "[calling] international[0]: expected digits — got ''"),
        ('[calling]\nnational = ["x"]', "[calling] national[0]: expected digits — got 'x'"),
        (
            '[calling]\ntime_zone = "Berlin"',
            "[calling] time_zone: expected a time zone such as Europe/Berlin — got 'Berlin'",
        ),
        (
            '[calling]\ntime_zone = "../x"',
            "[calling] time_zone: expected a time zone such as Europe/Berlin — got '../x'",
        ),
        ('[emergency]\nnumbers = ["+112"]', "[emergency] numbers[0]: expected 2 to 6 digits — got '+112'"),
        (
            '[emergency]\naction = "route"',
            "[emergency] trunk: no trunk has this name — got None, there are: carrier",
        ),
        (
            '[[block]]\ncallers = ["+1", "x"]',
            "[[block]] no. 1 callers[1]: expected a number, first digits and *, user@host, *@host, *@*.host"
            " or anonymous — got 'x'",
        ),
        (
            '[[block]]\ncallers = ["+1"]\nresponse = "no"',
            "[[block]] no. 1 response: expected decline, busy or unavailable — got 'no'",
        ),
        ('[emergency]\ntrunk = "carrier"', "[emergency] trunk: stands beside action = 'refuse'"),
    ],
)
def test_a_mistake_is_one_line(read: Read, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as found:
        read(TRUNK + text)
    assert str(found.value) == line


def test_no_national_prefix_is_one_too(read: Read) -> None:
    assert read('[calling]\nnational = ["1", ""]').routing.policy.numbering.national == ("1", "")


@pytest.mark.parametrize(
    ("said", "abroad", "within"),
    [
        ("", ("00", "011"), ("0",)),
        ('country = "1"', ("00", "011"), ("1",)),
        ('country = "49"', ("00", "011"), ("0",)),
        ('country = "61"\ninternational = ["0011"]', ("0011",), ("0",)),
    ],
)
def test_how_numbers_are_judged_depends_on_the_country(
    read: Read, said: str, abroad: tuple[str, ...], within: tuple[str, ...]
) -> None:
    numbering = read(f"[calling]\n{said}").routing.policy.numbering
    assert (numbering.international, numbering.national) == (abroad, within)


def test_what_is_typed_is_completed_in_the_same_countrys_way(read: Read) -> None:
    assert read("").routing.country is None
    american, italian = (read(f'[calling]\ncountry = "{code}"').routing.country for code in ("1", "39"))
    assert american is not None
    assert italian is not None
    typed = ("15551230000", "01149301234567", "0049301234567", "201")
    assert [*map(american.completed, typed)] == ["+15551230000", "+49301234567", "0049301234567", "201"]
    assert [*map(italian.completed, typed)] == ["15551230000", "+391149301234567", "+49301234567", "201"]
