"""Base models: from a name to a network that reads flat batches, and its tokenizer."""
