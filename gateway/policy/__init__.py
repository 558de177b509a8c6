"""Who may call out, how often, how long and where to; and who may call in.

`numbering` says which telephone numbers a dialled name may mean, in one form; `prefixes` which of them may be called;
`rules` is the operator's word on all of it, the first `Policy` that is for a user; `emergency` what becomes of 112.
None of these remembers anything, and `gateway.outward` asks them wherever a user's wish names a SIP address: calls,
transfers, redirections, messages.  So there is no second way to a number that may not be called.

Into XMPP, `screening` holds a caller against the operator's block list and against the user's `preference`.

What is counted is here too: `ledger` how many calls and minutes a user has had today, `permits` that and how often
they may call (`gateway.buckets`), for each call from its beginning to its end.  Time is always an argument: ``now`` is
monotonic, in seconds; ``wall`` is seconds since 1970, and good for nothing but to tell one day from the next.
"""
