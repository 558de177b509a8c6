"""jingle-sip: XMPP users call phones, and phones call XMPP users.

Two legs and a bridge.  A leg owns one protocol's side of a call (`gateway.jingle.leg`, `gateway.sip.leg`) and turns
messages into *signals* (`gateway.signals`) and back; the bridge (`gateway.call.bridge`) passes signals between them.
The legs, the bridge, the translations and the tables are pure: they get the time and fresh ids as arguments and
return what is to be sent.  `gateway.net` holds the sockets, `gateway.call.task` one inbox and one task per call.
"""

__version__ = "0.1.0"
