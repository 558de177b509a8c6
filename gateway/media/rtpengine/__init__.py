"""The media anchor at rtpengine's nodes, by its ng protocol: for more calls than one process carries.

Layers, the lower first:
- `bencode`, `nodes`, `inquiry`, `numbers`, `formats`, `wording`, `pulse`: pure; what a node is told and what it says.
- `ng`: requests and answers; `session`: one call at one node.
- `wiring`: what the node was told of a call; `vigil`: the look at it.
- `anchor`: one call; `backend`: the nodes and all calls.

Descriptions are made here as they are for the embedded anchor, by `gateway.media.agreement`; a node adds its
addresses and keys.  A side that owes its description (architecture D5) stands at the node as a peer that is nowhere,
until it has one.

What rtpengine 10.5 cannot do, and what is made of it:
- payload type numbers pass as they come.  A side is told the other's numbers; a client that describes itself after its
  callee has answered in ours gives its own, and the callee is offered those by a change.  Where that cannot be, the
  format is left out, and without a common one the call ends with incompatible-parameters.
- it plays digits only into what it decodes and encodes, in place of the other side's sound: a call is changed so with
  its first digit, and where the other side is silent a digit is told by INFO or XEP-0181.  RTP events pass between
  sides that both have them; nobody is told (`DigitHeard` never comes).
- no BUNDLE: each medium has a transport, and only the first stays in its group.
- it never says that something happened: calls are asked for, and a failure is known some seconds later.
- a candidate that comes later is told with all that was said before: as a fragment of its own (RFC 8840) 10.5 takes it,
  finds the way, and sends nothing there.
- of whom it learns an address within the first seconds it has a preference, and no bound (`Latch`).
- it begins no ICE restart; a client's is followed.
- it changes its ICE role with who offers; so a caller that owes its description, and wants an offer, is offered what
  the node answers to nobody, who has what the caller's leg has (`Wiring.owed`).

Transcoding is done where the operator has named the codecs (`LegMedia.transcodes`) and the two sides share none, or
none that is wanted more; `formats` says how the node is brought to use our numbers.

Decided against: moving a call to another node when its own is gone, which new keys and addresses on both sides would
need: the call ends, and says why.
"""

from gateway.media.rtpengine.backend import RtpengineAnchors
from gateway.media.rtpengine.nodes import Node
from gateway.media.rtpengine.settings import RtpengineSettings

__all__ = ["Node", "RtpengineAnchors", "RtpengineSettings"]
