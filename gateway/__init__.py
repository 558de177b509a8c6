"""jingle-sip: XMPP users call phones, and phones call XMPP users.

Two legs and a bridge.  A leg owns one protocol's side of a call (`gateway.jingle.leg`, `gateway.sip.leg`) and turns
messages into *signals* (`gateway.signals`) and back; the bridge (`gateway.call.bridge`) passes signals between them.
The legs, the bridge, the translations and the tables are pure: they get the time and fresh ids as arguments and
return what is to be sent.  `gateway.net` holds the sockets, `gateway.call.task` one inbox and one task per call.

What building changed in the first design: one word for a reason, Jingle's, since its vocabulary is the finer one, with
the SIP status beside it; what the gateway is to XMPP users outside calls is a pure part of its own (`gateway.entity`);
`gateway.reception` decides whom a message is for, `gateway.call.opening` puts a new call together, and so `Calls` only
keeps them; the transactions are a set of their own below the legs (`gateway.sip.transactions`), since a response may
come when its leg is gone; what the two spellings of a description leave open is settled in one place
(`gateway.canonical`); what an anchored call agrees on is pure too (`gateway.media.agreement`), so that back-ends
only add addresses and keys.

Beside the calls stand the registrations that are kept (`gateway.registration`), the texts and mailboxes that belong to
no call (`gateway.text`), and the media anchor, which is a party to a call's media where its two ends do not understand
each other (`gateway.media`, joined to a call by `gateway.call.anchoring`).  What was is remembered in
`gateway.history`, what users decide in the database of `gateway.store`, their own SIP accounts (`gateway.accounts`)
among it, and an operator reaches into a running daemon by `gateway.control`.  What a name of the DNS leads to
and who comes next when a target fails is decided in `gateway.sip` and done in `gateway.net`, as with everything else.
"""

__version__ = "0.1.0"
