"""The operator's way into a running daemon: a unix socket, one line of JSON to ask and one to answer.

`protocol` is what is said, `desk` answers, `server` is the socket, `client` the other end of it, which
`jingle-sip calls` speaks through.  Whoever may open the socket may do everything here: its file is the daemon's user's
own (mode 0600), which leaves that user and root.  Lines, clients and times are limited, since a program that hangs must
not cost the daemon anything.
"""
