"""Options that several verbs share, and the printing of results."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from caloforge.cli import complete

if TYPE_CHECKING:
    from caloforge.simulators.geant4 import Physics

console = Console(highlight=False, soft_wrap=True, markup=False)  # names and messages may hold brackets

BEAM, GEANT4, WORK, OUTPUT = "Incidents", "Geant4", "How it runs", "Output"  # groups of options in --help
FAST, SOURCE, JUDGING = "Fast simulation", "Files that are read", "Judging"

DetectorName = Annotated[
    str,
    typer.Option("--detector", metavar="NAME|FILE", help="A preset or a TOML file.", autocompletion=complete.detectors),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the run; showers of different seeds are independent.")]
Number = Annotated[int, typer.Option("-n", help="Number of showers.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Output file.", rich_help_panel=OUTPUT)]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.", rich_help_panel=OUTPUT)]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue an interrupted run; finished parts are kept.", rich_help_panel=WORK),
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Parallel workers; default: all cores.", rich_help_panel=WORK)
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster.", rich_help_panel=WORK),
]
PARTICLE_HELP = "Name (e-, gamma, pi+, K+, electron, ...) or PDG code; several, 'e-, gamma', take turns."
ParticleName = Annotated[
    str | None, typer.Option("--particle", help=PARTICLE_HELP, autocompletion=complete.particles, rich_help_panel=BEAM)
]
Energy = Annotated[
    str | None, typer.Option(help="Kinetic energy, '10 GeV' or a range '1 GeV:100 GeV'.", rich_help_panel=BEAM)
]
Momentum = Annotated[
    str | None,
    typer.Option(
        help="Momentum instead of --energy, '10 GeV/c' or a range; energies are uniform in a range.",
        rich_help_panel=BEAM,
    ),
]
Theta = Annotated[
    str | None, typer.Option(help="Angle to +z, '0.2 rad' or a range '0.2 rad:0.25 rad'.", rich_help_panel=BEAM)
]
Phi = Annotated[str | None, typer.Option(help="Azimuth from +x, or a range.", rich_help_panel=BEAM)]
Position = Annotated[
    str | None,
    typer.Option(help="Entry point 'x, y' [lengths or ranges], '0 mm, -5 mm:5 mm'.", rich_help_panel=BEAM),
]
RunFile = Annotated[
    str,
    typer.Argument(metavar="NAME|CONFIG.toml", help="A named run or a TOML file.", autocompletion=complete.configs),
]
RunFolder = Annotated[
    Path | None,
    typer.Option("-o", "--output", "--out", metavar="DIR", help="Run directory. [default: runs/NAME]",
                 rich_help_panel=OUTPUT),
]  # fmt: skip
PhysicsList = Annotated[
    str | None,
    typer.Option("--physics", metavar="LIST", help="Physics list, see `caloforge physics`; FTFP_BERT if absent.",
                 autocompletion=complete.physics_lists, rich_help_panel=GEANT4),
]  # fmt: skip
Cut = Annotated[str | None, typer.Option("--cut", help="Production cut; '0.7 mm' if absent.", rich_help_panel=GEANT4)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.", rich_help_panel=OUTPUT)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines of a table that no terminal cuts."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def chosen_physics(name: str | None, cut: str | None, base: "Physics | None" = None) -> "Physics":
    """Geant4's physics: the options override a config's table, or the defaults.

    Raises:
        InputError: a cut that is no positive length.
    """
    from caloforge.simulators.geant4 import Physics

    given = {key: value for key, value in {"list": name, "cut": cut}.items() if value is not None}
    return Physics.build((base or Physics()).identity | given, "physics")
