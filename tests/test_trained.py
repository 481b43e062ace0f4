"""The trained models of the repository: they still fit the detectors and the code of today."""

from pathlib import Path

import pytest
import torch

from caloforge.detector import Detector
from caloforge.production import Source, SourceConfig
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import load_model

TRAINED = Path(__file__).parents[1] / "trained"


PHOTONS = ("atlas-barrel", "gamma", "65 GeV", 0.234, 0.003)  # Geant4's in docs/detectors.md, 0.2337 and 0.2324
EXPORTED = {  # preset, particle, energy, mean E/E_inc of Geant4 and how far off it may be
    "fast-ar-high-small": ("pbwo4-cylinder", "e-", "95 GeV", 0.992, 0.001),
    "gan-3d-small": ("clic-ecal", "e-", "300 GeV", 0.0176, 0.0003),
    "vae-small": PHOTONS,
    "wgan-gp-calogan-small": ("calogan-ecal", "e+", "50 GeV", 0.9966, 0.001),
    "wgan-gp-small": PHOTONS,
}


def test_every_exported_model_is_tested():
    assert {path.stem for path in TRAINED.glob("*.onnx")} == EXPORTED.keys()


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_models_answer_for_their_preset(name):
    preset, particle, energy, expected, off = EXPORTED[name]
    model = LearnedSimulator(TRAINED / f"{name}.onnx")
    detector = Detector.load(preset)
    assert model.detector == detector
    incidents = Source.from_config(SourceConfig(particle=particle, energy=energy), detector).draw(0, 100, 1)
    response = (model.simulate(incidents, 1).energies.sum(1) / incidents.energy).mean()
    assert response == pytest.approx(expected, abs=off)


def test_a_training_directory_is_read_and_drawn_from():
    """Electrons of 12 GeV: Geant4's mean response in the test showers of that training is 0.9940, its width 0.0028."""
    model = load_model(TRAINED / "fast-ar-small")
    assert model.detector == Detector.load("pbwo4-cylinder")
    noise = torch.randn(20, model.noise_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cells = model.sample(noise, energy=torch.full((20, 1), 12_000.0))
    assert (cells.sum(1) / 12_000).mean() == pytest.approx(0.994, abs=0.002)
