"""A recurrent backbone: embedding, recurrent layers, and one vector for each text.

    h_t = tanh(W x_t + b + U h_(t-1) + c)                               rnn, Elman 1990
    gru, lstm: torch's own (Cho et al. 2014, Hochreiter and Schmidhuber 1997)

It is called as transformers' models are, with padded texts and a mask. Where it trains, or on a
GPU, torch's cells run over packed texts, longest first, and never see padding; a processor that
only reads takes the steps of `recurrent_states`, which are fewer products. What it returns at each
token of a text is the text's vector, so that a head finds it wherever it reads.
"""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from loratory.models.recurrent_states import states_of

_CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

_USUAL = {
    "vocab_size": 2,
    "cell": "rnn",
    "embedding_size": 768,
    "state_size": 768,
    "layers": 1,
    "bidirectional": False,
    "pooling": "last",
}


class RecurrentConfig(PreTrainedConfig):
    """What a recurrent backbone is made of; `hidden_size` is the width of a text's vector."""

    model_type = "loratory_recurrent"

    def __init__(self, **fields: Any) -> None:
        values = {**_USUAL, **fields}
        values["hidden_size"] = values["state_size"] * (1 + values["bidirectional"])
        super().__init__(**values)


class Recurrent(PreTrainedModel):
    """The backbone; its weights are those of torch's own layers, under the same names."""

    config_class = RecurrentConfig
    base_model_prefix = "recurrent"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.embedding_dropout, self.output_dropout = nn.Dropout(0.0), nn.Dropout(0.0)
        self.rnn = _CELLS[config.cell](
            config.embedding_size,
            config.state_size,
            config.layers,
            batch_first=True,
            bidirectional=config.bidirectional,
        )
        self.post_init()  # type: ignore[no-untyped-call]  # of transformers

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the embedding, as transformers' models do."""
        return self.embedding

    def draw(self, generator: torch.Generator) -> None:
        """Draw all weights as torch's layers do by themselves, from a stream of its own."""
        nn.init.normal_(self.embedding.weight, generator=generator)
        bound = self.config.state_size**-0.5
        for parameter in self.rnn.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SimpleNamespace:
        """Return `last_hidden_state`, `[texts, length, hidden]`, of ids padded at the end."""
        lengths = attention_mask.sum(1)
        vectors = self.output_dropout(self._pooled(self._states(input_ids, lengths), lengths))
        return SimpleNamespace(
            last_hidden_state=vectors[:, None].expand(-1, input_ids.shape[1], -1)
        )

    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the last layer's states, `[texts, length, hidden]`."""
        only_reads = not (self.training or torch.is_grad_enabled())
        if only_reads and ids.device.type == "cpu":
            return states_of(self.config.cell, self.rnn, self.embedding, ids, lengths)
        packed = pack_padded_sequence(ids, lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed = packed._replace(data=self.embedding_dropout(self.embedding(packed.data)))
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return states

    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return each text's vector, `[texts, hidden]`."""
        if self.config.pooling == "last":  # of what is read backwards, that at the first token
            width = self.config.state_size
            texts = torch.arange(len(states), device=states.device)
            last, first = states[texts, lengths - 1, :width], states[:, 0, width:]
            return torch.cat([last, first], -1)
        padding = torch.arange(states.shape[1], device=states.device) >= lengths[:, None]
        if self.config.pooling == "mean":
            return states.masked_fill(padding[..., None], 0.0).sum(1) / lengths[:, None]
        return states.masked_fill(padding[..., None], -torch.inf).amax(1)


# So that a folder of such a network is read as any other base's.
AutoConfig.register(RecurrentConfig.model_type, RecurrentConfig)
AutoModel.register(RecurrentConfig, Recurrent)
