"""Base models: from a name to a network that reads flat batches, and its tokenizer."""

import logging

# transformers imports torchao wherever it is installed, and torchao tells of GPU libraries that it
# does not find and of its own use of PyTorch: nothing that a user could change.
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
