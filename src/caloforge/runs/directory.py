"""Paths of a run directory, each named once."""

from dataclasses import dataclass
from pathlib import Path

from caloforge.errors import InputError
from caloforge.validation.paths import METRICS, REPORT

CONFIG = "config.toml"


@dataclass(frozen=True)
class RunDirectory:
    """Paths of one run.

    Attributes:
        path: the directory.
        name: name of the run and its model.
        shared: folder of the showers, if several runs share them; the run's own by default.
    """

    path: Path
    name: str
    shared: Path | None = None

    @property
    def config(self) -> Path:
        """The config with which the run began."""
        return self.path / CONFIG

    @property
    def showers_folder(self) -> Path:
        """Folder of the Geant4 showers."""
        return self.shared or self.path / "showers"

    def showers(self, sample: str) -> Path:
        """Geant4 showers of the training, selection or test sample: train, select, test."""
        return self.showers_folder / f"{sample}.h5"

    @property
    def training(self) -> Path:
        """Folder of the training, whose paths `training.paths.TrainingPaths` names."""
        return self.path / "training"

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.path / f"{self.name}.onnx"

    @property
    def inside(self) -> Path:
        """Events of Geant4 with the model inside."""
        return self.path / "inside_geant4.h5"

    @property
    def bench(self) -> Path:
        """Times per shower."""
        return self.path / "bench.json"

    @property
    def selection(self) -> Path:
        """Judgement on the selection showers, of a trial of a search."""
        return self.path / "selection.json"

    @property
    def report(self) -> Path:
        """Folder of the validation."""
        return self.path / "report"

    @property
    def metrics(self) -> Path:
        """All results of the validation."""
        return self.report / METRICS

    @property
    def page(self) -> Path:
        """The report."""
        return self.report / REPORT


def is_unused(folder: Path) -> bool:
    """Whether a folder is missing, or holds nothing but the locks of processes.

    Raises:
        InputError: it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder with --out")
    return not folder.exists() or all(path.suffix == ".lock" for path in folder.iterdir())
