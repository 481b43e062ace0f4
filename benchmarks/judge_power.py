"""Power of the judge: its AUC on alterations of Geant4 showers, compared with the best possible AUC.

    caloforge produce --detector calogan-ecal --particle gamma --energy "1 GeV:3 GeV" -n 16400 --seed 41 -o photons.h5
    python benchmarks/judge_power.py photons.h5 -o power.json     # power of every member and of the headline
    python benchmarks/judge_power.py --floors 20                  # equal samples, of GFlash: mean, spread, coverage
    python benchmarks/judge_power.py --time photons.h5 -n 20000   # time and memory, showers resampled
    python benchmarks/judge_power.py --time --detector clic-ecal -n 2000

The first n showers of the file are the reference, and altered showers come from the rest. The JSON file keeps the
result of each alteration, so that an interrupted command continues; `--force` repeats all.
"""

import argparse
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alterations import DIRECT, WEIGHTINGS, Sample, Weighting, altered, kept, measured_auc
from caloforge.detector import Detector
from caloforge.showers import Showers, read
from caloforge.showers.incidents import Incidents
from caloforge.simulators.gflash import GFlash
from caloforge.validation.judges import MEMBERS, Verdict, judge
from validation import parametrised, resampled

Result = dict[str, Any]
NEEDED = {"features": 0.8, "cells": 0.6, "correlation": 0.6}
WEAK = 0.59  # AUC* from which a minimum power is required
HEADLINE = "headline"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.fits:
        MEMBERS.update({name: replace(m, fits=min(m.fits, arguments.fits)) for name, m in MEMBERS.items()})
    if arguments.floors:
        floors(arguments.floors, arguments.n or 1000, arguments.seed, arguments.members)
    elif arguments.time:
        timing(arguments.file, arguments.detector, arguments.n or 20_000, arguments.seed)
    else:
        showers = read(arguments.file, Detector.load(arguments.detector))
        power(showers, arguments.n or 5000, arguments.only or [*DIRECT, *WEIGHTINGS], arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--detector", default="calogan-ecal")
    parser.add_argument("-n", type=int, help="showers per class")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=[*DIRECT, *WEIGHTINGS], help="alterations")
    parser.add_argument("--members", nargs="+", choices=list(MEMBERS), help="members of the judge, default: all")
    parser.add_argument("--fits", type=int, help="trainings per member and fold at most, default: the members' own")
    parser.add_argument("-o", "--output", type=Path, default=Path("judge-power.json"))
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--floors", type=int, help="pairs of equal samples")
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    if arguments.file is None and not arguments.floors and not (arguments.time and arguments.detector):
        parser.error("give a file of showers")
    return arguments


def power(showers: Showers, n: int, names: list[str], arguments: argparse.Namespace) -> None:
    """Judge every alteration that has no result, and print the table."""
    output, seed, members = arguments.output, arguments.seed, arguments.members
    settings = {"n": n, "seed": seed, "showers": len(showers), "members": members or list(MEMBERS),
                "fits": max(m.fits for m in MEMBERS.values())}  # fmt: skip
    known = json.loads(output.read_text()) if output.exists() and not arguments.force else {"settings": settings}
    if known["settings"] != settings:
        sys.exit(f"{output} holds results of {known['settings']}, not of {settings}; give --force or another -o")
    sample = Sample(showers)
    for k, name in enumerate(names):
        if name in known:
            continue
        found = _known_best(sample, name, n, seed) if name in WEIGHTINGS else _direct(showers, name, n, seed)
        if found:
            result, candidate = found
            result |= _judged(showers[:n], candidate, seed, members)
            known[name] = result
            output.write_text(json.dumps(known, indent=1))
        print(f"{k + 1} of {len(names)}: {name}", file=sys.stderr, flush=True)
    print(table(known))


