"""Checks of a run's configuration before any computing is done."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caloforge import units
from caloforge.config import parse_toml, read_file
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import check_installed
from caloforge.files import read_text
from caloforge.limits import check_showers
from caloforge.production import Source
from caloforge.runs.config import RunConfig
from caloforge.runs.directory import CONFIG
from caloforge.showers import foreign
from caloforge.showers.domain import Domain
from caloforge.simulators import GEANT4, check_name, create, is_sample, labelled
from caloforge.validation.judges.cross import FEWEST
from caloforge.validation.recipes import find_recipe
from caloforge.validation.samples import check_incidents, check_size

if TYPE_CHECKING:
    from caloforge.training import TrainingConfig

SELECTION_FOLDS = 3  # of the judge that selects weights
MOST_DRAWN = 20_000  # largest number of test incidents on which competitors are checked


def check_steps(
    config: RunConfig, learning: "TrainingConfig", detector: Detector, source: Source, *, drawn: bool = True
) -> None:
    """Check that the model, the tests, Geant4 with the model inside, timing and validation take the configuration.

    If the showers come from files, incidents are not `drawn` from the source. Competitors are then asked about its
    energies alone.

    Raises:
        InputError: a part refuses the configuration; the message names the table and what would be right.
    """
    for n in (*config.showers.sizes, config.inside.n):
        check_showers(n, detector.n_cells)
    _check_model(learning, detector, source)
    _check_energies(config, detector, source)
    _check_selection(config, learning)
    if learning.training.mlflow:
        check_installed("mlflow")
    find_recipe(config.validation.recipe)
    _check_competitors(config, detector, drawn=drawn)


def check_batch(learning: "TrainingConfig", n: int, devices: int) -> None:
    """Check that the processes of a training can share each batch of its n showers, and that a buffer holds a batch.

    Raises:
        InputError: the batch cannot be divided, or is larger than the buffer.
    """
    from caloforge.training.batches import check_buffer
    from caloforge.training.devices import processes
    from caloforge.training.parts import check_division

    schedule = learning.training
    batch = min(schedule.batch, n)
    check_division(batch, processes(devices) * schedule.accumulate)
    check_buffer(schedule.buffer, batch)


def _check_model(learning: "TrainingConfig", detector: Detector, source: Source) -> None:
    from caloforge.models import build

    pdgs, position = tuple(sorted(source.pdgs)), (source.x, source.y, (0.0, 0.0))
    domain = Domain(pdgs=pdgs, energy=source.energy, theta=source.theta, phi=source.phi, position=position)
    build(learning.model, detector, domain)


def _check_selection(config: RunConfig, learning: "TrainingConfig") -> None:
    least = SELECTION_FOLDS * FEWEST
    if learning.training.select == "auc" and config.showers.sizes[1] < least:
        raise InputError(f'[training] select = "auc" needs [showers] select = {least} or more, '
                         f"not {config.showers.sizes[1]}")  # fmt: skip


def _check_energies(config: RunConfig, detector: Detector, source: Source) -> None:
    low, high = source.energy
    said = f"{units.show_energy(low)} .. {units.show_energy(high)} of the incidents that the model learns"
    asked = {"inside": (config.inside.energy,), "bench": config.bench.energies}
    for table, energies in asked.items():
        for energy in energies:
            if not low <= units.energy(energy) <= high:
                raise InputError(f"[{table}] {energy} is outside the {said}")
    complete = Source.from_config(config.beam.complete(), detector)
    if complete.energy != source.energy:
        raise InputError(
            f"[incidents] leave_out takes an end of the labels, which the test has, too: outside the {said}"
        )


def _check_competitors(config: RunConfig, detector: Detector, *, drawn: bool) -> None:
    """Ask each competitor whether it accepts the test's incidents, or whether its sample may be compared with them."""
    named = labelled(config.validation.competitors)
    if config.name in {*named, "floor", "reference"}:
        raise InputError(f"a run cannot be called '{config.name}', as another column of its report is")
    competitors = [name for name in named.values() if name != "frozen"]
    for name in competitors:  # the run makes the library of frozen showers
        check_name(name)
    if not competitors:
        return
    complete, (train, select, n) = Source.from_config(config.beam.complete(), detector), config.showers.sizes
    test = complete.draw(train + select, min(n, MOST_DRAWN), config.seed)
    for name in competitors:
        if is_sample(name):
            sample = foreign.read(Path(name), detector)
            check_size(name, len(sample))
            if drawn:
                check_incidents(name, test, sample.incidents)
            continue
        with create(name, detector, config.physics if name == GEANT4 else None) as simulator:
            if not simulator.replays:
                ends = test[np.unique(test.pdg, return_index=True)[1].repeat(2)]  # rarely drawn
                simulator.check(replace(ends, energy=np.resize(complete.energy, len(ends))))
            if drawn:
                simulator.check(test)


def check_teacher(config: RunConfig, learning: "TrainingConfig") -> None:
    """Check that the teacher of a student is trained and fits it.

    Raises:
        InputError: it is not trained, cannot teach this student, or has learned from the student's test showers.
    """
    from caloforge.models import build
    from caloforge.training import check_trained
    from caloforge.training.distill import distillation
    from caloforge.training.run import TrainingFolder

    if config.teacher is None:
        return
    teacher = TrainingFolder(check_trained(Path(config.teacher)))
    _check_apart_from_teacher(config, Path(config.teacher))
    distillation(learning, build(learning.model, teacher.detector, teacher.domain))


def _check_apart_from_teacher(config: RunConfig, folder: Path) -> None:
    """Refuse test showers that the teacher learned from: equal seeds and incidents give the same first showers."""
    saved = folder / CONFIG
    if "showers" not in _tables(saved):  # a training without a run
        return
    theirs: RunConfig = read_file(RunConfig, saved)
    if theirs.showers.from_files:
        return
    learned, kept = (sum(c.showers.sizes[:2]) for c in (theirs, config))
    if (theirs.seed, theirs.incidents) == (config.seed, config.incidents) and kept < learned:
        raise InputError(
            f"the teacher learned from the first {learned} showers of seed {config.seed}, and tests would start at "
            f"{kept}; ask for its numbers of showers, or for another seed"
        )


def changed_tables(saved: Path, current: Mapping[str, Any]) -> set[str]:
    """Names of the tables and keys in which a saved config differs from the current one."""
    found = _tables(saved)
    return {key for key in {*found, *current} if found.get(key) != current.get(key)}


def _tables(file: Path) -> dict[str, Any]:
    """Content of a TOML file; empty if it is missing or damaged."""
    try:
        return parse_toml(read_text(file), str(file))
    except InputError:
        return {}
