"""What is remembered of calls: one record of each, and for a while what passed in it.

Theory of operation
-------------------
A call tells its story (`gateway.call.story`): each message, in a word and a remark (`wording`), goes into its `trail`,
and when it is over the whole of it is one `record`.  `keeping` takes both.  The record waits in a queue of limited
length until a task writes it into the table (`rows`), so that no call ever waits for a disk; what finds the queue full
is lost and counted.  Records are pruned when they are older than the operator wants.  Trails stay in memory, those of
the last calls that ended; `ladder` draws one.  `listing` is what a user is shown of their own calls.

A record holds who called whom: it is told to that user and to the operator, and to nobody else.

Decided against: keeping trails in the table (they are an engineer's, and a hundred times as large as the records), and
keeping messages (they hold what is secret, and are in the log at level debug without it).
"""
