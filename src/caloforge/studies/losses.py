"""Losses of trainings, on the training showers and on the selection showers."""

import numpy as np

from caloforge.errors import InputError
from caloforge.report.style import Figure, styled
from caloforge.report.training import losses_figure, training_record
from caloforge.studies.base import Result, StudySamples


def losses(compared: StudySamples) -> Result:
    """Draw loss and held-out loss against training steps, from the records that exported models carry.

    Source: "FAST.AR Simulation with Deep AutoRegressive Networks": training against test loss.

    Raises:
        InputError: no candidate carries a record of its training.
    """
    records = {name: training_record(showers.provenance) for name, showers in compared.candidates.items()}
    found = {name: record["losses"] for name, record in records.items() if record.get("losses")}
    if not found:
        raise InputError("no candidate carries the losses of its training; give models that `caloforge export` wrote")
    with styled():
        figures: list[Figure] = [losses_figure(name, lines) for name, lines in found.items()]
    return Result(figures, ["model", "steps", "loss, last", "held out, last", "held out, lowest", "at step"],
                  [_row(name, lines) for name, lines in found.items()])  # fmt: skip


def _row(name: str, lines: list[list[float]]) -> list[str]:
    steps, loss, held_out = np.array(lines, np.float64).T
    best = int(np.nanargmin(held_out))
    return [name, f"{steps[-1]:.0f}", f"{loss[-1]:.5g}", f"{held_out[-1]:.5g}", f"{held_out[best]:.5g}",
            f"{steps[best]:.0f}"]  # fmt: skip
