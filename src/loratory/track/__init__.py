"""Mirrors of a run's log in trackers that people know; the log stays the truth."""
