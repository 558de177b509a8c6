"""A REGISTER as it is written (RFC 3261 §10.2, RFC 3327, RFC 5626, RFC 5627)."""

from gateway.registration.registrant import Registrant
from gateway.sip.address import Uri
from gateway.sip.dialog import MAX_FORWARDS
from gateway.sip.message import SipRequest
from gateway.sip.uas import ALLOW_HEADER


def contact_uri(user: str, where: str) -> str:
    """A Contact's URI; ``where`` is host:port, and what else it must say."""
    return str(Uri.parse(f"sip:{user}@{where}"))


def register(
    registrant: Registrant,
    *,
    uri: str,
    contact: str,
    expires: int,
    outbound: bool,
    call_id: str,
    tag: str,
    number: int,
    user_agent: str,
) -> SipRequest:
    """The request, without credentials; 0 seconds take the binding away.

    ``outbound`` asks for RFC 5626: then calls come over the connection that this goes over.
    """
    reg_id, mark, extension = (";reg-id=1", ";ob", ", outbound") if outbound else ("", "", "")
    return SipRequest(
        "REGISTER",
        uri,
        (
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"<{registrant.aor}>;tag={tag}"),
            ("To", f"<{registrant.aor}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} REGISTER"),
            ("Contact", f'<{contact}{mark}>;+sip.instance="<{registrant.instance}>"{reg_id}'),
            ("Expires", str(expires)),
            ALLOW_HEADER,
            ("Supported", f"path, gruu{extension}"),
            ("User-Agent", user_agent),
        ),
    )
