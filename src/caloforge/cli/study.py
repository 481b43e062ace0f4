"""`study`: one question about simulators, answered by figures and a table."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.files import AnyDetector, FormatName
from caloforge.cli.options import OUTPUT, SOURCE, Force, Quiet, console
from caloforge.cli.samples import (
    Candidates,
    OtherPhysics,
    Reference,
    candidate_showers,
    check_folder,
    read_samples,
)
from caloforge.extras import check_installed
from caloforge.seeds import check_seed
from caloforge.simulators import file_of

NAMES = "averages, cells, histograms, losses, moments, neighbours"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("study", epilog="Example: `caloforge study moments geant4.h5 model.onnx gflash -o moments`; "
                f"studies: {NAMES}")(study)  # fmt: skip


def study(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="Its name.")],
    reference: Reference,
    candidates: Candidates,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for figures and table.", rich_help_panel=OUTPUT),
    ],
    training: Annotated[
        Path | None, typer.Option(help="Showers that candidates learned from.", rich_help_panel=SOURCE)
    ] = None,
    detector: AnyDetector = None,
    layout: FormatName = None,
    seed: Annotated[int, typer.Option(help="Seed of simulators.", rich_help_panel=SOURCE)] = 0,
    other_physics: OtherPhysics = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw one study of candidates against Geant4: averages, cells, histograms, losses, moments or neighbours."""
    check_installed("matplotlib", "mplhep")
    from caloforge.studies import StudySamples, find_study
    from caloforge.validation.samples import check_apart, check_unseen

    draw = find_study(name)
    check_seed(seed)
    inputs = [reference, training, *map(file_of, candidates)]
    check_folder(output, "a study", (f"{name}.md",), inputs, force=force)
    files = {"training": training}
    true, others = read_samples(reference, files, candidates, detector, layout, other_physics=other_physics)
    check_apart(true, others)
    samples = candidate_showers(candidates, true, seed, layout)
    check_unseen(true, samples)
    result = draw(StudySamples(true, samples, others.get("training")))
    written = result.write(output, name)
    if not quiet:
        console.print(result.markdown, markup=False)
        console.print(f"{len(written)} files in {output}", markup=False)
