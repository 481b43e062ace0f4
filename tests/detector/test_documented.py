"""The detectors written out in the pages are detectors, and docs/detectors.md explains every key of the format."""

import re
from pathlib import Path
from typing import get_args

import pytest

from caloforge.detector import Detector, preset_names
from caloforge.detector.cells import Cells
from caloforge.detector.describe import summarise
from caloforge.detector.spec import DetectorSpec, IncidentDefaults, LayerSpec, Material, Plate, Readout

PAGE = (Path(__file__).parents[2] / "docs" / "detectors.md").read_text(encoding="utf-8")
SIGNAL = (Path(__file__).parents[2] / "docs" / "signal.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE + SIGNAL, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)  # a key that the example alone shows is not explained
GRIDS = get_args(get_args(Cells)[0])
MODELS = (DetectorSpec, Readout, IncidentDefaults, Material, LayerSpec, Plate, *GRIDS)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split('"')[1])
def test_example_is_a_detector_with_known_matter(text):
    detector = Detector.from_toml(text)
    assert summarise(detector).depth_x0 > 1
    assert detector.n_cells == sum(layer.stop - layer.start for layer in detector.layers)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_explained(model):
    for key in model.model_fields:
        assert re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", PROSE), key


def test_every_preset_is_described():
    assert all(f"| `{name}` |" in PAGE for name in preset_names())