def _known_best(sample: Sample, name: str, n: int, seed: int) -> tuple[Result, Showers] | None:
    weighting, rng = WEIGHTINGS[name], np.random.default_rng([seed, *name.encode()])
    weights = weighting.weights(sample)
    rows = n + kept(weights[n:], rng)
    if len(rows) < n:
        print(f"{name} keeps {len(rows)} of {len(weights) - n} showers, fewer than {n}: produce more", file=sys.stderr)
        return None
    star = measured_auc(weights[rows[:n]], weights[:n])
    marginals = _marginals(sample, weights, np.arange(n), rows[:n])
    result = {"kind": weighting.kind, "text": weighting.text, "best": star, "acceptance": len(rows) / len(weights[n:]),
              "marginals": marginals}  # fmt: skip
    return result, sample.showers[rows[:n]]


def _direct(showers: Showers, name: str, n: int, seed: int) -> tuple[Result, Showers]:
    rng = np.random.default_rng([seed, *name.encode()])
    return {"kind": "direct", "text": DIRECT[name][0]}, altered(name, showers[n : 2 * n], rng)


def _judged(reference: Showers, candidate: Showers, seed: int, members: list[str] | None) -> Result:
    started = time.process_time()
    verdict = judge(reference, candidate, seed=seed, members=members, curve=())
    return {
        HEADLINE: [verdict.auc.mean, verdict.auc.error],
        "chosen": list(verdict.auc.chosen),
        "members": {name: [area.mean, area.error] for name, area in verdict.members.items()},
        "where": _where(verdict),
        "seconds": time.process_time() - started,
    }


def _where(verdict: Verdict) -> list[str]:
    return [column.name for column in verdict.where.columns[:3]] if verdict.where else []


def _marginals(sample: Sample, weights: Any, reference: Any, rows: Any) -> Result:
    """Two-sample Kolmogorov-Smirnov tests of all observables, and the largest change of a cumulative distribution."""
    from scipy.stats import ks_2samp

    p_values, changes = {}, {}
    for name, values in sample.table.items():
        a, b = (v[~np.isnan(v)] for v in (values[reference], values[rows]))
        p_values[name] = float(ks_2samp(a, b, method="asymp").pvalue)
        changes[name] = _change(values, weights)
    least, largest = min(p_values, key=p_values.__getitem__), max(changes, key=changes.__getitem__)
    return {"tests": len(p_values), "least_p": p_values[least], "of": least,
            "largest_change": changes[largest], "change_of": largest}  # fmt: skip


def _change(values: Any, weights: Any) -> float:
    """Largest difference between the cumulative distributions with and without weights, over all showers."""
    defined = ~np.isnan(values)
    order = np.argsort(values[defined], kind="stable")
    ordered, weight = values[defined][order], weights[defined][order]
    difference = np.cumsum(weight) / weight.sum() - np.arange(1, len(weight) + 1) / len(weight)
    last = np.append(ordered[1:] != ordered[:-1], True)
    return float(np.abs(difference[last]).max())


def power_of(auc: list[float], best: float) -> tuple[float, float]:
    """Power (AUC - 0.5) / (AUC* - 0.5), and its error from that of the AUC."""
    return (auc[0] - 0.5) / (best - 0.5), auc[1] / (best - 0.5)


def table(known: Result) -> str:
    """Markdown tables of the power and of the direct alterations."""
    members = known["settings"]["members"]
    members = [
        m for m in members if any(m in r["members"] for r in known.values() if "best" in r or r.get("kind") == "direct")
    ]
    heads = [
        "alteration",
        "acts on",
        "AUC*",
        "headline",
        "power",
        *members,
        "largest change of a distribution (least p)",
    ]
    lines = [_cells(heads), "|---" * len(heads) + "|"]
    for name in [n for n in WEIGHTINGS if n in known]:
        lines.append(_row(WEIGHTINGS[name], known[name], members))
    lines += ["", f"| alteration | headline | chosen | {' | '.join(members)} |", "|---" * (len(members) + 3) + "|"]
    for name in [n for n in DIRECT if n in known]:
        result = known[name]
        scores = [f"{result['members'][m][0]:.3f}" for m in members]
        mean, error = result[HEADLINE]
        lines.append(f"| {result['text']} | {mean:.3f} ± {error:.3f} | {_chosen(result)} | {' | '.join(scores)} |")
    return "\n".join(lines)


