"""The page: everything about a run in one HTML file that loads nothing and runs nothing."""

import json
from collections.abc import Mapping
from shlex import quote

from loratory.report.account import Account, ClassAccount, TextAccount
from loratory.report.canvas import Plot
from loratory.report.commands import commands
from loratory.report.data_tables import audit_table, data_table
from loratory.report.facts import facts, title
from loratory.report.formats import moment
from loratory.report.headline import headline
from loratory.report.notes import notes
from loratory.report.plots import ANSWERS, TRAINING
from loratory.report.record import RunRecord
from loratory.report.rendered import rendered
from loratory.report.samples import probe_sheets, sheets
from loratory.report.tables import Table, costs, score_table, text_tables
from loratory.report.training_map import map_note, suspicious_table


def render_page(record: RunRecord, account: Account | None, plots: Mapping[str, Plot]) -> str:
    """Return the page of a run.

    `account` is that of the predictions on the headline's split, None where there are none.
    """
    return rendered(
        "page.html",
        title=title(record),
        run=record.name,
        finished=record.finished,
        written=_started(record),
        facts=facts(record),
        warnings=_warnings(record),
        headline=headline(record),
        baselines=plots.get("baselines"),
        score_tables=[
            score_table(
                record,
                split,
                calibration=account.calibration if account and split == record.split else None,
                before=account.before
                if isinstance(account, ClassAccount) and split == record.split
                else None,
            )
            for split in sorted(record.evaluations, key=lambda split: split != record.split)
        ],
        notes=notes(record),
        costs=costs(record),
        training_plots=[plots[name] for name in TRAINING if name in plots],
        map_plot=plots.get("training_map"),
        map_note=map_note(record),
        suspicious=suspicious_table(record),
        answer_plots=[plots[name] for name in ANSWERS if name in plots],
        split=record.split,
        sheets=[*sheets(account, record.split or ""), *probe_sheets(record)],
        text_tables=text_tables(account.lines) if isinstance(account, TextAccount) else [],
        data=_data(record),
        commands=_commands(record),
        recipe=record.recipe_text,
        environment=json.dumps(record.environment, indent=2, ensure_ascii=False),
    )


def _data(record: RunRecord) -> list[Table]:
    audit = record.result.audit
    tables = [data_table(record), *([audit_table(audit)] if audit else [])]
    return [table for table in tables if table.rows]


def _started(record: RunRecord) -> str:
    times = [event["time"] for event in record.events if isinstance(event.get("time"), int | float)]
    return moment(times[0]) if times else ""


def _warnings(record: RunRecord) -> list[str]:
    logged = [str(event.get("message")) for event in record.events_of("warning")]
    return list(dict.fromkeys([*record.result.warnings, *logged, *record.problems]))


def _commands(record: RunRecord) -> list[str]:
    """Return what to do with the run, or how it goes on."""
    run = quote(str(record.folder))
    if not record.finished:
        return [f"loratory train --resume {run}"]
    return [*commands(record.reads, run)] if record.reads else []
