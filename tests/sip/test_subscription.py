"""A subscription against a scripted notifier: it begins, is refreshed, is told things, and comes back (RFC 6665)."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.address import NameAddr, Uri
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from gateway.sip.subscription import (
    EXPIRES,
    LEAVE_SECONDS,
    NOTIFY_SECONDS,
    REPAIR_SECONDS,
    SHORTEST_SECONDS,
    Emitted,
    Notice,
    Phase,
    Subscription,
    Trouble,
    Wanted,
)
from gateway.sip.target import Credentials
from gateway.sip.wire import Failed, Outgoing

BOX = NameAddr("", Uri.parse("sip:100@pbx.example"))
CHALLENGE = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=MD5, qop="auth"')


def ids() -> Callable[[], str]:
    """Ids that are all different."""
    numbers: Iterator[int] = count(1)
    return lambda: f"{next(numbers):04x}{'0' * 28}"


class Notifier:
    """A subscription, its clock, and the peer that it speaks to."""

    def __init__(self, credentials: Credentials | None = None, *, fenced: bool = False) -> None:
        wanted = Wanted(
            event="message-summary", accept="application/simple-message-summary", uri="sip:100@pbx.example", to=BOX,
            from_=BOX, hop=Hop("192.0.2.10", fenced=fenced), contact="<sip:100@192.0.2.1>", credentials=credentials,
        )  # fmt: skip
        self.ours = Subscription(wanted, at=0.0, agent=("User-Agent", "test"), new_id=ids())
        self.now = 0.0
        self.sent: list[SipRequest] = []
        "What the subscription has asked."
        self.hops: list[Hop] = []
        "Where that went."
        self.out: list[Emitted] = []
        "What the last event made of it."
        self._cseq = 10

    def _took(self, emitted: list[Emitted]) -> list[Emitted]:
        self.out = emitted
        for item in emitted:
            if isinstance(item, Outgoing):
                # As a peer would read it.
                headers = (("Via", f"SIP/2.0/UDP h;branch={item.branch}"), *item.request.headers)
                message = parse(SipRequest(item.request.method, item.request.uri, headers).encode())
                assert isinstance(message, SipRequest)
                self.sent.append(message)
                self.hops.append(item.hop)
        return emitted

    def comes(self) -> None:
        """The next deadline."""
        assert self.ours.deadline is not None
        self.now = max(self.now, self.ours.deadline)
        self._took(self.ours.expire(self.now))

    def answers(
        self, status: int, *headers: tuple[str, str], tag: str = "theirs", address: str = "<sip:vm@192.0.2.10>"
    ) -> None:
        """The final response to the last request."""
        contact = ("Contact", address)
        response = respond(self.sent[-1], status, tag=tag, headers=(contact, *headers))
        self._took(self.ours.receive(response, self.now))

    def fails(self) -> None:
        """Nothing comes back."""
        branch = self.sent[-1].branch or ""
        self._took(self.ours.receive(Failed(branch, "SUBSCRIBE", "timeout", "silence"), self.now))

    def notifies(
        self, state: str = "active;expires=3600", *, tag: str = "theirs", cseq: int | None = None,
        event: str = "message-summary", call_id: str | None = None,
    ) -> int:  # fmt: skip
        """A NOTIFY; the status of its answer, which is the first thing said."""
        self._cseq = self._cseq + 1 if cseq is None else cseq
        headers = (
            ("Via", f"SIP/2.0/UDP h;branch=z9hG4bKn{self._cseq}"), ("From", f"<sip:100@pbx.example>;tag={tag}"),
            ("To", f"<sip:100@pbx.example>;tag={self.ours.tag}"), ("CSeq", f"{self._cseq} NOTIFY"),
            ("Call-ID", self.ours.call_id if call_id is None else call_id), ("Contact", "<sip:vm@192.0.2.10>"),
            ("Event", event), ("Subscription-State", state), ("Content-Type", "x/y"),
        )  # fmt: skip
        message = parse(SipRequest("NOTIFY", "sip:100@192.0.2.1", headers, b"news").encode())
        assert isinstance(message, SipRequest)
        emitted = self._took(self.ours.notified(message, self.now))
        (answer,) = [item for item in emitted if isinstance(item, SipResponse)]
        assert emitted[0] is answer
        return answer.status

    @property
    def trouble(self) -> Trouble:
        """Why there is none now."""
        (found,) = [item for item in self.out if isinstance(item, Trouble)]
        return found


def subscribed(credentials: Credentials | None = None, *, fenced: bool = False) -> Notifier:
    """A subscription that stands."""
    notifier = Notifier(credentials, fenced=fenced)
    notifier.comes()
    notifier.answers(200, ("Expires", "3600"))
    assert notifier.notifies() == 200
    assert notifier.ours.phase is Phase.ACTIVE
    return notifier


def test_it_asks_is_accepted_and_told_and_refreshes_inside_the_dialog_before_the_end() -> None:
    notifier = subscribed()
    (first,) = notifier.sent
    assert (first.uri, first.first("Event"), first.first("Expires")) == (
        "sip:100@pbx.example", "message-summary", str(EXPIRES)
    )  # fmt: skip
    assert first.first("Contact") == "<sip:100@192.0.2.1>"
    assert [item for item in notifier.out if isinstance(item, Notice)] == [Notice("x/y", b"news")]
    notifier.comes()
    assert 2700 <= notifier.now <= 3240
    second = notifier.sent[-1]
    assert (second.uri, second.to.tag, second.call_id) == ("sip:vm@192.0.2.10", "theirs", first.call_id)
    assert second.cseq.number == first.cseq.number + 1
    notifier.answers(200, ("Expires", "3600"))
    assert notifier.ours.phase is Phase.ACTIVE


@pytest.mark.parametrize("fenced", [False, True])
def test_where_a_notifier_says_that_it_is_is_held_to_where_its_account_may_lead(fenced: bool) -> None:
    notifier = subscribed(fenced=fenced)
    notifier.comes()
    notifier.answers(200, ("Expires", "3600"), address="<sip:inside@127.0.0.1:6379>")
    notifier.ours.stop(notifier.now)
    notifier.comes()
    assert {hop.fenced for hop in notifier.hops} == {fenced}


def test_a_notify_may_come_before_the_2xx() -> None:
    notifier = Notifier()
    notifier.comes()
    assert notifier.notifies() == 200
    notifier.answers(202)
    assert notifier.ours.phase is Phase.ACTIVE


def test_without_a_notify_there_is_no_subscription() -> None:
    notifier = Notifier()
    notifier.comes()
    notifier.answers(200)
    notifier.comes()
    assert notifier.now == NOTIFY_SECONDS
    assert (notifier.ours.phase, notifier.trouble.text) == (Phase.RESTING, "no NOTIFY came")
    notifier.comes()
    assert notifier.sent[0].call_id != notifier.sent[1].call_id


def test_of_a_fork_one_is_heard_and_what_is_out_of_order_or_about_something_else_is_refused() -> None:
    notifier = subscribed()
    assert notifier.notifies(tag="fork") == 481
    assert notifier.notifies(call_id="other") == 481
    assert notifier.notifies(event="presence") == 489
    assert notifier.notifies(cseq=3) == 500
    assert notifier.notifies("active;;==", cseq=99) == 200


def test_a_time_that_is_too_brief_is_made_longer_once() -> None:
    notifier = Notifier()
    notifier.comes()
    notifier.answers(423, ("Min-Expires", "7200"))
    assert notifier.sent[-1].first("Expires") == "7200"
    notifier.answers(423, ("Min-Expires", "14400"))
    assert notifier.ours.phase is Phase.RESTING
    assert len(notifier.sent) == 2


def test_a_tiny_expiry_makes_no_storm() -> None:
    notifier = Notifier()
    notifier.comes()
    notifier.answers(200, ("Expires", "1"))
    notifier.notifies("active;expires=1")
    for _ in range(5):
        before = notifier.now
        notifier.comes()
        assert notifier.now - before >= SHORTEST_SECONDS
        notifier.answers(200, ("Expires", "1"))


def test_credentials_are_given_once_asked_and_a_wrong_password_is_tried_once_an_hour() -> None:
    notifier = Notifier(Credentials("gw", "hush"))
    notifier.comes()
    notifier.answers(401, CHALLENGE)
    assert "Digest" in (notifier.sent[-1].first("Authorization") or "")
    notifier.answers(401, CHALLENGE)
    assert notifier.trouble.seconds >= REPAIR_SECONDS


@pytest.mark.parametrize(("status", "hour"), [(404, True), (489, True), (405, True), (500, False), (503, False)])
def test_what_may_pass_is_tried_soon_and_the_rest_once_an_hour(status: int, hour: bool) -> None:
    notifier = Notifier()
    notifier.comes()
    notifier.answers(status)
    assert (notifier.trouble.seconds >= REPAIR_SECONDS) is hour


def test_pauses_grow_and_retry_after_is_kept() -> None:
    notifier = Notifier()
    pauses = []
    for _ in range(8):
        notifier.comes()
        notifier.fails()
        pauses.append(notifier.trouble.seconds)
    assert pauses[0] <= 30
    assert 240 < pauses[-1] <= 1800
    notifier.comes()
    notifier.answers(503, ("Retry-After", "7000"))
    assert notifier.trouble.seconds >= 7000


@pytest.mark.parametrize(
    ("state", "least", "most"),
    [
        ("terminated;reason=timeout", SHORTEST_SECONDS, SHORTEST_SECONDS),
        ("terminated;reason=deactivated", SHORTEST_SECONDS, SHORTEST_SECONDS),
        ("terminated;reason=probation;retry-after=500", 500, 500),
        ("terminated;reason=rejected", REPAIR_SECONDS, REPAIR_SECONDS),
        ("terminated;reason=noresource", REPAIR_SECONDS, REPAIR_SECONDS),
        ("TERMINATED", 10, 30),
    ],
)
def test_what_the_notifier_ends_begins_again_when_it_says(state: str, least: float, most: float) -> None:
    notifier = subscribed()
    assert notifier.notifies(state) == 200
    assert least <= notifier.trouble.seconds <= most
    assert notifier.notifies() == 481
    notifier.comes()
    assert notifier.sent[-1].to.tag is None


def test_a_refresh_that_finds_nothing_begins_anew_at_once() -> None:
    notifier = subscribed()
    notifier.comes()
    notifier.answers(481)
    assert notifier.sent[-1].to.tag is None
    assert notifier.ours.phase is Phase.ASKING


@pytest.mark.parametrize("address", ["<sip:", "<mailto:vm@192.0.2.10>", '"unended <sip:vm@192.0.2.10>'])
def test_a_refresh_that_names_no_address_that_can_be_read_leaves_the_one_before(address: str) -> None:
    notifier = subscribed()
    notifier.comes()
    notifier.answers(200, ("Expires", "3600"), address=address)
    assert notifier.ours.phase is Phase.ACTIVE
    notifier.comes()
    assert notifier.sent[-1].uri == "sip:vm@192.0.2.10"


def test_it_takes_leave_and_is_over_with_or_without_an_answer() -> None:
    for answered in (True, False):
        notifier = subscribed()
        notifier._took(notifier.ours.stop(notifier.now))
        assert notifier.sent[-1].first("Expires") == "0"
        if answered:
            notifier.answers(200, ("Expires", "0"))
        else:
            before = notifier.now
            notifier.comes()
            assert notifier.now == before + LEAVE_SECONDS
        assert (notifier.ours.phase, notifier.ours.deadline) == (Phase.CLOSED, None)
        assert notifier.notifies() == 481


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("comes")),
        st.tuples(st.just("fails")),
        st.tuples(st.just("answers"), st.sampled_from([200, 202, 401, 423, 481, 489, 404, 500, 503, 302])),
        st.tuples(
            st.just("notifies"),
            st.sampled_from(
                ["active", "active;expires=0", "pending", "terminated;reason=timeout", "terminated", ";;", ""]
            ),
        ),
        st.tuples(st.just("stop")),
    ),
    max_size=40,
)


@given(EVENTS)
def test_whatever_the_notifier_does_it_is_answered_and_asked_no_more_than_is_good(
    events: list[tuple[object, ...]],
) -> None:
    notifier = Notifier(Credentials("gw", "hush"))
    for name, *arguments in events:
        if name == "comes" and notifier.ours.deadline is not None:
            notifier.comes()
        elif name == "notifies" and notifier.sent:
            assert notifier.notifies(str(arguments[0])) in (200, 481, 500)
        elif name == "answers" and notifier.sent:
            notifier.answers(int(str(arguments[0])), CHALLENGE, ("Min-Expires", "7200"))
        elif name == "fails" and notifier.sent:
            notifier.fails()
        elif name == "stop":
            notifier._took(notifier.ours.stop(notifier.now))
        # Something will happen, or nothing is wanted any more: a request is out, or a time is set.
        ours = notifier.ours
        assert ours.deadline is not None or ours.phase in (Phase.ASKING, Phase.REFRESHING, Phase.CLOSED)
    # A few in the beginning, credentials and longer times besides, and then one in half a minute.
    assert len(notifier.sent) <= 6 * (2 + notifier.now / (SHORTEST_SECONDS / 2))
