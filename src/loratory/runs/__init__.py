"""The run folder: its files, its owner, its log, and writes that survive a kill."""
