"""Fill the page's template."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from caloforge.errors import InputError
from caloforge.showers.hdf5 import replacing
from caloforge.validation.report.figures import Figure, all_figures
from caloforge.validation.samples import Samples
from caloforge.validation.summary import verdict_rows

TEMPLATES = files("caloforge.validation.report") / "templates"
Metrics = dict[str, Any]


def write_report(path: Path, samples: Samples, metrics: Metrics) -> None:
    """Write the report, whole or not at all.

    Raises:
        InputError: jinja2 or matplotlib is missing, or the folder cannot be written.
    """
    html = render(samples, metrics, all_figures(samples, metrics))
    with replacing(path) as beside:
        beside.write_text(html, encoding="utf-8")


def render(samples: Samples, metrics: Metrics, figures: list[Figure]) -> str:
    """The page as text."""
    try:
        from jinja2 import DictLoader, Environment, StrictUndefined
    except ImportError:
        raise InputError("the report needs jinja2; install the extra: caloforge[report]") from None
    sources = {name: (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.html", "style.css", "page.js")}
    environment = Environment(loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    columns, rows = verdict_rows(metrics)
    return environment.get_template("report.html").render(
        metrics=metrics, columns=columns, rows=rows, figures=figures, detector=samples.reference.detector
    )
