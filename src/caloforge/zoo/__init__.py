"""Trained models that come with the package: NAME.onnx, and NAME.toml with its measurements.

A new model is these two files in this folder.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field

from caloforge.config import Strict, read_file
from caloforge.errors import InputError, nearest

FOLDER = Path(str(files("caloforge.zoo")))
Positive = Annotated[float, Field(gt=0)]
Area = Annotated[float, Field(ge=0, le=1)]


class Judged(Strict):
    """Area under the curve of a judge, which tells a model's showers from Geant4's, and Geant4's from each other.

    Attributes:
        by: name of the judge; "headline" for the strongest.
        auc, error: area for the model, and its error; floor, floor_error: the same for Geant4 against Geant4.
        showers: number of showers per side.
        against: description of the reference.
    """

    by: str
    auc: Area
    error: Positive
    floor: Area
    floor_error: Positive
    showers: Annotated[int, Field(ge=1)]
    against: str


class Time(Strict):
    """Time per shower [ms] on one thread, at batch 1 and 100.

    Attributes:
        energy: energy of the incidents.
        cpu: processor of the measurement.
    """

    batch_1: Positive
    batch_100: Positive
    energy: str
    cpu: str


class Row(Strict):
    """Measurements of a model, and the command that makes it again.

    Attributes:
        about: description in a few words.
        command: command that makes the model.
        judged: results of judges; the headline comes first if it was measured.
        limits: known errors and gaps of the model.
    """

    about: str
    command: str
    judged: tuple[Judged, ...] = ()
    time: Time | None = None
    limits: tuple[str, ...] = ()

    @property
    def headline(self) -> Judged | None:
        """The headline figure; None if it was not measured."""
        return next((one for one in self.judged if one.by == "headline"), None)


@cache
def names() -> tuple[str, ...]:
    """Names of the models, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.onnx")))


def path_of(name: str) -> Path:
    """The ONNX file of a model.

    Raises:
        InputError: unknown name.
    """
    if name not in names():
        raise InputError(f"unknown model '{name}'; {nearest(name, names())}")
    return FOLDER / f"{name}.onnx"


def row_of(name: str) -> Row:
    """Measurements of a model.

    Raises:
        InputError: unknown name.
    """
    row: Row = read_file(Row, path_of(name).with_suffix(".toml"))
    return row
