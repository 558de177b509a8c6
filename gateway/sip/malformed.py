"""The failure of reading a SIP message, with as much of the message as could be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import PeerError

if TYPE_CHECKING:
    from gateway.sip.message import SipRequest, SipResponse


class Malformed(PeerError):
    """Bytes that are no SIP message, or a message that breaks the rules so that it cannot be processed.

    ``status`` is what a server answers (400, 501, 505, 513).  ``partial`` is the message as far as it could be read:
    a request's can be answered with `respond` as long as it has a Via; a response's is for the log only (a bad response
    is dropped, RFC 3261 §18.1.2).  None: not even the start line could be read, and nothing can be said.
    """

    def __init__(self, text: str, *, status: int = 400, partial: SipRequest | SipResponse | None = None) -> None:
        super().__init__(text, status=status)
        self.partial = partial
