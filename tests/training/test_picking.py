"""Which weights a training keeps, how long it lasts, and what it says at its end."""

import json
import math

import numpy as np
import pytest
import torch

from caloforge.errors import InputError, RunError
from caloforge.models import build
from caloforge.showers.domain import Domain
from caloforge.training import Schedule, TrainingConfig, TrainingSummary, load_model, train
from caloforge.training.pace import Pace, timed
from caloforge.training.picking import Picker, parts_of
from caloforge.training.record import training_record
from caloforge.training.response import draw, unmatched_response
from caloforge.training.run import TrainingFolder, load_state


@pytest.fixture(scope="module")
def samples(small, toy):
    return toy(small, 200, seed=1), toy(small, 150, seed=2, first_id=200)


def config(kind="coupling-flow", model=None, **training):
    tiny = {"layers": {"blocks": 2, "hidden": 8, "bins": 4}, "cells": {"blocks": 2, "hidden": 8, "bins": 4}}
    schedule = {"steps": 6, "batch": 32, "evaluate_every": 1, "learning_rate": 0.01}
    values = {"kind": kind} | (model if model is not None else tiny)
    return TrainingConfig.build({"model": values, "training": schedule | training}, "toy")


@pytest.fixture
def picker(samples, small, tmp_path):
    torch.manual_seed(1)
    model = build(config().model, small, Domain.of(samples[0].incidents))
    model.fit(samples[0])
    return model, Picker(model, parts_of(model, model.optimiser_steps(), apart=True), tmp_path / "best.pt")


def weights(model, part):
    return [p.detach().clone() for p in getattr(model, f"{part}_flow").parameters()]


def test_each_part_keeps_its_own_best_step(picker, tmp_path):
    """Layers best at step 1, cells at step 3."""
    model, picker = picker
    seen = []
    for step, scores in enumerate([(2.0, 9.0), (1.0, 8.0), (1.5, 7.0), (1.4, 6.0), (math.nan, math.inf)]):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.01)
        seen.append({part: weights(model, name) for part, name in (("layers", "layer"), ("cells", "cell"))})
        picker.offer(model, dict(zip(("layers", "cells"), scores, strict=True)), step)
    assert picker.best == {"layers": (1.0, 1), "cells": (6.0, 3)}
    kept = load_state(tmp_path / "best.pt")
    for part, name, step in (("layers", "layer_flow", 1), ("cells", "cell_flow", 3)):
        ours = [kept[key] for key, _ in model.named_parameters() if key.startswith(name)]
        assert all(map(torch.equal, ours, seen[step][part]))


def test_a_part_without_a_finite_score_has_no_weights(picker):
    model, picker = picker
    picker.offer(model, {"layers": 1.0, "cells": math.nan}, 1)
    with pytest.raises(RunError, match="no held-out loss"):
        picker.check()


class Judge:
    """Areas told beforehand; keeps the showers it saw."""

    def __init__(self, areas):
        self.areas, self.seen = iter(areas), []

    def __call__(self, reference, drawn):
        self.seen.append((reference, drawn))
        return next(self.areas)


def test_a_judge_picks_the_weights_nearest_to_one_half(samples, tmp_path):
    judge = Judge([0.9, 0.4, 0.55, 0.7, 0.8, 0.9])
    summary = train(config(select="auc"), *samples, tmp_path / "run", scorer=judge, quiet=True)
    assert summary.best == {"whole": (pytest.approx(0.05), 3)}
    lines = [json.loads(line) for line in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()]
    assert [line["auc"] for line in lines] == [0.9, 0.4, 0.55, 0.7, 0.8, 0.9]
    reference, drawn = judge.seen[2]
    np.testing.assert_array_equal(reference.energies, samples[1].energies)
    kept = draw(load_model(tmp_path / "run"), samples[1], 1)
    np.testing.assert_allclose(drawn.energies, kept, rtol=1e-4, atol=1e-3)


def test_judgements_are_as_often_as_asked_and_at_the_end(samples, tmp_path):
    judge = Judge([0.6, 0.7])
    train(config(select="auc", judge_every=4), *samples, tmp_path / "run", scorer=judge, quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "auc" in line] == [4, 6]


