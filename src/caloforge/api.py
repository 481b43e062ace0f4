"""The verbs for Python, which take names, paths or objects; `import caloforge` gives them lazily."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.config import read_file
from caloforge.detector import Detector, preset_names
from caloforge.errors import InputError
from caloforge.models.configs import CONFIGS
from caloforge.named_runs import config_file
from caloforge.production import Order, Source, SourceConfig
from caloforge.production import produce as run_order
from caloforge.seeds import next_seed
from caloforge.showers import Showers
from caloforge.showers import write as write_showers
from caloforge.showers.foreign import read as read_showers
from caloforge.simulators import Simulator, candidate, create, file_of, labelled

if TYPE_CHECKING:
    from caloforge.runs import Run
    from caloforge.simulators.geant4 import Physics
    from caloforge.training import TrainingConfig, TrainingSummary

AnyPath = str | Path
AnyDetector = Detector | str | Path
Sample = Showers | str | Path
Candidates = Mapping[str, Any] | Sequence[Any] | str | Path | Showers | Simulator


def detector(name: AnyDetector) -> Detector:
    """A detector by its preset's name or TOML file; a detector is given back as it is.

    Raises:
        InputError: no such preset or file, or an invalid file.

    Examples:
        >>> detector("calogan-ecal").n_cells
        504
    """
    return name if isinstance(name, Detector) else Detector.load(name)


def read(path: Sample, detector: AnyDetector | None = None) -> Showers:
    """Showers of a file in any layout; `detector` is needed where the file does not name its own.

    Raises:
        InputError: a missing, truncated or foreign file, or one of another detector.
    """
    if isinstance(path, Showers):
        return path
    return read_showers(path, None if detector is None else _detector(detector))


def write(path: AnyPath, showers: Showers) -> Path:
    """Write showers as one HDF5 file, whole or not at all; an existing file is replaced.

    Raises:
        InputError: the folder cannot be written.
    """
    write_showers(Path(path), showers)
    return Path(path)


def simulator(name: AnyPath, detector: AnyDetector | None = None, physics: "Physics | None" = None) -> Simulator:
    """A simulator: "geant4", "gflash", "frozen=LIBRARY.h5", FILE.h5 or FILE.onnx; close it, or use `with`.

    Args:
        name: one of these names, or the path of a file.
        detector: detector, preset or TOML file; by default the one that the file names.
        physics: what Geant4 tracks with.

    Raises:
        InputError: an unknown name, a missing detector, or a file that does not fit the detector.

    Examples:
        >>> import caloforge as cf
        >>> with simulator("gflash", "calogan-ecal") as gflash:
        ...     showers = gflash.simulate(cf.Incidents.make("e+", ["5 GeV", "10 GeV"]), seed=1)
        >>> showers.energies.shape
        (2, 504)
    """
    return create(name, detector, physics)


def produce(
    simulator: AnyPath,
    detector: AnyDetector,
    particle: str,
    energy: str,
    *,
    n: int,
    seed: int,
    output: AnyPath | None = None,
    theta: str | None = None,
    phi: str | None = None,
    position: str | None = None,
    spectrum: str = "uniform",
    physics: "Physics | None" = None,
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
) -> Showers:
    """Simulate n showers, in memory or, with `output`, into a file in resumable shards on several cores.

    Args:
        simulator: name or file of a simulator.
        detector: detector, preset or TOML file.
        particle: name or PDG code.
        energy: kinetic energy, "10 GeV", or a range, "1 GeV:100 GeV".
        n: number of showers.
        seed: of every random number; the same showers come with and without `output`.
        output: HDF5 file.
        theta: angle to +z, or a range, "0.2 rad:0.25 rad".
        phi: azimuth from +x, or a range.
        position: entry point "x, y", each a length or a range.
        spectrum: how energies of a range are drawn, "uniform" or "log".
        physics: what Geant4 tracks with.
        workers: parallel workers; all cores by default.
        resume: go on with an interrupted production.
        force: replace an existing output.

    Raises:
        InputError: an unknown name, bad incidents, or an output that exists.
        RunError: shards failed three times; finished ones are kept.

    Examples:
        >>> produce("gflash", "calogan-ecal", "e+", "1 GeV:20 GeV", n=3, seed=1)
        Showers(3 of e+, 14.23 GeV to 19.58 GeV, in calogan-ecal: 504 cells, made by gflash)
    """
    found, name = _detector(detector), str(simulator)
    beam = {"particle": particle, "energy": energy, "theta": theta, "phi": phi, "position": position,
            "spectrum": spectrum}  # fmt: skip
    config = SourceConfig.build({key: value for key, value in beam.items() if value is not None}, "incidents")
    source = Source.from_config(config, found)
    identity = physics.identity if physics else None
    order = Order(found, name, partial(create, name, found, physics), source, n, seed, 0, file_of(name), identity)
    if output is None:
        with order.make() as maker:
            return maker.simulate(source.draw(0, n, seed), seed)
    run_order(order, Path(output), workers=workers, resume=resume, force=force, quiet=True)
    return read_showers(output)


def train(
    config: "TrainingConfig | Mapping[str, Any] | AnyPath",
    training: Sample,
    selection: Sample,
    folder: AnyPath,
    *,
    resume: bool = False,
    quiet: bool = True,
) -> "TrainingSummary":
    """Train a model on showers and leave everything that export needs in a folder.

    Args:
        config: tables `model` and `training`, as a dictionary or TOML file.
        training: showers to learn from, or their file.
        selection: other showers of the same kind, which pick the weights.
        folder: run directory to make, or to go on with.
        resume: go on from the last checkpoint.
        quiet: show no progress.

    Raises:
        InputError: a config or showers that do not fit, or a folder that holds another training.
        RunError: the loss is no longer finite; the last checkpoint is kept.
    """
    from caloforge.training import train as run_training

    place = Path(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    return run_training(_training_config(config), read(training), read(selection), place, resume=resume, quiet=quiet)


def _training_config(config: "TrainingConfig | Mapping[str, Any] | AnyPath") -> "TrainingConfig":
    from caloforge.training import TrainingConfig

    if isinstance(config, str | Path):
        found: TrainingConfig = read_file(TrainingConfig, Path(config))
        return found
    return TrainingConfig.build(dict(config), "config") if isinstance(config, Mapping) else config


def to_onnx(run: AnyPath, output: AnyPath) -> Path:
    """Export a trained model to one ONNX file: MeV, mm and rad in, MeV per cell out.

    Raises:
        InputError: there is no finished training in `run`, or the output cannot be written.
        RunError: the graph disagrees with PyTorch; nothing is written.
    """
    from caloforge.export import export
    from caloforge.training import check_trained

    export(check_trained(Path(run)), Path(output))
    return Path(output)


def validate(
    reference: Sample,
    candidates: Candidates,
    output: AnyPath,
    *,
    floor: Sample | None = None,
    training: Sample | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Judge candidates against showers of Geant4; write metrics.json and report.html into a folder.

    Args:
        reference: Geant4 showers that no candidate has learned from, or their file.
        candidates: showers, simulators, names or files; one, a list, or a dictionary by name.
        output: folder of the report.
        floor: independent Geant4 showers; the reference is split in two without them.
        training: showers that candidates have learned from, for the memorisation test.
        **options: `recipe`, `seed`, `seeds`, `reweight`, `background`, `timings`, as in `report.validate`.

    Returns:
        The content of metrics.json.

    Raises:
        InputError: samples that cannot be compared, or an unknown candidate.
    """
    from caloforge.report import validate as judge

    true = read(reference)
    options = {"progress": False, **options}
    own = next_seed(options.get("seed", 0))
    judged = {name: _showers_of(value, true, own) for name, value in _named(candidates).items()}
    apart, learned = (None if one is None else read(one, true.detector) for one in (floor, training))
    return judge(true, judged, Path(output), floor=apart, training=learned, **options)


