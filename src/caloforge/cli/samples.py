"""The samples that `validate` and `study` compare: their options, files and checks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli import complete
from caloforge.cli.options import SOURCE
from caloforge.errors import InputError
from caloforge.files import check_creatable, check_no_input, check_regular, remove_leftovers
from caloforge.seeds import next_seed
from caloforge.showers import Showers, foreign
from caloforge.showers.lineage import with_file
from caloforge.showers.physics import check_like
from caloforge.simulators import candidate, create, is_sample, labelled

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


def check_folder(
    folder: Path, content: str, names: Sequence[str], inputs: Sequence[Path | None], *, force: bool
) -> None:
    """Check that the output folder can be made and filled with files of some names.

    Raises:
        InputError: it holds one of the files and `force` is not given, cannot be written, or a file to be written is an
            input.
    """
    for name in names:
        check_regular(folder / name)
        check_no_input(folder / name, inputs)
        if (folder / name).exists() and not force:
            raise InputError(f"{folder} holds {content} already, {name}; give another folder, or --force to replace it")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output {folder} is a file; give a folder")
    check_creatable(folder)
    remove_leftovers(folder)


def read_samples(
    reference: Path,
    files: Mapping[str, Path | None],
    candidates: list[str],
    detector: str | None,
    layout: str | None,
    *,
    other_physics: bool,
) -> tuple[Showers, dict[str, Showers]]:
    """The reference, and the other samples whose files are given, by name.

    Raises:
        InputError: a file that cannot be read, or a sample or candidate of other physics without `other_physics`.
    """
    true = with_file(foreign.read(reference, foreign.detector_of(detector), layout=layout), reference)
    found = {name: foreign.read(path, true.detector, layout=layout) for name, path in files.items() if path}
    if not other_physics:
        made = {str(files[name]): showers.provenance for name, showers in found.items()}
        check_like(true.provenance, made | _provenances(candidates, true, layout))
    return true, found


def _provenances(names: list[str], reference: Showers, layout: str | None) -> dict[str, dict[str, Any]]:
    """Provenance of each candidate's showers, before any are made."""
    found = {}
    for label, name in labelled(names).items():
        if is_sample(name):
            with foreign.opened(Path(name), reference.detector, layout=layout) as (_, table):
                found[label] = table.provenance
            continue
        with create(name, reference.detector) as simulator:
            found[label] = simulator.provenance()
    return found


def candidate_showers(names: list[str], reference: Showers, seed: int, layout: str | None) -> dict[str, Showers]:
    """Showers of each candidate: those of a file, or generated for the reference's incidents.

    Raises:
        InputError: an unknown candidate, or two of the same name.
    """
    return {
        label: candidate(name, reference, next_seed(seed), layout=layout) for label, name in labelled(names).items()
    }
