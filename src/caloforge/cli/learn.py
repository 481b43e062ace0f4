"""`train`, `export`, `import` and `upgrade`: from showers to a network, from a network to one ONNX file."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.files import AnyDetector, AnyParticle, FormatName
from caloforge.cli.options import (
    OUTPUT,
    SOURCE,
    WORK,
    Force,
    Output,
    Quiet,
    Resume,
    RunFile,
    RunFolder,
    Workers,
    console,
)
from caloforge.errors import InputError
from caloforge.extras import TRAINING, check_installed
from caloforge.files import check_output, replacing
from caloforge.named_runs import config_file
from caloforge.showers import foreign


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("import", epilog="Example: `caloforge import network.onnx --spec network.toml -o model.onnx`")(wrap)
    app.command("train", epilog="Example: `caloforge train quickstart --resume`")(train)
    app.command("adapt", epilog="Example: `caloforge adapt runs/quickstart --showers photons.h5 -o runs/photons`")(
        adapt
    )
    app.command("export", epilog="Example: `caloforge export runs/quickstart -o quickstart.onnx`")(export)
    app.command("upgrade", epilog="Example: `caloforge upgrade old.onnx -o new.onnx`")(upgrade)


def train(
    config: RunFile,
    out: RunFolder = None,
    workers: Workers = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of PyTorch; default: all cores.", rich_help_panel=WORK)
    ] = None,
    devices: Annotated[
        int, typer.Option(help="Processes that share each batch, one GPU or some cores each.", rich_help_panel=WORK)
    ] = 1,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Train a run's model; produce its showers first if they are missing."""
    check_installed(*TRAINING)
    from caloforge import runs
    from caloforge.runs import learning
    from caloforge.training.devices import available, check_devices, is_follower
    from caloforge.training.threads import use_threads

    check_devices(devices)
    if threads is not None or devices > 1:
        use_threads(threads if threads is not None else max(1, available() // devices))
    whole = runs.load(config_file(config), out, workers, devices)
    if is_follower():
        learning.join(whole)
        return
    whole.open(resume=resume, force=force)
    whole.execute(last="training")


def adapt(
    model: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory of the trained model.")],
    showers: Annotated[
        Path, typer.Option(help="New showers with the same cells, in any layout.", rich_help_panel=SOURCE)
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="RUN", help="Run directory to make.", rich_help_panel=OUTPUT)
    ],
    tune: Annotated[str, typer.Option(help="Trained weights: all, or biases.", rich_help_panel=WORK)] = "all",
    steps: Annotated[
        int | None, typer.Option(help="Training steps; the model's own if absent.", rich_help_panel=WORK)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest rate; a quarter of the model's own if absent.", rich_help_panel=WORK)
    ] = None,
    layout: FormatName = None,
    detector: AnyDetector = None,
    particle: AnyParticle = None,
    seed: Annotated[int, typer.Option(help="Of batches and noise.", rich_help_panel=WORK)] = 1,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Adapt a trained model to other showers: another energy range, particle or matter, with the same cells.

    The transforms are fitted to the new showers. A tenth of them, by a hash of their ids, selects the weights.
    """
    check_installed(*TRAINING)
    from caloforge.training import adapt as training
    from caloforge.training import train as learn

    if model.suffix == ".onnx":
        raise InputError(f"{model} is an exported model, whose weights cannot be trained on; give its run directory")
    given = {"tune": tune, "seed": seed, "steps": steps, "learning_rate": learning_rate}
    config = training.adapted_config(model, {key: value for key, value in given.items() if value is not None})
    found = foreign.read(showers, foreign.detector_of(detector, particle), particle=particle, layout=layout)
    training.check_shapes(config, found)
    output.parent.mkdir(parents=True, exist_ok=True)
    summary = learn(config, *training.split(found), output, resume=resume, quiet=quiet)
    console.print(f"{output}: {summary.line}")
    if summary.remark:
        console.print(f"Warning: {summary.remark}")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")], output: Output, force: Force = False
) -> None:
    """Export a trained model to one ONNX file: MeV, mm and rad in, MeV per cell out."""
    from caloforge.export import export as write_model
    from caloforge.training import check_trained

    trained = check_trained(run)
    check_output(output, force=force, inputs=trained.iterdir(), suffixes=(".onnx",))
    summary = write_model(trained, output)
    console.print(f"{output}: {summary}")


def wrap(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A network trained elsewhere.")],
    spec: Annotated[Path, typer.Option(help="Its inputs, outputs, scales and cells, as TOML.")],
    output: Output,
    force: Force = False,
) -> None:
    """Wrap a network trained elsewhere into one ONNX file with physical units, which every verb takes."""
    from caloforge.export.foreign_model import import_model

    check_output(output, force=force, inputs=[model, spec], suffixes=(".onnx",))
    import_model(model, spec, output)
    console.print(f"{output}: imported from {model}")


def upgrade(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="An exported model.")],
    output: Output,
    force: Force = False,
) -> None:
    """Give an exported model the metadata of this version, whose table of cells C++ needs inside Geant4."""
    from caloforge.simulators.onnx_file import OnnxFile, upgraded

    check_output(output, force=force, inputs=[model], suffixes=(".onnx",))
    content = upgraded(OnnxFile.read(model))
    with replacing(output) as beside:
        beside.write_bytes(content)
    console.print(f"{output}: upgraded from {model}")
