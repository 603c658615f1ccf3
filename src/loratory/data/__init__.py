"""From files to checked rows: readers, named sets, splits and the audit. No task, no tokenizer."""
