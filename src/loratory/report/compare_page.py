"""The page of a comparison: one HTML file that loads nothing; what it runs, it can do without."""

from collections import Counter
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from loratory.report.canvas import plot_style
from loratory.report.compare_charts import (
    difference_chart,
    effect_charts,
    front_chart,
    shown_pairs,
)
from loratory.report.compare_curves import SMOOTHINGS, evaluation_curves, training_curves
from loratory.report.compare_tables import (
    audit_tables,
    entry_table,
    pair_table,
    rows_table,
    settings_table,
)
from loratory.report.comparison import FRONTS, Comparison
from loratory.report.formats import (
    count,
    metric_direction,
    metric_interval,
    metric_name,
    metric_value,
)
from loratory.report.rendered import rendered
from loratory.runs.atomic import write_file

_DEFAULT = 2  # of the smoothings


def write_comparison(found: Comparison, path: Path) -> None:
    """Write the page to `path`; it links to the runs' own reports from there.

    Raises:
        ResourceError, RunError: the file cannot be written (RES-DISK, RUN-IO).
    """
    write_file(path, comparison_page(found, path))


def comparison_page(found: Comparison, path: Path) -> str:
    """Return the page as it is to stand at `path`."""
    columns, rows = entry_table(found, _links(found, path))
    with plot_style():
        smoothed = training_curves(found)
        evaluations = evaluation_curves(found)
        differences = difference_chart(found)
        fronts = [plot for cost in FRONTS if (plot := front_chart(found, cost))]
        effects = effect_charts(found)
    return rendered(
        "compare.html",
        title=_title(found),
        metric=metric_name(found.metric),
        direction=metric_direction(found.metric),
        split=found.split,
        amount=count(found.rows),
        summary=_summary(found),
        notes=found.notes,
        columns=columns,
        rows=rows,
        settings=settings_table(found),
        differences=differences,
        all_shown=len(shown_pairs(found)) == len(found.pairs),
        pairs=pair_table(found),
        smoothed=smoothed,
        smoothings=SMOOTHINGS,
        smoothing=_DEFAULT,
        evaluations=evaluations,
        fronts=fronts,
        effects=effects,
        data=[rows_table(found), *audit_tables(found)],
        warnings=_warnings(found),
    )


def _title(found: Comparison) -> str:
    runs = sum(len(entry.runs) for entry in found.entries)
    return f"{runs} runs compared" if runs > 1 else found.entries[0].name


def _summary(found: Comparison) -> str:
    """Return the conclusion in one sentence."""
    best = found.entries[0]
    value = metric_value(found.metric, best.value)
    interval = metric_interval(found.metric, best.interval)
    said = f"{best.label} has the best value, {value} ({interval})"
    if len(found.entries) == 1:
        return f"{said}."
    alike = [entry.label for entry in found.entries[1:] if {*entry.letters} & {*best.letters}]
    if not alike:
        return f"{said}, and differs from every other."
    if len(alike) == len(found.entries) - 1:
        return f"{said}, but these rows cannot tell any other from it."
    return f"{said}; not to be told from it: {', '.join(alike)}."


def _links(found: Comparison, path: Path) -> dict[Path, str]:
    """Return the way from the page to the report of each run, where there is one."""
    return {
        run: quote(Path(relpath(run / "report.html", path.parent)).as_posix())
        for entry in found.entries
        for run in entry.runs
        if (run / "report.html").is_file()
    }


def _warnings(found: Comparison) -> list[str]:
    """Return what the runs' data made their own reports warn of, and how many of them."""
    records = [record for entry in found.entries for record in entry.records]
    times = Counter(
        warning for record in records for warning in dict.fromkeys(record.result.warnings)
    )
    return [
        warning if often == len(records) else f"{warning} ({often} of {len(records)} runs)"
        for warning, often in times.items()
    ]