def test_judged_trainings_resume_in_the_same_bits(samples, tmp_path, train_with_a_break, monkeypatch):
    def judge(reference, drawn):
        return float(np.clip(drawn.energies.mean() / reference.energies.mean() / 2, 0, 1))

    monkeypatch.setattr(train, "__kwdefaults__", train.__kwdefaults__ | {"scorer": judge})
    asked = config(select="auc", judge_every=2)
    train(asked, *samples, tmp_path / "unbroken", quiet=True)
    train_with_a_break(asked, samples, tmp_path / "broken", 5)
    first, second = (load_state(tmp_path / run / "model.pt") for run in ("unbroken", "broken"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_judge_that_is_missing_is_asked_for(samples, tmp_path):
    with pytest.raises(InputError, match='select = "auc" needs a judge'):
        train(config(select="auc"), *samples, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_minutes_become_steps_that_repeat_the_training(samples, tmp_path):
    """Whatever the clock says later: the steps that were fixed, without minutes, end in the same bits."""
    summary = train(config(steps=100_000, minutes=0.01, evaluate_every=10), *samples, tmp_path / "timed", quiet=True)
    pace = json.loads((tmp_path / "timed" / "pace.json").read_text())
    assert summary.steps == pace["steps"] < 1000
    assert pace["seconds_per_step"] == pytest.approx(0.6 / pace["steps"], rel=0.5)
    assert pace["threads"] == torch.get_num_threads()
    again = config(steps=pace["steps"], evaluate_every=10)
    train(again, *samples, tmp_path / "counted", quiet=True)
    first, second = (load_state(tmp_path / run / "model.pt") for run in ("timed", "counted"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_pace_is_kept_and_read_again(tmp_path):
    file, cpu, schedule = tmp_path / "pace.json", torch.device("cpu"), config(minutes=1.0, steps=50).training
    assert Pace.of(schedule, cpu, file, lambda: 6.0).steps == 10
    assert Pace.of(schedule, cpu, file, lambda: pytest.fail("measured again")).steps == 10
    file.write_text("{")
    with pytest.raises(InputError, match="cannot read"):
        Pace.of(schedule, cpu, file, lambda: 6.0)


def test_a_step_is_timed_within_its_limit():
    calls = []
    assert timed(lambda: calls.append(1), 0.0) < 0.1
    assert len(calls) == 3


def test_a_best_step_long_past_is_remarked_on():
    assert TrainingSummary(1000, 1.0, {"layers": (1.0, 900), "cells": (1.0, 700)}).remark is None
    assert "cells 0.5 at step 300" in TrainingSummary(1000, 1.0, {"cells": (0.5, 300)}).line
    assert "cells at step 300" in TrainingSummary(1000, 1.0, {"layers": (1.0, 900), "cells": (1.0, 300)}).remark


@pytest.mark.parametrize("kind", ["coupling-flow", "vae", "wgan-gp"])
def test_weight_decay_reaches_every_optimiser(kind, samples, tiny_configs, tmp_path):
    model = tiny_configs[kind].model_dump()
    norms = []
    for decay in (0.0, 5.0):
        run = tmp_path / f"{decay}"
        train(config(kind, model, weight_decay=decay, steps=8), *samples, run, quiet=True)
        norms.append(sum(float(p.detach().square().sum()) for p in load_model(run).parameters()))
    assert norms[1] < 0.99 * norms[0]


def test_response_before_it_is_matched(samples, small, tiny_configs):
    """Doubled deposits, matched back: what is recorded is twice Geant4's."""
    model = build(tiny_configs["vae"], small, Domain.of(samples[0].incidents))
    model.fit(samples[0])
    assert unmatched_response(model, samples[1]) is None
    model.layers.mean[0, 0] += math.log(2)
    model.finalise()
    found = unmatched_response(model, samples[1])
    assert found["unmatched_mean_ratio"] == [pytest.approx(2.0, rel=0.1)]
    assert len(found["ranges"]) == len(found["unmatched_width_ratio"]) == 1
    assert found["n_drawn"] == [1050]
    assert float(model.response.matched) == 1
    real, drawn = (x.sum(1) / samples[1].incidents.energy for x in (samples[1].energies, draw(model, samples[1], 1)))
    assert float(drawn.mean() / real.mean()) == pytest.approx(1.0, abs=0.01)


def test_trainings_record_the_unmatched_response(samples, tiny_configs, tmp_path):
    for kind, matches in (("vae", True), ("coupling-flow", False)):
        train(config(kind, tiny_configs[kind].model_dump(), steps=1), *samples, tmp_path / kind, quiet=True)
        response = TrainingFolder(tmp_path / kind).response
        assert bool(response) == matches


def test_each_kind_has_defaults_of_its_own_where_a_config_says_nothing():
    vae = TrainingConfig.read("[model]\nkind = 'vae'\n[training]\nbatch = 7", "test").training
    assert (vae.batch, vae.clip, vae.average) == (7, 1e-3, 0.995)
    gan = TrainingConfig.read("[model]\nkind = 'wgan-gp'", "test").training
    assert (gan.batch, gan.learning_rate, gan.clip) == (64, 5e-4, 1000.0)
    flow = TrainingConfig.read("[model]\nkind = 'coupling-flow'", "test").training
    assert flow == Schedule()


def test_the_record_of_a_training_tells_size_time_and_kept_steps(toy_run):
    folder = TrainingFolder(toy_run)
    record = training_record(folder, load_model(toy_run))
    lines = [json.loads(line) for line in folder.losses_file.read_text().splitlines()]
    assert record["parameters"] > 100
    assert record["seconds"] == lines[-1]["seconds"]
    assert record["losses"] == [[line["step"], line["loss"], line["held_out"]] for line in lines]
    for part, (score, step) in record["best"].items():
        assert score == min(line[part] for line in lines)
        assert step in [line["step"] for line in lines]
