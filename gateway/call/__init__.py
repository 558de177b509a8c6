"""A call: two legs and the bridge between them.

Theory of operation
-------------------
`Calls` has a call opened for a session-initiate, a propose or an INVITE that belongs to none, and finds the leg of
everything else by its `Doors`: a stanza by (JID of the peer, ours, sid), an IQ's answer by its id, a SIP request by our
tag, a SIP response by its transaction.  What it finds goes into the call's one inbox.  `Opening` puts a call together:
its Jingle leg, the SIP leg that `SipLegs` makes, and what `Anchorage` says of its media.

`CallTask` empties the inbox in order, in one task: a message goes to its leg, and what the leg returns is carried out
by `Passing` in the order it stands, messages to the wire, signals to the bridge, whose effects go to the other leg, and
so on until nothing is left.  There are no locks, since nothing else touches a call.

`Seat` says who is at each side.  It is one leg, unless somebody else takes its place: an INVITE with Replaces, or who
was called because a REFER wanted it.  Such a successor has its own dialog, tag and inlet, and the call's one inbox.  It
makes an offer for its side; the answer seats it, and the one before gets BYE.  Everything else of the call stays as it
is, so that neither the bridge nor the other leg knows of successors.  `Successors` makes them, and knows who may;
`Moving` makes those that are another device of the XMPP user.

Who refuses what a browser offers, at a trunk that is said to speak as browsers do, is called again by another leg with
the anchor's offer, before the caller hears of it: `SecondOffer` makes that offer, the seat takes the leg, and the
bridge knows of neither.

What a phone plays before it answers is heard where its trunk says so and the media pass here.  A client hears nothing
before it is answered, so it is, and believes to be in a call from then on; to everything else here the call begins with
the 200.

`Bridge` decides what a signal of one side means for the other; everything it knows stands in one table.

A transfer is a signal like any other, until `Passing` asks what is to become of it: it is passed to the other side, in
its words, or a successor is made and the bridge never hears of it.

A leg that breaks (our bug) ends its own call, both sides told, and no other.  A call is forgotten when all its legs are
closed; that is the moment of its one `call_ended` line.

Decided against: a task for each leg (order between the two would be the scheduler's), callbacks from leg to leg
(re-entrance), an event bus (invisible order), and a transfer as two calls that are spliced (two bridges would have to
agree on one state; one bridge and a change of seats is the offer and answer that there is anyway).
"""
