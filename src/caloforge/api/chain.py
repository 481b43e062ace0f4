"""Run the whole chain, and list detectors and models."""

from pathlib import Path
from typing import TYPE_CHECKING

from caloforge.api.files import AnyPath
from caloforge.detector import preset_names
from caloforge.models.configs import CONFIGS
from caloforge.named_runs import config_file

if TYPE_CHECKING:
    from caloforge.runs import Run


def run(
    config: AnyPath,
    output: AnyPath | None = None,
    *,
    workers: int | None = None,
    resume: bool = False,
    force: bool = False,
) -> "Run":
    """Run the whole chain of a config: showers, training, export, Geant4 with the model inside, timing, report.

    Args:
        config: name of a run that comes with caloforge, or a TOML file.
        output: run directory; runs/NAME by default.
        workers: parallel workers of Geant4.
        resume: continue an interrupted run.
        force: replace what an earlier run has made there.

    Raises:
        InputError: an inconsistent config, or a folder that holds another run.

    Examples:
        >>> run("quikstart")
        Traceback (most recent call last):
        caloforge.errors.InputError: no run 'quikstart'; did you mean 'quickstart'? (or the path of a TOML file)
    """
    from caloforge import runs

    whole = runs.load(config_file(config), None if output is None else Path(output), workers)
    whole.open(resume=resume, force=force)
    whole.execute()
    return whole


def list_detectors() -> list[str]:
    """Names of the detectors that come with caloforge.

    Examples:
        >>> "calogan-ecal" in list_detectors()
        True
    """
    return preset_names()


def list_models() -> list[str]:
    """Kinds of models that can be trained, as `kind` of a config's `model` table.

    Examples:
        >>> "coupling-flow" in list_models()
        True
    """
    return sorted(CONFIGS)
