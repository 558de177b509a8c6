"""SIP: a user agent core without sockets (RFC 3261 and what grew on it).

Layers, the lower first; each knows only those below it:
- `address`, `tel`, `grammar`, `headers`, `lines`, `message`, `framer`: bytes ↔ values.
- `flow`, `wire`, `target`: where messages go, and what passes between a leg and the transactions.
- `locating`, `blacklist`, `health`: from a next hop and what the DNS says to targets in their order, which of them come
  last, and whether a peer is up.
- `transaction` (the tables), `ledger`, `running`, `transactions`: what is repeated, absorbed, answered without
  anybody's doing; `effects`: what they want done.
- `dialog`, `auth`, `guard`, `body`, `reasons`, `uas`: what a user agent knows besides: routes, passwords of its own and
  of others, SDP in bodies, why something ended, and what a request must pass before a call hears of it.
- `identity`: who a request says that it is from, over whom it came, and who is not to be told.
- `events`, `subscription`, `summary`: what is subscribed to and kept so, and what waits in a mailbox.
- `leg`: one call's SIP side. `table` is its machine, `state` its memory, `manners` what its trunk wants; `calling`,
  `early`, `called`, `prack`, `within`, `reinvite`, `update`, `refresh` and `info` are its actions, `gather` says when
  an offer has candidates enough.
- `hearing`: what is played before the answer, and which phone's of several, where the caller is to hear it.
- `reliable`: provisional responses that must arrive, ours and the peer's, and what a fork has said by them.
- `redirect`: where a 3xx sends our INVITE, and what a stranger is not told there.
- `session_timer`, `session_id`: how long a session lives without being refreshed, and by whom; what everybody calls it.
- `refer`, `replaces`: what a REFER, its NOTIFY and a Replaces header say; `referral`, `transferring`: what a leg knows
  and makes of them; `asking`: a leg that takes somebody's place asks for the offer.
- `trickle`, `trickling`: candidates that come one by one: the body that says them, and who knows which already.

Rules.  Nothing here reads a clock, draws a number or opens a socket: the time and fresh ids are arguments, and what is
to be sent is returned.  A message is a value.  Reading is liberal where two readers cannot disagree, and strict where
they could; writing is exact.  What we announce (Allow, Supported, Accept) is what works.

Decided against: one object for "the SIP stack" (callbacks would hide the order of things), candidates in more than one
early dialog (a peer that trickles has one, the first), and a leg for each role (the half after the answer is the same).
"""
