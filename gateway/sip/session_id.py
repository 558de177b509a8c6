"""One call's two names, which every message of it carries, so that it is found in everybody's logs (RFC 7989).

Ours is made of what names the dialog already, so that nothing has to be drawn or kept for it.  A Jingle session has no
place for the peer's.
"""

import re
from uuid import NAMESPACE_OID, uuid5

from gateway.sip.message import Header, SipRequest, SipResponse

NIL = "0" * 32
"Nobody's, or one that is not known yet (§5)."

_LOCAL = re.compile(r"\s*+([0-9a-f]{32})(?![0-9a-f])")


class SessionId:
    """Both names."""

    __slots__ = ("local", "remote")

    def __init__(self, call_id: str, tag: str) -> None:
        self.local = uuid5(NAMESPACE_OID, f"{call_id}\n{tag}").hex
        self.remote = NIL

    def hear(self, message: SipRequest | SipResponse) -> None:
        """What the peer calls itself; one that cannot be read is none (§6)."""
        found = _LOCAL.match(message.first("Session-ID") or "")
        if found is not None and found[1] != NIL:
            self.remote = found[1]

    @property
    def header(self) -> Header:
        """What our messages say."""
        return "Session-ID", str(self)

    def __str__(self) -> str:
        return f"{self.local};remote={self.remote}"
