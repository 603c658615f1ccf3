"""One file a workload: its rows, its recipe, and the two sides that do it."""
