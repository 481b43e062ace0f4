"""The trained models of the repository: they still fit the detectors and the code of today."""

from pathlib import Path

import pytest

from caloforge.detector import Detector
from caloforge.production import Source, SourceConfig
from caloforge.simulators.learned import LearnedSimulator
from caloforge.training import load_model

TRAINED = Path(__file__).parents[1] / "trained"


@pytest.mark.parametrize("path", sorted(TRAINED.glob("*.onnx")), ids=lambda path: path.stem)
def test_exported_models_answer_for_their_preset(path):
    model = LearnedSimulator(path)
    detector = Detector.load("atlas-barrel")
    assert model.detector == detector
    incidents = Source.from_config(SourceConfig(particle="gamma", energy="65 GeV"), detector).draw(0, 100, 1)
    response = model.simulate(incidents, 1).energies.sum(1).mean() / 65e3
    assert response == pytest.approx(0.234, abs=0.003)  # Geant4's in docs/detectors.md, 0.2337 and 0.2324


def test_a_training_directory_is_read():
    model = load_model(TRAINED / "fast-ar-small")
    assert model.detector == Detector.load("pbwo4-cylinder")
    assert sum(parameter.numel() for parameter in model.parameters()) > 100_000
