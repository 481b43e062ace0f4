import json
import shutil

import pytest
import torch

from caloforge.errors import InputError, RunError
from caloforge.models import MODELS
from caloforge.showers import concatenate
from caloforge.training import TrainingConfig, load_model, train
from caloforge.training.run import TrainingFolder, load_state, save_state
from caloforge.training.trainer import Trainer

TOML = """
[model]
kind = "coupling-flow"
layers = {{blocks = 2, hidden = 8, bins = 4}}
cells = {{blocks = 2, hidden = 16, bins = 4}}
[training]
steps = {steps}
batch = 64
evaluate_every = 7
learning_rate = 0.01
seed = {seed}
"""


LIVELY = {  # with all that has a state or draws numbers
    "caloflow": {"cells": {"blocks": 2, "hidden": 16, "bins": 4, "dropout": 0.1}},
    "gan-3d": {"grain": True, "bfloat16": True, "weights": {"moments": 3.0}},
}


def config(steps=21, seed=3):
    return TrainingConfig.read(TOML.format(steps=steps, seed=seed), "toy")


@pytest.fixture(scope="module")
def samples(small, toy):
    return toy(small, 300, seed=1), toy(small, 80, seed=2, first_id=300)


@pytest.fixture(scope="module")
def unbroken(samples, tmp_path_factory):
    run = tmp_path_factory.mktemp("loop") / "run"
    return run, train(config(), *samples, run, quiet=True)


def same(first, second):
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def without_clock(state):
    lines = [{key: value for key, value in line.items() if key != "seconds"} for line in state["losses"]]
    return {key: value for key, value in state.items() if key != "seconds"} | {"losses": lines}


def test_held_out_loss_falls(unbroken):
    run, summary = unbroken
    losses = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in losses] == [7, 14, 21]
    for name in ("layers", "cells"):
        best = min(losses, key=lambda line: line[f"held_out_{name}"])
        assert summary.best[name] == (best[f"held_out_{name}"], best["step"])
    assert losses[-1]["held_out"] < losses[0]["held_out"] - 0.01


@pytest.mark.parametrize("killed_at", [3, 7, 12])
def test_resume_ends_in_the_same_bits(unbroken, samples, tmp_path, train_with_a_break, killed_at):
    """A training that dies between or at checkpoints ends, resumed, with the weights of the unbroken one."""
    train_with_a_break(config(), samples, tmp_path / "run", killed_at)
    ends = [without_clock(load_state(TrainingFolder(run).checkpoint_file)) for run in (unbroken[0], tmp_path / "run")]
    assert same(*ends)
    assert same(*(load_state(TrainingFolder(run).model_file) for run in (unbroken[0], tmp_path / "run")))


@pytest.mark.parametrize("kind", sorted(set(MODELS) - {"coupling-flow", "caloflow-student", "distilled"}))
def test_every_model_resumes_in_the_same_bits(kind, tiny_configs, detector_for, toy, tmp_path, train_with_a_break):
    """Whatever turns, optimisers and statistics it has; the coupling flow above, students with their distillation."""
    model = tiny_configs[kind].model_dump() | LIVELY.get(kind, {})
    wanted = TrainingConfig.build({"model": model, "training": {"steps": 4, "batch": 16, "evaluate_every": 2}}, kind)
    samples = toy(detector_for(kind), 60, seed=1), toy(detector_for(kind), 20, seed=2, first_id=60)
    train(wanted, *samples, tmp_path / "unbroken", quiet=True)
    train_with_a_break(wanted, samples, tmp_path / "broken", 3)
    assert same(*(without_clock(load_state(tmp_path / run / "checkpoint.pt")) for run in ("unbroken", "broken")))
    assert same(*(load_state(tmp_path / run / "model.pt") for run in ("unbroken", "broken")))


def test_resuming_a_finished_training_changes_nothing(unbroken, samples):
    before = (unbroken[0] / "model.pt").read_bytes()
    summary = train(config(), *samples, unbroken[0], resume=True, quiet=True)
    assert summary.steps == 21
    assert summary.best == unbroken[1].best
    assert (unbroken[0] / "model.pt").read_bytes() == before


def test_the_seed_decides(unbroken, samples, tmp_path):
    torch.manual_seed(99)
    train(config(), *samples, tmp_path / "same", quiet=True)
    train(config(seed=4), *samples, tmp_path / "other", quiet=True)
    first, again, other = (load_state(run / "model.pt") for run in (unbroken[0], tmp_path / "same", tmp_path / "other"))
    assert same(first, again)
    assert not same(first, other)


