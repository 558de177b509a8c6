"""Texts: chat messages that cross between XMPP and SIP's MESSAGE, each by itself (RFC 3428, RFC 7572).

Theory of operation
-------------------
A text of an XMPP user goes the way of their calls: the same rules, the same permission, and a trunk that has
`messages`.  `reading` finds the text in the stanza, `sending` is the one message on its way: a MESSAGE, credentials
when they are asked for, and what the final response means to the client.  The texts of one user to one address leave
one after the other (RFC 3428 §8), so they arrive in their order.

A text of a SIP user is found in its body by `body`, and goes to the account as a message that asks for a receipt.  What
comes back within a moment is the answer: the error of the server or client its status, the receipt 200, and nothing
202, since SIP does not wait for people.

`desk` keeps all of these while they last, and nothing longer but what tells a repetition.  Texts stand in no log.
`mailboxes` tells what waits in mailboxes as such a message (RFC 3842), where a trunk has `message_waiting`.

Decided against: MSRP sessions (nobody's phone has them), and to pass on an encrypted message's words for those who
cannot read it: they are not what its writer wrote.
"""
