"""Encoded rows become flat batches: every text's own tokens, one after the other, no padding."""
