"""Options that several verbs share, and how results are printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from caloforge.simulators.geant4 import Physics

console = Console(highlight=False, soft_wrap=True)

DetectorName = Annotated[str, typer.Option("--detector", metavar="NAME|FILE", help="A preset or a TOML file.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the run; showers of different seeds are independent.")]
Number = Annotated[int, typer.Option("-n", help="Number of showers.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Output file.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run; finished parts are kept.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Parallel workers; default: all cores.")]
Cluster = Annotated[str | None, typer.Option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster.")]
Momentum = Annotated[
    str | None,
    typer.Option(help="Momentum instead of --energy, '10 GeV/c' or a range; energies are uniform in a range."),
]
Theta = Annotated[str | None, typer.Option(help="Angle to +z, '0.2 rad' or a range '0.2 rad:0.25 rad'.")]
Phi = Annotated[str | None, typer.Option(help="Azimuth from +x, or a range.")]
Position = Annotated[str | None, typer.Option(help="Entry point 'x, y' [lengths or ranges], '0 mm, -5 mm:5 mm'.")]
RunFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The run's TOML file.")]
RunFolder = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Run directory. [default: runs/NAME]")]
PhysicsList = Annotated[
    str | None,
    typer.Option(
        "--physics", metavar="LIST", help="Geant4's physics list, see `caloforge physics`; FTFP_BERT if absent."
    ),
]
Cut = Annotated[str | None, typer.Option("--cut", help="Geant4's production cut; '0.7 mm' if absent.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")]


def chosen_physics(name: str | None, cut: str | None, base: "Physics | None" = None) -> "Physics":
    """What Geant4 tracks with: the options over a config's table, or over the defaults.

    Raises:
        InputError: a cut that is no positive length.
    """
    from caloforge.simulators.geant4 import Physics

    given = {key: value for key, value in {"list": name, "cut": cut}.items() if value is not None}
    return Physics.build((base or Physics()).identity | given, "physics")
