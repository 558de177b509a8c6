"""What came of a call, in its user's words."""

from dataclasses import replace

import pytest

from gateway.history.listing import BROKEN, TOLD, UNANSWERED, outcome
from gateway.history.record import CallRecord
from mappings.reasons import EndReason

OUT = CallRecord(id="a", origin="xmpp", user="a@example.org", number="+1555", trunk="t", began=0.0, ended=9.0)
IN = replace(OUT, origin="sip")


@pytest.mark.parametrize("reason", EndReason)
def test_every_reason_has_its_words_in_both_directions(reason: EndReason) -> None:
    out, called = UNANSWERED[reason]
    assert outcome(replace(OUT, reason=reason.value)) == out
    assert outcome(replace(IN, reason=reason.value, text="404 Not Found")) == called
    told = f"{out}: why" if reason in TOLD else out
    assert outcome(replace(OUT, reason=reason.value, text="why")) == told
    assert outcome(replace(IN, reason=reason.value, answered=1.0)) == BROKEN.get(reason, "answered")
