"""From a trained model to other showers with the same cells."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from caloforge.cli import main
from caloforge.errors import InputError
from caloforge.showers import Incidents, write
from caloforge.showers.lineage import learned_from
from caloforge.training import load_model, train
from caloforge.training.adapt import adapted_config, check_shapes
from caloforge.training.run import TrainingFolder


@pytest.fixture(scope="module")
def photons(toy, small):
    """Photons of ten times the energy that the toy model knows."""
    showers = toy(small, 120, seed=9)
    old = showers.incidents
    incidents = Incidents.make("gamma", 10 * old.energy, shower_id=old.shower_id)
    order = {"detector": "d", "simulator": "toy", "source": {}, "seed": 1}
    return replace(showers, incidents=incidents, energies=10 * showers.energies,
                   provenance={"order": order, "first_id": 0, "n": 120})  # fmt: skip


def weights(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("tune", ["all", "biases"])
def test_an_adapted_model_begins_with_the_weights_and_refits_its_transforms(toy_run, photons, tmp_path, tune):
    config = adapted_config(toy_run, {"steps": 1, "evaluate_every": 1, "learning_rate": 1e-9, "tune": tune})
    train(config, photons[:100], photons[100:], tmp_path / "run", quiet=True)
    known, adapted = load_model(toy_run), load_model(tmp_path / "run")
    for name, value in weights(adapted).items():
        torch.testing.assert_close(value, weights(known)[name], rtol=0, atol=1e-7)
    buffers = dict(known.named_buffers())
    assert any(not torch.equal(value, buffers[name]) for name, value in adapted.named_buffers())
    orders = {name: value for name, value in adapted.named_buffers() if name.endswith(("deals", "returns"))}
    assert orders
    assert all(torch.equal(value, buffers[name]) for name, value in orders.items())  # they belong to the weights
    assert adapted.domain.pdgs == (22,)
    assert adapted.domain.energy[1] > 50_000
    noise = torch.randn(50, adapted.noise_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cells = adapted.sample(noise, energy=torch.full((50, 1), 100_000.0))
    assert cells.sum(1).mean() == pytest.approx(99_000, rel=0.05)  # the response of the new showers


def test_the_learning_rate_is_a_quarter_unless_given(toy_run):
    first = TrainingFolder(toy_run).config.training.learning_rate
    assert adapted_config(toy_run, {}).training.learning_rate == first / 4
    assert adapted_config(toy_run, {"learning_rate": 0.01}).training.learning_rate == 0.01


def test_biases_alone_learn(toy_run, photons, tmp_path):
    config = adapted_config(toy_run, {"steps": 3, "evaluate_every": 3, "learning_rate": 0.05, "tune": "biases"})
    train(config, photons[:100], photons[100:], tmp_path / "run", quiet=True)
    known, adapted = weights(load_model(toy_run)), weights(load_model(tmp_path / "run"))
    moved = {name for name in known if not torch.equal(known[name], adapted[name])}
    assert moved
    assert moved <= {name for name, value in known.items() if value.ndim <= 1}


def test_where_it_comes_from_is_kept(toy_run, photons, tmp_path):
    config = adapted_config(toy_run, {"steps": 1, "evaluate_every": 1})
    train(config, photons[:100], photons[100:], tmp_path / "run", quiet=True)
    told = TrainingFolder(tmp_path / "run").provenance
    assert told["training"]["adapted_from"]["training"]["n_showers"] == 300
    assert learned_from(told, photons) == 120
    nested = {"training": {"adapted_from": told}}
    assert learned_from(nested, photons) == 120


def test_what_does_not_fit_is_refused(toy_run, tiny_training, photons, uniform, toy, tmp_path):
    config = adapted_config(toy_run, {})
    with pytest.raises(InputError, match="fills 26 cells in 3 layers, as in 'small'; the showers have 64 in 4"):
        check_shapes(config, toy(uniform, 5, seed=1))
    with pytest.raises(InputError, match="tune"):
        adapted_config(toy_run, {"tune": "some"})
    with pytest.raises(InputError, match="is a student of"):
        adapted_config(tiny_training("caloflow-student"), {})
    tilted = replace(photons, incidents=replace(photons.incidents, theta=np.linspace(0, 0.3, 120)))
    with pytest.raises(InputError, match=r"vary in other quantities \(energy, theta\)"):
        train(config, tilted[:100], tilted[100:], tmp_path / "run", quiet=True)


def test_command(toy_run, toy_onnx, photons, tmp_path, monkeypatch, capsys):
    write(tmp_path / "photons.h5", photons)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["caloforge", "adapt", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    out = tmp_path / "new" / "run"
    assert not run(toy_run, "--showers", tmp_path / "photons.h5", "--steps", "5", "-o", out, "-q")
    counts = json.loads((out / "provenance.json").read_text())["training"]
    assert counts["n_showers"] + counts["n_selection"] == 120
    assert 2 <= counts["n_selection"] <= 30
    assert run(toy_onnx, "--showers", tmp_path / "photons.h5", "-o", out) == 2
    assert "give its run directory" in capsys.readouterr().err
