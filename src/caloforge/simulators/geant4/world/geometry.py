"""The calorimeter in Geant4: plates, cells as replicas, and scorers; imports geant4_pybind, for child processes only.

`Calorimeter(detector)` is the user detector construction for `kernel.initialise`. After Initialize() it has two
attributes. `entrance` is the logical volume of a 10 um vacuum slab before the front face, to which a hook attaches its
trigger. `groups` are the cells by `[[layer]]` table, with the names of their hit collections, which `scoring` reads.
"""

import math
from dataclasses import dataclass, field

import geant4_pybind as g4

from caloforge.detector import Detector
from caloforge.detector.cells import Grid, Rectangle, Ring, Rings, Slices
from caloforge.detector.spec import LayerSpec, Plate
from caloforge.simulators.geant4.process.kernel import keep
from caloforge.simulators.geant4.world.materials import find_material
from caloforge.simulators.geant4.world.steps import SEGMENT, StepScorer, cell_counter, segment
from caloforge.simulators.geant4.world.volumes import Volume

ENTRANCE = 0.01  # thickness of the entrance slab [mm]
GUN_DISTANCE = 1.0  # distance of the gun from the front face [mm]
MARGIN = 1000.0  # width of the vacuum around the plates [mm]
AXES = {"x": g4.kXAxis, "y": g4.kYAxis, "phi": g4.kPhi}


@dataclass
class Group:
    """The layers of one `[[layer]]` table.

    Attributes:
        name: name of the sensitive detector, whose hit collection is `name/E`.
        start: first cell on the flat axis of the fixed grids.
        shape: layers, and cells per layer along both axes.
        cells: logical volumes of the cells of the counted plates, or of these plates if they are not divided.
        depths: levels above a cell's volume at which its layer and both cell numbers are found.
        spec: plates and cells of the layers.
        steps: scorer of single steps; None if the deposits in volumes suffice.
    """

    name: str
    start: int
    shape: tuple[int, int, int]
    spec: LayerSpec
    cells: list[g4.G4LogicalVolume] = field(default_factory=list)
    depths: tuple[int, int, int] = (0, 0, 0)
    steps: StepScorer | None = None

    def take(self, cells: list[Volume]) -> None:
        """Set the volumes of the cells."""
        self.cells = [cell.logical for cell in cells]
        self.depths = cells[0].depth("copy"), cells[0].depth("first"), cells[0].depth("second")


