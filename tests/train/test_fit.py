"""Around the loop: what is evaluated, kept and saved, when it ends, and how it goes on."""

import itertools
import shutil
from dataclasses import replace

import pytest
import torch

from loratory.batching.rows import one_each
from loratory.errors import NumericsError, RunError
from loratory.inference.predict import answer_rows
from loratory.methods.trained import trained_parameters
from loratory.runs.folder import RunFolder
from loratory.train.checkpoint import read_optimizer, read_state, read_trained


class Scripted:
    """Validation whose metric is read off a list, and which notes the weights it was shown."""

    def __init__(self, trainee, *values):
        self.trainee, self.values = trainee, iter(values)
        self.steps, self.epochs, self.weights, self.kept = [], [], {}, []

    def __call__(self, step, epoch):
        self.steps.append(step)
        self.epochs.append(epoch)
        self.weights[step] = self.trainee.weights
        self.trainee.network.eval()
        value = next(self.values, 0.0)
        return {"accuracy": value, "f1": -value}, lambda: self.kept.append(step)


def files(folder: RunFolder) -> dict[str, bytes]:
    paths = [path for part in (folder.best, folder.last) for path in part.rglob("*")]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in paths}


def stop_after(steps):
    """Return a `stop_asked` that says yes when asked that often."""
    asked = itertools.count(1)
    return lambda: next(asked) >= steps


@pytest.mark.parametrize(
    ("every", "steps"), [("epoch", [4, 8, 12]), (5, [5, 10, 12]), (6, [6, 12]), (99, [12])]
)
def test_it_evaluates_when_due_and_at_the_end(make_gpt2_trainee, make_fit, every, steps):
    trainee = make_gpt2_trainee()
    validation = Scripted(trainee)
    make_fit(trainee, validation, evaluate_every=every).fit.run()
    assert validation.steps == steps
    assert validation.epochs == [step / 4 for step in steps]


@pytest.mark.parametrize(("every", "steps"), [("epoch", [4, 8, 12]), (5, [5, 10, 12]), (1, None)])
def test_it_saves_when_due_and_at_the_end(make_gpt2_trainee, make_fit, every, steps):
    fitting = make_fit(make_gpt2_trainee(), checkpoint_every=every)
    fitting.fit.run()
    assert fitting.events.of("checkpoint") == (steps or list(range(1, 13)))


def test_the_best_is_the_largest_value_and_of_equals_the_first(make_gpt2_trainee, make_fit):
    trainee = make_gpt2_trainee()
    validation = Scripted(trainee, 0.5, 0.7, 0.7, 0.2, 0.6, 0.7)
    fitting = make_fit(trainee, validation, evaluate_every=2)
    state = fitting.fit.run()
    assert (state.best_step, state.best_value, state.worse_evaluations) == (4, 0.7, 4)
    assert validation.kept == [2, 4]
    best = read_trained(fitting.folder.best)
    assert all(torch.equal(best[name], weight) for name, weight in validation.weights[4].items())


def test_another_metric_chooses_another_best(make_gpt2_trainee, make_fit):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, Scripted(trainee, 0.5, 0.7, 0.3), metric="f1")
    assert fitting.fit.run().best_step == 12


def test_best_and_last_are_kept_apart(make_gpt2_trainee, make_fit):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, Scripted(trainee, 0.9, 0.1, 0.2))
    state = fitting.fit.run()
    assert read_state(fitting.folder.best) == replace(
        state, step=4, worse_evaluations=0, finished=False
    )
    assert read_state(fitting.folder.last) == state
    assert (state.step, state.finished) == (12, True)
    last = read_trained(fitting.folder.last)
    assert all(torch.equal(last[name], weight) for name, weight in trainee.weights.items())


def test_without_validation_there_is_no_best(make_gpt2_trainee, make_fit):
    fitting = make_fit(make_gpt2_trainee())
    state = fitting.fit.run()
    assert (state.best_step, state.finished) == (None, True)
    assert not fitting.folder.best.exists()


@pytest.mark.parametrize(
    ("values", "end", "best"),
    [
        ((0.5, 0.4, 0.4), 6, 2),
        ((0.5, 0.6, 0.6, 0.5), 8, 4),
        ((0.1, 0.2, 0.1, 0.3, 0.2, 0.2), 12, 8),
    ],
)
def test_patience_ends_training(make_gpt2_trainee, make_fit, values, end, best):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, Scripted(trainee, *values), evaluate_every=2, patience=2)
    state = fitting.fit.run()
    assert (state.step, state.finished, state.best_step) == (end, True, best)
    assert read_state(fitting.folder.last) == state
    assert fitting.events.of("step") == list(range(1, end + 1))


