"""Comparison of the runs of a folder: differences of their configs, losses, headline figures and times."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from caloforge.config import flat, parse_toml
from caloforge.errors import InputError
from caloforge.files import read_text
from caloforge.runs.directory import CONFIG, RunDirectory
from caloforge.runs.manifest import Manifest
from caloforge.training.paths import TrainingPaths

DEEPEST = 4  # folders below the one that is asked for
OWN = ("name", "showers.folder")  # keys in which runs differ always
Values = dict[str, Any]


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Attributes:
        path: folder of the run.
        name: name of the run.
        kind: kind of its model.
        config: all keys by dotted name.
        steps: training steps so far; None before the first evaluation.
        held_out: lowest held-out loss.
        minutes: time of the training.
        trained: whether the training has ended.
        auc, auc_error: headline on the test showers.
        selection_auc, selection_error: headline on the selection showers, of a trial of a search.
        ms: time per shower at batch 1.
        geant4_ms: time of Geant4 at the first energy of the timing.
    """

    path: str
    name: str
    kind: str
    config: Values = field(default_factory=dict)
    steps: int | None = None
    held_out: float | None = None
    minutes: float | None = None
    trained: bool = False
    auc: float | None = None
    auc_error: float | None = None
    selection_auc: float | None = None
    selection_error: float | None = None
    ms: float | None = None
    geant4_ms: float | None = None


def find_runs(folder: Path) -> list[RunSummary]:
    """Run directories in a folder and below, by path.

    Raises:
        InputError: no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give the folder that runs are in")
    found = [run for path in sorted(_folders(folder, 0)) if (run := read_run(path)) is not None]
    if not found:
        raise InputError(f"{folder} holds no runs")
    return found


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / CONFIG).is_file() and Manifest(folder).exists:
        yield folder
    elif depth < DEEPEST:
        with suppress(OSError):
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    yield from _folders(entry, depth + 1)


def read_run(folder: Path) -> RunSummary | None:
    """Config and results of a run directory; None if its config cannot be read."""
    try:
        config = parse_toml(read_text(folder / CONFIG), str(folder))
        name, kind = str(config["name"]), str(config["model"]["kind"])
    except (InputError, KeyError, TypeError):
        return None
    paths = RunDirectory(folder, name)
    figures = _training(TrainingPaths(paths.training)) | _timing(paths.bench, name) | _verdict(paths.metrics, name)
    return RunSummary(str(folder), name, kind, flat(config), **figures, **_selection(paths.selection))


def _training(paths: TrainingPaths) -> Values:
    lines: list[Values] = []
    with suppress(InputError, ValueError):
        lines = [json.loads(line) for line in read_text(paths.losses_file).splitlines()]
    if not lines:
        return {}
    return {
        "steps": lines[-1]["step"],
        "held_out": min((line["held_out"] for line in lines), default=None),
        "minutes": lines[-1]["seconds"] / 60,
        "trained": paths.model_file.is_file(),
    }


def _timing(file: Path, name: str) -> Values:
    with suppress(InputError, ValueError, KeyError, TypeError):
        report = json.loads(read_text(file))
        geant4 = next(iter(report["geant4_ms"].values()), None)
        return {"ms": report["simulators"][name]["1"]["ms"], "geant4_ms": geant4}
    return {}


def _verdict(file: Path, name: str) -> Values:
    with suppress(InputError, ValueError, KeyError, TypeError):
        found = json.loads(read_text(file))["candidates"][name]["auc"]
        return {"auc": found["mean"], "auc_error": found["error"]}
    return {}


def _selection(file: Path) -> Values:
    with suppress(InputError, ValueError, KeyError, TypeError):
        found = json.loads(read_text(file))
        return {"selection_auc": found["auc"], "selection_error": found["auc_error"]}
    return {}


def differing(runs: list[RunSummary]) -> list[str]:
    """Keys of configs that are not the same in all runs, in the order of the configs."""
    keys = dict.fromkeys(key for run in runs for key in run.config if key not in OWN)
    return [key for key in keys if any(run.config.get(key) != runs[0].config.get(key) for run in runs)]


def as_json(runs: list[RunSummary]) -> str:
    """Runs as JSON: figures, and the keys in which their configs differ."""
    keys = differing(runs)
    rows = [asdict(run) | {"config": {key: run.config.get(key) for key in keys}} for run in runs]
    return json.dumps(rows, indent=1)