def test_global_random_state_is_left_alone(samples, tmp_path):
    before = torch.get_rng_state()
    train(config(steps=2), *samples, tmp_path / "run", quiet=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_model_is_rebuilt_from_the_folder_alone(unbroken, small):
    model = load_model(unbroken[0])
    assert model.detector == small
    assert not model.training
    with torch.no_grad():
        cells = model.sample(torch.zeros(2, model.noise_size), energy=torch.tensor([[5e3], [1e4]]))
    assert (cells.sum(1) > 0).all()
    folder = TrainingFolder(unbroken[0])
    assert folder.config == config()
    assert folder.provenance["training"]["n_showers"] == 300
    assert folder.provenance["versions"]["torch"] == torch.__version__


def test_weights_whose_slope_is_not_finite_are_not_kept(samples, tmp_path, monkeypatch):
    """A finite loss can have a slope that is not: that of a root at zero."""
    monkeypatch.setattr("caloforge.models.coupling_flow.model.CouplingFlowModel.layer_loss", lambda model, _: sum(
        (0 * p.sum()).sqrt() for p in model.layer_flow.parameters()))  # fmt: skip
    with pytest.raises(RunError, match="loss or its gradient is not finite at step 0"):
        train(config(), *samples, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_overlap_is_refused(samples, tmp_path):
    leaking = concatenate([samples[1], samples[0][5:7]])
    with pytest.raises(InputError, match="share 2 showers"):
        train(config(), samples[0], leaking, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_another_training_is_refused(unbroken, samples):
    with pytest.raises(InputError, match="already holds a training"):
        train(config(), *samples, unbroken[0], quiet=True)
    with pytest.raises(InputError, match="another config"):
        train(config(steps=22), *samples, unbroken[0], resume=True, quiet=True)
    with pytest.raises(InputError, match="other showers"):
        train(config(), samples[0][:200], samples[1], unbroken[0], resume=True, quiet=True)


def test_too_few_showers(samples, tmp_path):
    with pytest.raises(InputError, match="too few"):
        train(config(), samples[0][:1], samples[1], tmp_path / "run", quiet=True)


def test_damaged_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"config\.toml"):
        load_model(tmp_path)


def test_damaged_weights_are_refused(toy_run, tmp_path):
    for file in toy_run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.pt").write_bytes((toy_run / "model.pt").read_bytes()[:500])
    with pytest.raises(InputError, match="cannot read"):
        load_model(tmp_path)


def test_a_checkpoint_of_another_version_of_the_model_is_refused(unbroken, samples, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for file in unbroken[0].iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    state = load_state(run / "checkpoint.pt")
    del state["model"][next(iter(state["model"]))]
    save_state(run / "checkpoint.pt", state)
    with pytest.raises(InputError, match=r"checkpoint\.pt does not fit this version of the model"):
        train(config(), *samples, run, resume=True, quiet=True)


def test_unknown_config_key_names_the_nearest():
    with pytest.raises(InputError, match="learning_rate"):
        TrainingConfig.read('model = {kind = "coupling-flow"}\ntraining = {learning_rte = 1.0}', "toy")


@pytest.mark.parametrize("name", ["model.pt", "checkpoint.pt", "config.toml", "detector.toml", "domain.json",
                                  "provenance.json", "losses.jsonl", "pace.json", "response.json",
                                  "events.out.tfevents.0.caloforge"])  # fmt: skip
def test_what_is_missing_of_a_finished_training_is_made_again(unbroken, samples, tmp_path, name):
    shutil.copytree(unbroken[0], tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    train(config(), *samples, tmp_path / "run", resume=True, quiet=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in unbroken[0].iterdir()}
    assert same(*(load_state(run / "model.pt") for run in (unbroken[0], tmp_path / "run")))


def test_an_empty_state_is_one_line(tmp_path):
    (tmp_path / "model.pt").touch()
    with pytest.raises(InputError, match=r"cannot read .*model\.pt: \w+"):
        load_state(tmp_path / "model.pt")


def test_two_trainings_in_one_folder_are_told_apart(samples, tmp_path, monkeypatch):
    step, refused = Trainer._train_step, []

    def rivalling_step(trainer):
        if not refused:
            with pytest.raises(InputError) as told:
                train(config(seed=9), *samples, tmp_path / "run", resume=True, quiet=True)
            refused.append(str(told.value))
        return step(trainer)

    monkeypatch.setattr(Trainer, "_train_step", rivalling_step)
    train(config(steps=2), *samples, tmp_path / "run", quiet=True)
    assert "is being written by process" in refused[0]


def test_a_listener_hears_every_evaluation_and_may_end_the_training(samples, unbroken, tmp_path):
    """It hears an evaluation once its checkpoint is written, so that a resumed training goes on after it."""
    heard = []

    class EndedError(Exception):
        pass

    def listen(line):
        heard.append(line["step"])
        if len(heard) == 2:
            raise EndedError

    run = tmp_path / "run"
    with pytest.raises(EndedError):
        train(config(), *samples, run, listener=listen, quiet=True)
    assert heard == [7, 14]
    assert load_state(run / "checkpoint.pt")["step"] == 14
    train(config(), *samples, run, listener=listen, resume=True, quiet=True)
    assert heard == [7, 14, 21]
    assert same(load_state(run / "model.pt"), load_state(unbroken[0] / "model.pt"))
