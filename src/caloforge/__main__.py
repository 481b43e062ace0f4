"""The `caloforge` command: Ctrl-C ends it in one line from its first moment, while modules are still being imported."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; exit codes are 0 for success, 1 for a failure while running, 2 for bad input."""
    try:
        from caloforge.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit("stopped before any work")


if __name__ == "__main__":
    main()