def time(
    detector: AnyDetector,
    simulators: Candidates,
    energies: Sequence[str] | str = "10 GeV",
    *,
    particle: str = "e-",
    batches: Sequence[int] = (1, 10, 100, 1000),
    physics: "Physics | None" = None,
) -> dict[str, Any]:
    """Milliseconds per shower on one thread, and Geant4's, where it is installed, in the same run.

    Args:
        detector: detector, preset or TOML file.
        simulators: simulators, names or files; one, a list, or a dictionary by name.
        energies: kinetic energies; simulators are timed at the first, Geant4 at all.
        particle: name or PDG code.
        batches: showers per call.
        physics: what Geant4 tracks with.

    Returns:
        The content of bench.json.

    Raises:
        InputError: an unknown simulator, or one that refuses the particle or its energy.
    """
    from caloforge.bench import bench

    found = _detector(detector)
    named = _named(simulators)
    made = {name: one if isinstance(one, Simulator) else create(one, found) for name, one in named.items()}
    wanted = [energies] if isinstance(energies, str) else list(energies)
    try:
        return bench(found, made, SourceConfig(particle=particle), wanted, lambda _: None, batches, physics)
    finally:
        for name, one in made.items():
            if one is not named[name]:
                one.close()


def run(
    config: AnyPath,
    output: AnyPath | None = None,
    *,
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
) -> "Run":
    """The whole chain of a run config: showers, training, export, Geant4 with the model inside, timing, report.

    Args:
        config: name of a run that comes with caloforge, or a TOML file.
        output: run directory; runs/NAME by default.
        workers: parallel workers of Geant4.
        resume: go on with an interrupted run.
        force: replace what an earlier run has made there.

    Raises:
        InputError: a config that does not hold together, or a folder that holds another run.
    """
    from caloforge import runs

    whole = runs.load(config_file(config), None if output is None else Path(output), workers)
    whole.open(resume=resume, force=force)
    whole.execute()
    return whole


def list_detectors() -> list[str]:
    """Names of the detectors that come with caloforge.

    Examples:
        >>> "calogan-ecal" in list_detectors()
        True
    """
    return preset_names()


def list_models() -> list[str]:
    """Kinds of models that can be trained, as `kind` of a config's `model` table.

    Examples:
        >>> "coupling-flow" in list_models()
        True
    """
    return sorted(CONFIGS)


_detector = detector  # arguments of this name hide it


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
    """Showers of a candidate: its own, those of a file, or made for the reference's incidents."""
    if isinstance(value, Simulator):
        return value.simulate(reference.incidents, seed)
    if isinstance(value, Showers):
        return read(value, reference.detector)
    return candidate(str(value), reference, seed)
