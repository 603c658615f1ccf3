"""Classification metrics, all of them from the confusion matrix alone.

    accuracy              right / all
    precision, recall     right / predicted, right / there, of a class; 0 where nothing was counted
    f1                    2 right / (predicted + there)
    matthews_correlation  (right · all - Σ predicted · there)
                          / √((all² - Σ predicted²) (all² - Σ there²)); 0 where that divides by 0

With two classes precision, recall and F1 are those of the last one, the positive class. With more
they are means over the classes that occur among the targets or the predictions, as in scikit-learn.
Matthews correlation for any number of classes: Gorodkin 2004,
doi:10.1016/j.compbiolchem.2004.09.006.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_BINARY = 2


def confusion_matrix(targets: ArrayLike, predictions: ArrayLike, *, classes: int) -> Counts:
    """Count the rows of each target and prediction: `[classes, classes]`, targets down."""
    cells = np.asarray(targets, dtype=np.int64) * classes + np.asarray(predictions, dtype=np.int64)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def classification_metrics(confusion: Counts) -> dict[str, Floats]:
    """Return every metric of each confusion matrix: `[..., classes, classes]` to `[...]`."""
    return metrics_of_counts(
        np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64),
        there=confusion.sum(axis=-1).astype(np.float64),
        predicted=confusion.sum(axis=-2).astype(np.float64),
    )


def metrics_of_counts(right: Floats, *, there: Floats, predicted: Floats) -> dict[str, Floats]:
    """Return every metric of each class's rows: of three counts `[..., classes]` to `[...]`."""
    rows = there.sum(axis=-1)
    return {
        "accuracy": _ratio(right.sum(axis=-1), rows),
        "precision": _of_classes(_ratio(right, predicted), there + predicted),
        "recall": _of_classes(_ratio(right, there), there + predicted),
        "f1": _of_classes(_ratio(2 * right, there + predicted), there + predicted),
        "matthews_correlation": _ratio(
            right.sum(axis=-1) * rows - (predicted * there).sum(axis=-1),
            np.sqrt((rows**2 - (predicted**2).sum(axis=-1)) * (rows**2 - (there**2).sum(axis=-1))),
        ),
    }


def _of_classes(values: Floats, occurrences: Floats) -> Floats:
    """Return the positive class's value, or the mean over the classes that occur."""
    if values.shape[-1] == _BINARY:
        return values[..., -1]
    return _ratio(values.sum(axis=-1), (occurrences > 0).sum(axis=-1).astype(np.float64))


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
