"""Every Simulator keeps this contract."""

import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Incidents, concatenate, write
from caloforge.simulators import Simulator, create
from caloforge.simulators.geant4 import HookedGeant4
from caloforge.simulators.learned import LearnedSimulator

ENERGIES = [500.0, 800.0, 1000.0, 1500.0, 2000.0, 900.0]
INCIDENTS = Incidents.make("e-", ENERGIES, shower_id=np.arange(6) * 7)


KINDS = ("caloflow", "caloflow-student", "coupling-flow", "distilled", "fast-ar", "gan-3d", "vae", "wgan-gp")


@dataclass(frozen=True)
class Case:
    """A simulator under contract.

    Attributes:
        make: builds it from a detector and a scratch folder.
        random: whether another seed gives another shower.
        package: a package without which it cannot run.
        exact: whether showers are bit-identical in any batch.
        model: kind of the exported model, tiny.onnx, that its scratch folder must hold.
    """

    make: Callable[[Detector, Path], Simulator]
    random: bool = True
    package: str | None = None
    exact: bool = True
    model: str | None = None


def frozen(detector, folder):
    library = Incidents.make("e-", np.linspace(400, 2200, 40))
    write(folder / "library.h5", create("gflash", detector).simulate(library, 11))
    return create(f"frozen={folder / 'library.h5'}", detector)


def replay(detector, folder):
    write(folder / "stored.h5", create("gflash", detector).simulate(INCIDENTS, 12))
    return create(f"replay={folder / 'stored.h5'}", detector)


def learned(detector, folder):
    return LearnedSimulator(folder / "tiny.onnx", detector, outside=True)


def hooked(detector, _):
    return HookedGeant4(detector, "gflash", threshold=850.0, batch_events=2)


SIMULATORS = {
    "gflash": Case(lambda detector, _: create("gflash", detector)),
    "frozen": Case(frozen),
    "replay": Case(replay, random=False),
    "geant4": Case(lambda detector, _: create("geant4", detector), package="geant4_pybind"),
    "geant4-hooked": Case(hooked, package="geant4_pybind"),
    **{kind: Case(learned, package="torch", exact=False, model=kind) for kind in KINDS},
}


@pytest.fixture(scope="module", params=SIMULATORS)
def case(request):
    case = SIMULATORS[request.param]
    if case.package and importlib.util.find_spec(case.package) is None:
        pytest.skip(f"{request.param} needs the package {case.package}, which is not installed")
    return case


@pytest.fixture(scope="module")
def folder(case, request, tmp_path_factory):
    """Scratch folder with the files that the simulator may need."""
    folder = tmp_path_factory.mktemp("simulator")
    if case.model:
        shutil.copy(request.getfixturevalue("tiny_onnx")(case.model), folder / "tiny.onnx")
    return folder


@pytest.fixture(scope="module")
def detector(case, detector_for):
    return detector_for(case.model)


@pytest.fixture(scope="module")
def simulator(case, detector, folder):
    made = case.make(detector, folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def showers(simulator):
    return simulator.simulate(INCIDENTS, 3)


def assert_same(case, one, other):
    if case.exact:
        np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-3)


def test_every_model_is_under_contract(request):
    pytest.importorskip("torch")
    assert set(KINDS) == request.getfixturevalue("tiny_configs").keys()


def test_is_a_simulator(simulator, detector):
    assert isinstance(simulator, Simulator)
    assert simulator.detector == detector
    assert simulator.name


def test_says_what_it_takes(simulator):
    """`simulate` refuses what `check` does, and `accepts` knows which."""
    assert simulator.accepts(INCIDENTS).all()
    simulator.check(INCIDENTS)
    wrong = Incidents.make("mu-", [500.0, 800.0], shower_id=[0, 7])
    if simulator.particles is not None:
        assert 13 not in simulator.particles
        assert not simulator.accepts(wrong).any()
        assert not simulator.accepts_one(13, 500.0, 0.0, 0.0, (0.0, 0.0, 0.0))
    if not simulator.accepts(wrong).all():
        with pytest.raises(InputError) as told:
            simulator.check(wrong)
        with pytest.raises(InputError, match=re.escape(str(told.value))):
            simulator.simulate(wrong, 3)


def test_energies_are_finite_float32_of_the_right_shape(showers, detector):
    assert showers.energies.shape == (6, detector.n_cells)
    assert showers.energies.dtype == np.float32
    assert np.isfinite(showers.energies).all()
    assert (showers.energies >= 0).all()


def test_energies_are_in_mev(case, showers):
    response = showers.energies.sum(1) / INCIDENTS.energy
    assert (response > 0.3).all()  # both materials count, but 10 X0 hold no whole shower
    conserves = case.model not in ("gan-3d", "vae", "wgan-gp")  # these draw the sum, and two steps teach nothing
    assert (response < (1.01 if conserves else 2.0)).all()


def test_incidents_and_detector_come_back(showers, detector):
    np.testing.assert_array_equal(showers.incidents.shower_id, INCIDENTS.shower_id)
    np.testing.assert_array_equal(showers.incidents.energy, INCIDENTS.energy)
    assert showers.detector == detector


def test_same_seed_same_showers(case, simulator, showers):
    assert_same(case, simulator.simulate(INCIDENTS, 3).energies, showers.energies)


def test_other_seed_other_showers(case, simulator, showers):
    other = simulator.simulate(INCIDENTS, 4).energies
    assert (other == showers.energies).all() != case.random


def test_showers_do_not_depend_on_the_batch(case, simulator, showers):
    parts = [simulator.simulate(INCIDENTS[rows], 3) for rows in (slice(0, 1), slice(1, 4), slice(4, 6))]
    assert_same(case, concatenate(parts).energies, showers.energies)


def test_showers_belong_to_ids_not_to_positions(case, simulator, showers):
    order = np.array([4, 0, 5, 2, 1, 3])
    assert_same(case, simulator.simulate(INCIDENTS[order], 3).energies, showers.energies[order])


def test_showers_of_one_batch_differ(showers):
    assert len(np.unique(showers.energies, axis=0)) == len(showers)


def test_no_incidents_no_showers(simulator, detector):
    assert simulator.simulate(INCIDENTS[:0], 3).energies.shape == (0, detector.n_cells)


def test_provenance_is_json(simulator, showers):
    assert json.loads(json.dumps(simulator.provenance()))["simulator"]
    assert json.loads(json.dumps(showers.provenance))["simulator"] == simulator.provenance()["simulator"]


def test_closes_itself_as_a_context_manager(case, detector, folder):
    with case.make(detector, folder) as simulator:
        assert simulator.detector == detector


def test_closes_twice(case, detector, folder):
    made = case.make(detector, folder)
    made.close()
    made.close()
    assert made.provenance()["simulator"], "what it was can still be asked"
