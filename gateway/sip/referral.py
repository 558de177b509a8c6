"""What a leg knows of transfers: the one that its peer asked for, and the one that it asked the peer for."""

from gateway.sip.message import SipRequest
from gateway.sip.wire import Outgoing


class Referral:
    """The memory of `gateway.sip.transferring`."""

    __slots__ = ("asked", "due", "event", "heard", "notify", "ours", "referred", "subscribed", "told", "under_way")

    def __init__(self) -> None:
        self.referred = False
        "Whether the peer has had a subscription before: the next one's event has an id (RFC 3515 §2.4.6)."

        self.told = 100
        "The status that the peer was told last."

        self.clear()

    def clear(self) -> None:
        """Nothing is under way, or its dialog is over."""
        self.asked: SipRequest | None = None
        "The peer's REFER that has no final response."

        self.subscribed = False
        "Whether the peer is to be told what becomes of it."

        self.event = ""
        self.notify: Outgoing | None = None
        "Our last NOTIFY, while it has no final response."

        self.ours: Outgoing | None = None
        "Our REFER, until its result is known."

        self.under_way = False
        "Whether the peer has taken it up."

        self.heard = False
        "Whether its result is known and the subscription goes on all the same."

        self.due: float | None = None
        "When the subscription to either is over."
