"""MLflow: a run in the database `mlflow.db`, in an experiment named after the project."""

import logging
import os
from collections.abc import Sequence

from loratory.runs.lock import awaited
from loratory.track.points import Point, RunCard

_TAG, _GROUP = "loratory.run", "loratory.group"
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100  # of one call
_LONGEST = 6000  # characters of a parameter
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


class MlflowRun:
    """A run in MLflow's database."""

    def __init__(self, card: RunCard) -> None:
        """Begin the run anew; an earlier one of the same id goes to MLflow's deleted runs."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        card.folder.mkdir(parents=True, exist_ok=True)
        # Of several processes one makes the database's tables, and the others find them.
        with awaited(card.folder, every=0.2):
            self._client = MlflowClient(f"sqlite:///{card.folder}/mlflow.db")
            experiment = self._experiment(card)
        earlier = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{card.id}'")
        for run in earlier:
            self._client.delete_run(run.info.run_id)
        digests = {f"digest.{name}": value for name, value in card.digests.items()}
        group = {} if card.group is None else {_GROUP: card.group}
        created = self._client.create_run(
            experiment, run_name=card.name, tags={_TAG: card.id, **group, **digests}
        )
        self._run = created.info.run_id
        self._last = Point(0, 0.0, {})
        self._log_parameters(card)

    def write(self, points: Sequence[Point]) -> None:
        """Add a metric for each number."""
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, int(point.time * 1000), point.step)
            for point in points
            for name, value in point.values.items()
        ]
        for start in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(self._run, metrics=metrics[start : start + _MOST_METRICS])
        self._last = points[-1] if points else self._last

    def finish(self, summary: dict[str, float]) -> None:
        """Add the result as metrics of the last step."""
        self.write([Point(self._last.step, self._last.time, summary)])
        self._client.set_terminated(self._run, status="FINISHED")

    def close(self) -> None:
        """Mark the run as one that did not finish."""
        self._client.set_terminated(self._run, status="KILLED")

    def _experiment(self, card: RunCard) -> str:
        found = self._client.get_experiment_by_name(card.project)
        if found is not None:
            return str(found.experiment_id)
        place = (card.folder / "mlflow-artifacts").as_uri()
        return str(self._client.create_experiment(card.project, artifact_location=place))

    def _log_parameters(self, card: RunCard) -> None:
        from mlflow.entities import Param

        settings = {name: str(value) for name, value in card.flat_config.items()}
        parameters = [Param(name, value[:_LONGEST]) for name, value in settings.items()]
        for start in range(0, len(parameters), _MOST_PARAMETERS):
            part = parameters[start : start + _MOST_PARAMETERS]
            self._client.log_batch(self._run, params=part)
        for name, value in settings.items():
            if len(value) > _LONGEST:
                kept = f"the first {_LONGEST:,} of {len(value):,} characters"
                self._client.set_tag(self._run, f"cut.{name}", kept)
