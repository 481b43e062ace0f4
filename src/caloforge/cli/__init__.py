"""The command line: one verb per kind of work."""

import os
import sys
import warnings
from typing import NoReturn

import typer

from caloforge import __version__
from caloforge.cli import describe, judge, learn, produce, run
from caloforge.errors import InputError, RunError
from caloforge.extras import EXTRAS, missing

INTERRUPTED = 130  # typer's exit code of Ctrl-C

app = typer.Typer(
    name="caloforge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="From full Geant4 calorimeter simulation to a fast, validated, learned simulation inside Geant4.",
    epilog="Example: `caloforge run configs/quickstart.toml`",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, produce, learn, judge, describe):
    module.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"caloforge {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """Options before the verb."""


def main() -> NoReturn:
    """Run the command line; 0 done, 1 failed while running, 2 bad input."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin lose a core's time slices to a neighbour
    warnings.formatwarning = _one_line
    try:
        app()
    except InputError as error:
        _leave(f"error: {error}", 2)
    except RunError as error:
        _leave(f"failed: {error}", 1)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        _leave(f"error: {missing(package)}", 2)
    except SystemExit as error:
        if error.code == INTERRUPTED:
            _leave("stopped; what was finished is kept, and --resume goes on where the command has it", 1)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """A warning for the terminal, without the place in the code that Python adds."""
    return f"warning: {message}\n"


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)  # noqa: T201
    sys.exit(code)
