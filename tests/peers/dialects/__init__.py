"""XMPP clients of every kind against the whole gateway: they speak as theirs do, and choke on what theirs choke on.

`tests.flows.dialects` says how each kind writes, `way` is its ICE and DTLS; `strict` holds what each kind's own code
refuses, ends a call for or crashes on, written down as its checks of what comes; `user` is a client of one kind at a
real XMPP server.
"""
