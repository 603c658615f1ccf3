"""The pictures of a sweep: where there is no room for all points, the best are there."""

import shutil

import numpy as np

from loratory.experiments.curves import Traced, gradient_figure, write_curves
from loratory.experiments.sweep_folder import SweepFolder
from loratory.experiments.worker import Sweep


def traced(count):
    return [Traced(f"trials/{n}", n, f"r={n}", [], np.ones((3, 2))) for n in range(count)]


def test_of_more_points_than_panels_the_figure_says_how_many_there_are():
    figure = gradient_figure(traced(14))
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == [f"r={n}" for n in range(12)]
    assert figure.get_suptitle() == "the best 12 of 14 points"
    assert gradient_figure(traced(12)).get_suptitle() == ""


def test_the_panels_are_in_the_order_of_the_table(film_sweep, tmp_path, monkeypatch):
    shown = []

    def drawn(trials):
        shown.extend(trial.run for trial in trials)
        return gradient_figure(trials)

    monkeypatch.setattr("loratory.experiments.curves.gradient_figure", drawn)
    table = film_sweep.result["table"]
    folder = shutil.copytree(film_sweep.path, tmp_path / "copy")
    state = Sweep(SweepFolder.open(folder))
    write_curves(state, table)
    write_curves(state, table[::-1])
    in_order = [point["runs"][0] for point in table]
    assert shown == in_order + in_order[::-1]
