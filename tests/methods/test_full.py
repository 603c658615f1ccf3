"""Full fine-tuning: everything trains, with dropout where it is asked for."""

import pytest
import torch
from transformers import AutoConfig, AutoModel

from loratory.errors import ConfigError
from loratory.methods.full import Full
from loratory.methods.trained import trained_parameters
from loratory.models.load import Base, load_base
from loratory.models.network import Network
from loratory.recipe.schema import FullMethod


def applied(folder, **settings):
    base = load_base(str(folder))
    Full(FullMethod(**settings)).apply(base, torch.Generator())
    return base.network


def test_everything_trains(base_folder, kind):
    network = kind.stirred(base_folder, FullMethod()).network
    assert trained_parameters(network).keys() == dict(network.named_parameters()).keys()


@torch.no_grad()
def test_dropout_acts_while_training_and_never_else(ours):
    network = applied(ours.folder, dropout=0.5)
    read = ours.batch.read_at
    exact = load_base(str(ours.folder)).network(ours.batch)[read]
    assert torch.equal(network.eval()(ours.batch)[read], exact)
    network.train()
    drawn = [network(ours.batch)[read] for _ in range(2)]
    assert not torch.equal(*drawn)
    assert torch.equal(network.eval()(ours.batch)[read], exact)


@torch.no_grad()
def test_without_dropout_training_computes_what_evaluating_does(ours):
    network = applied(ours.folder)
    training, evaluating = (network.train(mode)(ours.batch) for mode in (True, False))
    assert torch.equal(training[ours.batch.read_at], evaluating[ours.batch.read_at])


def test_dropout_where_the_architecture_has_none_is_refused():
    config = AutoConfig.for_model(
        "mamba", vocab_size=32, hidden_size=8, num_hidden_layers=1, state_size=4, time_step_rank=2
    )
    network = Network(AutoModel.from_config(config).eval())
    base = Base(source=None, network=network, tokenizer=None, digest="")
    Full(FullMethod()).apply(base, torch.Generator())
    with pytest.raises(ConfigError, match="has no dropout anywhere") as caught:
        Full(FullMethod(dropout=0.1)).apply(base, torch.Generator())
    assert (caught.value.code, caught.value.at) == ("CFG-METHOD", "method.dropout")
