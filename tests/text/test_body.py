"""Texts in bodies: whatever a peer sends is a text or a refusal, and what is written is read again."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sip.message import SipRequest, parse
from gateway.text import body
from gateway.text.reading import Text

HEAD = (
    ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"),
    ("Call-ID", "id@host"), ("CSeq", "1 MESSAGE"),
)  # fmt: skip
READABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), min_size=1)


def request(data: bytes, *headers: tuple[str, str]) -> SipRequest:
    """A MESSAGE with that body, as it comes from the wire."""
    message = parse(SipRequest("MESSAGE", "sip:c@d", (*HEAD, *headers), data).encode())
    assert isinstance(message, SipRequest)
    return message


@given(READABLE.filter(lambda text: text.strip() != ""), READABLE.map(str.split).map(" ".join))
def test_what_is_written_is_read_again(said: str, subject: str) -> None:
    text = Text(body=said, lang="de-CH", subject=subject[:100], thread="id@host")
    headers, data = body.write(text)
    assert body.read(request(data, *headers)) == text


@given(
    st.binary(max_size=200),
    st.sampled_from(["text/plain", "message/cpim", "text/plain;charset=utf-16", "multipart/mixed", "x"]),
)
def test_any_body_is_a_text_or_refused_by_the_protocols_own_word(data: bytes, content_type: str) -> None:
    refused, text = 0, None
    try:
        text = body.read(request(data, ("Content-Type", content_type)))
    except PeerError as error:
        refused = error.status
    if text is None:
        assert refused in (400, 415)
    else:
        assert text.body.strip()
        assert not {"\r", "\0"} & set(text.body)


@given(st.text(string.printable, max_size=80))
def test_a_thread_is_a_call_id_only_if_it_can_be_written_as_one(thread: str) -> None:
    call_id = body.call_id(thread)
    if call_id is not None:
        message = parse(SipRequest("MESSAGE", "sip:c@d", (*HEAD[:3], ("Call-ID", call_id), HEAD[4])).encode())
        assert message.call_id == thread


def test_what_names_an_encoding_is_unsupported() -> None:
    with pytest.raises(PeerError) as refused:
        body.read(request(b"x", ("Content-Encoding", "gzip")))
    assert body.unsupported(refused.value) == (415, body.ACCEPT)
