"""One of the processes that repeat finished trainings of toy showers together, each batch in several parts."""

import sys
from pathlib import Path

from tests.conftest import weak_toy_showers

from caloforge.training import train
from caloforge.training.devices import joined_group
from caloforge.training.run import TrainingFolder


def main() -> None:
    """Repeat the trainings of the given folders in the first one."""
    out, *runs = map(Path, sys.argv[1:])
    with joined_group() as group:
        for run in runs:
            config, kind = TrainingFolder(run).config, TrainingFolder(run).config.model.kind
            schedule = config.training.model_copy(update={"accumulate": 1 if kind == "gan-3d" else 2})
            config = config.model_copy(update={"training": schedule})
            train(config, *weak_toy_showers(TrainingFolder(run).detector), out / kind, group=group, quiet=True)


if __name__ == "__main__":
    main()
