"""Real peers around the gateway: an XMPP server, Jingle clients, a SIP phone and scripted SIP endpoints, on loopback.

Nothing here knows the gateway's code: the rigs start real programs (Debian's Prosody, baresip and SIPp, and the gateway
by its command) and speak to them over sockets, so they serve the tests, the demonstration and the measurements alike.

- `program` runs one program of somebody else's, in a process group of its own, and ends it whatever happens.
- `loopback` deals out loopback addresses and ports, so that any number of rigs can stand side by side.
- `prosody`, `ejabberd`, `baresip`, `sipp`, `gateway` are such programs, each with a configuration written on the spot.
- `warm` has loaded the gateway already, and parts each one that a test starts from itself.
- `jingle_client` is an XMPP account that calls by Jingle; `rtp` gives it a voice (G.711) and ears.
- `raw_sip` is a socket for what no good SIP program does.
- `browser` is one, `chromium` or `firefox`: its page is a Jingle client (stanza), or the media of the SIP phone
  `browser_phone`; `pages` bundles both.
- `alone` gives a test a network of its own, where packets may get lost; `nat` a household behind a router.
- `rig` puts them together; `steps` are the stretches that many calls begin with.
"""
