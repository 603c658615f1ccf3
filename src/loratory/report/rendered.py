"""From a template of this folder to a page that loads nothing."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loratory.report.canvas import Plot


def rendered(template: str, /, **values: Any) -> str:
    """Return the page that a template makes of the values; text from users is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["image"] = _image
    return environment.get_template(template).render(**values)


def _image(plot: Plot) -> str:
    """Return a drawing as the address of an image that needs no file."""
    return f"data:image/svg+xml;base64,{b64encode(plot.svg.encode()).decode()}"
