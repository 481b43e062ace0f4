"""Named runs: the configs that come with caloforge, found by name from anywhere."""

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from caloforge.errors import InputError, nearest


def _folder() -> Traversable:
    """Folder of the configs: inside the installed package, or beside the sources of a checkout."""
    inside = files("caloforge") / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"


def run_names() -> list[str]:
    """Names of the configs that come with caloforge."""
    folder = _folder()
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")) if (
        folder.is_dir()) else []  # fmt: skip


def config_file(name: str | Path) -> Path:
    """File of a config: a path is returned unchanged, a name is looked up.

    Raises:
        InputError: neither a file nor a named run.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    if str(name) not in run_names():
        raise InputError(f"no run '{name}'; {nearest(str(name), run_names())} (or the path of a TOML file)")
    with as_file(_folder() / f"{name}.toml") as found:
        return found