class Calorimeter(g4.G4VUserDetectorConstruction):
    """Plates and cells of a detector in a vacuum world.

    With `cells=False` the plates are not divided, and single steps are recorded in the counted plates.
    """

    def __init__(self, detector: Detector, *, cells: bool = True) -> None:
        super().__init__()
        self.detector = detector
        self.divided = cells
        self.groups: list[Group] = []
        self.entrance: g4.G4LogicalVolume = None
        keep(self)

    def Construct(self) -> g4.G4VPhysicalVolume:
        """Build the world with the entrance slab and, for each `[[layer]]` table, columns of cells or one envelope."""
        detector, vacuum = self.detector, find_material("G4_Galactic", {})
        x, y = detector.half_widths
        face = Ring(0, x) if detector.is_cylinder else Rectangle(x, y)
        world = Volume.make("world", Rectangle(x + MARGIN, y + MARGIN), 2 * (detector.depth + MARGIN), vacuum)
        self.entrance = world.place("entrance", face, ENTRANCE, -ENTRANCE / 2, vacuum).logical
        z, start, self.groups = 0.0, 0, []
        for index, spec in enumerate(detector.spec.layer):
            group = Group(f"layers{index}", start, (spec.copies, *spec.cells.fixed_shape), spec)
            depth = spec.copies * spec.thickness
            if self.divided and self._are_columns(spec):
                outer = columns(world, spec.cells, depth, z + depth / 2, vacuum)
                group.take(self._plates(outer, spec))
            else:
                group.take(self._cells(world.place(group.name, face, depth, z + depth / 2, vacuum), spec))
            self.groups.append(group)
            z, start = z + depth, start + math.prod(group.shape)
        placed = g4.G4PVPlacement(None, g4.G4ThreeVector(), world.logical, "world", None, False, 0)
        keep(placed)
        return placed

    def ConstructSDandField(self) -> None:
        """Attach one scorer per group: of the energies in its cells (in C++), or of single steps."""
        for group in self.groups:
            sensitive = g4.G4MultiFunctionalDetector(group.name)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
            scorer = self._scorer(group)
            sensitive.RegisterPrimitive(scorer)
            for logical in group.cells:
                logical.SetSensitiveDetector(sensitive)
            keep(sensitive, scorer)

    def _scorer(self, group: Group) -> g4.G4VPrimitiveScorer:
        spec = group.spec
        saturates = self._material(spec.counts[0])
        if not self.divided:
            group.steps = StepScorer(spec, saturates, segment, SEGMENT)
        elif spec.birks is not None or spec.time_gate is not None:
            group.steps = StepScorer(spec, saturates, cell_counter(group.shape, group.depths), 1)
        else:
            return g4.G4PSEnergyDeposit3D("E", *group.shape, *group.depths)
        return group.steps

    def _cells(self, envelope: Volume, spec: LayerSpec) -> list[Volume]:
        """Counted plates, divided into cells with `cells`; layer, sector, ring is the fastest order in a cylinder."""
        plates = self._plates(envelope, spec)
        if not self.divided:
            return plates
        return [cell for plate in plates for cell in divide(self._covered(plate, spec.cells), spec.cells)]

    def _are_columns(self, spec: LayerSpec) -> bool:
        """Whether cells can hold all plates: the cells fill the plates, every plate counts, and walls are flat."""
        every_plate = {plate.material for plate in spec.plates} == set(spec.counts)
        cuts = spec.cells.cuts()
        return every_plate and cuts is not None and _are_walls_flat(*cuts) and self._fills(spec.cells)

    def _plates(self, volume: Volume, spec: LayerSpec) -> list[Volume]:
        """Divide a volume in depth, and return the counted plates."""
        plates, repeat = merged(spec)
        volume = volume.replicate("copy", g4.kZAxis, spec.copies, spec.thickness)
        volume = volume.replicate("repeat", g4.kZAxis, repeat, spec.thickness / repeat)
        if len(plates) == 1:
            volume.logical.SetMaterial(self._material(plates[0].material))
            return [volume]
        counted, z = [], -volume.thickness / 2
        for plate in plates:
            middle, z = z + plate.thickness / 2, z + plate.thickness
            placed = volume.place("plate", volume.face, plate.thickness, middle, self._material(plate.material))
            counted += [placed] if plate.material in spec.counts else []
        return counted

    def _covered(self, plate: Volume, cells: Grid) -> Volume:
        """The part of a plate that the cells cover."""
        if self._fills(cells):
            return plate
        return plate.place("readout", cells.face, plate.thickness, 0, plate.logical.GetMaterial())

    def _fills(self, cells: Grid) -> bool:
        """Whether the cells cover the whole plates."""
        face = cells.face
        same_shape = isinstance(face, Rectangle) or (self.detector.is_cylinder and face.inner == 0)
        return same_shape and all(map(math.isclose, cells.half_widths, self.detector.half_widths))

    def _material(self, name: str) -> g4.G4Material:
        return find_material(name, self.detector.spec.material)


def merged(spec: LayerSpec) -> tuple[tuple[Plate, ...], int]:
    """Plates and their repetitions; repetitions of a single plate are one thicker plate."""
    if len(spec.plates) == 1:
        return (spec.plates[0].model_copy(update={"thickness": spec.thickness}),), 1
    return spec.plates, spec.repeat


def _are_walls_flat(first: Slices, second: Slices | Rings) -> bool:
    """Whether cells are divided along x and y."""
    return first.axis == "x" and isinstance(second, Slices)


def columns(world: Volume, cells: Grid, depth: float, z: float, material: g4.G4Material) -> Volume:
    """A column behind each cell: slabs placed side by side along x in the world, and cut along y.

    Without an envelope and its slices, Geant4 has one level less to navigate at every wall.
    """
    cuts = cells.cuts()
    assert cuts is not None
    slab, cut = cuts
    assert isinstance(slab.face, Rectangle)
    assert isinstance(cut, Slices)
    placed = world.place_slabs("first", slab.n, slab.face, depth, z, material)
    return placed.replicate("second", AXES[cut.axis], cut.n, cut.width, cut.face)


def divide(volume: Volume, cells: Grid) -> list[Volume]:
    """Divide a volume into cells: x then y, or phi then r.

    Rings are placed volumes, not replicas. In replicas, Geant4 11.4 computes the distance to the nearest wall with the
    solid of the first ring and gets 0 in all others. Multiple scattering then takes short steps without displacement.
    """
    cuts = cells.cuts()
    assert cuts is not None
    first, second = cuts
    slices = volume.replicate("first", AXES[first.axis], first.n, first.width, first.face)
    if isinstance(second, Rings):
        return slices.place_rings("second", second.edges)
    return [slices.replicate("second", AXES[second.axis], second.n, second.width, second.face)]
