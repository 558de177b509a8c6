"""Failures by who is to blame: a peer, the operator, the surroundings.  Anything else is our own bug.

Texts read *where: what, and the offending value*, without capital or full stop, and never hold a secret.
"""

from mappings.reasons import EndReason


class PeerError(Exception):
    """A peer broke, or exceeded, its protocol; carries what that peer is to be told.

    ``status`` is the SIP response, ``condition`` the XMPP stanza error and ``reason`` the Jingle reason that say it;
    ``detail`` is the Clark name of an application-specific error child (XEP-0166 §10), where one fits; it may be tried
    again after ``retry_after`` seconds; ``cause`` is the word for it in metrics, where the condition is too coarse.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 400,
        condition: str = "bad-request",
        reason: EndReason = EndReason.GENERAL_ERROR,
        detail: str | None = None,
        retry_after: int | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.condition = condition
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.cause = cause


class ConfigError(Exception):
    """The operator's configuration cannot be used; the text is one line and names the key."""


class TransportError(Exception):
    """A message could not be sent: no route, refused, reset, or its name does not resolve."""


class StoreError(Exception):
    """The database cannot do what was asked; the text is one line for the operator and holds no secret."""


class AnchorError(Exception):
    """The media of a call cannot be anchored as asked: nothing in common, no port left, the back-end does not answer.

    ``reason`` is what the sides are told, and ``status`` the SIP response where it is not the reason's own.
    """

    def __init__(self, text: str, reason: EndReason, status: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.reason = reason
        self.status = status


class ControlError(Exception):
    """The operator asked a running daemon for something that cannot be; the text is one line."""
