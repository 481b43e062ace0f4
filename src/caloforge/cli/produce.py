"""`produce` and `simulate`: showers of any simulator, and of Geant4 with a fast simulation inside."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from caloforge import units
from caloforge.cli import complete
from caloforge.cli.options import (
    BEAM,
    FAST,
    WORK,
    Cluster,
    Cut,
    DetectorName,
    Energy,
    Force,
    Momentum,
    Output,
    ParticleName,
    Phi,
    PhysicsList,
    Position,
    Quiet,
    Resume,
    SeedOption,
    Theta,
    Workers,
    chosen_physics,
    console,
)
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import check_installed
from caloforge.files import check_output
from caloforge.limits import check_batch
from caloforge.particles import particle_name
from caloforge.production import SUFFIXES, IncidentFile, Order, Source, SourceConfig
from caloforge.production import produce as run_order
from caloforge.showers import Showers, read
from caloforge.showers.physics import describe
from caloforge.simulators import GEANT4, Simulator, create, file_of
from caloforge.simulators.geant4 import HookedGeant4, Physics, physics_line


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("produce", epilog="Example: `caloforge produce --detector calogan-ecal --particle e+ "
                '--energy "1 GeV:100 GeV" -n 1000 --seed 1 -o showers.h5`')(produce)  # fmt: skip
    app.command("simulate", epilog="Example: `caloforge simulate --detector calogan-ecal --simulator model.onnx "
                '--particle e+ --energy "10 GeV" -n 100 --seed 1 -o events.h5`')(simulate)  # fmt: skip


def produce(
    detector: DetectorName,
    seed: SeedOption,
    output: Output,
    n: Annotated[
        int | None, typer.Option("-n", help="Number of showers; with --incidents, all of them if absent.")
    ] = None,
    particle: ParticleName = None,
    incidents: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File of showers, table or HepMC: instead of --particle etc.", rich_help_panel=BEAM
        ),
    ] = None,
    energy: Energy = None,
    momentum: Momentum = None,
    spectrum: Annotated[
        Literal["uniform", "log"] | None,
        typer.Option(help="How kinetic energies of a range are drawn.", rich_help_panel=BEAM),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Fixed kinetic energies 'first:last:step'.", rich_help_panel=BEAM)
    ] = None,
    per_label: Annotated[int | None, typer.Option(help="Showers per label.", rich_help_panel=BEAM)] = None,
    theta: Theta = None,
    phi: Phi = None,
    position: Position = None,
    first_id: Annotated[int, typer.Option(help="Id of the first shower; row of --incidents.")] = 0,
    workers: Workers = None,
    cluster: Cluster = None,
    simulator: Annotated[
        str,
        typer.Option(help="geant4, gflash, a model by name or file, FILE.h5, ...", autocompletion=complete.simulators),
    ] = GEANT4,
    physics: PhysicsList = None,
    cut: Cut = None,
    resume: Resume = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Simulate showers into an HDF5 file."""
    beam = {"particle": particle, "energy": energy, "momentum": momentum, "spectrum": spectrum, "labels": labels,
            "per_label": per_label, "theta": theta, "phi": phi, "position": position}  # fmt: skip
    found = Detector.load(detector)
    source = _source({key: value for key, value in beam.items() if value is not None}, incidents, found)
    if n is None:
        n = _all_rows(source, first_id)
    tracked = chosen_physics(physics, cut) if simulator == GEANT4 or physics or cut else None
    make = partial(create, simulator, found, tracked)
    order = Order(found, simulator, make, source, n, seed, first_id, file_of(simulator), _identity(tracked))
    _check(order, output, [incidents, Path(detector)], resume=resume, force=force)
    line = _physics_line(tracked, found) if tracked and simulator == GEANT4 else ""
    _produce(order, line, output, workers, cluster, resume, force, quiet)


def _physics_line(physics: Physics, detector: Detector) -> str:
    check_installed("geant4_pybind")
    physics.check(detector)
    return physics_line(physics)


def _identity(physics: Physics | None) -> dict[str, Any] | None:
    return physics.identity if physics else None


def _source(
    beam: dict[str, Any], file: Path | None, detector: Detector, distance: float = 0.0
) -> IncidentFile | Source:
    if file and beam:
        option = next(iter(beam)).replace("_", "-")
        raise InputError(f"--incidents says all about the incidents; leave out --{option}")
    if file:
        return IncidentFile.load(file, detector, distance)
    if "particle" not in beam:
        raise InputError("no incidents: name a particle with --particle, or a file with --incidents")
    return Source.from_config(SourceConfig.build(beam, "incidents"), detector)


def _all_rows(source: IncidentFile | Source, first_id: int) -> int:
    if isinstance(source, Source):
        raise InputError("-n is missing: the number of showers")
    return max(1, len(source.incidents) - first_id)


