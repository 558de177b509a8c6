"""Vocabularies and tables: total, unambiguous, the same both ways."""

from itertools import product
from typing import get_args

import pytest

from gateway.signals import Signal
from mappings import messages
from mappings.__main__ import TABLES, main
from mappings.codecs import ALWAYS, BARE_ALIASES, BARE_PARAMETER, KINDS, PROFILES, RATES, STATIC
from mappings.messages import ROWS, Said, State
from mappings.reasons import (
    BY_JINGLE,
    BY_Q850,
    BY_REASON,
    BY_SIP_CAUSE,
    BY_STATUS,
    BY_WARNING,
    EndReason,
)
from mappings.reasons import ROWS as REASONS
from mappings.terms import DIRECTIONS, SENDERS, Action, Direction, Info, Initiation, Method, Role, Senders


def test_every_direction_of_every_author_says_who_sends() -> None:
    assert set(DIRECTIONS) == set(product(Role, Direction))
    assert set(SENDERS) == set(product(Role, Senders))


@pytest.mark.conformance("S2J-13", "J2S-10")
def test_a_direction_read_and_written_for_one_author_is_the_same() -> None:
    for (role, direction), senders in DIRECTIONS.items():
        assert SENDERS[role, senders] is direction
    assert DIRECTIONS[Role.INITIATOR, Direction.SENDONLY] is Senders.INITIATOR
    assert DIRECTIONS[Role.RESPONDER, Direction.SENDONLY] is Senders.RESPONDER


@pytest.mark.parametrize("vocabulary", [Action, Method, Info, Initiation], ids=lambda one: one.__name__)
def test_every_request_has_a_row(vocabulary: type[Action] | type[Method] | type[Info] | type[Initiation]) -> None:
    said = {(type(word), word) for row in ROWS for word in (*row.jingle, *row.sip)}
    assert {(vocabulary, member) for member in vocabulary} <= said


def test_every_signal_has_a_row_and_each_row_its_document() -> None:
    assert {row.said for row in ROWS if row.said is not None} == set(Said)
    assert all(row.spec for row in ROWS)
    keys = [(row.said, row.state) for row in ROWS if row.said is not None]
    assert len(keys) == len(set(keys))
    assert {row.state for row in ROWS} == set(State)


def test_the_signals_are_those_of_the_gateway() -> None:
    assert {str(said) for said in Said} == {signal.__name__ for signal in get_args(Signal)}
    assert messages.ROWS is ROWS


def test_every_reason_has_one_row() -> None:
    assert set(BY_REASON) == set(EndReason)
    assert len(REASONS) == len(EndReason)


def test_what_is_read_as_a_reason_is_read_as_one_only() -> None:
    for column, read in (
        ([name for row in REASONS for name in (row.reason.value, *row.also_jingle)], {**BY_JINGLE, "unspecified": 0}),
        ([status for row in REASONS for status in row.statuses], BY_STATUS),
        ([cause for row in REASONS for cause in row.q850], BY_Q850),
        ([cause for row in REASONS for cause in row.sip], BY_SIP_CAUSE),
        (
            [row.warning for row in REASONS if row.warning],
            {code: one for code, one in BY_WARNING.items() if code > 301},
        ),
    ):
        assert len(column) == len(set(column)) == len(read)


def test_a_reason_written_to_jingle_reads_as_itself() -> None:
    for reason in EndReason:
        if reason is not EndReason.UNSPECIFIED:
            assert BY_JINGLE[reason.value] is reason


def test_underscored_reasons_are_read() -> None:
    assert BY_JINGLE["failed_application"] is EndReason.FAILED_APPLICATION
    assert BY_JINGLE["failed_transport"] is EndReason.FAILED_TRANSPORT


def test_the_fixed_payload_types_are_those_of_rfc_3551() -> None:
    assert sorted(STATIC) == [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 25, 26, 28, 31, 32, 33, 34]
    assert {fixed.name for fixed in STATIC.values() if fixed.clockrate == 90000} == {
        "MPA", "CelB", "JPEG", "nv", "H261", "MPV", "MP2T", "H263",
    }  # fmt: skip


def test_the_codec_tables_know_each_other() -> None:
    assert set(RATES) >= ALWAYS
    assert BARE_ALIASES.keys() == BARE_PARAMETER.keys()
    assert {"audio", "video"} == KINDS
    assert len(set(PROFILES)) == 6


def test_the_tables_print_as_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    for heading in TABLES:
        assert f"### {heading}\n\n| " in printed
    for line in printed.splitlines():
        assert not line or line[0] in "#|"
    assert "`<candidate>`" in printed
    assert "| `busy` | 486 |" in printed