def test_each_step_is_told(make_gpt2_trainee, make_fit):
    fitting = make_fit(make_gpt2_trainee())
    fitting.fit.run()
    name, values = fitting.events[0]
    assert name == "step"
    assert {"epoch", "train/loss", "train/learning_rate", "train/grad_norm"} < values.keys()
    assert {"train/grad_norm/layer 0", "train/grad_norm/head"} < values.keys()
    assert (values["step"], values["rows"]) == (1, 4)
    assert values["tokens"] > 4
    assert values["seconds"] > 0


@pytest.mark.parametrize("step", [1, 4, 11])
def test_when_asked_it_stops_after_the_step_and_has_saved(make_gpt2_trainee, make_fit, step):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, stop=stop_after(step))
    state = fitting.fit.run()
    assert (state.step, state.finished) == (step, False)
    assert read_state(fitting.folder.last) == state
    last = read_trained(fitting.folder.last)
    assert all(torch.equal(last[name], weight) for name, weight in trainee.weights.items())


def test_asked_during_the_last_step_it_has_finished(make_gpt2_trainee, make_fit):
    assert make_fit(make_gpt2_trainee(), stop=stop_after(12)).fit.run().finished


def test_a_finished_fit_trains_no_further(make_gpt2_trainee, make_fit):
    done = make_fit(make_gpt2_trainee())
    state = done.fit.run()
    before = files(done.folder)
    trainee = make_gpt2_trainee()
    again = make_fit(trainee)
    assert again.fit.run() == state
    assert again.events == [("resume", {"step": 12})]
    assert files(done.folder) == before
    last = read_trained(done.folder.last)
    assert all(torch.equal(last[name], weight) for name, weight in trainee.weights.items())


@pytest.mark.parametrize("tokens", [25, 10**6], ids=["accumulated", "whole"])
def test_resumed_after_any_step_it_ends_in_the_same_bytes(
    make_trainee, make_fit, tmp_path, tokens, record_property
):
    """Each of 3 epochs' 15 steps, for both layouts and both ways to compute one: 56 resumes."""
    settings = {"tokens": tokens, "evaluate_every": 2, "patience": 5}
    values = (0.1, 0.4, 0.4, 0.2, 0.5, 0.3, 0.4, 0.1)

    def fresh(first=0, **options):
        trainee = make_trainee(rows=18, lora_dropout=0.1)
        return make_fit(trainee, Scripted(trainee, *values[first:]), **settings, **options)

    straight = fresh(name="straight", checkpoint_every=7)
    straight.fit.run()
    expected, steps = files(straight.folder), straight.events.of("step", "train/loss")

    def photograph():
        taken = itertools.count(1)
        whole = RunFolder(tmp_path / "whole")

        def stop():
            shutil.copytree(whole.path, tmp_path / f"after-{next(taken)}")
            return False

        return stop

    fresh(name="whole", checkpoint_every=1, stop=photograph()).fit.run()
    points = range(1, len(steps))
    for step in points:
        torch.manual_seed(step)
        resumed = fresh(step // 2, name=f"after-{step}", checkpoint_every=7)
        resumed.fit.run()
        assert resumed.events[0] == ("resume", {"step": step})
        assert resumed.events.of("step", "train/loss") == steps[step:]
        assert files(resumed.folder) == expected
    record_property("N", len(points))
    assert len(points) == 14


def test_stopped_again_and_again_it_ends_in_the_same_bytes(make_gpt2_trainee, make_fit):
    straight = make_fit(make_gpt2_trainee(lora_dropout=0.1), name="straight")
    straight.fit.run()
    for step in range(1, 13):
        broken = make_fit(make_gpt2_trainee(lora_dropout=0.1), name="broken", stop=stop_after(1))
        assert broken.fit.run().step == step
    assert files(broken.folder) == files(straight.folder)


def test_a_damaged_last_checkpoint_is_refused(make_gpt2_trainee, make_fit):
    fitting = make_fit(make_gpt2_trainee(), stop=stop_after(2))
    fitting.fit.run()
    path = fitting.folder.last / "optimizer.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 16
    path.write_bytes(data)
    with pytest.raises(RunError, match=r"CKPT-BAD.*last is damaged.*optimizer") as caught:
        make_fit(make_gpt2_trainee()).fit.run()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("which", ["last", "best"])
def test_a_copy_that_a_kill_left_is_used_and_told(make_gpt2_trainee, make_fit, which):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, Scripted(trainee, 0.5), evaluate_every=2, stop=stop_after(3))
    fitting.fit.run()
    target = fitting.folder.path / which
    target.rename(target.with_name(f"{which}.old"))
    trainee = make_gpt2_trainee()
    again = make_fit(trainee, Scripted(trainee, 0.6), stop=stop_after(1))
    again.fit.run()
    message = f"{which} is missing; using {which}.old, which is whole"
    assert again.events[:2] == [("warning", {"message": message}), ("resume", {"step": 3})]


