"""The headline: the strongest of several cross-validated classifiers."""

from typing import Any

from caloforge.validation.judges import judge, record
from caloforge.validation.metrics.base import Comparison, Sample


def strongest_judge(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Key "auc", one "auc_" key for each member, and "where" (the features that distinguish the sample)."""
    recipe = comparison.recipe
    verdict = judge(comparison.reference.showers, sample.whole, seed=comparison.seeds[0], folds=recipe.folds,
                    members=recipe.judges, curve=recipe.curve,
                    tick=lambda what: comparison.tick(f"{sample.name}: {what}"))  # fmt: skip
    return record(verdict)
