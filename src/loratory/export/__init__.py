"""Runs become folders that others load, each with a certificate of what was compared."""
