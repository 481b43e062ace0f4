"""The command line: one verb per kind of work."""

import os
import signal
import sys
import threading
import warnings
from typing import NoReturn

import typer

from caloforge import __version__, plugins, terminal
from caloforge.cli import describe, files, judge, learn, produce, run, search, study, zoo
from caloforge.errors import InputError, RunError
from caloforge.extras import EXTRAS, missing

INTERRUPTED = 130  # typer's exit code of Ctrl-C
SPINS = "1000"  # some microseconds, within which most waits of a training's threads end
STOPPED = "stopped; finished parts are kept, and --resume continues if the command has this option"
TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(
    name="caloforge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="From full Geant4 calorimeter simulation to a fast, validated, learned simulation inside Geant4.",
    epilog="Example: `caloforge run quickstart`",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, search, produce, learn, judge, study, files, zoo, describe):
    module.register(app)


def _show_version(requested: bool) -> None:
    if requested:
        print(f"caloforge {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """Options before the verb."""


def main() -> NoReturn:
    """Run the command line; exit codes are 0 for success, 1 for a failure while running, 2 for bad input.

    Text that cannot be printed does not change them, except for verbs that only print.
    """
    if "OMP_WAIT_POLICY" not in os.environ:  # spinning threads lose a core's time slices to other processes
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    warnings.formatwarning = _one_line
    terminal.protect()
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _send_again
    code, message = _run()
    if message:
        print(message, file=sys.stderr)  # noqa: T201
    if error := terminal.lost():
        code = code or int(_only_prints(sys.argv[1:]))
        if not terminal.was_closed(error):
            print(f"standard output took no more: {error.strerror}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _run() -> tuple[int, str]:
    """Exit code and message of an error."""
    try:
        _call()
    except InputError as error:
        return 2, f"error: {error}"
    except RunError as error:
        return 1, f"failed: {error}"
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        return 2, f"error: {missing(package)}"
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return 1, f"failed: {error.strerror or error}{where}"
    except KeyboardInterrupt:
        return 1, STOPPED
    except SystemExit as error:
        stopped = error.code in (INTERRUPTED, TERMINATED)
        code = 1 if error.code == INTERRUPTED or isinstance(error.code, str) else int(error.code or 0)
        return code, STOPPED if stopped else ""
    except Exception as error:
        if line := plugins.blame(error):
            return 1, f"failed: {line}"
        raise
    return 0, ""


def _call() -> None:
    """Call the verb; a signal stays a signal, even if a library wraps it in an error, as PyTorch's exporter does."""
    try:
        app()
    except Exception as error:
        within: BaseException | None = error
        while within is not None and not isinstance(within, SystemExit | KeyboardInterrupt):
            within = within.__cause__ or within.__context__
        if within is None:
            raise
        raise within from None


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """Text of a warning without the source line that Python adds."""
    return f"warning: {message}\n"


def _terminate(*_: object) -> NoReturn:
    """End on SIGTERM as on Ctrl-C, so that children and claims end with the process."""
    sys.exit(TERMINATED)


def _send_again(ignored: "sys.UnraisableHookArgs") -> None:
    """Send a signal again that arrived within a callback or destructor, where Python drops exceptions."""
    number = {SystemExit: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}.get(ignored.exc_type)
    if number is None:
        sys.__unraisablehook__(ignored)
    else:
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()


def _only_prints(words: list[str]) -> bool:
    verb = next((word for word in words if not word.startswith("-")), "")
    return verb in ("", "detectors", "models", "physics", "info", "runs") or bool({"-h", "--help"} & set(words))
