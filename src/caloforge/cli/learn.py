"""`train`, `export` and `import`: from showers to a network, from a network to one ONNX file."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import Force, Output, Resume, RunFile, RunFolder, Workers, console
from caloforge.extras import TRAINING, check_installed
from caloforge.files import check_output
from caloforge.named_runs import config_file


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("import", epilog="Example: `caloforge import network.onnx --spec network.toml -o model.onnx`")(wrap)
    app.command("train", epilog="Example: `caloforge train quickstart --resume`")(train)
    app.command("export", epilog="Example: `caloforge export runs/quickstart -o quickstart.onnx`")(export)


def train(
    config: RunFile,
    out: RunFolder = None,
    workers: Workers = None,
    threads: Annotated[int | None, typer.Option(help="Threads of PyTorch; default: all cores.")] = None,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Train a run's model, producing its showers first where they are missing."""
    check_installed(*TRAINING)
    from caloforge import pipeline
    from caloforge.training.threads import use_threads

    if threads is not None:
        use_threads(threads)
    whole = pipeline.load(config_file(config), out, workers)
    whole.open(resume=resume, force=force)
    whole.execute(last="training")


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
