"""Extras: which one installs a package, and a check before work that needs it."""

from importlib.util import find_spec

from caloforge.errors import InputError

EXTRAS = {
    "geant4_pybind": "geant4",
    "xraydb": "geant4",
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "sklearn": "report",
    "lightgbm": "report",
    "scipy": "report",
    "matplotlib": "report",
    "mplhep": "report",
    "jinja2": "report",
    "hist": "report",
    "distributed": "cluster",
    "optuna": "search",
    "mlflow": "mlflow",
    "openvino": "cpp",
    "uproot": "files",
    "awkward": "files",
    "pyhepmc": "files",
    "pandas": "files",
}
VALIDATION = ("torch", "sklearn", "lightgbm", "matplotlib", "mplhep", "jinja2")
TRAINING = ("torch", "onnx", "onnxscript")
SEARCH = ("optuna",)
ROOT_FILES = ("uproot", "awkward")
GEANT4 = ("geant4_pybind", "xraydb")


def missing(package: str) -> str:
    """Message on a package that is not installed."""
    return f"{package} is not installed; install caloforge[{EXTRAS[package]}]"


def check_installed(*packages: str) -> None:
    """Check that packages can be imported before work that would fail at its end without them.

    Raises:
        InputError: packages are missing; the message names them and their extras.
    """
    if lacking := absent(*packages):
        raise InputError(lacking)


def absent(*packages: str) -> str:
    """One line on the packages that cannot be imported and their extras; empty if all can."""
    lacking = [package for package in packages if not _is_there(package)]
    if not lacking:
        return ""
    extras = ",".join(dict.fromkeys(EXTRAS[package] for package in lacking))
    verb = "is" if len(lacking) == 1 else "are"
    return f"{', '.join(lacking)} {verb} not installed; install caloforge[{extras}]"


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # sys.modules holds None for it
        return False
