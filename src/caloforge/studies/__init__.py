"""Studies: one question about simulators each, answered by figures and a table; one file and one line in `STUDIES`."""

from collections.abc import Callable

from caloforge.errors import InputError, nearest
from caloforge.studies.averages import averages
from caloforge.studies.base import Result, StudySamples
from caloforge.studies.cells import cells
from caloforge.studies.histograms import histograms
from caloforge.studies.losses import losses
from caloforge.studies.moments import moments
from caloforge.studies.neighbours import neighbours

__all__ = ["STUDIES", "Result", "StudySamples", "find_study"]

STUDIES: dict[str, Callable[[StudySamples], Result]] = {
    "averages": averages,
    "cells": cells,
    "histograms": histograms,
    "losses": losses,
    "moments": moments,
    "neighbours": neighbours,
}


def find_study(name: str) -> Callable[[StudySamples], Result]:
    """The study of that name.

    Raises:
        InputError: unknown name.
    """
    if name not in STUDIES:
        raise InputError(f"unknown study '{name}'; {nearest(name, STUDIES)}")
    return STUDIES[name]
