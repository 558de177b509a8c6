"""REFER, Replaces and the status line in a NOTIFY: what is read of them, and written."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.signals import Transfer
from gateway.sip import refer
from gateway.sip.address import Uri
from gateway.sip.message import Header, SipRequest, respond
from gateway.sip.replaces import Replaces

from .ladder import in_call, invite

TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=20)
CALL_IDS = st.text("abcXYZ019-.!%*_+`'~()<>:\\/[]?{}@", min_size=1, max_size=30)


def request(*headers: Header, method: str = "REFER", body: bytes = b"") -> SipRequest:
    return SipRequest(method, "sip:gw@192.0.2.1", (*invite().headers[:6], *headers), body)


@given(CALL_IDS, TOKENS, TOKENS, st.booleans())
def test_a_replaces_reads_as_what_was_written(call_id: str, ours: str, theirs: str, early: bool) -> None:
    said = Replaces(call_id=call_id, to_tag=ours, from_tag=theirs, early_only=early)
    assert Replaces.parse(str(said)) == said


@given(st.text(max_size=60))
def test_whatever_stands_in_a_replaces_is_read_or_refused(text: str) -> None:
    with suppress(PeerError):
        said = Replaces.parse(text)
        assert said.call_id
        assert said.to_tag
        assert said.from_tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@b",
        "a@b;to-tag=1",
        "a@b;from-tag=1",
        ";to-tag=1;from-tag=2",
        "a b;to-tag=1;from-tag=2",
        "a;to-tag;from-tag=2",
    ],
)
def test_a_replaces_without_one_of_its_names_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        Replaces.parse(text)


def test_what_an_invite_replaces() -> None:
    value = ("Replaces", " a@b ;from-tag=f; To-Tag=t ;early-only")
    assert Replaces.of(invite()) is None
    assert Replaces.of(request(value)) == Replaces(call_id="a@b", to_tag="t", from_tag="f", early_only=True)
    with pytest.raises(PeerError, match="Join"):
        Replaces.of(request(value, ("Join", "a@b;to-tag=1;from-tag=2")))


def test_a_dialog_is_named_as_its_peer_knows_it_and_known_by_our_own_names() -> None:
    dialog = in_call().leg.dialog
    assert dialog is not None
    named = Replaces.naming(dialog)
    assert (named.to_tag, named.from_tag) == (dialog.remote_tag, dialog.local_tag)
    assert not named.names(dialog)
    assert Replaces(call_id=dialog.call_id, to_tag=dialog.local_tag, from_tag=dialog.remote_tag).names(dialog)


def test_a_dialog_without_a_tag_cannot_be_named() -> None:
    dialog = in_call().leg.dialog
    assert dialog is not None
    with pytest.raises(PeerError) as failure:
        Replaces.naming(replace(dialog, remote_tag=""))
    assert failure.value.status == 500


def test_what_a_refer_wants() -> None:
    found = refer.read(
        request(
            (
                "Refer-To",
                '"Carol" <sip:carol@c.example;method=INVITE;user=phone'
                "?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Foo=1>",
            ),
            ("Referred-By", '"Juliet" <sip:juliet@phones.example>;cid="x"'),
        )
    )
    assert found.transfer == Transfer(
        "sip:carol@c.example;user=phone",
        "a@b;to-tag=1;from-tag=2",
        '"Juliet" <sip:juliet@phones.example>;cid="x"',
    )
    assert found.dropped == ("Refer-To ?Foo",)
    assert refer.read(request(("Refer-To", "tel:+1555"))).transfer == Transfer("tel:+1555")


@pytest.mark.conformance("EXT-13")
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Refer-To", "<sip:a@b>, <sip:c@d>"),),
        (("Refer-To", "<sip:a@b"),),
        (("Refer-To", "<sip:a@b?Replaces=x>"),),
        (("Refer-To", "<sip:a@b>"), ("Referred-By", "<<>")),
    ],
)
def test_a_refer_that_cannot_be_read(headers: tuple[Header, ...]) -> None:
    with pytest.raises(PeerError) as failure:
        refer.read(request(*headers))
    assert failure.value.status == 400


@given(st.text(max_size=40))
def test_whatever_stands_in_a_refer_to_is_read_or_refused(text: str) -> None:
    with suppress(PeerError):
        found = refer.read(request(("Refer-To", text)))
        assert Uri.parse(found.transfer.target).scheme in ("sip", "tel")


def test_a_refer_that_is_written_reads_as_what_it_wants() -> None:
    wanted = Transfer("sip:carol@c.example", "a@b;to-tag=1;from-tag=2%")
    headers = refer.write(wanted, Uri.parse("sip:romeo@gw.example"))
    assert headers[1] == ("Referred-By", "<sip:romeo@gw.example>")
    assert refer.read(request(*headers)).transfer == Transfer(wanted.target, wanted.replaces, "<sip:romeo@gw.example>")
    spoken = refer.write(Transfer("tel:+1555", "a;to-tag=1;from-tag=2"), Uri.parse("sip:r@g"))
    assert spoken[0] == ("Refer-To", "<tel:+1555>")


def test_a_notification_and_what_it_is_about() -> None:
    state = ("Subscription-State", "Terminated;reason=noresource")
    notify = request(("Event", "Refer ; ID = 93"), state, method="NOTIFY")
    assert refer.event(notify) == ("refer", "93")
    assert refer.is_over(notify)
    assert refer.event(request()) == ("", None)
    assert not refer.is_over(request(("Subscription-State", "active;expires=1")))


def test_whether_there_is_a_subscription() -> None:
    assert refer.unsubscribed(request(("Refer-Sub", "False ;x=y")))
    assert not refer.unsubscribed(request(("Refer-Sub", "true")))
    assert not refer.unsubscribed(respond(request(), 202))


@given(st.integers(100, 699), st.none() | st.text("abc ÄÖ", min_size=1, max_size=20))
def test_a_fragment_reads_as_what_was_written(status: int, phrase: str | None) -> None:
    read = refer.read_fragment(refer.write_fragment(status, phrase))
    assert read is not None
    assert read[0] == status


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"SIP/2.0 200 OK", (200, "OK")),
        (b"\r\nsip/2.0 486 Busy  Here\r\nTo: <sip:a@b>\r\n", (486, "Busy  Here")),
        (b"SIP/2.0 100\r\n", (100, None)),
        (b"SIP/2.0 700 No\r\n", None),
        (b"HTTP/1.1 200 OK\r\n", None),
        (b"", None),
        (b"SIP/2.0 200 " + b"x" * 600, (200, "x" * 500)),
    ],
)
def test_what_a_fragment_says(body: bytes, found: tuple[int, str | None] | None) -> None:
    assert refer.read_fragment(body) == found
