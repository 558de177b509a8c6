"""`jingle-sip accounts`: users' own SIP accounts, for the operator; in the database, beside a running daemon or not.

`arguments` is the command line, `work` does what it says, `showing` has the words for what is shown.  A password comes
from a file, from standard input or from who sits at the terminal (`passwords`), never from the command line, which
everybody on the machine can read.
"""
