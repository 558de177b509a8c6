"""What XMPP users see of who calls and over whom, and what trunks are told; nobody more than privacy allows."""

import pytest

from tests.flows.steps import Step, after, juliet, romeo, run
from tests.flows.texting import MESSAGES, texts, writes

DIVERTED = ("Diversion", '"Front desk" <sip:200@192.0.2.20>;reason=user-busy')
HISTORY = ("History-Info", "<sip:200@x>;index=1, <sip:+15550100@gw.example;cause=408>;index=1.1;mp=1")


def told(headers: list[tuple[str, str]], *, has: list[str], lacks: list[str] | str = "\0", trunk: str = "") -> None:
    """A call with these headers, as romeo's devices see it."""
    run(
        juliet.sends("INVITE", headers=headers),
        juliet.gets(100),
        romeo.gets("propose", has=has, lacks=lacks),
        romeo.sends("reject busy"),
        juliet.gets(486),
        trunk=trunk,
    )


def test_who_passed_the_call_on_is_told_in_the_name_and_beside_it() -> None:
    told([DIVERTED], has=[">Juliet, via Front desk<", 'reason="user-busy"', 'uri="sip:200@192.0.2.20"', "origin"])
    told([HISTORY], has=[">Juliet, via 200<", 'reason="no-answer"'])
    told([("From", "<sip:+15559@x>;tag=1"), DIVERTED], has=[">+15559, via Front desk<"])


@pytest.mark.parametrize("privacy", ["history", "header", "session", "header;user"])
def test_a_history_that_is_private_is_not_told(privacy: str) -> None:
    told([DIVERTED, HISTORY, ("Privacy", privacy)], has=["propose"], lacks=["via", "200", "origin"])


def test_a_caller_who_is_hidden_stays_so_beside_a_history_that_is_not() -> None:
    told(
        [DIVERTED, ("Privacy", "id"), ("P-Asserted-Identity", '"Bob" <sip:bob@x>')],
        has=['from="anonymous@gw.example/sip"', ">anonymous, via Front desk<"],
        lacks=["uliet", "ob@x", "Bob"],
        trunk="trusted = true",
    )


def test_a_subject_and_how_urgent_it_is_are_told_and_no_address_of_a_sound_or_picture() -> None:
    told(
        [
            ("Subject", "Dinner"),
            ("Priority", "urgent"),
            ("Alert-Info", "<http://x/y.wav>, <urn:alert:source:external>"),
            ("Call-Info", "<http://x/me.png>;purpose=icon, <http://x/me.vcf>;purpose=card"),
        ],
        has=["subject>Dinner<", "priority>urgent<", "alert>urn:alert:source:external<"],
        lacks=["y.wav", "me.png", "me.vcf"],
    )


def test_a_trusted_peer_may_say_who_calls_by_the_old_header_too() -> None:
    header = ("Remote-Party-ID", '"Bob" <sip:+15557777@x>;party=calling;privacy=off')
    told([header], has=['from="+15557777@gw.example/sip"', ">Bob<"], trunk="trusted = true")
    told([header], has=['from="juliet@gw.example/sip"', ">Juliet<"])
    hidden = (header[0], header[1].replace("off", "full"))
    told([hidden], has=['from="anonymous@gw.example/sip"'], lacks="Bob", trunk="trusted = true")


FIXED = 'caller_id = "fixed"\ncaller_id_number = "+15550100"'
HIDDEN = 'caller_id = "anonymous"\ncaller_id_number = "+15550100"'


def called(has: str, lacks: str = "") -> Step:
    """What the phone is told of romeo."""
    return juliet.gets("MESSAGE", has=has, lacks=lacks or ())


@pytest.mark.parametrize(
    ("trunk", "has", "lacks"),
    [
        (f"{FIXED}\ntrusted = true", "P-Asserted-Identity: <sip:+15550100@gw.example", "Preferred"),
        (FIXED, "From: <sip:+15550100@", "Identity"),
        (f'{FIXED}\nidentity = "preferred"', "P-Preferred-Identity: <sip:+15550100@gw.example", "Asserted"),
        (f'{FIXED}\nidentity = "remote-party"', "privacy=off", "Identity"),
        (f'{FIXED}\ntrusted = true\nidentity = "none"', "From: <sip:+15550100@", "Identity"),
        (f'{HIDDEN}\ntrusted = true\nidentity = "remote-party"', "privacy=full", "From: <sip:+1555"),
        (f'{HIDDEN}\nidentity = "remote-party"', "Privacy: id", "+15550100"),
        (f'{HIDDEN}\nidentity = "preferred"', "Privacy: id", "+15550100"),
    ],
)
def test_a_trunk_is_told_who_calls_by_its_policy_and_nothing_that_is_to_be_hidden(
    trunk: str, has: str, lacks: str
) -> None:
    run(writes(romeo), called(has, lacks), juliet.sends(200), trunk=f"{MESSAGES}\n{trunk}")


def test_a_texts_way_is_told_like_a_calls() -> None:
    run(
        texts(juliet, headers=[DIVERTED]),
        romeo.gets("body", has=[">Juliet, via Front desk<", 'reason="user-busy"']),
        after(2.1),
        juliet.gets(202),
        trunk=MESSAGES,
    )


def test_what_a_warning_says_stands_with_the_refusal() -> None:
    run(
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(403, headers=[("Warning", '399 pbx "credit is \\"used up\\""')], phrase="Forbidden"),
        juliet.gets("ACK"),
        romeo.gets("session-terminate decline", has='403 Forbidden: credit is "used up"'),
    )
