"""Methods edit a network in place and decide which of its tensors train."""
