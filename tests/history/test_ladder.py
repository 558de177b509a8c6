"""A call as text: what its lines say, and that nothing in them moves a terminal's cursor."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.history.ladder import heading, ladder, length
from gateway.history.record import CallRecord
from gateway.history.trail import Step

CALL = CallRecord(
    id="7b6f25a1c0e3d948",
    origin="xmpp",
    user="juliet@example.org",
    number="+15550100",
    trunk="pbx",
    began=1_700_000_000.0,
    state="ringing",
)
STEPS = [
    Step(10.0, "jingle", True, "session-initiate", "audio"),
    Step(10.002, "sip", False, "INVITE", "audio"),
    Step(10.15, "sip", True, 180, "INVITE"),
    Step(10.3, "", False, "media connected", "caller"),
    Step(11.0, "jingle", False, "session-info", "ringing"),
]


def test_a_ladder_has_a_line_a_step_with_the_time_since_the_first() -> None:
    assert list(ladder(STEPS)) == [
        "         XMPP                      gateway                          SIP",
        "     0.000 │── session-initiate ────────▶│                             │  audio",
        "     0.002 │                             │── INVITE ──────────────────▶│  audio",
        "     0.150 │                             │◀─ 180 Ringing ──────────────│  INVITE",
        "     0.300 │                             ● media connected             │  caller",
        "     1.000 │◀─ session-info ─────────────│                             │  ringing",
    ]
    assert list(ladder([])) == []


@given(
    st.lists(
        st.builds(
            Step,
            at=st.floats(0, 99_999),
            protocol=st.sampled_from(["jingle", "sip", ""]),
            inward=st.booleans(),
            word=st.text(max_size=80) | st.integers(100, 699),
            remark=st.text(max_size=200),
        )
    )
)
def test_whatever_a_peer_said_a_step_is_one_line_with_its_bars_in_place(steps: list[Step]) -> None:
    _, *lines = ladder(sorted(steps, key=lambda step: step.at)) if steps else [""]
    assert len(lines) == len(steps)
    for line in lines:
        assert line.isprintable()
        assert line[11] == "│"
        assert line[41] in "│●"
        assert line[71] == "│"


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        (
            CALL,
            [
                "7b6f25a1c0e3d948  juliet@example.org → +15550100  through pbx",
                "began 2023-11-14 22:13:20 UTC, now ringing",
            ],
        ),
        (
            replace(CALL, answered=CALL.began + 3.21, codec="PCMU", state="talking"),
            [
                "7b6f25a1c0e3d948  juliet@example.org → +15550100  through pbx",
                "began 2023-11-14 22:13:20 UTC, answered after 3.2 s, for 1:37 min, now talking",
                "codec PCMU, anchor none",
            ],
        ),
        (
            replace(
                CALL, origin="sip", user="", trunk="", ended=CALL.began, reason="gone", status=404, text="nobody\x1b[2J"
            ),
            [
                "7b6f25a1c0e3d948  +15550100 → nobody",
                "began 2023-11-14 22:13:20 UTC, ended by gateway: gone 404 (nobody�[2J)",
            ],
        ),
    ],
    ids=["live", "talking", "refused"],
)
def test_a_heading_says_what_call_it_is(call: CallRecord, lines: list[str]) -> None:
    assert list(heading(replace(call, anchor="none"), CALL.began + 100)) == lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (3599.6, "1:00:00 h"), (86_399, "23:59:59 h")]
)
def test_a_length_is_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert length(seconds) == text
