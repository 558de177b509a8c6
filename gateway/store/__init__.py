"""What outlives a restart: one SQLite file, with one thread that works on it.

`database` runs work in that thread, each piece in a transaction of its own; `migrations` brings an older file up to
what this version knows; `vault` encrypts the secrets in it.  Who keeps something there appends a migration and brings
its own statements: this package knows no tables but the vault's.

Without a file everything is in memory and gone at the end, and no thread is needed.  The command line works on the same
file beside a running daemon: SQLite's write-ahead log lets both, and `Database.changed_by_others` tells.
"""
