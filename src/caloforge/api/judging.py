"""Judge and time simulators."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.api.files import AnyDetector, AnyPath, Sample, read
from caloforge.api.files import detector as _detector
from caloforge.api.making import chosen_physics
from caloforge.errors import InputError
from caloforge.production import SourceConfig
from caloforge.seeds import next_seed
from caloforge.showers import Showers
from caloforge.showers.lineage import with_file
from caloforge.simulators import Simulator, candidate, create, labelled

if TYPE_CHECKING:
    from caloforge.simulators.geant4 import Physics

Candidates = Mapping[str, Any] | Sequence[Any] | str | Path | Showers | Simulator


def validate(
    reference: Sample,
    candidates: Candidates,
    output: AnyPath,
    *,
    floor: Sample | None = None,
    training: Sample | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compare candidates with Geant4 showers; write metrics.json and report.html into a folder.

    Args:
        reference: Geant4 showers that no candidate has learned from, or their file.
        candidates: showers, simulators, names or files; one, a list, or a dictionary by name.
        output: folder of the report.
        floor: independent Geant4 showers; without them the reference is split in two.
        training: showers that candidates have learned from, for the memorisation test.
        **options: `recipe`, `seed`, `seeds`, `reweight`, `background`, `timings`, as in `report.validate`.

    Returns:
        The content of metrics.json.

    Raises:
        InputError: samples that cannot be compared, or an unknown candidate.

    Examples:
        >>> import caloforge as cf
        >>> few = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=20, seed=1)
        >>> validate(few, "gflash", "report")
        Traceback (most recent call last):
        caloforge.errors.InputError: 'reference' has 10 showers, a half of the sample; at least 200 per side are needed
    """
    from caloforge.report import validate as judge

    true = read(reference)
    if isinstance(reference, str | Path):
        true = with_file(true, Path(reference))
    options = {"progress": False, **options}
    own = next_seed(options.get("seed", 0))
    samples = {name: _showers_of(value, true, own) for name, value in _named(candidates).items()}
    apart, learned = (None if one is None else read(one, true.detector) for one in (floor, training))
    return judge(true, samples, Path(output), floor=apart, training=learned, **options)


def time(
    detector: AnyDetector,
    simulators: Candidates,
    energies: Sequence[str | float] | str | float = "10 GeV",
    *,
    particle: str | int = "e-",
    batches: Sequence[int] = (1, 10, 100, 1000),
    physics: "Physics | str | None" = None,
    geant4: bool = True,
) -> dict[str, Any]:
    """Measure milliseconds per shower on one thread, and Geant4's in the same run if it is installed.

    Args:
        detector: detector, preset or TOML file.
        simulators: simulators, names or files; one, a list, or a dictionary by name.
        energies: kinetic energies, text or numbers of MeV; simulators are timed at the first, Geant4 at all.
        particle: name or PDG code.
        batches: showers per call.
        physics: physics list and cuts of Geant4, or the name of a physics list.
        geant4: time Geant4, too.

    Returns:
        The content of bench.json.

    Raises:
        InputError: an unknown simulator, or one that refuses the particle or its energy.

    Examples:
        >>> times = time("calogan-ecal", "gflash", "10 GeV", batches=(100,), geant4=False)
        >>> 0 < times["simulators"]["gflash"]["100"]["ms"] < 1000
        True
    """
    from caloforge.bench import bench

    found = _detector(detector)
    named = _named(simulators)
    listed = [energies] if isinstance(energies, str | int | float) else energies
    texts = [one if isinstance(one, str) else f"{one!r} MeV" for one in listed]
    with ExitStack() as opened:
        made = {
            name: one if isinstance(one, Simulator) else opened.enter_context(create(one, found))
            for name, one in named.items()
        }
        return bench(found, made, SourceConfig(particle=str(particle)), texts, lambda _: None, batches,
                     chosen_physics(physics), with_geant4=geant4)  # fmt: skip


def _named(values: Candidates) -> dict[str, Any]:
    """Simulators or samples by name: keys of a dictionary, stems of files, names of simulators."""
    if isinstance(values, Mapping):
        return dict(values)
    listed = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    texts = labelled([str(one) for one in listed if isinstance(one, str | Path)])
    others: dict[str, Any] = {}
    for one in listed:
        if isinstance(one, str | Path):
            continue
        name = one.name if isinstance(one, Simulator) else str(one.provenance.get("simulator", "showers"))
        if name in texts or name in others:
            raise InputError(f"two candidates would be called '{name}'; give a dictionary of names")
        others[name] = one
    return {**texts, **others}


def _showers_of(value: Any, reference: Showers, seed: int) -> Showers:
    """Showers of a candidate: given ones, those of a file, or generated for the reference's incidents."""
    if isinstance(value, Simulator):
        return value.simulate(reference.incidents, seed)
    if isinstance(value, Showers):
        return read(value, reference.detector)
    return candidate(str(value), reference, seed)
