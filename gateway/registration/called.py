"""Whom a call to a registered Contact means: the Contact itself says only which registration it is."""

import contextlib
from collections.abc import Callable, Iterator

from gateway.errors import PeerError
from gateway.registration.registrant import Registrant
from gateway.sip.address import NameAddr, Uri
from gateway.sip.message import SipRequest


def meant(request: SipRequest, registrant: Registrant | None, leads: Callable[[Uri], object]) -> Uri:
    """What is called: the Request-URI, or, where that is our registered Contact, what that stands for.

    A registrar puts our Contact in the place of what was called.  That is left in P-Called-Party-ID where the registrar
    writes it (RFC 7315 §4.2), and otherwise in To, which the caller wrote; the first counts that ``leads`` somewhere
    (it raises PeerError for what does not), and then the address-of-record.
    """
    if registrant is None or request.request_uri.user != registrant.contact_user:
        return request.request_uri
    for uri in _candidates(request):
        with contextlib.suppress(PeerError):
            leads(uri)
            return uri
    return Uri.parse(registrant.aor)


def _candidates(request: SipRequest) -> Iterator[Uri]:
    values: tuple[str, ...] = ()
    with contextlib.suppress(PeerError):
        values = request.values("P-Called-Party-ID")
    for value in (*values, request.first("To") or ""):
        with contextlib.suppress(PeerError):
            uri = NameAddr.parse(value).uri
            if uri.scheme in ("sip", "sips", "tel"):
                yield uri
