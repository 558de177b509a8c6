"""Registration with SIP registrars: bindings that are kept, pure (RFC 3261 §10 and what grew on it).

- `registrant`: what is to be registered, where and as whom, and how patient we are.
- `grant`: what a registrar's 200 says: until when, by which way (Service-Route), under which other name (GRUU).
- `binding`: one binding's machine: ask, answer 401 and 423, refresh, back off, leave.
- `schedule`: which of thousands is next, without a burst.
- `book`: what is registered now, for those who route calls.

Theory of operation.  A binding sleeps until it is due; an *attempt* then is one or a few requests, each an answer to
what the registrar said of the one before, and ends in a grant or a failure, which says when the next one is due.  Two
bounds hold whatever a registrar answers: an attempt has at most `MAX_REQUESTS` requests, and two attempts of a binding
are at least `Timing.shortest_seconds` apart.  The schedule bounds the attempts of all together.

A failure is of one of two kinds.  What may pass (silence, 5xx, no way there) is tried again with growing pauses
(RFC 5626 §4.5), and before the binding lapses.  What somebody must repair (a wrong password, 403, 404) is tried once
more, and after that once an hour, so that a repaired account comes back by itself and a broken one is no nuisance.

Each binding has a Contact user of its own, made from its name: so calls find their account where several are at one
registrar, and a restart replaces its bindings and leaves none behind.

Decided against: one request for several bindings (registrars do not agree on it), and a binding for each transport
(registrars that do RFC 5626 get `reg-id`, over streams, where its keep-alives are).
"""
