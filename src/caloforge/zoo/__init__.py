"""Trained models that come with the package: NAME.onnx, and NAME.toml with what was measured of it.

To add one, put the two files here.
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
        by: the judge: "headline", or another by name.
        auc, error: of the model; floor, floor_error: of Geant4 against Geant4.
        showers: per side.
        against: what the reference is.
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
        energy: of the incidents.
        cpu: where it was measured.
    """

    batch_1: Positive
    batch_100: Positive
    energy: str
    cpu: str


class Row(Strict):
    """What was measured of a model, and how to make it again.

    Attributes:
        about: in a few words.
        command: makes it.
        judged: by which judges; the headline first, where it was measured.
        limits: what it does wrong or does not know.
    """

    about: str
    command: str
    judged: tuple[Judged, ...] = ()
    time: Time | None = None
    limits: tuple[str, ...] = ()

    @property
    def headline(self) -> Judged | None:
        """The headline figure; None where it was not measured."""
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
    """What was measured of a model.

    Raises:
        InputError: unknown name.
    """
    row: Row = read_file(Row, path_of(name).with_suffix(".toml"))
    return row
