"""Models of the ATLAS barrel as ONNX: the cell alignment and the layers' sums are inside the graph."""

import numpy as np
import onnxruntime
import pytest
import torch

from caloforge.detector import Detector
from caloforge.export.graph import check_graph
from caloforge.export.onnx import check_parity, to_onnx
from caloforge.models import build
from caloforge.models.vae.config import VAEConfig
from caloforge.models.wgan.config import WGANConfig
from caloforge.production import Source, SourceConfig
from caloforge.showers.domain import Domain, network_inputs
from caloforge.simulators import create

CONFIGS = {"vae": VAEConfig(latent=4, hidden=(16, 8)), "wgan-gp": WGANConfig(latent=8, hidden=(16, 16))}


@pytest.fixture(scope="module")
def showers():
    barrel = Detector.load("atlas-barrel")
    source = Source.from_config(SourceConfig(particle="gamma", energy="1 GeV:260 GeV", spectrum="log"), barrel)
    return create("gflash", barrel).simulate(source.draw(0, 150, seed=1), 1)


@pytest.mark.parametrize("kind", CONFIGS)
def test_graph_gives_what_the_model_gives(kind, showers):
    torch.manual_seed(3)
    model = build(CONFIGS[kind], showers.detector, Domain.of(showers.incidents)).eval().requires_grad_(False)
    model.fit(showers)
    graph = to_onnx(model)
    check_graph(graph)
    content = graph.SerializeToString()
    worst, flips = check_parity(content, model)
    assert worst < 1.0
    assert flips < 20
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} == {"energy", "theta", "position", "noise"}
    inputs = {name: value for name, value in network_inputs(showers.incidents).items() if name in model.inputs}
    noise = np.random.default_rng(4).standard_normal((150, model.noise_size), dtype=np.float32)
    (cells,) = session.run(None, inputs | {"noise": noise})
    (alone,) = session.run(None, {name: value[7:8] for name, value in (inputs | {"noise": noise}).items()})
    np.testing.assert_allclose(alone[0], cells[7], rtol=1e-4, atol=1e-3)
