"""Predictions over many rows."""
