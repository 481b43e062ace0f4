"""Summary of a training that is stored in the exported model: size, time, selected steps and losses."""

import json
import math
from typing import Any

import numpy as np
from torch import nn

from caloforge.files import read_text
from caloforge.training.run import TrainingFolder

MOST_LINES = 100  # largest number of evaluations in the summary
Line = dict[str, float]


def training_record(folder: TrainingFolder, model: nn.Module) -> dict[str, Any]:
    """Parameters, seconds, best steps and losses of a training that has ended, as JSON values.

    Args:
        folder: files of the training.
        model: trained model.

    Returns:
        `parameters`: number of trained parameters; `seconds`: time of the training; `best`: lowest score and its step,
        by part of the model; `losses`: at most 100 rows of step, loss and held-out loss.
    """
    text = read_text(folder.losses_file) if folder.losses_file.is_file() else ""
    lines: list[Line] = [
        line for row in text.splitlines() if all(map(math.isfinite, (line := json.loads(row)).values()))
    ]
    rows = [[line["step"], line["loss"], line["held_out"]] for line in lines]
    kept = sorted({int(k) for k in np.linspace(0, len(rows) - 1, min(len(rows), MOST_LINES)).round()})
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": lines[-1]["seconds"] if lines else None,
        "best": {part: _best(lines, part) for part in _parts(lines)},
        "losses": [rows[k] for k in kept],
    }


def _parts(lines: list[Line]) -> list[str]:
    """Keys of the scores that select the weights: the judge's, the losses of parts that learn apart, or the loss."""
    if not lines:
        return []
    if "auc" in lines[-1]:
        return ["auc"]
    apart = [key for key in lines[0] if key.startswith("held_out_")]
    return apart or ["held_out"]


def _best(lines: list[Line], part: str) -> list[float]:
    """The lowest score of a part and its step; the score of a judge is the distance of its area from one half."""
    scores = [(abs(line[part] - 0.5) if part == "auc" else line[part], line["step"]) for line in lines if part in line]
    return list(min(scores))
