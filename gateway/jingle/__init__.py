"""Jingle (XEP-0166, 0167, 0176, 0177, 0320, 0338, 0353): XML elements in and out, one side of a call.

Rules
-----
1. Every request of a peer has a row in `phases`, so it has a reply, which stands before what is made of the request.
2. A session is found by sid *and* its parties' full JIDs.
3. Reading is liberal, since no client sends what the schemas say; writing is schema-valid.
4. Errors of a peer become stanza errors or the end of its session here; none gets past `leg.JingleLeg.receive`.

Theory of operation
-------------------
`request` and `proposal` read and write the envelopes (the <jingle/> of an IQ, the messages of XEP-0353), `description`
and `tree` what is inside, by the spellings declared in `mappings`.  `phases` holds the tables, `session` what is known
of one session and how it says things, `actions`, `initiation` and `failures` what requests, messages and errors make of
it, `transfer` what comes of handing on, and `leg` is the face that `gateway.call.leg.Leg` asks for.  `refusal` answers
what never becomes a call.

A call of an XMPP user that begins by message gets proceed at once where the media is the two ends' own: nothing can be
said to SIP before the session-initiate (conformance reference 1.12.2).  Where an anchor makes the description, a leg is
``late``: ringing and proceed follow the SIP side (1.12.3), and the session's description completes what was offered.

Decided against: a class for each phase (the tables say it shorter), and guessing the phase from the last message.
"""
