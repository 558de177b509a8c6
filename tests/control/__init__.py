"""The operator's way into a running daemon."""
