"""What users are told of calls by a message, and of which ones."""

from dataclasses import replace

import pytest

from gateway.history.record import CallRecord
from gateway.notices import SHORTEST_SECONDS, Notices, NoticesSettings, failed, missed
from gateway.stanza import Stanza
from mappings.reasons import EndReason

BEGAN = 1_795_000_000.0
CALLED = CallRecord(
    id="c1", origin="sip", user="romeo@montague.example", number="+15551230000", began=BEGAN, ended=BEGAN + 20,
    reason="cancel", ended_by="caller", rang=True, name="Juliet",
)  # fmt: skip
DIALLED = CallRecord(
    id="c2", origin="xmpp", user="romeo@montague.example", number="+15551230000", began=BEGAN, ended=BEGAN + 20,
    reason="gone", text="404 Not Found", status=404, ended_by="callee",
)  # fmt: skip
MISSED = {
    EndReason.SUCCESS, EndReason.CANCEL, EndReason.TIMEOUT, EndReason.GONE, EndReason.ALTERNATIVE_SESSION,
    EndReason.EXPIRED, EndReason.UNSPECIFIED,
}  # fmt: skip


def test_a_missed_call_says_who_called_and_when() -> None:
    assert missed(CALLED) == "Missed call from Juliet (+15551230000), 2026-11-18 11:06:40 UTC"
    for name in ("", "+15551230000"):
        assert missed(replace(CALLED, name=name)) == "Missed call from +15551230000, 2026-11-18 11:06:40 UTC"


@pytest.mark.parametrize("reason", EndReason)
def test_a_call_that_somebody_said_no_to_or_took_is_not_missed(reason: EndReason) -> None:
    assert (missed(replace(CALLED, reason=reason.value, ended_by="callee")) is not None) == (reason in MISSED)
    assert missed(replace(CALLED, reason=reason.value, answered=BEGAN + 5)) is None


def test_a_call_that_was_answered_elsewhere_or_could_not_ring_is_not_missed() -> None:
    assert missed(replace(CALLED, elsewhere=True)) is None
    short = replace(CALLED, ended=BEGAN + SHORTEST_SECONDS / 2)
    assert missed(short) is not None
    assert missed(replace(short, rang=False)) is None
    assert missed(replace(CALLED, rang=False)) is not None
    assert missed(replace(short, rang=False, ended_by="gateway", reason="gone")) is not None


@pytest.mark.parametrize(
    ("reason", "status", "text", "said"),
    [
        ("gone", 404, "404 Not Found", "Call not completed: not reachable (404 Not Found)"),
        ("timeout", 408, "", "Call not completed: no answer"),
        ("decline", 403, "403 Forbidden", "Call not completed: declined (403 Forbidden)"),
        ("decline", 603, "603 Decline", None),
        ("busy", 486, "486 Busy Here", None),
        ("busy", None, "", None),
        ("incompatible-parameters", 488, "488", "Call not completed: nothing in common (488)"),
    ],
)
def test_a_failure_is_explained_where_the_client_does_not_show_it(
    reason: str, status: int | None, text: str, said: str | None
) -> None:
    assert failed(replace(DIALLED, reason=reason, status=status, text=text)) == said


def test_who_gives_up_or_has_talked_needs_no_explanation() -> None:
    assert failed(replace(DIALLED, ended_by="caller", reason="cancel")) is None
    assert failed(replace(DIALLED, answered=BEGAN + 3)) is None


class Told:
    """Who remembers calls, sends stanzas, and counts: all that notices need."""

    def __init__(self) -> None:
        self.sent: list[Stanza] = []
        self.counted: list[str] = []
        self.ended: list[str] = []
        self.now = 0.0
        "Of a clock that nobody sets."

        self.at = BEGAN

    def wall(self) -> float:
        return self.at

    def clock(self) -> float:
        return self.now

    def follow(self) -> None:
        return None

    def over(self, record: CallRecord) -> None:
        self.ended.append(record.id)

    def recorded(self, record: CallRecord, trail: object) -> None:
        self.ended.append(f"{record.id} kept")

    def send(self, stanza: Stanza) -> None:
        self.sent.append(stanza)

    def notice(self, kind: str) -> None:
        self.counted.append(kind)


def notices(told: Told, wants: bool | None = None, **more: object) -> Notices:
    settings = NoticesSettings(domain="gw.example", resource="sip", **more)  # type: ignore[arg-type]
    return Notices(
        settings,
        recorder=told,
        xmpp=told,
        wants=lambda user: wants,
        observer=told,
        new_id=lambda: "n1",
        clock=told.clock,
    )


@pytest.mark.parametrize("usual", [False, True])
@pytest.mark.parametrize("wants", [None, False, True])
def test_of_missed_calls_the_user_decides_and_where_they_have_not_the_operator(usual: bool, wants: bool | None) -> None:
    told = Told()
    made = notices(told, wants, missed=usual)
    made.over(CALLED)
    made.recorded(CALLED, None)
    assert len(told.sent) == (usual if wants is None else wants)
    assert told.counted == ["missed"] * len(told.sent)
    assert told.ended == ["c1", "c1 kept"]


def test_a_notice_comes_from_the_number_and_is_stored() -> None:
    told = Told()
    notices(told, failed=True).over(DIALLED)
    (stanza,) = told.sent
    assert (stanza.sender, stanza.to) == ("+15551230000@gw.example/sip", "romeo@montague.example")
    assert stanza.type == "chat"
    assert stanza.child("{urn:xmpp:hints}store") is not None


def test_nobody_is_told_more_than_they_can_read() -> None:
    told = Told()
    made = notices(told, missed=True, a_minute=3)
    for _ in range(10):
        made.over(CALLED)
    assert len(told.sent) == 3


@pytest.mark.parametrize("record", [replace(CALLED, user=""), replace(CALLED, number="")], ids=["whose", "whom"])
def test_of_a_call_that_is_nobodys_nobody_is_told(record: CallRecord) -> None:
    told = Told()
    notices(told, missed=True).over(record)
    assert not told.sent


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    told = Told()
    made = notices(told, missed=True, a_minute=3)
    for _ in range(4):
        made.over(CALLED)
    told.at, told.now = BEGAN - 3_600.0, 60.0
    made.over(CALLED)
    assert len(told.sent) == 4
