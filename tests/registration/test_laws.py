"""What holds whatever a registrar answers."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.registration.binding import MAX_REQUESTS
from gateway.registration.registrant import Timing
from gateway.registration.schedule import CATCH_UP_SECONDS, Schedule
from gateway.registration.terms import Phase, Standing
from tests.registration.registrar import ASKS, CONTACT, Conversation, registrant

Answer = tuple[int | str, tuple[tuple[str, str], ...]]

expiries = st.sampled_from(["0", "1", "5", "60", "3600", "99999999999", "x", "-1"])
nonces = st.sampled_from(["n1", "n2", "n3"])


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Whatever a registrar may say."""
    kind = draw(st.sampled_from(["granted", "asks", "brief", "moved", "other", "nothing"]))
    match kind:
        case "granted":
            contact = draw(st.sampled_from([CONTACT, "sip:x@198.51.100.1", "mailto:x@y"]))
            headers = [("Contact", f"<{contact}>;expires={draw(expiries)}"), ("Expires", draw(expiries))]
            headers += draw(
                st.sampled_from([[], [("Service-Route", "<sip:a;lr>, <sip:b;lr>")], [("Service-Route", '"')]])
            )
            headers += [("Authentication-Info", f'nextnonce="{draw(nonces)}"')] if draw(st.booleans()) else []
            return 200, tuple(headers)
        case "asks":
            stale = draw(st.sampled_from(["", ", stale=true"]))
            value = ASKS.replace("n1", draw(nonces)) + stale
            return draw(
                st.sampled_from([(401, (("WWW-Authenticate", value),)), (407, (("Proxy-Authenticate", value),))])
            )
        case "brief":
            return 423, (("Min-Expires", draw(expiries)),)
        case "moved":
            return 302, (("Contact", f"<sip:reg{draw(st.integers(0, 9))}.example>"),)
        case "nothing":
            return draw(st.sampled_from(["timeout", "transport"])), ()
        case _:
            status = draw(st.sampled_from([300, 400, 403, 404, 408, 420, 439, 480, 500, 503, 600, 699]))
            return status, (("Retry-After", draw(expiries)),)


@settings(deadline=None)
@given(st.lists(answers(), min_size=1, max_size=60), st.integers(1, 2**20), st.sampled_from([None, "TCP"]))
def test_a_binding_never_storms_and_never_counts_backwards(
    script: list[Answer], first_id: int, transport: str | None
) -> None:
    talk = Conversation(registrant(transport=transport, expires=600), first_id=first_id)
    talk.due()
    for what, headers in script:
        if isinstance(what, str):
            talk.fail(what)
            again = False
        else:
            again = talk.answer(what, *headers)
        assert talk.binding.phase is (Phase.ASKING if again else Phase.WAITING)
        if not again:
            assert talk.binding.at >= talk.at[-1]
            assert (talk.binding.grant is not None) is (talk.binding.standing is Standing.REGISTERED)
            talk.due()
    window = Timing().shortest_seconds
    for start in talk.at:
        assert sum(start <= at < start + window for at in talk.at) <= MAX_REQUESTS
    assert [out.request.cseq.number for out in talk.sent] == list(range(1, len(talk.sent) + 1))
    assert len({out.branch for out in talk.sent}) == len(talk.sent)
    last: dict[tuple[str, str], int] = {}
    for out in talk.sent:
        for header in ("Authorization", "Proxy-Authorization"):
            for value in out.request.all(header):
                nonce, count = re.search(r'nonce="(\w+)".*nc=(\w+)', value).groups()  # type: ignore[union-attr]
                assert int(count, 16) == last.get((header, nonce), 0) + 1
                last[header, nonce] = int(count, 16)


@settings(deadline=None)
@given(st.lists(answers(), max_size=12), st.lists(answers(), min_size=MAX_REQUESTS * 2 + 2, max_size=20))
def test_who_leaves_is_gone_in_the_end(before: list[Answer], after: list[Answer]) -> None:
    talk = Conversation(registrant(expires=600))
    talk.due()
    for what, headers in before:
        again = False
        if isinstance(what, str):
            talk.fail(what)
        else:
            again = talk.answer(what, *headers)
        if not again and talk.binding.phase is Phase.WAITING:
            talk.due()
    talk.leave()
    for what, headers in after:
        if talk.binding.phase is Phase.GONE:
            break
        if isinstance(what, str):
            talk.fail(what)
        else:
            talk.answer(what, *headers)
    assert talk.binding.phase is Phase.GONE
    assert talk.binding.due(talk.now) == []


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 20), st.booleans()), min_size=1, max_size=200),
    st.sampled_from([0.5, 3.0, 20.0, 1000.0]),
)
def test_a_schedule_keeps_its_rate_and_forgets_nobody(puts: list[tuple[int, float, bool]], rate: float) -> None:
    schedule = Schedule(rate)
    wanted: dict[str, float] = {}
    for number, at, drop in puts:
        schedule.put(str(number), at)
        wanted[str(number)] = at
        if drop:
            schedule.drop(str(number))
            del wanted[str(number)]
    assert len(schedule) == len(wanted)
    taken: list[tuple[float, str]] = []
    while (now := schedule.next_at) is not None:
        now = max(now, taken[-1][0] if taken else 0.0)
        key = schedule.take(now)
        assert key is not None
        assert wanted[key] <= now
        taken.append((now, key))
    assert sorted(key for _, key in taken) == sorted(wanted)
    for start, _ in taken:
        for width in (0.1, 1.0, 5.0):
            turns = sum(start <= at <= start + width for at, _ in taken)
            assert turns <= rate * (width + CATCH_UP_SECONDS) + 1 + 1e-6
