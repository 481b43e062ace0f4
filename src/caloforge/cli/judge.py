"""`validate` and `bench`: measure quality and speed of simulators."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from caloforge.cli import complete
from caloforge.cli.files import AnyDetector, FormatName
from caloforge.cli.options import (
    BEAM,
    JUDGING,
    OUTPUT,
    SOURCE,
    Cut,
    DetectorName,
    Force,
    Phi,
    PhysicsList,
    Position,
    Quiet,
    Theta,
    chosen_physics,
    console,
)
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.extras import VALIDATION, check_installed
from caloforge.files import check_no_input, check_output, check_regular, check_writable, remove_leftovers
from caloforge.particles import particle_name
from caloforge.production import SourceConfig
from caloforge.seeds import check_seed, next_seed
from caloforge.showers import Showers, foreign
from caloforge.showers.lineage import with_file
from caloforge.showers.physics import check_like
from caloforge.simulators import GEANT4, Simulator, candidate, create, file_of, is_sample, labelled

ELECTRON = 11
Reference = Annotated[Path, typer.Argument(help="Showers to compare with, usually Geant4's.")]
Candidates = Annotated[
    list[str],
    typer.Argument(metavar="CANDIDATE...", help="Files or names of simulators.", autocompletion=complete.simulators),
]
OtherPhysics = Annotated[
    bool,
    typer.Option(
        "--other-physics",
        help="Compare samples of another physics list, cut or tables, too.",
        rich_help_panel=SOURCE,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("validate", epilog="Example: `caloforge validate geant4.h5 model.onnx gflash --floor geant4-b.h5 "
                "-o report`")(validate)  # fmt: skip
    app.command("bench", epilog="Example: `caloforge bench --detector calogan-ecal --simulator model.onnx "
                '--simulator gflash --energy "10 GeV" -o bench.json`')(bench)  # fmt: skip


def validate(
    reference: Reference,
    candidates: Candidates,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for report and metrics.", rich_help_panel=OUTPUT),
    ],
    floor: Annotated[
        Path | None, typer.Option(help="Independent showers of the reference's simulator.", rich_help_panel=SOURCE)
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Showers a candidate learned from: tests memorisation.", rich_help_panel=SOURCE)
    ] = None,
    background: Annotated[
        Path | None,
        typer.Option(help="Geant4 showers of another particle: tests particle identification.", rich_help_panel=SOURCE),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Classifier recipe: default, quick, calochallenge or caloflow.",
            autocompletion=complete.recipes,
            rich_help_panel=JUDGING,
        ),
    ] = "default",
    detector: AnyDetector = None,
    layout: FormatName = None,
    seed: Annotated[int, typer.Option(help="Seed of splits, classifiers and simulators.", rich_help_panel=JUDGING)] = 0,
    seeds: Annotated[int, typer.Option(help="Classifier trainings per set of features.", rich_help_panel=JUDGING)] = 3,
    reweight: Annotated[
        bool, typer.Option("--reweight", help="Reweight differing energy spectra.", rich_help_panel=JUDGING)
    ] = False,
    timings: Annotated[
        Path | None, typer.Option(help="bench.json to show in the report.", rich_help_panel=SOURCE)
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the report into report.pdf, by a browser.", rich_help_panel=OUTPUT)
    ] = False,
    other_physics: OtherPhysics = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Compare showers with a reference: metrics.json and a report to read."""
    check_installed(*VALIDATION)
    from caloforge.bench import read_report
    from caloforge.report import validate as compare
    from caloforge.report.printed import find_browser, print_report
    from caloforge.validation import summary_table
    from caloforge.validation.benchmark import check_judges

    if pdf:
        find_browser()
    check_seed(seed)
    check_judges(recipe, seeds)
    shown = read_report(timings) if timings else None
    found = foreign.detector_of(detector)
    others = [path for path in (floor, training, background) if path]
    check_folder(output, [reference, timings, *others, *map(file_of, candidates)], force=force)
    true = with_file(foreign.read(reference, found, layout=layout), reference)
    extra = {path: foreign.read(path, true.detector, layout=layout) for path in others}
    if not other_physics:
        made = {str(path): showers.provenance for path, showers in extra.items()}
        check_like(true.provenance, made | provenances(candidates, true, layout))
    judged = candidate_showers(candidates, true, seed, layout)
    metrics = compare(
        true,
        judged,
        output,
        floor=extra.get(floor) if floor else None,
        training=extra.get(training) if training else None,
        background=extra.get(background) if background else None,
        recipe=recipe,
        seed=seed,
        seeds=seeds,
        reweight=reweight,
        timings=shown,
        progress=not quiet,
    )
    if pdf:
        print_report(output / "report.html", output / "report.pdf")
    if not quiet:
        console.print(summary_table(metrics))
        console.print(f"report: {output / 'report.html'}")


