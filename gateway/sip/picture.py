"""Requests for a whole picture by INFO, both ways (RFC 5168): what peers have whose RTP knows no feedback messages.

A request is sent once, and no other before it has its response: the next picture that is missed asks again.
"""

import re

from gateway.signals import Picture
from gateway.sip.digits import TALKING, UNABLE
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.state import LegState
from gateway.sip.wire import Failed

BODY = "application/media_control+xml"

_ASKS = re.compile(rb"<(?:[\w.-]+:)?picture_fast_update[\s/>]")
"All that is looked for in such a body: a request in it must not fail for what else a peer writes there."

_REQUEST = (
    b'<?xml version="1.0" encoding="utf-8"?>\r\n'
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n"
)


def wanted(leg: LegState, _: Picture, now: float) -> None:
    """The other side wants a whole picture of the peer."""
    if leg.phase in TALKING and leg.asking is None and not leg.blind:
        leg.asking = leg.within("INFO", (("Content-Type", BODY),), _REQUEST)


def answered(leg: LegState, response: SipResponse, now: float) -> None:
    """The peer has heard that, or knows no such thing, and is not asked again."""
    if response.status < 200:
        return
    leg.asking = None
    if leg.challenged(response):
        wanted(leg, Picture(), now)
    elif response.status in UNABLE:
        leg.blind = True


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """No response."""
    leg.asking = None


def received(leg: LegState, request: SipRequest) -> None:
    """An INFO with a body of that kind."""
    leg.reply(request, 200)
    if _ASKS.search(request.body):
        leg.out.append(Picture())
    else:
        leg.dropped.append(f"INFO {BODY}")
