"""The C interface against the Python package: same noise in, same showers out; bad files give reasons."""

import ctypes
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.seeds import normal_noise
from caloforge.showers import Incidents
from caloforge.simulators.learned import LearnedSimulator

CONDITIONS = ("energy", "theta", "phi", "position", "pdg", "noise")


def pointer(array: NDArray[Any]) -> int:
    return array.ctypes.data


class Host:
    """What a C program would do."""

    def __init__(self, library: ctypes.CDLL, incident_type: type, path: Path, options: str = "") -> None:
        self.library, self.incident_type = library, incident_type
        self.model = library.caloforge_open(str(path).encode(), options.encode())
        assert self.model, self.error
        self.n_cells = library.caloforge_simulate(self.model, 0, None, 0, None, None, 0)

    @property
    def error(self) -> str:
        return self.library.caloforge_last_error().decode()

    def simulate(self, incidents: Incidents, seed: int = 7, noise: NDArray[np.float32] | None = None) -> Any:
        n = len(incidents)
        rows = (self.incident_type * n)(*(
            self.incident_type(e, t, f, *p, pdg, name) for e, t, f, p, pdg, name in zip(
                incidents.energy, incidents.theta, incidents.phi, incidents.position.tolist(),
                incidents.pdg.tolist(), incidents.shower_id.tolist(), strict=True)
        ))  # fmt: skip
        out = np.empty((n, self.n_cells), np.float32)
        given = pointer(noise) if noise is not None else None
        done = self.library.caloforge_simulate(self.model, n, rows, seed, given, pointer(out), out.size)
        return out if done == self.n_cells else self.error

    def close(self) -> None:
        self.library.caloforge_close(self.model)


@pytest.fixture
def host(library: ctypes.CDLL, incident_type: type):
    """Make hosts that are closed at the end."""
    opened: list[Host] = []

    def open_host(path: Path, options: str = "") -> Host:
        opened.append(Host(library, incident_type, path, options))
        return opened[-1]

    yield open_host
    for each in opened:
        each.close()


def draw(n: int) -> Incidents:
    """Incidents all over the range of the test models."""
    random = np.random.default_rng(1)
    return Incidents.make(
        random.choice([11, 22], n), random.uniform(1e3, 1e5, n), theta=random.uniform(0, 0.3, n),
        phi=random.uniform(0, 6.2, n), position=random.uniform(-5, 5, (n, 3)), shower_id=np.arange(n) * 2**20 + 3,
    )  # fmt: skip


def assert_same(ours: Any, theirs: NDArray[np.float32]) -> None:
    """|a - b| <= 1e-4 a + 1e-3 MeV, but for cells that one side puts above the threshold and the other below."""
    assert not isinstance(ours, str), ours
    flipped = (ours > 0) != (theirs > 0)
    assert flipped.mean() < 1e-4
    off = np.abs(ours - theirs) > 1e-4 * theirs + 1e-3
    assert not (off & ~flipped).any(), np.abs(ours - theirs)[off & ~flipped].max()


