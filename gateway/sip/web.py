"""What a WebSocket handshake must say before SIP is spoken on it (RFC 7118 §4, RFC 6455 §4.2)."""

from collections.abc import Iterable, Mapping

PROTOCOL = "sip"
"The subprotocol."

Refusal = tuple[int, str]
"The HTTP status, and why."


def refusal(method: str, headers: Mapping[str, str], origins: Iterable[str]) -> Refusal | None:
    """Why a request of HTTP does not become a WebSocket for SIP; None: it does.

    ``headers`` are found whatever the case of their names.  ``origins`` are those of the pages that may connect, ``*``
    for all.  Who is no browser says no Origin, and is not asked for one: it could say any (RFC 6455 §10.2).
    """
    upgrades = {word.strip().lower() for word in headers.get("Upgrade", "").split(",")}
    if method != "GET" or "websocket" not in upgrades:
        return 426, "only WebSockets are served here"
    origin = headers.get("Origin")
    if origin is not None and not {"*", origin.lower()}.intersection(origins):
        return 403, "pages of that origin may not connect"
    offered = {word.strip() for word in headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if PROTOCOL not in offered:
        return 400, "the subprotocol sip is missing"
    return None
