"""The only training loop, and what surrounds it: optimiser, precision, checkpoints."""
