"""A call: two legs and the bridge between them.

Theory of operation
-------------------
`Calls` opens a call for a session-initiate, a propose or an INVITE that belongs to none, and finds the call of
everything else: a stanza by (bare JID of the peer, sid), an IQ's answer by its id, a SIP request by our tag, a SIP
response by its transaction.  What it finds goes into the call's one inbox.

`CallTask` empties the inbox in order, in one task: a message goes to its leg, and what the leg returns is carried out
in the order it stands, messages to the wire, signals to the bridge, whose effects go to the other leg, and so on until
nothing is left.  There are no locks, since nothing else touches a call.

`Bridge` decides what a signal of one side means for the other; everything it knows stands in one table.

A leg that breaks (our bug) ends its own call, both sides told, and no other.  A call is forgotten when both legs are
closed; that is the moment of its one `call_ended` line.

Decided against: a task for each leg (order between the two would be the scheduler's), callbacks from leg to leg
(re-entrance), and an event bus (invisible order).
"""
