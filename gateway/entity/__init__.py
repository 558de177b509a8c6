"""What the gateway is besides calls: discovery, presence, and answers to whatever else is asked.

Rules
-----
Nothing is advertised that does not work.  Every iq of type get or set gets one answer, errors and results get none.
The users' rosters are their servers'; what is remembered of their presences is a cache (`presence.Devices`).

`disco` is what there is to tell and its hash, `answers` the replies outside calls, `subscription` our presence towards
users, `presence` theirs towards us: whether to propose a call to all of a user's devices or to call one.
"""
