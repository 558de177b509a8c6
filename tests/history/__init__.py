"""What is remembered of calls."""
