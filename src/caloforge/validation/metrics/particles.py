"""Response of each particle, if the reference holds several."""

from dataclasses import replace
from typing import Any

import numpy as np

from caloforge.particles import particle_name
from caloforge.validation.distances import compare
from caloforge.validation.metrics.base import Comparison, Sample

FEWEST = 20  # least number of showers of a particle


def particles(comparison: Comparison, sample: Sample) -> dict[str, Any]:
    """Key "particles": numbers of showers in both samples, and the comparison of their responses, by particle.

    The headline holds the judge's area for each particle.
    """
    codes = np.unique(comparison.reference.showers.incidents.pdg)
    if len(codes) < 2:
        return {}
    tables, found = (comparison.table["response"], sample.table["response"]), {}
    showers = (comparison.reference.showers, sample.showers)
    for code in codes.tolist():
        rows = [one.incidents.pdg == code for one in showers]
        if min(mask.sum() for mask in rows) < FEWEST:
            continue
        pair = [{"response": replace(c, values=c.values[mask])} for c, mask in zip(tables, rows, strict=True)]
        compared = compare(pair[0], pair[1], comparison.recipe.bootstraps, comparison.seeds[0])
        found[particle_name(code)] = {"n": [int(mask.sum()) for mask in rows], "observables": compared}
    return {"particles": found}
