"""Preparation of samples: check them, split the reference, and cut all to equal size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.particles import particle_name
from caloforge.showers import Incidents, Showers
from caloforge.showers.digests import common
from caloforge.showers.lineage import SOURCE_FILE, learned_from
from caloforge.showers.values import notes as read_notes
from caloforge.units import counted, show_energy
from caloforge.validation.moments import Floats, chunks

FEWEST, FEW = 200, 5000
MOST = 3  # largest number of a candidate's showers for the training of the judge, in sizes of the reference
FALSE_ALARM = 1e-4  # probability that two samples of one spectrum are rejected, per quantity and pair
UNWEIGHTING_BINS = 30


@dataclass(frozen=True)
class Samples:
    """Showers of one detector and spectrum, n per sample.

    Attributes:
        reference: Geant4 showers with which all others are compared.
        floor: independent Geant4 showers, which score as a perfect simulator would.
        candidates: showers to judge, by name.
        notes: remarks on cuts, splits and small samples, in sentences.
        split: whether floor and reference are halves of one sample.
        whole: the candidates before the cut; their additional showers are used to train the judge.
    """

    reference: Showers
    floor: Showers
    candidates: dict[str, Showers]
    notes: tuple[str, ...]
    split: bool
    whole: dict[str, Showers]

    @property
    def compared(self) -> dict[str, Showers]:
        """The floor, then the candidates, by name."""
        return {"floor": self.floor, **self.candidates}


def prepare(
    reference: Showers, candidates: dict[str, Showers], floor: Showers | None, *, reweight: bool, seed: int
) -> Samples:
    """Check that samples can be compared, and cut them to one size.

    Args:
        reference: Geant4 showers.
        candidates: showers to judge, by name.
        floor: independent Geant4 showers; by default the reference is split in two by position.
        reweight: whether samples of another spectrum of incident energies are thinned at random to the reference's.
        seed: seed of random orders and of the thinning.

    Raises:
        InputError: values are negative or not finite; detectors, particles, spectra or directions differ; or there are
            fewer than 200 showers per side.
    """
    _check_names(candidates)
    for name, showers in {"reference": reference, "floor": floor, **candidates}.items():
        if showers is not None:
            check_values(name, showers)
            _check_detector(name, reference, showers)
    reference, candidates = (unordered(reference, seed), {n: unordered(s, seed) for n, s in candidates.items()})
    first, second, split = halves(reference) if floor is None else (reference, unordered(floor, seed), False)
    others = {"floor": second, **candidates}
    if reweight:
        others = {name: unweight(name, first, showers, seed) for name, showers in others.items()}
    for name, showers in others.items():
        check_incidents(name, first.incidents, showers.incidents)
    return _cut(first, others, split)


def check_apart(reference: Showers, others: Mapping[str, Showers | None]) -> None:
    """Reject a reference that shares showers with the floor or the training sample.

    Raises:
        InputError: showers with energy in a cell are in both samples.
    """
    for name, showers in others.items():
        if showers is not None and (shared := common(reference, showers)):
            raise InputError(f"the reference and the {name} sample share {counted(shared, 'shower')}; keep them apart")


def check_unseen(reference: Showers, candidates: dict[str, Showers]) -> None:
    """Reject a reference whose showers, by their provenance, trained a candidate's model or are in its library.

    Raises:
        InputError: the message names the candidate, the number of showers, and the seed or the file.
    """
    for name, showers in candidates.items():
        if learned := learned_from(showers.provenance, reference):
            order, file = (reference.provenance.get(key, {}) for key in ("order", SOURCE_FILE))
            known = f"(seed {order['seed']}); make a reference with another --seed" if "seed" in order else (
                f"(of {file.get('file')}); take showers of another file, or a run's showers/test.h5")  # fmt: skip
            raise InputError(f"'{name}' has learned from {learned} of the {len(reference)} reference showers {known}")


def unordered(showers: Showers, seed: int) -> Showers:
    """Showers in random order if their order depends on the energy; otherwise they are returned unchanged.

    Samples are split and cut by position, which must not change their spectrum.
    """
    first, second, _ = halves(showers)
    if not len(first) or kolmogorov_smirnov(first.incidents.energy, second.incidents.energy)[1] >= FALSE_ALARM:
        return showers
    return showers[np.random.default_rng([seed, *b"order"]).permutation(len(showers))]


def halves(showers: Showers) -> tuple[Showers, Showers, bool]:
    """First and second half by position, and True: the flag that the sample was split."""
    middle = len(showers) // 2
    return showers[:middle], showers[middle : 2 * middle], True


def _check_names(candidates: dict[str, Showers]) -> None:
    if not candidates:
        raise InputError("no candidates to validate")
    if taken := {"floor", "reference"} & set(candidates):
        raise InputError(f"a candidate cannot be called '{min(taken)}'; rename it")


def check_values(name: str, showers: Showers) -> None:
    """Reject energies that are negative or not finite.

    Raises:
        InputError: there is such an energy; the message names the first shower that has one.
    """
    for rows in chunks(showers.energies):
        part = showers.energies[rows]
        bad = ~np.isfinite(part).all(axis=1) | (part < 0).any(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            kind = "negative energies" if np.isfinite(part[row]).all() else "values that are not finite (NaN or inf)"
            raise InputError(f"'{name}' holds {kind}, first in shower {rows.start + row}")


def _size(detector: Detector) -> str:
    return f"{counted(detector.n_cells, 'cell')}, {counted(len(detector.layers), 'layer')}"


def _check_detector(name: str, reference: Showers, showers: Showers) -> None:
    if showers.detector != reference.detector:
        a, b = reference.detector, showers.detector
        raise InputError(f"'{name}' is of detector '{b.name}' ({_size(b)}), "
                         f"the reference of '{a.name}' ({_size(a)})")  # fmt: skip


def check_incidents(name: str, ours: Incidents, theirs: Incidents) -> None:
    """Check that particles, energies, directions and entry points of a sample are distributed as the reference's.

    Energies, angles and entry points are compared by two-sample Kolmogorov-Smirnov tests with a false-alarm rate of
    1e-4 each. Angles are rounded to 1 mrad and entry points to 0.1 mm. Unknown particles fit all.

    Args:
        name: name of the sample, for the message.
        ours: incidents of the reference.
        theirs: incidents of the sample.

    Raises:
        InputError: a quantity differs; the message names it.
    """
    known = [set(np.unique(i.pdg).tolist()) - {0} for i in (ours, theirs)]
    if all(known) and known[0] != known[1]:
        listed = [", ".join(map(particle_name, sorted(k))) for k in known]
        raise InputError(f"'{name}' holds showers of {listed[1]}, the reference of {listed[0]}")
    a, b = _distributions(ours), _distributions(theirs)
    for quantity in a:
        check_spectrum(name, quantity, a[quantity], b[quantity])


def check_size(name: str, n: int, what: str = "") -> None:
    """Check that a sample is large enough to be judged.

    Raises:
        InputError: the sample has fewer than 200 showers; `what` follows their number in the message.
    """
    if n < FEWEST:
        raise InputError(f"'{name}' has {counted(n, 'shower')}{what}; at least {FEWEST} per side are needed")


def _distributions(incidents: Any) -> dict[str, Floats]:
    theta = np.round(incidents.theta, 3)
    return {
        "energy": incidents.energy,
        "theta": theta,
        "phi": np.round(incidents.phi, 3)[theta > 1e-3],
        "entry point x": np.round(incidents.position[:, 0], 1) + 0.0,
        "entry point y": np.round(incidents.position[:, 1], 1) + 0.0,
    }


def check_spectrum(name: str, quantity: str, ours: Floats, theirs: Floats) -> None:
    """Reject values of `quantity` whose distribution differs from the reference's.

    Raises:
        InputError: the Kolmogorov-Smirnov test fails at a false-alarm rate of 1e-4.
    """
    if not len(ours) and not len(theirs):
        return
    distance, probability = kolmogorov_smirnov(ours, theirs) if len(ours) and len(theirs) else (1.0, 0.0)
    if probability >= FALSE_ALARM:
        return
    hint = "; give reweight=True (--reweight) to thin it" if quantity == "energy" else ""
    raise InputError(f"'{name}' has another distribution of incident {quantity} than the reference\n"
                     f"{_range(quantity, theirs)} against {_range(quantity, ours)} "
                     f"(KS distance {distance:.3g}, p = {probability:.2g} < {FALSE_ALARM:g}){hint}")  # fmt: skip


def _range(quantity: str, values: Floats) -> str:
    if not len(values):
        return "none"
    show = show_energy if quantity == "energy" else "{:.4g}".format
    return f"{show(values.min())} to {show(values.max())}, mean {show(values.mean())}"


def kolmogorov_smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    """Two-sample KS distance and its asymptotic probability, which is conservative if values repeat."""
    from scipy.stats import ks_2samp

    found = ks_2samp(a, b, method="exact" if len(a) == len(b) == 1 else "asymp")
    return float(found.statistic), float(found.pvalue)


def unweight(name: str, reference: Showers, showers: Showers, seed: int) -> Showers:
    """Keep a random subset of the showers with the reference's spectrum of incident energies.

    Showers are accepted in proportion to the ratio of the two spectra, in 30 bins with equal parts of the reference.

    Raises:
        InputError: the showers do not cover the reference's spectrum.
    """
    expected, energy = reference.incidents.energy, showers.incidents.energy
    if kolmogorov_smirnov(expected, energy)[1] >= FALSE_ALARM:
        return showers
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, UNWEIGHTING_BINS + 1)))
    edges = edges if len(edges) > 1 else np.array([edges[0], edges[0]])
    ours, theirs = (np.histogram(values, edges)[0] for values in (expected, energy))
    if (theirs == 0).any():
        low = edges[np.flatnonzero(theirs == 0)[0]]
        raise InputError(f"'{name}' has no showers near {show_energy(low)}, which the reference has")
    ratio = ours / theirs
    index = np.searchsorted(edges, energy, side="right") - 1
    index[energy == edges[-1]] = len(ratio) - 1
    inside = (index >= 0) & (index < len(ratio))
    accept = np.where(inside, (ratio / ratio.max())[index.clip(0, len(ratio) - 1)], 0)
    return showers[np.random.default_rng([seed, *name.encode()]).random(len(energy)) < accept]


def _cut(reference: Showers, others: dict[str, Showers], split: bool) -> Samples:
    sizes = {"reference": len(reference), **{name: len(showers) for name, showers in others.items()}}
    smallest = min(sizes, key=lambda name: sizes[name])
    n = sizes[smallest]
    check_size(smallest, n, ", a half of the sample" if split and smallest in ("reference", "floor") else "")
    samples = {"reference": reference, **others}
    notes = [f"'{name}': {note}." for name, showers in samples.items() for note in read_notes(showers.provenance)]
    if n < sizes["reference"]:
        notes.append(
            f"All samples are cut to the {n} showers of '{smallest}' (the reference has {sizes['reference']})."
        )
    if n < FEW:
        notes.append(f"{n} showers per side are few: below {FEW} a classifier misses most differences, "
                     "so that an AUC near 0.5 means little.")  # fmt: skip
    cut = {name: showers[:n] for name, showers in others.items()}
    floor = cut.pop("floor")
    return Samples(reference[:n], floor, cut, tuple(notes), split, {name: others[name][: MOST * n] for name in cut})
