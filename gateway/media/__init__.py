"""The media anchor: a party to a call's media on both sides, so that any client can talk with any phone.

Theory of operation
-------------------
Without an anchor a call is one exchange of descriptions through the gateway.  With one it is two, each leg's own with
the anchor (architecture D5): what a leg is offered or answered is the anchor's description, made of what the other leg
said and of what can be carried.  `anchor` holds the protocols that a call works with and nothing else; a back-end is a
package of its own.

`negotiation` is who can carry what: formats that both sides have pass as they are, under each side's own payload type
numbers.  `conversion` is what may be made of what else, where a back-end transcodes.  `agreement` is what was said on
both sides, as a value of `streams`, and the plan of what is said next; a back-end adds its addresses and keys to the
plan.  All of them are pure, and the same for all back-ends.

How a call uses it
------------------
Every operation is awaited in the call's one task; what happens by itself comes as an `Event` through the callback that
the anchor was opened with, which is meant to put it into the call's inbox.

    call with both descriptions        take_offer(CALLER), make_offer(CALLEE), take_answer(CALLEE), make_answer(CALLER)
    a proposal without a description   make_offer(CALLEE, kinds), take_answer(CALLEE), and when the client's offer
                                       comes, take_offer(CALLER), make_answer(CALLER); then make_offer(CALLEE), which
                                       is to be told where it is not what was told: the callee chose what the client
                                       has not
    an INVITE without a description    make_offer(CALLEE, kinds), take_answer(CALLEE), make_offer(CALLER), and with the
                                       ACK take_answer(CALLER)
    early media                        take_answer(CALLEE, early=True) with the provisional's description, and again
                                       with the 200's
    a change by one side               as the first row, sides as they are; where `make_offer` returns what that side
                                       was told last, it need not be told again
    a change that is refused           withdraw(side): all is as before the offer

Decided against: one `rewrite(signal)` for everything (it cannot say that the anchor speaks first), and events by
callbacks of their own kind (the inbox gives the order).
"""
