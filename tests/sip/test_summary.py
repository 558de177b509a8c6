"""What waits in a mailbox, read from the body of a NOTIFY and said to people (RFC 3842)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sip import summary
from gateway.sip.summary import Counts, Summary


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Messages-Waiting: yes\r\nVoice-Message: 2/8 (1/0)\r\n", "2 new voice messages (1 urgent), 8 old"),
        ("messages-waiting:YES\nvoice-message : 1/0", "1 new voice message"),
        (
            "Messages-Waiting: yes\r\nFax-Message: 1/2\r\nVoice-Message: 3/0 (0/0)",
            "3 new voice messages; 1 new fax message, 2 old",
        ),
        ("Messages-Waiting: yes\r\n", "New messages are waiting"),
        ("Messages-Waiting: yes\r\nVoice-Message: many", "New messages are waiting"),
        ("Messages-Waiting: no\r\nVoice-Message: 0/4", "No new messages"),
    ],
)
def test_what_waits_is_said_in_words(body: str, said: str) -> None:
    assert summary.spoken(summary.read(body.encode())) == said


def test_the_account_is_what_to_call() -> None:
    found = summary.read(
        b"Messages-Waiting: yes\r\nMessage-Account: sip:*97@pbx.example\r\nVoice-Message: 4/8 (1/2)\r\n"
    )
    assert found == Summary(True, (("voice", Counts(4, 8, 1)),), found.account)
    assert str(found.account) == "sip:*97@pbx.example"
    assert summary.read(b"Messages-Waiting: no\r\nMessage-Account: ???").account is None


@given(st.one_of(st.binary(max_size=300), st.text(alphabet="Messages-Waiting: yno\r\nVoice/0123()", max_size=200)))
def test_any_body_is_read_or_refused(body: bytes | str) -> None:
    data = body if isinstance(body, bytes) else body.encode()
    refused = 0
    try:
        found = summary.read(data)
        assert summary.spoken(found).isprintable()
    except PeerError as error:
        refused = error.status
    assert refused in (0, 400)
