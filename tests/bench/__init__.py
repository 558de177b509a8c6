"""What a call costs: CPU, time and memory of the gateway alone on one core, its driver on the other.

`python -m tests.bench` runs everything and prints one table; nothing here is a test, since a timed test fails with the
weather.  The driver is both ends of every call: an XMPP server's component port (or a client of a real Prosody) and a
SIP user agent, made of prepared text so that it costs less than what it measures.

`python -m tests.bench.sip` measures SIP alone, beside Kamailio between the same SIPp programs, and what a message takes
to be read and written; `tests.bench.registrations` registers with a Kamailio.

`python -m tests.bench.media` does the same for the media anchor, beside a bare loop, and rtpengine where it is there.
"""