def check_folder(folder: Path, inputs: list[Path | None], *, force: bool) -> None:
    """Check that the output folder can be made and filled.

    Raises:
        InputError: it holds metrics already and `force` is not given, cannot be written, or a file to be written is an
            input.
    """
    from caloforge.validation.paths import METRICS, REPORT

    for name in (METRICS, REPORT, "report.pdf"):
        check_regular(folder / name)
        check_no_input(folder / name, inputs)
        if (folder / name).exists() and not force:
            raise InputError(
                f"{folder} holds a validation already, {name}; give another folder, or --force to replace it"
            )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output {folder} is a file; give a folder")
    check_writable(next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()))
    remove_leftovers(folder)


def provenances(names: list[str], reference: Showers, layout: str | None = None) -> dict[str, dict[str, Any]]:
    """Provenance of each candidate's showers before any is made.

    Raises:
        InputError: an unknown candidate, or two of the same name.
    """
    found = {}
    for label, name in labelled(names).items():
        if is_sample(name):
            with foreign.opened(Path(name), reference.detector, layout=layout) as (_, table):
                found[label] = table.provenance
            continue
        with create(name, reference.detector) as simulator:
            found[label] = simulator.provenance()
    return found


def candidate_showers(names: list[str], reference: Showers, seed: int, layout: str | None = None) -> dict[str, Showers]:
    """Showers of each candidate: those of a file, or generated for the reference's incidents.

    Raises:
        InputError: an unknown candidate, or two of the same name.
    """
    return {
        label: candidate(name, reference, next_seed(seed), layout=layout) for label, name in labelled(names).items()
    }


def bench(
    detector: DetectorName,
    simulator: Annotated[
        list[str],
        typer.Option("--simulator", help="Simulator to time; may be repeated.", autocompletion=complete.simulators),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Output file, bench.json.", rich_help_panel=OUTPUT)],
    energy: Annotated[
        list[str] | None,
        typer.Option(
            "--energy", help="Kinetic energy; repeat it for more Geant4 times. [default: 10 GeV]", rich_help_panel=BEAM
        ),
    ] = None,
    particle: Annotated[
        str | None,
        typer.Option(
            help="Default: e-, or that of a simulator without e-.",
            autocompletion=complete.particles,
            rich_help_panel=BEAM,
        ),
    ] = None,
    theta: Theta = None,
    phi: Phi = None,
    position: Position = None,
    physics: PhysicsList = None,
    cut: Cut = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Time simulators at batch 1, 10, 100, 1000 on one thread, and Geant4 in the same run."""
    from caloforge import bench as benchmark

    check_output(output, force=force, inputs=[Path(detector), *map(file_of, simulator)])
    found = Detector.load(detector)
    tracked = chosen_physics(physics, cut)
    with ExitStack() as opened:
        simulators = {
            label: opened.enter_context(create(name, found, tracked if name == GEANT4 else None))
            for label, name in labelled(simulator).items()
        }
        incidents = SourceConfig(particle=particle or _particle(simulators), theta=theta, phi=phi, position=position)
        report = benchmark.bench(found, simulators, incidents, energy or ["10 GeV"], _say_nothing if quiet else _say,
                                 physics=tracked)  # fmt: skip
    benchmark.write_report(report, output)
    if not quiet:
        console.print(bench_table(report))


def _say(text: str) -> None:
    console.print(text, style="dim")


def _say_nothing(text: str) -> None:  # noqa: ARG001
    return


def _particle(simulators: dict[str, Simulator]) -> str:
    """Electrons, unless a simulator has only other particles."""
    others = (s.particles[0] for s in simulators.values() if s.particles and ELECTRON not in s.particles)
    return particle_name(next(others, ELECTRON))


def bench_table(report: dict[str, object]) -> Table:
    """Times as a table for the terminal."""
    data: dict = report  # type: ignore[type-arg]
    table = Table(title=f"ms per shower, {data['particle']} of {data['energy']} in {data['detector']}, 1 thread")
    table.add_column("simulator")
    for batch in ("1", "10", "100", "1000"):
        table.add_column(f"batch {batch}", justify="right")
    for name, times in data["simulators"].items():
        table.add_row(name, *(f"{times[b]['ms']:.3g}" if b in times else "-" for b in ("1", "10", "100", "1000")))
    for energy, ms in data["geant4_ms"].items():
        table.add_row(f"geant4, {energy}", f"{ms:.3g}", *3 * ["same"])
    return table
