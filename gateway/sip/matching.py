"""What ties messages together without a memory: which transaction they belong to, where answers go, what is copied."""

from dataclasses import replace
from hashlib import blake2b

from gateway.sip.flow import Flow
from gateway.sip.locating import default_port
from gateway.sip.message import SipRequest, SipResponse

Key = tuple[str, ...]
"""Names a transaction.  A client's: branch and method.  A server's (§17.2.3): branch, sent-by, and method."""

_COPIED = frozenset({"Via", "Route", "From", "Call-ID", "Session-ID"})


def server_key(message: SipRequest | SipResponse) -> Key:
    """Which server transaction a request, or our response to it, belongs to (§17.2.3); an ACK to its INVITE's.

    Peers of RFC 2543 make no unique branches; theirs are made so by what such a peer changes with every request.
    """
    via = message.via
    cseq = message.cseq
    branch = via.branch or ""
    if not via.has_cookie:
        branch = f"{branch}|{message.call_id}|{message.from_.tag or ''}|{cseq.number}"
    method = cseq.method
    return branch, f"{via.host}:{via.port or ''}", "INVITE" if method == "ACK" else method


def stateless_tag(message: SipRequest) -> str:
    """The To tag of an answer given without a transaction: the same for every copy of the request (§8.2.7)."""
    text = f"{message.call_id}\n{message.branch}"
    return blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def reply_flow(request: SipRequest) -> Flow:
    """Where responses go: back over a connection, else as the Via says (§18.2.2; RFC 3581 §4).

    A maddr is not followed: nobody reaches us by multicast, and anybody could aim our answers at somebody else by it.
    """
    flow = request.flow
    assert flow is not None
    if flow.reliable:
        return flow
    via = request.via
    if "rport" in via.params:
        return flow
    return replace(flow, port=via.port or default_port("UDP"))


def stamped(request: SipRequest) -> SipRequest:
    """With the address it really came from in its Via, where that is asked for or says something new (§18.2.1)."""
    flow = request.flow
    assert flow is not None
    via = request.via
    params = via.params
    if "rport" in params:
        params = params.adding("received", flow.host).adding("rport", str(flow.port))
    elif via.host != flow.host:
        params = params.adding("received", flow.host)
    else:
        return request
    return request.with_top_via(replace(via, params=params))


def companion(invite: SipRequest, method: str, to: str) -> SipRequest:
    """The CANCEL of an INVITE, or the ACK to its refusal: they go the same way, hop by hop (§9.1, §17.1.1.3)."""
    headers = [header for header in invite.headers if header[0] in _COPIED]
    headers += (("Max-Forwards", "70"), ("To", to), ("CSeq", f"{invite.cseq.number} {method}"))
    return SipRequest(method, invite.uri, tuple(headers))