def simulate(
    detector: DetectorName,
    simulator: Annotated[
        str,
        typer.Option(
            help="Simulator in place of tracking: a model by name or file, gflash, ...",
            autocompletion=complete.simulators,
        ),
    ],
    seed: SeedOption,
    output: Output,
    particle: ParticleName = None,
    n: Annotated[int | None, typer.Option("-n", help="Number of events; all of --incidents if absent.")] = None,
    incidents: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Events of a .hepmc, a table or a file of showers, one particle or more.",
            rich_help_panel=BEAM,
        ),
    ] = None,
    distance: Annotated[
        str, typer.Option(help="Distance of the face from the origin of HepMC events, along z.", rich_help_panel=BEAM)
    ] = "0 mm",
    energy: Energy = None,
    momentum: Momentum = None,
    threshold: Annotated[
        str,
        typer.Option(help="Kinetic energy above which the simulator gets particles.", rich_help_panel=FAST),
    ] = "1 GeV",
    batch_events: Annotated[
        int, typer.Option(help="Events whose showers are simulated together.", rich_help_panel=FAST)
    ] = 50,
    inside: Annotated[
        bool, typer.Option("--inside", help="Also take particles born inside (frame 'shower').", rich_help_panel=FAST)
    ] = False,
    theta: Theta = None,
    phi: Phi = None,
    position: Position = None,
    first_id: Annotated[int, typer.Option(help="Id of the first event.")] = 0,
    physics: PhysicsList = None,
    cut: Cut = None,
    workers: Annotated[int | None, typer.Option(help="Parallel workers.", rich_help_panel=WORK)] = 1,
    resume: Resume = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Run Geant4 with a simulator as fast simulation of e-, e+, photons and the other particles of a model."""
    beam = {"particle": particle, "energy": energy, "momentum": momentum, "theta": theta, "phi": phi,
            "position": position}  # fmt: skip
    found = Detector.load(detector)
    given = {key: value for key, value in beam.items() if value is not None}
    source = _source(given, incidents, found, units.length(distance))
    if n is None:
        n = _all_rows(source, first_id)
    tracked = chosen_physics(physics, cut)
    make, hooked = _hooked(simulator, found, threshold, batch_events, inside, tracked)
    label = f"geant4 with {simulator} above {threshold}{', inside, too' if inside else ''}"
    order = Order(found, label, make, source, n, seed, first_id, file_of(simulator), tracked.identity)
    _check(order, output, [incidents, Path(detector)], resume=resume, force=force)
    left_out = source.notes if isinstance(source, IncidentFile) else ()
    line = "\n".join(filter(None, (_physics_line(tracked, found), hooked.learned_line, *left_out)))
    _produce(order, line, output, workers, None, resume, force, quiet)
    if not quiet:
        made = read(output)
        console.print(hooked.fast_line(made))
        for words in _particle_lines(made):
            console.print(words)


def _particle_lines(showers: Showers) -> list[str]:
    """Visible energy and fast share of each particle, if there are several."""
    codes = np.unique(showers.incidents.pdg)
    if len(codes) < 2 or showers.fast_energy is None:
        return []
    visible = showers.energies.sum(1, dtype=np.float64)
    lines = []
    for code in codes.tolist():
        of_it = showers.incidents.pdg == code
        energy, fast = visible[of_it].sum(), showers.fast_energy[of_it].sum()
        lines.append(f"{particle_name(code)}: {units.counted(int(of_it.sum()), 'particle')}, "
                     f"{energy / of_it.sum():.4g} MeV each, "
                     f"{fast / max(energy, 1e-30):.0%} fast")  # fmt: skip
    return lines


def _hooked(
    simulator: str, detector: Detector, threshold: str, batch_events: int, inside: bool, physics: Physics
) -> tuple[Callable[[], Simulator], HookedGeant4]:
    """Factory of the simulator, and a closed simulator that tells what it accepts."""
    limit = units.energy(threshold)
    if limit <= 0:
        raise InputError("--threshold must be positive")
    check_batch(batch_events)
    make = partial(HookedGeant4, detector, simulator, limit, batch_events, inside=inside, physics=physics)
    hooked = make()  # misfits raise before anything starts
    hooked.close()
    return make, hooked


def _check(order: Order, output: Path, inputs: list[Path | None], *, resume: bool, force: bool) -> None:
    check_output(output, force=force or resume, inputs=[order.file, *inputs], suffixes=SUFFIXES)


def _produce(
    order: Order,
    line: str,
    output: Path,
    workers: int | None,
    cluster: str | None,
    resume: bool,
    force: bool,
    quiet: bool,
) -> None:
    if line and not quiet:
        console.print(line)
    made = run_order(order, output, workers=workers, cluster=cluster, resume=resume, force=force, quiet=quiet)
    if not quiet:
        console.print(_summary(output) if made else f"{output} is complete already")


def _summary(output: Path) -> str:
    showers = read(output)
    visible = showers.energies.sum(1, dtype=float)
    response = showers.response
    low, high = (units.show_energy(e) for e in (showers.incidents.energy.min(), showers.incidents.energy.max()))
    energies = low if low == high else f"{low} to {high}"
    size = output.stat().st_size / 2**20
    mean, rms = units.show_shares(response.mean(), response.std())
    learned = "" if "physics" in showers.provenance else describe(showers.provenance)
    behind = f"; learned from Geant4's {learned}" if learned else ""
    empty = "" if visible.any() else "\nwarning: no cell of any shower holds energy: these particles deposit none here"
    return (
        f"{output}: {units.counted(len(showers), 'shower')} of {', '.join(showers.incidents.particles)}, {energies}, "
        f"in {showers.detector.name}; response {mean}, rms {rms}; {size:.1f} MiB{behind}"
        f"{empty}"
    )
