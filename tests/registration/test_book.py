"""Who is registered, for those who route."""

from dataclasses import replace

import pytest

from gateway.errors import PeerError
from gateway.registration.book import MAX_HOSTS, Book
from gateway.registration.called import meant
from gateway.registration.grant import Grant
from gateway.sip.address import Uri
from gateway.sip.flow import Flow
from gateway.sip.message import SipRequest
from tests.registration.registrar import USER, registrant

ONE = registrant()
OTHER = replace(ONE, name="other", contact_user="other")


def grant(host: str | None = "192.0.2.20") -> Grant:
    return Grant(expires_seconds=60, flow=None if host is None else Flow("UDP", host, 5060))


def test_a_call_to_a_contact_is_its_trunks_from_where_it_is_registered() -> None:
    book = Book()
    book.write(ONE, None)
    assert book.trunk_at(USER, "192.0.2.20") is None
    book.write(ONE, grant())
    assert book.trunk_at(USER, "192.0.2.20") == "pbx"
    assert book.trunk_at(USER, "192.0.2.21") is None
    assert book.trunk_at("somebody", "192.0.2.20") is None
    assert book.trunk_at(None, "192.0.2.20") is None


def test_it_stays_so_while_the_registration_is_lost_and_from_where_it_was_before() -> None:
    book = Book()
    book.write(ONE, grant())
    book.write(ONE, grant("192.0.2.21"))
    book.write(ONE, grant(None))
    book.write(ONE, None)
    assert book.grant("pbx") is None
    assert {book.trunk_at(USER, host) for host in ("192.0.2.20", "192.0.2.21")} == {"pbx"}
    for number in range(MAX_HOSTS):
        book.write(ONE, grant(f"198.51.100.{number}"))
    assert book.trunk_at(USER, "192.0.2.20") is None
    assert book.trunk_at(USER, "198.51.100.0") == "pbx"


def test_two_with_one_address_are_told_by_their_contacts_and_one_may_go() -> None:
    book = Book()
    for whom in (ONE, OTHER):
        book.write(whom, grant())
    assert book.trunk_at("other", "192.0.2.20") == "other"
    assert book.trunk_at("1001", "192.0.2.20") in ("pbx", "other")
    book.erase(ONE)
    assert (book.trunk_at(USER, "192.0.2.20"), book.trunk_at("1001", "192.0.2.20")) == (None, "other")
    book.erase(OTHER)
    assert book.trunk_at("1001", "192.0.2.20") is None
    assert vars(book) == vars(Book())


def test_what_a_trunk_asked_is_forgotten_with_its_registration() -> None:
    book = Book()
    book.write(ONE, grant())
    asked = book.nonces("pbx")
    assert book.nonces("pbx") is asked
    book.erase(ONE)
    assert book.nonces("pbx") is not asked


@pytest.mark.parametrize(
    ("headers", "called"),
    [
        ((("To", "<sip:+15550100@pbx.example>"),), "sip:+15550100@pbx.example"),
        ((("To", "<sip:a@pbx.example>"), ("P-Called-Party-ID", "<tel:+15550100>")), "tel:+15550100"),
        ((("To", "<mailto:+15550100@pbx.example>"),), "sip:1001@pbx.example"),
        ((("To", '"'), ("P-Called-Party-ID", '"')), "sip:1001@pbx.example"),
        ((("To", "<sip:nobody@pbx.example>"),), "sip:1001@pbx.example"),
        ((), "sip:1001@pbx.example"),
    ],
)
def test_what_was_called_is_found_behind_our_contact(headers: tuple[tuple[str, str], ...], called: str) -> None:
    def leads(uri: Uri) -> None:
        if "15550100" not in str(uri):
            raise PeerError("nobody", status=404)

    request = SipRequest("INVITE", f"sip:{USER}@192.0.2.1", headers)
    assert str(meant(request, ONE, leads)) == called
    assert str(meant(request, None, leads)) == request.uri
    assert str(meant(request, OTHER, leads)) == request.uri
