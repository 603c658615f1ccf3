"""Hidden states that enter the lowest block that trains, kept for texts that are read many times.

Everything below is frozen, so they are the same at every step; a batch of such texts begins there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loratory.batching.flat import FlatBatch
from loratory.batching.places import Places
from loratory.models.split import Split


@dataclass(frozen=True)
class FrozenStates:
    """The states of texts; a network that `keeps` them reads batches of these from there on."""

    split: Split
    places: Places
    states: Tensor
    """Of each place, `[places, hidden]`, on the CPU."""

    def put(self, batch: FlatBatch, found: Tensor) -> None:
        """Keep the states of the batch's tokens, `[tokens, hidden]`."""
        places = self.places.of_batch(batch)
        assert places is not None
        # Of a beginning that texts of the batch have in common, the first.
        once = torch.from_numpy(np.unique(places.numpy(), return_index=True)[1])
        with torch.no_grad():
            self.states.index_copy_(0, places[once], found.to(self.states.device)[once])

    def __call__(self, batch: FlatBatch) -> Tensor | None:
        """Return the last hidden states, `[tokens, hidden]`; None where a text is not known."""
        places = self.places.of_batch(batch)
        if places is None:
            return None
        states = self.states.index_select(0, places)
        return self.split.upper(batch, states.to(batch.input_ids.device))
