"""Completions for the shell: detectors, particles, simulators, models, physics lists, configs."""

from collections.abc import Iterable
from pathlib import Path

PARTICLES = ("e-", "e+", "gamma", "pi+", "pi-", "pi0", "proton", "neutron", "kaon+", "kaon-", "mu-", "mu+")


def detectors(incomplete: str) -> list[str]:
    """Presets, and TOML files of this folder."""
    from caloforge.detector import preset_names

    return _begins(incomplete, [*preset_names(), *_files(incomplete, ".toml")])


def particles(incomplete: str) -> list[str]:
    """Common beam particles; the option takes all of the PDG's names."""
    return _begins(incomplete, PARTICLES)


def simulators(incomplete: str) -> list[str]:
    """Simulators by name, and files of models and showers of this folder."""
    from caloforge import zoo

    files = _files(incomplete, ".onnx", ".h5", ".hdf5")
    return _begins(incomplete, ["geant4", "gflash", *zoo.names(), "frozen=", "replay=", *files])


def models(incomplete: str) -> list[str]:
    """Trained models that come with the package."""
    from caloforge import zoo

    return _begins(incomplete, zoo.names())


def samples(incomplete: str) -> list[str]:
    """Trained models, and files of models and showers from here."""
    return [*models(incomplete), *_files(incomplete, ".onnx", ".h5", ".hdf5", ".root")]


def physics_lists(incomplete: str) -> list[str]:
    """Geant4's physics lists."""
    from caloforge.simulators.geant4.physics import LISTS

    return _begins(incomplete, LISTS)


def configs(incomplete: str) -> list[str]:
    """Named runs, and TOML files of this folder."""
    from caloforge.named_runs import run_names

    return _begins(incomplete, [*run_names(), *_files(incomplete, ".toml")])


def searches(incomplete: str) -> list[str]:
    """Named searches, and TOML files of this folder."""
    from caloforge.named_runs import SEARCHES, run_names

    return _begins(incomplete, [*run_names(SEARCHES), *_files(incomplete, ".toml")])


def recipes(incomplete: str) -> list[str]:
    """Recipes of the classifiers."""
    from caloforge.validation.recipes import RECIPES

    return _begins(incomplete, RECIPES)


def _begins(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _files(incomplete: str, *suffixes: str) -> list[str]:
    """Folders, and files with some suffixes, in the folder that has been typed so far."""
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix in suffixes]
