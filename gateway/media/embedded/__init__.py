"""The media anchor in this process: ICE, DTLS-SRTP, SDES and plain RTP, forwarded as they are.

Layers, the lower first:
- `quality`, `rtcp`, `feedback`, `digits`: pure; what packets say, and what is made of it.
- `srtp`, `dtls`, `ports`, `socket`: keys and sockets.
- `path`: what happens to a packet.  Everything that is done fifty times a second for each call is in `path.Path` and
  `socket`, and a compiled relay may take their place.
- `link`: one transport; `ice` and `plain` are the two ways to a peer.
- `anchor`: one call; `backend`: all of them.

A call of one medium has two links: a client's (one port, all protocols on it, told apart by their first octet) and a
phone's (two ports).  Lines join them: a packet is authenticated, counted, given the number that the other side knows
its format by, protected anew and sent, without a queue.  SSRC, sequence number and timestamp stay as they are, so that
RTCP passes too, and is read on its way.

Decided against: aioice's and asyncio's transports (twice the cost, see `ice` and `socket`), a task for each call
(packets would wait for it), and a packet's journey through queues (what is late is lost anyway).
"""

from gateway.media.embedded.backend import EmbeddedAnchors
from gateway.media.embedded.settings import EmbeddedSettings, IceServer

__all__ = ["EmbeddedAnchors", "EmbeddedSettings", "IceServer"]
