"""The question whether somebody is there: OPTIONS (RFC 3261 §11), and who waits for its answer."""

import asyncio
import secrets

from gateway.sip.address import NameAddr, Uri
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed, Outgoing


class Reply:
    """Waits for the final response to one request."""

    def __init__(self) -> None:
        self.future: asyncio.Future[SipResponse | Failed] = asyncio.get_running_loop().create_future()

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        """Take what came."""
        final = isinstance(message, Failed) or (isinstance(message, SipResponse) and message.status >= 200)
        if final and not self.future.done():
            assert not isinstance(message, SipRequest)
            self.future.set_result(message)


def options(to: Uri, from_: Uri, hop: Hop, *, contact: str, agent: str) -> Outgoing:
    """An OPTIONS for that address; ``contact`` is ours, host:port and what else its URI must say."""
    request = SipRequest(
        "OPTIONS",
        str(to),
        (
            ("Max-Forwards", "70"),
            ("From", f"{NameAddr('', from_)};tag={secrets.token_hex(8)}"),
            ("To", str(NameAddr("", to))),
            ("Call-ID", secrets.token_hex(16)),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<sip:{contact}>"),
            ("Accept", "application/sdp"),
            ("User-Agent", agent),
        ),
    )
    return Outgoing(request, f"z9hG4bK{secrets.token_hex(12)}", hop)
