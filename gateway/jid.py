"""JIDs as text, taken apart (RFC 7622 §3).

What the XMPP server hands us has been prepared by it already, so a JID here is a plain string; only what an operator
or a SIP peer wrote needs preparing, and that is done where it enters (`gateway.config`, `gateway.addressing`).
"""


def bare(jid: str) -> str:
    """The JID without its resource."""
    return jid.partition("/")[0]


def resource(jid: str) -> str:
    """The resource, or an empty string."""
    return jid.partition("/")[2]


def domain(jid: str) -> str:
    """The domain part."""
    address = bare(jid)
    return address.rpartition("@")[2]


def local(jid: str) -> str:
    """The localpart, escaped as it stands, or an empty string."""
    address = bare(jid)
    return address.rpartition("@")[0]


def is_full(jid: str) -> bool:
    """Whether the JID names one resource."""
    return "/" in jid