def test_a_best_checkpoint_that_is_gone_is_refused(make_gpt2_trainee, make_fit):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, Scripted(trainee, 0.5), evaluate_every=2, stop=stop_after(3))
    fitting.fit.run()
    shutil.rmtree(fitting.folder.best)
    with pytest.raises(RunError, match=r"CKPT-BAD.*best checkpoint, of step 2, is missing"):
        make_fit(make_gpt2_trainee()).fit.run()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_number_that_is_not_finite_is_ever_published(make_gpt2_trainee, make_fit, value):
    trainee = make_gpt2_trainee()
    fitting = make_fit(trainee, checkpoint_every=1)
    calls = itertools.count(1)
    head = trained_parameters(trainee.network)["score.weight"]
    head.register_hook(lambda gradient: gradient + value if next(calls) == 6 else gradient)
    with pytest.raises(NumericsError, match=r"NUM-NAN.*at step 6"):
        fitting.fit.run()
    assert read_state(fitting.folder.last).step == 5
    saved = [read_trained(fitting.folder.last), read_optimizer(fitting.folder.last)]
    assert all(tensor.isfinite().all() for part in saved for tensor in part.values())
    last = read_trained(fitting.folder.last)
    assert all(torch.equal(last[name], weight) for name, weight in trainee.weights.items())


def test_a_weight_that_overflows_is_not_published(make_gpt2_trainee, make_fit):
    fitting = make_fit(make_gpt2_trainee(), checkpoint_every=1, learning_rate=1e39, warmup=0)
    with pytest.raises(NumericsError, match="NUM-NAN"):
        fitting.fit.run()
    assert not fitting.folder.last.exists()


def test_predictions_between_steps_change_no_byte(make_gpt2_trainee, make_fit):
    """A real evaluation, in evaluation mode and without gradients, against none."""
    plain = make_fit(make_gpt2_trainee(lora_dropout=0.3), name="plain")
    plain.fit.run()
    trainee = make_gpt2_trainee(lora_dropout=0.3)

    def evaluate(step, epoch):
        encoding = one_each(trainee.rows)
        answers = answer_rows(trainee.network, trainee.task, encoding, tokens_at_once=30)
        return {"accuracy": -answers.loss, "step": step, "epoch": epoch}, lambda: None

    looked = make_fit(trainee, evaluate, name="looked", evaluate_every=1)
    looked.fit.run()
    for read in (read_trained, read_optimizer):
        ours, theirs = read(looked.folder.last), read(plain.folder.last)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_with_nothing_to_train_it_looks_once_and_saves_nothing(make_gpt2_trainee, make_fit):
    trainee = make_gpt2_trainee()._replace(rows=())
    validation = Scripted(trainee, 0.6)
    fitting = make_fit(trainee, validation)
    state = fitting.fit.run()
    assert (state.step, state.finished, state.best_step, state.best_value) == (0, True, 0, 0.6)
    assert (validation.steps, validation.epochs, validation.kept) == ([0], [0.0], [0])
    assert fitting.events == []
    assert files(fitting.folder) == {}
    assert make_fit(trainee).fit.run().best_step is None


@pytest.mark.parametrize(("metric", "best"), [("perplexity", 8), ("accuracy", 4)])
def test_where_less_is_better_the_best_is_the_smallest(make_gpt2_trainee, make_fit, metric, best):
    def evaluate(step, _epoch):
        return {metric: {4: 9.0, 8: 2.0, 12: 2.0}[step]}, lambda: None

    fitting = make_fit(make_gpt2_trainee(), evaluate, metric=metric)
    assert fitting.fit.run().best_step == best
