"""The surroundings: sockets, names and the component stream.  Nothing here decides anything about a call.

`xmpp` is the component connection, `sip` the SIP port around the pure transactions: `arrivals` is what comes in,
`departures` what becomes of a request until somebody answers it, `resolve` the way from a name to addresses.  Below it
are the `sockets`: `listening` has the listeners, `links` the connections, `stream`, `websocket` and `tls` what these
are made of.  `watching` is what is kept an eye on, `http` what monitoring reads.  Each hands what it receives to one
callable it was given and never raises into its caller: a failure to send comes back as an event.
"""