@pytest.mark.parametrize("inputs", [("energy", "noise"), CONDITIONS], ids=["energy", "all conditions"])
def test_same_noise_same_showers(inputs: tuple[str, ...], host, write_model, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", inputs)
    incidents = draw(600)
    python = LearnedSimulator(path).simulate(incidents, 7).energies
    assert (python > 0).mean() > 0.3
    noise = normal_noise(7, incidents.shower_id, 16, "noise")
    assert_same(host(path).simulate(incidents, noise=noise), python)


def test_same_seed_same_showers_as_python(host, model: Path) -> None:
    """The library makes numpy's noise itself, so a shower has one value in either language."""
    incidents = draw(300)
    seed = 2**31 + 12345
    assert_same(host(model).simulate(incidents, seed), LearnedSimulator(model).simulate(incidents, seed).energies)


@pytest.mark.parametrize("kind", ["caloflow-student", "coupling-flow", "distilled", "gan-3d", "vae", "wgan-gp"])
def test_every_exported_model_without_a_loop(kind: str, host, tiny_onnx: Callable[[str], Path]) -> None:
    python = LearnedSimulator(tiny_onnx(kind))
    incidents = Incidents.make(python.card.pdgs[0], np.linspace(*python.card.ranges.energy, 300))
    c = host(tiny_onnx(kind))
    assert c.n_cells == python.detector.n_cells
    assert_same(c.simulate(incidents), python.simulate(incidents, 7).energies)


def test_a_shower_does_not_depend_on_its_batch(host, model: Path) -> None:
    c = host(model)
    incidents = draw(300)
    assert_same(c.simulate(incidents[257:258]), c.simulate(incidents)[257:258])


def test_bfloat16_is_close(host, model: Path) -> None:
    incidents = draw(300)
    rough, exact = (host(model, f"precision={p}").simulate(incidents) for p in ("bf16", "f32"))
    assert abs(rough.sum() / exact.sum() - 1) < 0.01
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    if {"avx512_bf16", "amx_bf16"} & set(flags):  # other processors compute in float32 whatever is asked
        assert (rough != exact).any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"energy": 0.999e3}, "energy"),
        ({"energy": 1.001e5}, "energy"),
        ({"theta": 0.302}, "theta"),
        ({"phi": 6.21, "theta": 0.1}, "phi"),
        ({"position": (5.2, 0, 0)}, "x"),
        ({"position": (0, -5.2, 0)}, "y"),
        ({"particle": "pi+"}, "211"),
    ],
)
def test_outside_the_range_is_refused_by_both(change: dict[str, Any], reason: str, host, model: Path) -> None:
    values = {"particle": "e-", "energy": 1e4} | change
    incidents = Incidents.make(values.pop("particle"), values.pop("energy"), **values)
    with pytest.raises(InputError):
        LearnedSimulator(model).simulate(incidents, 1)
    assert reason in host(model).simulate(incidents)
    assert not isinstance(host(model, "outside=allow").simulate(incidents), str)


@pytest.mark.parametrize(
    "change",
    [{"energy": 1e3 * (1 - 5e-7)}, {"theta": 0.3005}, {"theta": 5e-4, "phi": -3.0}, {"position": (5.05, 0, 99.0)}],
)
@pytest.mark.parametrize("schema", [1, 2])
def test_tolerances_are_the_same(
    change: dict[str, Any], schema: int, host, model: Path, write_model, old_card: str, tmp_path: Path
) -> None:
    path = model if schema == 2 else write_model(tmp_path / "old.onnx", metadata=old_card)
    incidents = Incidents.make("e-", **({"energy": 1e4} | change))
    assert_same(host(path).simulate(incidents), LearnedSimulator(path).simulate(incidents, 7).energies)


def test_phi_may_be_turned_by_full_circle(host, write_model, tmp_path: Path) -> None:
    """Geant4 gives -pi .. pi, a training may have used 0 .. 2 pi."""
    c = host(write_model(tmp_path / "model.onnx", CONDITIONS))
    turned, plain = (Incidents.make("e-", 1e4, theta=0.1, phi=phi) for phi in (-1.0, 2 * np.pi - 1.0))
    assert_same(c.simulate(turned), c.simulate(plain))


def test_metadata_is_told(host, library, model: Path) -> None:
    told = json.loads(library.caloforge_info(host(model).model))
    assert told["schema"] == "caloforge-model-2"
    assert told["n_cells"] == 504
    assert told["units"] == {"energy": "MeV", "length": "mm", "angle": "rad"}


def test_bad_files_give_a_reason(bad: dict[str, Path], library: ctypes.CDLL, incident_type: type) -> None:
    for name, path in bad.items():
        opened = library.caloforge_open(str(path).encode(), None)
        if name == "cells":
            one = Host(library, incident_type, path)
            assert "column per cell" in one.error or "showers" in str(one.simulate(draw(1)))
            continue
        assert opened is None, name
        reason = library.caloforge_last_error().decode()
        assert str(path) in reason, name
        assert len(reason) < 600, name


def test_unknown_input_is_named(library: ctypes.CDLL, model: Path, tmp_path: Path) -> None:
    import onnx

    proto = onnx.load(model)
    proto.graph.input[0].name = "momentum"
    for node in proto.graph.node:
        node.input[:] = ["momentum" if name == "energy" else name for name in node.input]
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    assert library.caloforge_open(str(tmp_path / "m.onnx").encode(), None) is None
    assert b"momentum" in library.caloforge_last_error()
