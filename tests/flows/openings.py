"""The stretches of a call that many flows begin with."""

from tests.flows.steps import juliet, romeo

# An XMPP user calls, without message initiation.
initiated = (
    romeo.sends("session-initiate"),
    romeo.gets("result"),
    juliet.gets("INVITE", has=["INVITE sip:+15551230000@192.0.2.20", "m=audio 40100", "c=IN IP4 192.0.2.9"]),
)
tried = (*initiated, juliet.sends(100))
ringing = (*tried, juliet.sends(180), romeo.gets("session-info ringing"))
answered = (*ringing, juliet.sends(200), juliet.gets("ACK"), romeo.gets("session-accept", has='port="30000"'))

# ... and with it.
proposed = (romeo.sends("propose"), romeo.gets("proceed", has=["urn:xmpp:hints", 'type="chat"']))
proceeded = (*proposed, *initiated)

# A SIP user calls.
called = (
    juliet.sends("INVITE"),
    juliet.gets(100),
    romeo.gets("propose", has=['media="audio"', "urn:xmpp:hints", "Juliet"]),
)
rung = (*called, romeo.sends("ringing"), juliet.gets(180))
offered = (*rung, romeo.sends("proceed"), romeo.gets("session-initiate", has='port="30000"'))
accepted = (
    *offered,
    romeo.sends("session-accept"),
    romeo.gets("result"),
    juliet.gets(200, has=["m=audio 40100", "c=IN IP4 192.0.2.9"]),
    juliet.sends("ACK"),
)

# How a call in progress ends.
romeo_leaves = (
    romeo.sends("session-terminate success"),
    romeo.gets("result"),
    juliet.gets("BYE", has="Q.850;cause=16"),
    juliet.sends(200),
)
juliet_leaves = (juliet.sends("BYE"), juliet.gets("200 BYE"), romeo.gets("session-terminate success"))
