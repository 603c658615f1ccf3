"""One file a side: a process that says what it computes, and then does the job when it is told."""
