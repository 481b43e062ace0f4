"""The result of the judge, for metrics.json and as one sentence."""

from dataclasses import asdict
from typing import Any

from caloforge.particles import particle_name
from caloforge.validation.judges.members import MEMBERS
from caloforge.validation.judges.verdict import Verdict
from caloforge.validation.judges.where import Column

Metrics = dict[str, Any]
APART = 3.0  # standard errors by which an AUC must exceed 0.5
NAMED = 3  # features named in the sentence


def record(verdict: Verdict) -> Metrics:
    """Entries of metrics.json: the headline "auc", every member as "auc_" and its name, and "where"."""
    headline = asdict(verdict.auc) | {"told_apart_at": verdict.told_apart_at, "members": list(verdict.members)}
    headline["particles"] = {particle_name(code): asdict(area) for code, area in verdict.auc.particles.items()}
    members = {f"auc_{name}": asdict(area) | {"label": MEMBERS[name].label} for name, area in verdict.members.items()}
    if verdict.where is None:
        return {"auc": headline} | members
    where = asdict(verdict.where) | {"sentence": sentence(verdict)}
    where["families"] = [{"name": name, "drop": drop} for name, drop in verdict.where.families.items()]
    cells = verdict.where.cells
    where["cells"] = None if cells is None else [float(f"{share:.3g}") for share in cells]
    return {"auc": headline} | members | {"where": where}


def sentence(verdict: Verdict) -> str:
    """A sentence on what distinguishes the candidate from Geant4."""
    found = verdict.auc
    if found.mean < 0.5 + APART * found.error or verdict.where is None:
        return f"Nothing tells it from Geant4 with {found.n} showers per class."
    kinds = list(verdict.where.families.items())
    kind, drop = kinds[0]
    trees = MEMBERS[verdict.where.member].label
    text = f"It is told from Geant4 mostly by {kind} "
    text += f"(exchanged between showers, they lower the AUC of {trees} by {drop:.2f})"
    second = [name for name, lost in kinds[1:2] if lost > 0.3 * drop]
    text += f", then by {second[0]}" if second else ""
    columns = [column for column in verdict.where.columns if column.family in (kind, *second)][:NAMED]
    return f"{text}: {'; '.join(map(_column, columns))}." if columns else f"{text}."


def _column(column: Column) -> str:
    return f"{column.name}, mean {column.candidate:.4g} against {column.reference:.4g} in Geant4"
