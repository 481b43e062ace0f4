"""What a run would be refused for after hours, found before anything is made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge import units
from caloforge.config import parse_toml, read_file
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import read_text
from caloforge.limits import check_showers
from caloforge.production import Source
from caloforge.run_config import RunConfig
from caloforge.showers.domain import Domain
from caloforge.simulators import check_name
from caloforge.simulators.gflash import check_field, check_incidents
from caloforge.validation.judges.cross import FEWEST
from caloforge.validation.recipes import find_recipe

if TYPE_CHECKING:
    from caloforge.training import TrainingConfig

SELECTION_FOLDS = 3  # of the judge that picks weights


def check_steps(config: RunConfig, learning: "TrainingConfig", detector: Detector, source: Source) -> None:
    """Find what the model, the tests, Geant4 with the model inside, timing and validation would refuse.

    Raises:
        InputError: as said.
    """
    for n in (*config.showers.sizes, config.inside.n):
        check_showers(n, detector.n_cells)
    _check_model(learning, detector, source)
    _check_energies(config, detector, source)
    _check_selection(config, learning)
    find_recipe(config.validation.recipe)
    _check_competitors(config, detector, source)


def _check_model(learning: "TrainingConfig", detector: Detector, source: Source) -> None:
    from caloforge.models import build

    position = (source.x, source.y, (0.0, 0.0))
    domain = Domain(pdgs=(source.pdg,), energy=source.energy, theta=source.theta, phi=source.phi, position=position)
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


def _check_competitors(config: RunConfig, detector: Detector, source: Source) -> None:
    competitors = config.validation.competitors
    if "gflash" in competitors:
        check_incidents([source.pdg], source.energy[0])
        check_field(detector)
    for name in competitors:
        if name != "frozen":  # whose library is made by the run
            check_name(name)
    if config.name in {*competitors, "floor", "reference"}:
        raise InputError(f"a run cannot be called '{config.name}', as another column of its report is")


def check_teacher(config: RunConfig, learning: "TrainingConfig") -> None:
    """Miss a fitting teacher before hours of Geant4, not after.

    Raises:
        InputError: it is not trained, cannot teach this student, or has learned from the student's test showers.
    """
    from caloforge.models import build
    from caloforge.training import check_trained
    from caloforge.training.distill import distillation
    from caloforge.training.run import RunFolder

    if config.teacher is None:
        return
    taught = RunFolder(check_trained(Path(config.teacher)))
    _check_apart_from_teacher(config, Path(config.teacher))
    distillation(learning, build(learning.model, taught.detector, taught.domain))


def _check_apart_from_teacher(config: RunConfig, folder: Path) -> None:
    """Same seed and incidents, same first showers: those that the teacher learned from must not be tests."""
    saved = folder / "config.toml"
    if "showers" not in _tables(saved):  # a training alone
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


def changed_tables(saved: Path, wanted: Mapping[str, Any]) -> set[str]:
    """Names of the tables and keys in which a saved config differs from the wanted one."""
    found = _tables(saved)
    return {key for key in {*found, *wanted} if found.get(key) != wanted.get(key)}


def _tables(file: Path) -> dict[str, Any]:
    """A TOML file; nothing where it is missing or damaged."""
    try:
        return parse_toml(read_text(file), str(file))
    except InputError:
        return {}
