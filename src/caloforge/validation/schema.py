"""Schema of metrics.json: one type per result, in which numbers that are not finite are null."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from caloforge.errors import InputError
from caloforge.files import read_text
from caloforge.validation.judges.schema import Headline, Member, Where
from caloforge.validation.schema_base import Closed, Number

SCHEMA = "caloforge-metrics-1"


class Observable(Closed):
    """Ratios and distances of one observable, with their errors."""

    mean_ratio: Number
    mean_ratio_error: Number
    std_ratio: Number
    std_ratio_error: Number
    mean_pull: Number
    separation_power: Number
    separation_power_error: Number
    wasserstein: Number
    wasserstein_error: Number
    wasserstein_scaled: Number
    unit: str


class WorstObservable(Closed):
    """The observable that differs most."""

    name: str | None
    distance: Number
    probability: Number
    errors: Number


class EnergyBin(Closed):
    """Observables of showers of similar incident energy [MeV]."""

    energy: tuple[Number, Number]
    n: tuple[int, int]
    observables: dict[str, Observable]


class OneParticle(Closed):
    """Observables of the showers of one particle of several."""

    n: tuple[int, int]
    observables: dict[str, Observable]


class Resolution(Closed):
    """Stochastic, noise and constant term of sigma / E, with E in GeV, and their errors."""

    a: Number
    b: Number
    c: Number
    a_error: Number
    b_error: Number
    c_error: Number


class Cells(Closed):
    """The cell whose mean differs most."""

    largest_pull: Number
    cell: int
    layer: int
    ratio: Number
    probability: Number
    n_cells: int


class Correlations(Closed):
    """The pair of quantities whose correlation differs most."""

    largest_pull: Number
    pair: list[str]
    values: list[Number]
    probability: Number
    n_pairs: int


class Distance(Closed):
    """A distance and its error."""

    value: Number
    error: Number


class Medians(Closed):
    """Median distances of generated and of held-out showers."""

    generated: Number
    held_out: Number


class Histogram(Closed):
    """Counts of distances."""

    edges: list[Number]
    generated: list[int]
    held_out: list[int]


class Memorisation(Closed):
    """Whether showers are copies of training showers."""

    copied: Number
    copied_error: Number
    to_training: Medians
    from_training: Medians
    n: int
    n_training: int
    histogram: Histogram


class Spread(Closed):
    """Mean and standard deviation over seeds."""

    mean: Number
    std: Number


class View(Spread):
    """AUC of a classifier in one view, over seeds."""

    error: Number
    n_train: int
    n_test: int
    seeds: int
    values: list[Number]
    jsd: Spread
    energy: tuple[Number, Number] | None = None


class Reconstruction(Closed):
    """Bias and resolution of a reconstructed energy in one bin [MeV]."""

    n: int
    bias: Number
    bias_error: Number
    resolution: Number
    resolution_error: Number
    energy: tuple[Number, Number]


class Efficiency(Closed):
    """Efficiency of particle identification at a background rejection."""

    efficiency: Number
    error: Number
    n: int
    rejection: Number


class Analyses(BaseModel):
    """Results of analyses; None if they are not done."""

    regression: list[Reconstruction] | None = None
    identification: list[Efficiency] | None = None


class Sample(Analyses):
    """All metrics of one sample; additional keys "auc_NAME" are views of classifiers or members of the judge."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, View | Member] = Field(init=False)

    n: int
    provenance: dict[str, Any]
    observables: dict[str, Observable]
    worst_observable: WorstObservable
    energy_bins: list[EnergyBin]
    particles: dict[str, OneParticle] = Field(default_factory=dict)
    resolution: Resolution | None = None
    cells: Cells
    correlations: Correlations
    fpd: Distance
    kpd: Distance
    precision: Number
    recall: Number
    density: Number
    coverage: Number
    n_manifold: int
    memorisation: Memorisation | None = None
    auc: Headline
    where: Where | None = None
    plugins: dict[str, dict[str, Number | str]] = Field(default_factory=dict)


class Reference(Analyses):
    """The reference: Geant4 showers with which all samples are compared."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    n: int
    detector: str
    detector_hash: str
    n_cells: int
    threshold: Number
    one_threshold: bool
    quantity: Literal["deposit", "signal"]
    particles: list[str]
    energy: tuple[Number, Number]
    provenance: dict[str, Any]
    resolution: Resolution | None = None
    split_in_two: bool


class MetricsFile(Closed):
    """The whole of metrics.json."""

    schema_: Literal["caloforge-metrics-1"] = Field(alias="schema")
    version: str
    recipe: str
    seed: int
    notes: list[str]
    reference: Reference
    floor: Sample
    candidates: dict[str, Sample]
    seconds: Number = None
    timings: dict[str, Any] | None = None


def read_metrics(path: Path) -> MetricsFile:
    """Read a metrics.json.

    Raises:
        InputError: the file cannot be read or is no metrics.json; the message names the first key that does not fit.
    """
    try:
        return MetricsFile.model_validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is not what `caloforge validate` writes: {where}: {first['msg']}") from None
