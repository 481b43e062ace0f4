"""Named runs and searches: the configs that come with caloforge, found by name from anywhere."""

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from caloforge.errors import InputError, nearest

RUNS, SEARCHES = "", "search"  # folders below the configs


def _folder(kind: str) -> Traversable:
    """Folder of the configs: inside the installed package, or beside the sources of a checkout."""
    inside = files("caloforge") / "configs"
    found = inside if inside.is_dir() else Path(__file__).parents[2] / "configs"
    return found / kind if kind else found


def run_names(kind: str = RUNS) -> list[str]:
    """Names of the configs that come with caloforge: of runs, or of `SEARCHES`."""
    folder = _folder(kind)
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")) if (
        folder.is_dir()) else []  # fmt: skip


def config_file(name: str | Path, kind: str = RUNS) -> Path:
    """File of a config: a path is returned unchanged, a name is looked up.

    Raises:
        InputError: neither a file nor a named run, or search if `kind` is `SEARCHES`.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    if str(name) not in (known := run_names(kind)):
        word = "search" if kind else "run"
        raise InputError(f"no {word} '{name}'; {nearest(str(name), known)} (or the path of a TOML file)")
    with as_file(_folder(kind) / f"{name}.toml") as found:
        return found
