"""`validate` and `bench`: measure quality and speed of simulators."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

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
from caloforge.cli.samples import (
    Candidates,
    OtherPhysics,
    Reference,
    candidate_showers,
    check_folder,
    read_samples,
)
from caloforge.detector import Detector
from caloforge.extras import VALIDATION, check_installed
from caloforge.files import check_output
from caloforge.particles import particle_name
from caloforge.production import SourceConfig
from caloforge.seeds import check_seed
from caloforge.simulators import GEANT4, Simulator, create, file_of, labelled

ELECTRON = 11


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
    from caloforge.validation.paths import METRICS, PDF, REPORT

    if pdf:
        find_browser()
    check_seed(seed)
    check_judges(recipe, seeds)
    shown = read_report(timings) if timings else None
    files = {"floor": floor, "training": training, "background": background}
    inputs = [reference, timings, *files.values(), *map(file_of, candidates)]
    check_folder(output, "a validation", (METRICS, REPORT, PDF), inputs, force=force)
    true, others = read_samples(reference, files, candidates, detector, layout, other_physics=other_physics)
    samples = candidate_showers(candidates, true, seed, layout)
    metrics = compare(true, samples, output, **others, recipe=recipe, seed=seed, seeds=seeds, reweight=reweight,
                      timings=shown, progress=not quiet)  # fmt: skip
    if pdf:
        print_report(output / REPORT, output / PDF)
    if not quiet:
        console.print(summary_table(metrics))
        console.print(f"report: {output / REPORT}")


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
        say = (lambda _: None) if quiet else _say
        report = benchmark.bench(found, simulators, incidents, energy or ["10 GeV"], say, physics=tracked)
    benchmark.write_report(report, output)
    if not quiet:
        console.print(bench_table(report))


def _say(text: str) -> None:
    console.print(text, style="dim")


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
