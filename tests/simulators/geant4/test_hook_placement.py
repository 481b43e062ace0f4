import numpy as np
import pytest

from caloforge.detector import Detector
from caloforge.detector.frames.mesh import frames_along
from caloforge.errors import InputError
from caloforge.simulators.geant4.hook.placement import Placement
from caloforge.simulators.geant4.hook.trigger import Trigger, contained

PRESETS = ("calogan-ecal", "pbwo4-cylinder")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_cell_centre_lies_in_its_cell(preset):
    detector = Detector.load(preset)
    assert np.array_equal(detector.locate(detector.cell_centres), np.arange(detector.n_cells))


@pytest.mark.parametrize("preset", PRESETS)
def test_points_outside_the_cells_lie_in_none(preset):
    detector = Detector.load(preset)
    far = 3 * max(detector.half_widths)
    points = np.array(
        [[0, 0, -1], [0, 0, detector.depth + 1], [far, 0, 1], [0, -far, 1], [far, far, detector.depth / 2]]
    )
    assert (detector.locate(points) == -1).all()


def test_frame_of_a_direction_has_it_as_third_axis_and_stays_put_along_z():
    theta, phi = np.array([0.0, 0.0, 0.3, 1.2]), np.array([0.0, 2.0, -1.0, 3.0])
    axes = frames_along(theta, phi)
    along = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    assert np.allclose(axes[:, :, 2], along)
    assert np.allclose(axes[:2], np.eye(3))
    assert np.allclose(axes.transpose(0, 2, 1) @ axes, np.eye(3))


def test_local_and_world_undo_each_other():
    placement = Placement.at((10, -20, 300), theta=0.7, phi=2.1)
    points = np.random.default_rng(1).normal(size=(20, 3)) * 100
    assert np.allclose(placement.world(placement.local(points)), points)
    assert np.allclose(placement.world(np.zeros(3)), [10, -20, 300])


def test_a_particle_along_the_normal_of_a_turned_face_is_perpendicular_and_lands_on_the_face():
    placement = Placement.at((10, -20, 300), theta=0.7, phi=2.1)
    normal = placement.rotation[:, 2]
    before = placement.world(np.array([[5.0, 7.0, -2.0]]))
    incident = placement.incidents([3], [11], [1e4], before, normal[None], np.array([True]))
    assert incident.theta[0] == pytest.approx(0, abs=1e-7)
    assert np.allclose(incident.position, [[5, 7, 0]])


def test_an_inclined_particle_is_moved_along_its_line():
    direction = np.array([[0.6, 0.0, 0.8]])
    incident = Placement().incidents([0], [22], [1e3], np.array([[1.0, 2.0, -4.0]]), direction, np.array([True]))
    assert np.allclose(incident.position, [[4, 2, 0]])
    assert np.allclose(incident.direction, direction)


def test_a_mirror_is_no_rotation():
    with pytest.raises(InputError, match="determinant"):
        Placement(np.zeros(3), np.diag([1.0, 1.0, -1.0]))


@pytest.mark.parametrize(
    "wrong",
    [{"particles": ()}, {"energy": (5.0, 5.0)}, {"energy": (-1.0, 5.0)}, {"max_angle": 1.6}, {"max_angle": 0.0}],
)
def test_a_trigger_that_can_never_fire_is_refused(wrong):
    with pytest.raises(InputError, match="trigger"):
        Trigger(**wrong)


def test_containment_looks_at_entry_and_exit(small):
    position = np.array([[0.0, 0.0, 0.0], [70.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.6, 0.0, 0.8]])
    incidents = Placement().incidents([0, 1, 2], [22] * 3, [1e3] * 3, position, direction, np.zeros(3, bool))
    assert contained(small, 20.0)(incidents).tolist() == [True, False, False]
    with pytest.raises(InputError, match="margin"):
        contained(small, 100.0)
