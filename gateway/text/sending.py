"""One text of an XMPP user on its way to SIP: a MESSAGE, and what becomes of it (RFC 3428 §4, RFC 7572 §4)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.outward import Outbound
from gateway.sip.dialog import MAX_FORWARDS, branch
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.reasons import redirects, status_line
from gateway.sip.target import digest_session
from gateway.sip.wire import Failed, Outgoing
from gateway.stanza import Stanza, receipt
from gateway.text import body
from gateway.text.reading import Text, cleaned, refused
from mappings.conditions import BY_CLASS, BY_STATUS

LARGE = 1300
"Octets that a MESSAGE may have, unless the way to the trunk keeps streams from congestion (RFC 3428 §8)."

VIA_OCTETS = 130
"About what our Via and Content-Length add."

DELIVERED = 200
"The one status that says that the text arrived; 202 says that somebody takes care of it (RFC 3428 §7)."

MAX_CSEQ = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text."""

    status: int | None
    "The final response; None: there was none."

    reply: Stanza | None
    "What its writer is told: the receipt they asked for, or the error."

    text: str | None = None
    "Why it failed, for the log."


class Sending:
    """A text that is being sent; `begin`, and then `receive` until that returns an `Outcome`."""

    __slots__ = (
        "_agent", "_call_id", "_hop", "_new_id", "_request", "_session", "_statuses", "_tag", "_text", "_too_large",
        "_ways", "outbound", "stanza",
    )  # fmt: skip

    def __init__(
        self, stanza: Stanza, text: Text, outbound: Outbound, *, agent: Header, new_id: Callable[[], str]
    ) -> None:
        """``stanza`` is what brought the text.

        PeerError when no trunk of the way carries messages, or all that do want it smaller (policy-violation).
        """
        self.stanza = stanza
        self.outbound = outbound
        "The way that is being tried."

        self._statuses = outbound.statuses
        self._text = text
        self._new_id = new_id
        self._agent = agent
        self._tag = new_id()[:16]
        self._call_id = body.call_id(text.thread) or new_id()
        self._ways = [way for way in (outbound, *outbound.others) if way.messages]
        if not self._ways:
            raise PeerError("text: the trunk carries no messages", status=405, condition="service-unavailable")
        self._aim(int(new_id()[:8], 16) % (MAX_CSEQ // 2) + 1)

    def _aim(self, number: int) -> None:
        """Take the next way on which the text is not too large."""
        while self._ways:
            way = self._ways.pop(0)
            headers, content = body.write(self._text)
            request = SipRequest(
                "MESSAGE",
                way.request_uri,
                (
                    ("Max-Forwards", MAX_FORWARDS),
                    ("From", str(way.from_.with_tag(self._tag))),
                    ("To", str(way.to)),
                    ("Call-ID", self._call_id),
                    ("CSeq", f"{number} MESSAGE"),
                    self._agent,
                    *way.headers,
                    *headers,
                ),
                content,
            )
            self._too_large = len(request.encode()) + VIA_OCTETS > LARGE
            if self._too_large and way.hop.transport == "UDP":
                continue
            self.outbound, self._request = way, request
            self._hop = replace(way.hop, transport=way.hop.transport or ("TCP" if self._too_large else None))
            self._session = digest_session(way.credentials)
            return
        raise PeerError(f"text: makes a SIP message of more than {LARGE} octets", status=513, condition=_TOO_LARGE)

    def begin(self) -> Outgoing:
        """The MESSAGE, with credentials where they were asked for before."""
        if self._session is not None:
            self._request = self._session.authorize(self._request, self._new_id())
        return Outgoing(self._request, branch(self._new_id), self._hop)

    def receive(self, message: SipResponse | Failed) -> Outgoing | Outcome | None:
        """What came back: the request again, the outcome, or nothing yet."""
        if isinstance(message, Failed):
            return self._lost(message)
        status = message.status
        if status < 200:
            return None
        if self._session is not None and status not in (401, 407):
            self._session.accepted(message)
        elif self._session is not None and self._session.challenged(message):
            return self._again()
        if status in self._statuses and (other := self._another_way()) is not None:
            return other
        if status < 300:
            return Outcome(status, receipt(self.stanza, id=self._new_id()) if status == DELIVERED else None)
        text = status_line(message)[2]
        condition = BY_STATUS.get(status) or BY_CLASS[status // 100]
        # Only 301 is a <gone/> with an address, which RFC 6120 §8.3.3.5 lets one have (RFC 7247 Table 3).
        address = next((cleaned(str(uri)) for uri in redirects(message)), None) if status < 400 else None
        if condition in ("redirect", "gone") and address is None and status < 400:
            condition = "recipient-unavailable"
        return Outcome(status, self._error(condition, text, status=status, address=address), text)

    def _another_way(self) -> Outgoing | None:
        """The same text by the next trunk of a group, or None."""
        try:
            self._aim(self._request.cseq.number + 1)
        except PeerError:
            return None
        return self.begin()

    def _lost(self, failed: Failed) -> Outgoing | Outcome:
        if (other := self._another_way()) is not None:
            return other
        if self._too_large and failed.cause == "transport":
            text = f"text: makes a SIP message of more than {LARGE} octets, and the trunk takes no TCP"
            return Outcome(None, self._error(_TOO_LARGE, text), text)
        text = failed.text or "MESSAGE: no answer"
        return Outcome(None, self._error("remote-server-timeout", text), text)

    def _again(self) -> Outgoing:
        """As a request of its own, with credentials (RFC 3261 §22.2)."""
        number = self._request.cseq.number + 1
        headers = tuple(
            ("CSeq", f"{number} MESSAGE") if name == "CSeq" else (name, value) for name, value in self._request.headers
        )
        self._request = SipRequest("MESSAGE", self._request.uri, headers, self._request.body)
        return self.begin()

    def _error(self, condition: str, text: str, *, status: int | None = None, address: str | None = None) -> Stanza:
        return refused(self.stanza, condition, cleaned(text), status=status, address=address)


_TOO_LARGE = "policy-violation"
