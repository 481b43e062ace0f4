"""`study`: one question about simulators, answered by figures and a table."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.files import AnyDetector, FormatName
from caloforge.cli.judge import Candidates, OtherPhysics, Reference, candidate_showers, provenances
from caloforge.cli.options import OUTPUT, SOURCE, Force, Quiet, console
from caloforge.errors import InputError
from caloforge.extras import check_installed
from caloforge.files import check_no_input, check_writable
from caloforge.seeds import check_seed
from caloforge.showers import foreign
from caloforge.showers.lineage import with_file
from caloforge.showers.physics import check_like
from caloforge.simulators import file_of

NAMES = "averages, cells, losses, moments, neighbours"


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
    """Draw one study of candidates against Geant4: average showers, cells, losses, moments, nearest neighbours."""
    check_installed("matplotlib", "mplhep")
    from caloforge.studies import Compared, find_study
    from caloforge.validation.samples import check_apart, check_unseen

    draw = find_study(name)
    check_seed(seed)
    _check_folder(output, name, [reference, training, *map(file_of, candidates)], force=force)
    true = with_file(foreign.read(reference, foreign.detector_of(detector), layout=layout), reference)
    known = foreign.read(training, true.detector, layout=layout) if training else None
    if not other_physics:
        own = {str(training): known.provenance} if known else {}
        check_like(true.provenance, own | provenances(candidates, true, layout))
    check_apart(true, {"training": known})
    compared = candidate_showers(candidates, true, seed, layout)
    check_unseen(true, compared)
    result = draw(Compared(true, compared, known))
    files = result.write(output, name)
    if not quiet:
        console.print(result.markdown, markup=False)
        console.print(f"{len(files)} files in {output}", markup=False)


def _check_folder(folder: Path, name: str, inputs: list[Path | None], *, force: bool) -> None:
    table = folder / f"{name}.md"
    check_no_input(table, inputs)
    if table.exists() and not force:
        raise InputError(f"{table} exists; give another folder, or --force to replace the study")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output {folder} is a file; give a folder")
    check_writable(next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()))
