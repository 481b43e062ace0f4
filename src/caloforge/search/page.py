"""The page of a search, search.html: objectives, importances, parallel coordinates, and a table of the trials."""

from pathlib import Path
from typing import Any

from caloforge.files import write_text
from caloforge.report.page import template
from caloforge.search.figures import all_figures
from caloforge.search.schema import SearchFile
from caloforge.search.space import label

PARTS = ("search.html", "head.html", "figure.html", "style.css", "page.js")


def write_page(path: Path, found: SearchFile) -> None:
    """Write the page of a search, whole or not at all.

    Raises:
        InputError: the folder cannot be written.
    """
    figures = all_figures(found)
    text = template(PARTS, value=_value).render(
        found=found,
        fields=list(found.trials[0].values) if found.trials else [],
        narrow=[figure for figure in figures if figure.labels.group != "coordinates"],
        wide=[figure for figure in figures if figure.labels.group == "coordinates"],
    )
    write_text(path, text, errors="backslashreplace")


def _value(value: Any) -> str:
    """A value of a field in few letters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value) if isinstance(value, str) else label(value)
