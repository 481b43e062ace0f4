"""Simulators, and how to create them by name."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from caloforge import zoo
from caloforge.detector import Detector
from caloforge.errors import InputError, nearest
from caloforge.plugins import plugins
from caloforge.showers import Showers, foreign
from caloforge.simulators.base import Simulator
from caloforge.simulators.replay import Replay

if TYPE_CHECKING:
    from caloforge.simulators.geant4.physics import Physics

__all__ = [
    "GEANT4",
    "Replay",
    "Simulator",
    "candidate",
    "check_name",
    "create",
    "file_of",
    "is_sample",
    "kind_and_file",
    "labelled",
]


def _geant4(detector: Detector, physics: "Physics | None" = None) -> Simulator:
    from caloforge.simulators.geant4 import Geant4Simulator, Physics

    return Geant4Simulator(detector, physics or Physics())


def _gflash(detector: Detector) -> Simulator:
    from caloforge.simulators.gflash import GFlash

    return GFlash(detector)


def _frozen(path: Path, detector: Detector | None) -> Simulator:
    from caloforge.simulators.frozen import FrozenShowers

    return FrozenShowers(path, detector)


def _learned(path: Path, detector: Detector | None) -> Simulator:
    from caloforge.simulators.learned import LearnedSimulator

    return LearnedSimulator(path, detector)


GEANT4 = "geant4"
REPLAYED = (".h5", ".hdf5")
SAMPLES = (*REPLAYED, ".root")
NAMED: dict[str, Callable[..., Simulator]] = {GEANT4: _geant4, "gflash": _gflash}
FROM_FILE: dict[str, Callable[[Path, Detector | None], Simulator]] = {"frozen": _frozen, "replay": Replay}
BY_SUFFIX: dict[str, Callable[[Path, Detector | None], Simulator]] = {
    **dict.fromkeys(REPLAYED, Replay),
    ".onnx": _learned,
}


def _is_named(name: str) -> bool:
    return name in NAMED or name in plugins("simulators")


def file_of(name: str) -> Path | None:
    """The file that a simulator's name stands for, if any."""
    _, path = kind_and_file(name)
    return path if path.is_file() and not _is_named(name) else None


def kind_and_file(name: str) -> tuple[str, Path]:
    """Kind and file of a simulator's name; kind is "frozen" or "replay" in "KIND=FILE", else empty.

    A name of the zoo stands for its file. Any other "=" is part of a file's name.
    """
    if name in zoo.names():
        return "", zoo.path_of(name)
    kind, _, path = name.partition("=")
    return (kind, Path(path)) if path and kind in FROM_FILE else ("", Path(name))


def labelled(names: Sequence[str]) -> dict[str, str]:
    """Names of simulators by their labels in tables: the stem of a file, or "frozen" for a library of frozen showers.

    Raises:
        InputError: two simulators have the same label.
    """
    found: dict[str, str] = {}
    for name in names:
        kind, path = kind_and_file(name)
        label = kind if kind == "frozen" else path.stem if "." in name else name
        label = label.encode(errors="backslashreplace").decode()  # bytes of a file's name that are no UTF-8
        if label in found:
            raise InputError(f"{found[label]} and {name} would both be called '{label}'; rename a file")
        found[label] = name
    return found


def create(
    name: str | Path, detector: Detector | str | Path | None = None, physics: "Physics | None" = None
) -> Simulator:
    """Create a simulator from its name.

    Names are geant4, gflash, frozen=LIBRARY.h5, replay=FILE.h5, FILE.h5, FILE.onnx, and those of trained models, which
    `caloforge models` lists.

    Args:
        name: one of these names, or the path of a file.
        detector: detector, preset or TOML file; by default the detector of the file.
        physics: physics list and cuts; for "geant4" only.

    Raises:
        InputError: the name is unknown, a detector is missing, the file does not fit the detector, or the simulator has
            no physics list.
    """
    name = str(name)
    if physics is not None and name != GEANT4:
        raise InputError(f"a physics list and cuts are for geant4 only; '{name}' has none")
    maker = _maker(name)
    if _is_named(name) and detector is None:
        raise InputError(f"'{name}' needs a detector, for example create('{name}', 'calogan-ecal')")
    if isinstance(detector, str | Path):
        detector = Detector.load(detector)
    return maker(detector) if physics is None else maker(detector, physics)


def is_sample(name: str) -> bool:
    """Whether a candidate is a file of showers to be judged, not a library or a model."""
    kind, path = kind_and_file(name)
    return not kind and not _is_named(name) and path.suffix.lower() in SAMPLES


def candidate(
    name: str, reference: Showers, seed: int, physics: "Physics | None" = None, layout: str | None = None
) -> Showers:
    """Showers of a candidate: read from a sample, or simulated for the incidents of the reference.

    Args:
        name: simulator, or file of showers.
        reference: showers whose detector and incidents the candidate shares.
        seed: seed of the simulation.
        physics: physics list and cuts, for "geant4" only.
        layout: layout of a file of showers; by default it is recognised.

    Raises:
        InputError: the name is unknown, the file does not fit, or the simulator rejects the incidents.
    """
    if is_sample(name):
        return foreign.read(Path(name), reference.detector, layout=layout)
    with create(name, reference.detector, physics) as simulator:
        return simulator.simulate(reference.incidents, seed)


def check_name(name: str) -> None:
    """Check that a simulator of this name can be created.

    Raises:
        InputError: the name is unknown, or the file does not exist.
    """
    _maker(name)
    if not _is_named(name) and file_of(name) is None:
        raise InputError(f"no such file: {kind_and_file(name)[1]}")


def _maker(name: str) -> Callable[..., Simulator]:
    if name in NAMED:
        return NAMED[name]
    kind, path = kind_and_file(name)
    if kind:
        return partial(FROM_FILE[kind], path)
    suffix = path.suffix.lower()
    if suffix in BY_SUFFIX:
        return partial(BY_SUFFIX[suffix], path)
    if name in (added := plugins("simulators")):
        maker: Callable[..., Simulator] = added[name].load()
        return maker
    known = [*NAMED, *zoo.names(), *added, *(f"{kind}=FILE.h5" for kind in FROM_FILE), "FILE.onnx"]
    raise InputError(f"unknown simulator '{name}'; {nearest(name, known)}")
