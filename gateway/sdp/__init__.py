"""SDP ↔ descriptions: text in, text out (RFC 8866, 3264).

`text` cuts a description into sections, `template` reads and writes one attribute by its declaration in `mappings`,
`payload`, `transport` and `description` group what templates cannot say, `answer` holds what an answer may say, `lines`
which m= line a content has, `groups` what lines are grouped for, and `history` (`SdpSession`) remembers what one side
of a call must: the only door for a SIP leg.

Reading is liberal and never silent: what a description says and Jingle has no word for is reported by name.  Writing is
exact.  Every reading is linear in the length of its text: no pattern backtracks, every list has an end.
"""
