import math

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers
from caloforge.validation import features
from caloforge.validation.moments import lateral_moments

RINGS = """
name = "rings"
[readout]
threshold = "0.01 MeV"
sampling_fraction = 0.5
[[layer]]
plates = [{material = "G4_W", thickness = "3 mm"}]
counts = ["G4_W"]
cells = {kind = "cylindrical", n = [1, 3], r_max = "30 mm"}
[[layer]]
copies = 2
plates = [{material = "G4_W", thickness = "3 mm"}]
counts = ["G4_W"]
cells = {kind = "cylindrical", n = [4, 2], r_edges = ["0 mm", "5 mm", "20 mm"]}
"""


def slow_high_level(showers):
    """CaloChallenge's features, shower by shower and cell by cell, as METRICS.md words them."""
    detector, rows = showers.detector, []
    for energies, incident in zip(showers.energies, showers.incidents.energy, strict=True):
        cells = [float(e) if e >= np.float32(detector.readout.threshold) else 0.0 for e in energies]
        cells = [e / detector.readout.sampling_fraction for e in cells]
        parts = {key: [] for key in ("layer", "ec_x", "ec_y", "w_x", "w_y", "sparsity", "ec_r", "w_r")}
        for layer in detector.layers:
            own = cells[layer.start : layer.stop]
            parts["layer"].append(math.log10(sum(own) + 1e-8))
            parts["sparsity"].append(1 - sum(e > 0 for e in own) / len(own))
            places = {"x": layer.cells.centres[:, 0], "y": layer.cells.centres[:, 1], "r": slow_radii(layer)}
            for axis, place in places.items():
                if axis != "r" and layer.cells.kind == "cylindrical" and layer.cells.shape[0] == 1:
                    continue
                centre = sum(a * e for a, e in zip(place, own, strict=True)) / (sum(own) + 1e-16)
                square = sum(a * a * e for a, e in zip(place, own, strict=True)) / (sum(own) + 1e-16)
                parts[f"ec_{axis}"].append(centre / 100)
                parts[f"w_{axis}"].append(math.sqrt(max(square - centre**2, 0)) / 100)
        total = [math.log10(sum(cells) + 1e-8)]
        lateral = (*parts["ec_x"], *parts["ec_y"], *parts["w_x"], *parts["w_y"])
        radial = (*parts["sparsity"], *parts["ec_r"], *parts["w_r"])
        rows.append([math.log10(incident), *parts["layer"], *lateral, *total, *radial])
    return np.array(rows)


def slow_radii(layer):
    if layer.cells.kind == "cartesian":
        return [math.hypot(x, y) for x, y in layer.cells.centres]
    edges = layer.cells.edges[1]
    return [(edges[j] + edges[j + 1]) / 2 for _ in range(layer.cells.shape[0]) for j in range(layer.cells.shape[1])]


def random_showers(detector, n=40, seed=3):
    random = np.random.default_rng(seed)
    cells = random.exponential(5.0, (n, detector.n_cells)) * (random.random((n, detector.n_cells)) < 0.4)
    cells[0] = 0
    return Showers(detector, Incidents.make("e-", random.uniform(1e3, 1e5, n)), cells.astype(np.float32))


@pytest.fixture(params=["small", "rings"])
def showers(request, small):
    return random_showers(small if request.param == "small" else Detector.from_toml(RINGS))


def test_features_equal_the_slow_reference(showers):
    np.testing.assert_allclose(features.high_level(showers), slow_high_level(showers), rtol=1e-5, atol=1e-5)


def test_features_count_as_in_calochallenge():
    """362 for data set 2: 45 layers divided in phi."""
    assert features.high_level(random_showers(Detector.load("par04-siw"), 3)).shape == (3, 362)


def test_low_views(showers):
    above, incident = showers.thresholded(), showers.incidents.energy[:, None]
    low = features.low(showers)
    assert low.shape == (len(showers), 1 + showers.detector.n_cells)
    np.testing.assert_allclose(low[:, 0], np.log10(incident[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(low[:, 1:], above / incident / showers.detector.readout.sampling_fraction, rtol=1e-5)


@pytest.mark.parametrize("raw", [False, True])
def test_normed_view_divides_by_thresholded_layers(showers, raw):
    detector = showers.detector
    cells = (showers.energies if raw else showers.thresholded()).astype(np.float64)
    expected = np.hstack([cells[:, layer.slice] / (showers.thresholded()[:, layer.slice].sum(1, keepdims=True) + 1e-16)
                          for layer in detector.layers])  # fmt: skip
    found = features.low_normed(showers, raw=raw)
    np.testing.assert_allclose(found[1:, 1 : 1 + detector.n_cells], expected[1:], rtol=1e-4)
    assert found.shape[1] == 1 + detector.n_cells + len(detector.layers)


def test_log_view_starts_at_the_threshold(showers):
    cells, above = features.log(showers)[:, 1:], showers.thresholded()
    assert (cells[above == 0] == 0).all()
    np.testing.assert_allclose(cells[above > 0], np.log10(above[above > 0] / 0.01), rtol=1e-4, atol=1e-5)


def test_fixed_view_holds_the_response(showers):
    found, detector = features.fixed(showers), showers.detector
    response = showers.thresholded().sum(1) / showers.incidents.energy / detector.readout.sampling_fraction
    total = found.shape[1] - 3 * len(detector.layers) - 1
    np.testing.assert_allclose(found[1:, total], response[1:], rtol=1e-5)


def test_narrow_slice_holds_what_it_says():
    energy = np.random.default_rng(0).uniform(1, 100, 20000)
    low, high = features.narrow_slice(energy)
    inside = (energy >= low) & (energy <= high)
    assert abs(inside.sum() - 2000) <= 2
    assert low < 50.5 < high
    assert features.narrow_slice(np.full(300, 7.0)) == (7.0, 7.0)


def test_chunks_change_nothing(showers, monkeypatch):
    whole = lateral_moments(showers.detector, showers.energies)
    monkeypatch.setattr("caloforge.validation.moments.CHUNK_VALUES", 7 * showers.detector.n_cells)
    parts = lateral_moments(showers.detector, showers.energies)
    np.testing.assert_allclose(whole.energy, parts.energy, rtol=1e-12)
    np.testing.assert_allclose(whole.width["r"], parts.width["r"], rtol=1e-9)


@pytest.mark.parametrize("normed", [False, True])
def test_inputs_of_caloflows_classifier(normed):
    detector = Detector.from_toml(RINGS)
    random = np.random.default_rng(3)
    energies = random.exponential(20.0, (4, detector.n_cells)).astype(np.float32) * (random.random((4, 19)) < 0.6)
    energies[0, 0], energies[1] = 0.004, 0.0  # below the threshold; an empty shower
    showers = Showers(detector, Incidents.make("e+", np.array([1e3, 1e4, 5e4, 1e5])), energies, {})
    found = features.caloflow_cells(showers, normed=normed)
    for row, shower, incident in zip(found, energies / 0.5, showers.incidents.energy, strict=True):
        layers = [math.fsum(float(e) for e in shower[layer.slice]) / 1e5 for layer in detector.layers]
        cells = []
        for layer, total in zip(detector.layers, layers, strict=True):
            hits = [float(e) / 1e5 if e / 2 >= np.float32(0.01) else 0.0 for e in shower[layer.slice]]
            cells += [e / (total + 1e-16) if normed else e for e in hits]
        logs = [math.log10(total + 1e-8) + 2 for total in layers]
        np.testing.assert_allclose(row, [*cells, math.log10(incident / 1e4), *logs], rtol=1e-6, atol=1e-12)
