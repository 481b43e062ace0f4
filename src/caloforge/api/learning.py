"""Training and export."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.api.files import AnyPath, Sample, read
from caloforge.config import read_file

if TYPE_CHECKING:
    from caloforge.training import TrainingConfig, TrainingSummary


def train(
    config: "TrainingConfig | Mapping[str, Any] | AnyPath",
    training: Sample,
    selection: Sample,
    folder: AnyPath,
    *,
    resume: bool = False,
    quiet: bool = True,
) -> "TrainingSummary":
    """Train a model on showers and write all that export needs into a folder.

    Args:
        config: tables `model` and `training`, as a dictionary or TOML file.
        training: showers to learn from, or their file.
        selection: validation showers of the same kind, which select the weights.
        folder: run directory to make or to continue.
        resume: continue from the last checkpoint.
        quiet: show no progress.

    Raises:
        InputError: a config or showers that do not fit, or a folder that holds another training.
        RunError: the loss is no longer finite; the last checkpoint is kept.

    Examples:
        >>> import caloforge as cf
        >>> from tempfile import TemporaryDirectory
        >>> config = {"model": {"kind": "vae", "hidden": [8], "latent": 2}, "training": {"steps": 2}}
        >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "2 GeV:10 GeV", n=60, seed=1)
        >>> with TemporaryDirectory() as folder:
        ...     train(config, showers[:40], showers[40:], f"{folder}/vae").steps
        2
    """
    from caloforge.training import train as run_training

    place = Path(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    return run_training(_training_config(config), read(training), read(selection), place, resume=resume, quiet=quiet)


def _training_config(config: "TrainingConfig | Mapping[str, Any] | AnyPath") -> "TrainingConfig":
    from caloforge.training import TrainingConfig

    if isinstance(config, str | Path):
        found: TrainingConfig = read_file(TrainingConfig, Path(config))
        return found
    return TrainingConfig.build(dict(config), "config") if isinstance(config, Mapping) else config


def to_onnx(run: AnyPath, output: AnyPath) -> Path:
    """Export a trained model to one ONNX file: MeV, mm and rad in, MeV per cell out.

    Raises:
        InputError: there is no finished training in `run`, or the output cannot be written.
        RunError: the graph disagrees with PyTorch; nothing is written.

    Examples:
        >>> import caloforge as cf
        >>> from tempfile import TemporaryDirectory
        >>> config = {"model": {"kind": "vae", "hidden": [8], "latent": 2}, "training": {"steps": 2}}
        >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "2 GeV:10 GeV", n=60, seed=1)
        >>> with TemporaryDirectory() as folder:
        ...     summary = cf.train(config, showers[:40], showers[40:], f"{folder}/vae")
        ...     path = to_onnx(f"{folder}/vae", f"{folder}/vae.onnx")
        ...     with cf.simulator(path) as model:
        ...         model.simulate(cf.Incidents.make("e+", "5 GeV"), seed=1)
        Showers(1 of e+, 5 GeV, in calogan-ecal: 504 cells, made by learned)
    """
    from caloforge.export import export
    from caloforge.training import check_trained

    export(check_trained(Path(run)), Path(output))
    return Path(output)
