"""Many runs, one question: sweeps, searches, and comparisons that say what the rows can settle."""
