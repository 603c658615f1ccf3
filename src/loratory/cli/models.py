"""`loratory models`: the bases known by name, and whether each can be had right now."""

from dataclasses import asdict

from rich.table import Table

from loratory.cli.output import AsJson, print_json, print_table, print_text


def models(*, as_json: AsJson = False) -> None:
    """List the known bases; any causal language model of transformers can be named besides."""
    from loratory.models.source import known_models

    found = known_models()
    if as_json:
        print_json({"models": [asdict(model) for model in found]})
        return
    table = Table()
    for heading in ("base", "where it comes from", "available now"):
        table.add_column(heading)
    for model in found:
        table.add_row(model.name, model.source, "yes" if model.available else "no")
    print_table(table)
    print_text("any other: base=OWNER/NAME on the hub, or base=FOLDER with safetensors")