def _cells(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _row(weighting: Weighting, result: Result, members: list[str]) -> str:
    best, marginals = result["best"], result["marginals"]
    scores = [f"{power_of(result['members'][m], best)[0]:.2f}" for m in members]
    mean, error = power_of(result[HEADLINE], best)
    short = best >= WEAK and mean + 2 * error < NEEDED[weighting.kind]
    said = f"{mean:.2f} ± {error:.2f}"
    change = f"{marginals['largest_change']:.3f} ({marginals['least_p']:.2g})"
    return (f"| {weighting.text} | {weighting.kind} | {best:.3f} | {result[HEADLINE][0]:.3f} | "
            f"{'**short** ' if short else ''}{said} | {' | '.join(scores)} | {change} |")  # fmt: skip


def _chosen(result: Result) -> str:
    return str(Counter(result["chosen"]).most_common(1)[0][0])


def floors(pairs: int, n: int, seed: int, members: list[str] | None) -> None:
    """Judge equal samples of GFlash, n showers per class: mean of the headline, spread of its pulls, coverage."""
    simulator = GFlash(Detector.load("calogan-ecal"))
    aucs, errors = np.empty(pairs), np.empty(pairs)
    for k in range(pairs):
        first, second = (_equal(simulator, n, seed * 10_000 + 2 * k + side) for side in range(2))
        verdict = judge(first, second, seed=seed + k, members=members, curve=())
        aucs[k], errors[k] = verdict.auc.mean, verdict.auc.error
        print(f"pair {k + 1} of {pairs}: {aucs[k]:.4f} ± {errors[k]:.4f}", file=sys.stderr, flush=True)
    pulls = (aucs - 0.5) / errors
    inside = [int((np.abs(pulls) < k).sum()) for k in (1, 2, 3)]
    print(f"{pairs} pairs of {n} + {n} GFlash showers, photons of 1 to 3 GeV, seed {seed}: mean {aucs.mean():.4f} ± "
          f"{aucs.std(ddof=1) / np.sqrt(pairs):.4f}, spread {aucs.std(ddof=1):.4f}, mean stated error "
          f"{errors.mean():.4f}, pulls {pulls.mean():+.2f} ± {pulls.std(ddof=1):.2f}, within 1, 2, 3 errors "
          f"{inside[0]}, {inside[1]}, {inside[2]}")  # fmt: skip


def _equal(simulator: GFlash, n: int, seed: int) -> Showers:
    energy = np.random.default_rng(seed).uniform(1e3, 3e3, n)
    return simulator.simulate(Incidents.make("gamma", energy), seed)


def timing(file: Path | None, name: str, n: int, seed: int) -> None:
    """Measure wall time, processor time and peak memory of all members, with and without the curve."""
    detector = Detector.load(name)
    make = [resampled(file, detector, n, s) if file else parametrised(detector, n, s) for s in range(2)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps: dict[str, list[float]] = {}
    wall, processor = time.perf_counter(), time.process_time()
    judge(*make, seed=seed, tick=lambda what: steps.setdefault(what, []).append(time.process_time() - processor))
    seconds = time.perf_counter() - wall, time.process_time() - processor
    print(f"{n} + {n} showers of {detector.n_cells} cells, 5 folds and the curve: wall {seconds[0]:.0f} s, "
          f"processor {seconds[1]:.0f} s; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} "
          f"GiB, {before:.2f} before")  # fmt: skip
    last = 0.0
    for what, ticks in steps.items():
        print(f"  {what}: until {ticks[-1]:.0f} s, {ticks[-1] - last:.0f} s of processor")
        last = ticks[-1]


if __name__ == "__main__":
    main()
