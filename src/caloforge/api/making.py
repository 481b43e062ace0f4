"""Simulators, and showers from them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from caloforge.api.files import AnyDetector, AnyPath
from caloforge.api.files import detector as _detector
from caloforge.production import Order, Source, SourceConfig
from caloforge.production import produce as run_order
from caloforge.showers import Showers
from caloforge.showers.foreign import read as read_showers
from caloforge.simulators import Simulator, create, file_of

if TYPE_CHECKING:
    from caloforge.simulators.geant4 import Physics

Quantity = str | float | tuple[str | float, str | float]


def simulator(name: AnyPath, detector: AnyDetector | None = None, physics: "Physics | str | None" = None) -> Simulator:
    """Make a simulator: "geant4", "gflash", "frozen=LIBRARY.h5", FILE.h5 or FILE.onnx. Close it, or use `with`.

    Args:
        name: one of these names, or the path of a file.
        detector: detector, preset or TOML file; by default the one that the file names.
        physics: physics list and cuts of Geant4, or the name of a physics list.

    Raises:
        InputError: an unknown name, a missing detector, or a file that does not fit the detector.

    Examples:
        >>> import caloforge as cf
        >>> with simulator("gflash", "calogan-ecal") as gflash:
        ...     showers = gflash.simulate(cf.Incidents.make("e+", ["5 GeV", "10 GeV"]), seed=1)
        >>> showers.energies.shape
        (2, 504)
    """
    return create(name, detector, chosen_physics(physics))


def produce(
    simulator: AnyPath,
    detector: AnyDetector,
    particle: str | int | Sequence[str | int],
    energy: Quantity,
    *,
    n: int,
    seed: int,
    output: AnyPath | None = None,
    theta: Quantity | None = None,
    phi: Quantity | None = None,
    position: str | tuple[Quantity, Quantity] | None = None,
    spectrum: Literal["uniform", "log"] = "uniform",
    physics: "Physics | str | None" = None,
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
) -> Showers:
    """Simulate n showers, in memory or, with `output`, into a file in resumable shards on several cores.

    Args:
        simulator: name or file of a simulator.
        detector: detector, preset or TOML file.
        particle: name or PDG code; several take turns.
        energy: kinetic energy, "10 GeV" or a number of MeV, or a range, "1 GeV:100 GeV" or (1e3, 1e5).
        n: number of showers.
        seed: seed of every random number; the showers are the same with and without `output`.
        output: HDF5 file.
        theta: angle to +z, "0.2 rad" or a number of rad, or a range, "0.2 rad:0.25 rad".
        phi: azimuth from +x, or a range.
        position: entry point, "x, y" or a pair, each a length or a range; numbers are mm.
        spectrum: how energies of a range are drawn, "uniform" or "log".
        physics: physics list and cuts of Geant4, or the name of a physics list.
        workers: parallel workers; all cores by default.
        resume: continue an interrupted production.
        force: replace an existing output.

    Raises:
        InputError: an unknown name, bad incidents, or an output that exists.
        RunError: shards failed three times; finished ones are kept.

    Examples:
        >>> produce("gflash", "calogan-ecal", "e+", "1 GeV:20 GeV", n=3, seed=1)
        Showers(3 of e+, 14.23 GeV to 19.58 GeV, in calogan-ecal: 504 cells, made by gflash)
        >>> produce("gflash", "calogan-ecal", "e+", (1e3, 2e4), n=3, seed=1, position=(0.0, "-5 mm:5 mm")).total.shape
        (3,)
    """
    found, name = _detector(detector), str(simulator)
    named = ", ".join(map(str, particle)) if isinstance(particle, list | tuple) else str(particle)
    beam = {"particle": named, "energy": _text(energy, "MeV"), "theta": _text(theta, "rad"),
            "phi": _text(phi, "rad"), "position": _position(position), "spectrum": spectrum}  # fmt: skip
    physics = chosen_physics(physics)
    config = SourceConfig.build({key: value for key, value in beam.items() if value is not None}, "incidents")
    source = Source.from_config(config, found)
    identity = physics.identity if physics else None
    order = Order(found, name, partial(create, name, found, physics), source, n, seed, 0, file_of(name), identity)
    if output is None:
        with order.make() as maker:
            return maker.simulate(source.draw(0, n, seed), seed)
    run_order(order, Path(output), workers=workers, resume=resume, force=force, quiet=True)
    return read_showers(output)


def chosen_physics(physics: "Physics | str | None") -> "Physics | None":
    """Physics by the name of its list, or as it is.

    Raises:
        InputError: an unknown list.
    """
    from caloforge.simulators.geant4 import Physics

    return Physics.build({"list": physics}, "physics") if isinstance(physics, str) else physics


def _text(value: Quantity | None, unit: str) -> str | None:
    """A quantity or a range as a config says it; numbers are in the base unit."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple | list):
        return ":".join(str(_text(end, unit)) for end in value)
    return f"{float(value)!r} {unit}"


def _position(value: str | tuple[Quantity, Quantity] | None) -> str | None:
    return ", ".join(str(_text(side, "mm")) for side in value) if isinstance(value, tuple | list) else value
