"""A run that is fitted to the time there is."""

from pathlib import Path

import pytest

from caloforge import fit
from caloforge.named_runs import config_file
from caloforge.runs import load

pytest.importorskip("torch")


@pytest.fixture
def quickstart(tmp_path):
    return load(config_file("quickstart"), tmp_path / "run")


@pytest.mark.parametrize(("seconds", "train", "test", "steps"), [(0.043, 2000, 1000, 800), (0.0895, 1000, 500, 400),
                                                                 (5.0, 400, 400, 200)])  # fmt: skip
def test_showers_and_steps_fit_the_minutes(quickstart, seconds, train, test, steps, monkeypatch):
    monkeypatch.setattr(fit, "seconds_per_shower", lambda _: seconds)
    said = []
    fitted = fit.fit_to_minutes(quickstart, 10.0, said.append)
    counts = fitted.config.showers
    assert counts.train == pytest.approx(train, rel=0.02)
    assert counts.test == pytest.approx(test, rel=0.02)
    assert fitted.learning.training.steps == pytest.approx(steps, rel=0.02)
    total = counts.train + counts.select + counts.test
    if 400 < train < 2000:
        assert fit.CHAIN * total * seconds / 60 == pytest.approx(9, rel=0.05)
    assert (f"{total} (" in said[-1]) == (train < 2000)
    assert ("all 3200 showers fit: the run takes about 9 minutes" in said[-1]) == (train == 2000)


def test_a_run_that_has_begun_keeps_its_numbers(quickstart, monkeypatch):
    monkeypatch.setattr(fit, "seconds_per_shower", lambda _: 0.1)
    first = fit.fit_to_minutes(quickstart, 10.0, [].append)
    first.open(resume=False, force=False)
    monkeypatch.setattr(fit, "seconds_per_shower", lambda _: 0.01)
    again = fit.fit_to_minutes(quickstart, 10.0, [].append)
    assert again.config == first.config
    again.open(resume=True, force=False)
    assert fit.fit_to_minutes(quickstart, 10.0, [].append, anew=True).config == quickstart.config


def test_the_demo_is_fitted():
    assert "--minutes 10" in (Path(__file__).parents[1] / "Makefile").read_text()
