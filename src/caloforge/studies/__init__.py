"""Studies: one question about simulators each, answered by figures and a table; one file and one line in `STUDIES`."""

from collections.abc import Callable

from caloforge.errors import InputError, nearest
from caloforge.studies.averages import averages
from caloforge.studies.base import Compared, Result
from caloforge.studies.cells import cells
from caloforge.studies.losses import losses
from caloforge.studies.moments import moments
from caloforge.studies.neighbours import neighbours

__all__ = ["STUDIES", "Compared", "Result", "find_study"]

STUDIES: dict[str, Callable[[Compared], Result]] = {
    "averages": averages,
    "cells": cells,
    "losses": losses,
    "moments": moments,
    "neighbours": neighbours,
}


def find_study(name: str) -> Callable[[Compared], Result]:
    """The study of that name.

    Raises:
        InputError: unknown name.
    """
    if name not in STUDIES:
        raise InputError(f"unknown study '{name}'; {nearest(name, STUDIES)}")
    return STUDIES[name]
