"""Users' own SIP accounts: an account is a trunk of one user, who calls through it and whom its calls are for.

A user has any number of them, each with a name, which all register and whose calls all come in; one of them dials.  An
account is written as plain texts (`account.Written`), whoever writes it: the configuration, a form, the command line or
a row of the database; `reading` makes of them what can be worked with, or says which of them is wrong.  Where accounts
come from is nobody's business but `stored`'s, which keeps them (`sources` says how one asks it); `enrolment` carries
each account, and whatever becomes of it, to routing and to the registrations, and `standings` tells how these are.

Whoever may have accounts of their own making could have the gateway send requests to any server.  `reach` says where
such accounts may lead, and what is sent for them is held to that when its names are resolved, too.
"""
