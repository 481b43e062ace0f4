import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from caloforge.errors import InputError, RunError
from caloforge.report import folder, validate
from caloforge.validation import benchmark, schema, summary_table
from caloforge.validation.features import VIEWS
from caloforge.validation.judges.schema import Member
from caloforge.validation.metrics import METRICS, Comparison, Sample, score
from caloforge.validation.recipes import RECIPES
from caloforge.validation.samples import prepare
from caloforge.validation.schema import View, read_metrics

AUCS = ("auc_low", "auc_low_normed", "auc_high", "auc_high_trees", "auc_log", "auc_fixed")


@pytest.fixture(scope="module")
def done(samples, with_energies, small_recipe, tmp_path_factory):
    """Folder and metrics of one validation: an honest candidate, one scaled by 1 %, and copies of the training set.

    The page itself, which takes longer than all metrics, is drawn in tests/report.
    """
    reference, floor, candidate, training = samples
    candidates = {
        "honest": candidate,
        "scaled": with_energies(candidate, candidate.energies * 1.01),
        "copies": training,
    }
    out = tmp_path_factory.mktemp("validation") / "new" / "folder"
    options = {"floor": floor, "training": training, "recipe": "quick", "seeds": 1, "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "quick", small_recipe)
        patch.setattr("caloforge.report.page.write_report", lambda path, *_: path.touch())
        metrics = validate(reference, candidates, out, **options)
    return out, metrics


def test_metrics_are_as_the_interface_says(done):
    out, metrics = done
    written = json.loads((out / "metrics.json").read_text())
    assert set(written) >= {"reference", "floor", "candidates"}
    assert set(written["candidates"]) == {"honest", "scaled", "copies"}
    for scores in (written["floor"], *written["candidates"].values()):
        for view in AUCS:
            assert set(scores[view]) >= {"mean", "std", "n_train", "n_test", "seeds"}
            assert 0 <= scores[view]["mean"] <= 1
        assert scores["auc_low"]["n_train"] == 480
        assert scores["auc_low"]["n_test"] == 160
        response = scores["observables"]["response"]
        assert set(response) >= {"separation_power", "wasserstein", "mean_ratio", "std_ratio", "mean_ratio_error"}
        assert len(scores["energy_bins"]) == 5
    assert metrics["candidates"]["scaled"]["observables"]["response"]["mean_ratio"] == pytest.approx(1.01, abs=0.003)


def test_metrics_are_of_the_types_that_the_schema_names(done, tmp_path):
    out, _ = done
    found = read_metrics(out / "metrics.json")
    assert found.candidates["copies"].memorisation.copied > 0.95
    assert {f"auc_{view}" for view in VIEWS} <= found.floor.__pydantic_extra__.keys()
    assert all(isinstance(value, View | Member) for value in found.floor.__pydantic_extra__.values())
    text = (out / "metrics.json").read_text()
    for old, new, said in (('"recall"', '"recal"', "recal"), ('"unit": "MeV"', '"unit": 3', "unit"), ("{", "", "")):
        assert old in text
        (tmp_path / "other.json").write_text(text.replace(old, new, 1))
        with pytest.raises(InputError, match=f"is not what `caloforge validate` writes: .*{said}"):
            read_metrics(tmp_path / "other.json")


def test_every_metric_gives_keys_of_its_own(samples, small_recipe):
    showers = samples[0][:200]
    sample = Sample("model", showers, showers)
    comparison = Comparison(sample, small_recipe, [0], lambda _: None, samples[3])
    keys = [key for name, metric in METRICS.items() if name not in ("judge", "classifiers")
            for key in metric(comparison, sample)]  # fmt: skip
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(schema.Sample.model_fields)


def test_particles_are_compared_one_by_one(samples, small_recipe):
    """Photons' cells are raised by 2 %: their response shows it, that of electrons does not."""
    pdg = np.resize(np.array([11, 22], np.int32), 400)
    reference, candidate = (replace(s[:400], incidents=replace(s[:400].incidents, pdg=pdg)) for s in samples[:2])
    raised = candidate.energies * np.where(pdg == 22, 1.02, 1).astype(np.float32)[:, None]
    comparison = Comparison(Sample("reference", reference, reference), small_recipe, [0], lambda _: None, None)
    showers = replace(candidate, energies=raised)
    found = METRICS["particles"](comparison, Sample("model", showers, showers))["particles"]
    ratio = {name: schema.OneParticle.model_validate(one).observables["response"] for name, one in found.items()}
    assert found["gamma"]["n"] == [200, 200]
    assert abs(ratio["e-"].mean_ratio - 1) < 5 * ratio["e-"].mean_ratio_error  # one chance in a million
    assert abs(ratio["gamma"].mean_ratio - 1.02) < 5 * ratio["gamma"].mean_ratio_error
    assert not METRICS["particles"](Comparison(Sample("r", samples[0], samples[0]), small_recipe, [0], print, None),
                                    Sample("m", samples[1], samples[1]))  # fmt: skip


def test_a_metric_of_another_package_is_kept_apart(samples, small_recipe, monkeypatch):
    """Its figures, or why there are none; METRICS itself needs one line and one file."""

    class Added:
        origin = "toy 1.0"

        def __init__(self, metric):
            self.load = lambda: metric

    def fails(*_):
        raise ValueError("no\nluck")

    added = {"mean": Added(lambda reference, showers: {"ratio": np.float32(len(showers) / len(reference))}),
             "fails": Added(fails)}  # fmt: skip
    monkeypatch.setattr("caloforge.validation.metrics.plugins", lambda group: added if group == "metrics" else {})
    monkeypatch.setattr("caloforge.validation.metrics.METRICS", {})
    sample = Sample("model", samples[0], samples[0])
    found = score(Comparison(sample, small_recipe, [0], lambda _: None, None), sample)
    assert found["plugins"] == {
        "mean": {"ratio": 1.0},
        "fails": {"error": "plugin 'fails' of toy 1.0 failed: ValueError: no luck"},
    }


def test_nothing_is_left_beside_the_files(done):
    assert {path.name for path in done[0].iterdir()} == {"metrics.json", "report.html"}


def test_honest_candidate_is_at_the_floor(done):
    """No area beyond 4.5 errors of 0.5, for floor and honest candidate: 1e-4 false alarms."""
    for scores in (done[1]["floor"], done[1]["candidates"]["honest"]):
        for view in AUCS:
            assert abs(scores[view]["mean"] - 0.5) < 4.5 * scores[view]["error"], view


def test_copies_are_called_copies(done):
    metrics = done[1]
    assert metrics["candidates"]["copies"]["memorisation"]["copied"] > 0.95
    assert metrics["candidates"]["honest"]["memorisation"]["copied"] < 0.05


def test_terminal_summary_names_samples_and_warns(done):
    shown = io.StringIO()
    Console(width=160, file=shown).print(summary_table(done[1]))
    text = shown.getvalue()
    for word in ("floor", "honest", "scaled", "copies", "AUC log", "few"):
        assert word in text


def test_same_seed_same_metrics(samples, small_recipe):
    prepared = prepare(samples[0][:500], {"model": samples[2]}, None, reweight=False, seed=0)
    runs = [benchmark.measure(prepared, small_recipe, 3, 1, lambda _: None) for _ in range(2)]
    assert benchmark.finite(runs[0]) == benchmark.finite(runs[1])


def test_what_is_not_finite_becomes_null():
    values = {"a": np.float64("nan"), "b": [np.inf, np.int64(3)], "c": (1.5,)}
    assert benchmark.finite(values) == {"a": None, "b": [None, 3], "c": [1.5]}


def test_a_reference_among_the_training_showers_is_refused(samples, tmp_path):
    with pytest.raises(InputError, match="the reference and the training sample share 800 showers"):
        validate(samples[0], {"m": samples[2]}, tmp_path / "report", training=samples[0], progress=False)
    assert not (tmp_path / "report").exists()


def test_a_report_that_fails_loses_no_metrics(samples, tmp_path, monkeypatch):
    def fails(*_):
        raise ValueError("Expected end of text,\nfound x")

    monkeypatch.setattr("caloforge.report.page.write_report", fails)
    monkeypatch.setattr(folder, "measure", lambda *_, **__: {"kept": True})
    with pytest.raises(
        RunError, match=r"report failed \(Expected end of text, found x\); the metrics are kept in .*json"
    ):
        validate(samples[0], {"m": samples[2]}, tmp_path, seeds=1, progress=False)
    assert json.loads((tmp_path / "metrics.json").read_text())["kept"]
    assert not (tmp_path / "report.html").exists()


def test_bad_arguments_write_nothing(samples, tmp_path):
    with pytest.raises(InputError, match="unknown recipe"):
        validate(samples[0], {"m": samples[2]}, tmp_path / "x", recipe="nonsense", progress=False)
    with pytest.raises(InputError, match="seeds must be 1"):
        validate(samples[0], {"m": samples[2]}, tmp_path / "x", seeds=0, progress=False)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot make folder"):
        validate(samples[0], {"m": samples[2]}, tmp_path / "file" / "x", progress=False)
    assert not (tmp_path / "x").exists()
