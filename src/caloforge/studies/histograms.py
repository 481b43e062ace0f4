"""Histograms of observables of whole showers and of the layers with the most energy."""

from caloforge.report.figures import distributions_of, hottest_layers
from caloforge.report.plots import distributions
from caloforge.report.style import REFERENCE, styled
from caloforge.studies.base import Result, StudySamples
from caloforge.validation.distances import separation_power
from caloforge.validation.moments import Floats
from caloforge.validation.table import defined, observable_table


def histograms(compared: StudySamples) -> Result:
    """Draw histograms of the observables with their ratios to Geant4's, and tabulate the separation powers.

    Of CaloFlow, flow I draws the layer energies and flow II the shape of a layer; most observables of whole showers
    need both. Source: C. Krause and D. Shih, arXiv:2106.05285, section 4.
    """
    tables = {name: observable_table(showers) for name, showers in compared.samples.items()}
    tables[REFERENCE] = defined(tables[REFERENCE])
    shown = distributions_of(tables, hottest_layers(compared.reference))
    with styled():
        figures = [distributions(*one) for one in shown.values()]
    rows = [[labels.title, *(_power(counted.counts, name) for name in compared.candidates)]
            for labels, counted in shown.values()]  # fmt: skip
    return Result(figures, ["observable", *(f"separation power of {name}" for name in compared.candidates)], rows)


def _power(counts: dict[str, Floats], name: str) -> str:
    """Separation power of a sample and Geant4; a dash if the observable is defined for none of its showers."""
    return f"{separation_power(counts[REFERENCE], counts[name]):.4f}" if counts[name].any() else "-"
