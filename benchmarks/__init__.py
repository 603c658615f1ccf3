"""Side by side with peers: the same rows, the same starting weights, one run."""
