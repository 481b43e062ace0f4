"""Table and curves of the learned candidates' trainings, from the record that exported models carry."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from caloforge.report.style import HEIGHT, PALETTE, WIDTH, Figure, Labels, finish

Record = dict[str, Any]
LINES = ("loss", "held_out")


def training_record(provenance: Record) -> Record:
    """Record of the training in the provenance of a candidate's showers; empty if there is none."""
    training = provenance.get("training")
    record = training.get("record") if isinstance(training, dict) else None
    return record if isinstance(record, dict) else {}


def training_rows(candidates: Record) -> dict[str, Record]:
    """Size, time and hardware of the training of each learned candidate."""
    rows = {}
    for name, found in candidates.items():
        training, record = found["provenance"].get("training"), training_record(found["provenance"])
        if not isinstance(training, dict) or not record:
            continue
        rows[name] = {
            "model": found["provenance"].get("model", ""),
            "parameters": record.get("parameters"),
            "showers": training.get("n_showers"),
            "steps": training.get("steps"),
            "best": ", ".join(str(step) for _, step in record.get("best", {}).values()),
            "minutes": record["seconds"] / 60 if record.get("seconds") is not None else None,
            "hardware": f"{training.get('device', 'cpu')}, threads: {training.get('threads', '?')}",
        }
    return rows


def losses_figure(name: str, losses: list[list[float]]) -> Figure:
    """Loss and held-out loss against training steps; the kept weights are those of the best held-out score.

    Args:
        name: name of the candidate.
        losses: step, loss and held-out loss of each evaluation.
    """
    step, *values = np.array(losses, np.float64).T
    canvas = Canvas(figsize=(WIDTH, HEIGHT))
    axes = canvas.add_axes((0.19, 0.12, 0.76, 0.78))
    for label, colour, value in zip(("training (one batch)", "held out"), PALETTE[:2], values, strict=True):
        axes.plot(step, value, color=colour, linewidth=3, label=label)
    best = int(np.nanargmin(values[1])) if np.isfinite(values[1]).any() else 0
    axes.plot(step[best], values[1][best], "o", color=PALETTE[1], markersize=12, label="lowest held-out loss")
    low, high = np.nanquantile(np.concatenate(values), [0.0, 0.97])
    margin = 0.08 * (high - low) or 1.0
    axes.set(ylim=(low - margin, high + margin))
    axes.set_xlabel("training steps", fontsize="small")
    axes.set_ylabel("loss", fontsize="small")
    axes.minorticks_off()
    axes.ticklabel_format(axis="y", scilimits=(-2, 4))
    axes.locator_params(axis="x", nbins=5)
    axes.legend(loc="upper right", fontsize=20, frameon=False)
    data = {"step": step.tolist(), **{key: v.tolist() for key, v in zip(LINES, values, strict=True)}}
    return finish(canvas, Labels(f"training_{name}", f"training of {name}", "training"), data)
