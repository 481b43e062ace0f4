"""The verdict: what makes a candidate green, yellow and red."""

import re

import numpy as np
import pytest

from caloforge.validation.significance import deviations, worst_observable
from caloforge.validation.summary import overall, told_apart, verdict_rows
from caloforge.validation.table import Observable

RATIO = {"mean_ratio_error": 1e-3, "std_ratio_error": 0.02}


def scored(auc=0.5, response=1.0, width=1.0, worst=0.0, precision=0.6):
    """Metrics of one sample, as far as the verdict reads them."""
    return {
        "auc": {"mean": auc, "error": 0.01, "n": 1000, "told_apart_at": None, "curve": [[500, 0.5, 0.01]]},
        "observables": {"response": {"mean_ratio": response, "std_ratio": width, **RATIO}},
        "worst_observable": {"name": "sparsity", "errors": worst},
        "fpd": {"value": 1e-3, "error": 1e-4},
        "kpd": {"value": 1e-4, "error": 1e-4},
        "precision": precision,
        "coverage": 0.9,
        "n_manifold": 1000,
    }


def verdict(**changes):
    return overall({"floor": scored(), "candidates": {}}, scored(**changes))


def test_green_where_nothing_fails():
    assert verdict(auc=0.52, response=1.002, width=0.95, worst=2.5).verdict == "good"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auc": 0.551}, "AUC: 5.1 standard errors"),
        ({"response": 0.9949}, "response: 5.1 standard errors"),
        ({"width": 1.11}, "resolution: 5.5 standard errors"),
        ({"worst": 5.1}, r"worst observable \(sparsity\): 5.1 standard errors"),
    ],
)
def test_five_errors_of_any_are_never_green(changes, reason):
    found = verdict(**changes)
    assert found.verdict == "near"
    assert len(found.reasons) == 1
    assert re.fullmatch(reason, found.reasons[0])


@pytest.mark.parametrize("changes", [{"auc": 0.7}, {"response": 1.03}, {"width": 0.7}, {"worst": 12}])
def test_red_where_one_is_clearly_off(changes):
    assert verdict(**changes).verdict == "far"


def test_an_area_below_a_half_is_chance():
    assert verdict(auc=0.46).verdict == "good"


@pytest.mark.parametrize(("precision", "expected"), [(0.6, "good"), (0.72, "near"), (0.48, "near"), (0.9, "far")])
def test_better_than_the_floor_is_wrong_too(precision, expected):
    metrics = {"floor": scored(), "candidates": {"m": scored(precision=precision)}}
    columns, rows = verdict_rows(metrics)
    place = [column.key for column in columns].index("precision")
    assert rows["m"][place].verdict == expected


def test_a_matched_response_is_marked_with_what_it_was():
    candidate = scored() | {"provenance": {"response_match": {"unmatched_mean_ratio": [0.97, 1.01]}}}
    columns, rows = verdict_rows({"floor": scored(), "candidates": {"m": candidate}})
    notes = {column.key: cell.note for column, cell in zip(columns, rows["m"], strict=True)}
    assert notes["response"] == "matched; 0.970 to 1.010 unmatched"
    assert notes["resolution"] == "matched by construction"
    assert notes["auc"] == ""
    candidate["provenance"]["response_match"]["unmatched_width_ratio"] = [1.207]
    _, rows = verdict_rows({"floor": scored(), "candidates": {"m": candidate}})
    assert "matched; 1.207 unmatched" in [cell.note for cell in rows["m"]]


def test_each_of_several_particles_has_its_rows():
    """Its figures stand under its name, and a match of the response is marked there, too."""
    candidate = scored() | {"provenance": {"response_match": {"unmatched_mean_ratio": [0.97]}}}
    for one in (floor := scored(), candidate):
        one["auc"]["particles"] = {"gamma": {"mean": 0.61, "error": 0.02, "n": 500}}
        response = {"mean_ratio": 1.001, "std_ratio": 1.1, **RATIO}
        one["particles"] = {"gamma": {"n": [500, 500], "observables": {"response": response}}}
    columns, rows = verdict_rows({"floor": floor, "candidates": {"m": candidate}})
    found = {column.label: cell for column, cell in zip(columns, rows["m"], strict=True)}
    assert found["AUC, gamma"].verdict == "near"
    assert (found["response, gamma"].value, found["resolution, gamma"].value) == (1.001, 1.1)
    assert [found[name].note for name in ("AUC, gamma", "response, gamma")] == ["", "matched by construction"]


def test_told_apart_in_words():
    found = scored()
    assert told_apart(found) == "> 1000"
    found["auc"]["told_apart_at"] = 500
    assert told_apart(found) == "≤ 500"
    found["auc"]["told_apart_at"] = 700
    assert told_apart(found) == "700"


def test_the_worst_observable_counts_the_trials():
    rng = np.random.default_rng(1)
    same = [{name: Observable(rng.normal(0, 1, 500), name, "", "energy") for name in "abcdef"} for _ in range(2)]
    assert worst_observable(*same)["probability"] > 1e-4  # one false alarm in 10 000
    other = same[1] | {"d": Observable(rng.normal(0.5, 1, 500), "d", "", "energy")}
    found = worst_observable(same[0], other)
    assert found["name"] == "d"
    assert found["errors"] > 5
    assert found["errors"] == pytest.approx(deviations(found["probability"]))


@pytest.mark.parametrize(("probability", "expected"), [(0.5, 0), (0.158655, 1), (0.00134990, 3), (0.0, 37)])
def test_deviations(probability, expected):
    assert deviations(probability) == pytest.approx(expected, abs=0.1)
