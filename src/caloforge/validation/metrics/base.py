"""Inputs of metrics: samples, whose tables are computed once, and the reference of a comparison."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from caloforge.showers import Showers
from caloforge.validation.distances import energy_bins
from caloforge.validation.features import high_level
from caloforge.validation.moments import Floats
from caloforge.validation.recipes import Recipe
from caloforge.validation.table import Table, defined, observable_table


@dataclass(frozen=True)
class Sample:
    """Showers that are judged.

    Attributes:
        name: name in reports.
        showers: as many showers as the reference has.
        whole: all showers; additional ones are used to train judges.
    """

    name: str
    showers: Showers
    whole: Showers

    @cached_property
    def table(self) -> Table:
        """All observables."""
        return observable_table(self.showers)

    @cached_property
    def features(self) -> Floats:
        """High-level features (N, D)."""
        return high_level(self.showers)


@dataclass(frozen=True)
class Comparison:
    """The reference of a comparison, and its settings.

    Attributes:
        reference: Geant4's showers.
        recipe: settings of classifiers and distances.
        seeds: seeds of trainings and splits.
        tick: function that is called with the name of each step as it begins.
        training: training showers of the candidates; None if they are unknown.
    """

    reference: Sample
    recipe: Recipe
    seeds: list[int]
    tick: Callable[[str], None]
    training: Showers | None

    @cached_property
    def table(self) -> Table:
        """Observables that are defined for the reference's showers."""
        return defined(self.reference.table)

    @cached_property
    def bins(self) -> list[tuple[float, float]]:
        """Bins of incident energy [MeV]."""
        return energy_bins(self.reference.showers.incidents.energy)
