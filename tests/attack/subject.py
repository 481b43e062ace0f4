"""The process under attack: opens file after file as a user of caloforge would, and says how each attempt ended.

python -m tests.attack.subject KIND; each line of its standard input is a path, each line of its output an outcome.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from caloforge.errors import InputError, RunError


def toml(path: Path) -> None:
    from caloforge.config import read_file
    from caloforge.detector import Detector
    from caloforge.runs import RunConfig

    if path.read_bytes()[:64].find(b"# run") >= 0:
        read_file(RunConfig, path)
    else:
        Detector.load(str(path))


def showers(path: Path) -> None:
    from caloforge.showers import read

    read(path)


def onnx(path: Path) -> None:
    from caloforge.showers import Incidents
    from caloforge.simulators.learned import LearnedSimulator

    simulator = LearnedSimulator(path)
    ranges, pdg = simulator.card.ranges, simulator.card.pdgs[0]
    centre = [sum(side) / 2 for side in ranges.position]
    try:
        simulator.simulate(
            Incidents.make(pdg, list(ranges.energy), theta=ranges.theta[0], phi=ranges.phi[0], position=centre), 1
        )
    finally:
        simulator.close()


def checkpoints(path: Path) -> None:
    from caloforge.training.run import load_model, load_state

    load_state(path / "checkpoint.pt")
    load_model(path)


def runs(path: Path) -> None:
    from caloforge.training.run import TrainingFolder, load_model, load_state

    folder = TrainingFolder(path)
    load_model(path)
    assert isinstance(folder.provenance, dict)
    load_state(folder.checkpoint_file)


KINDS: dict[str, Callable[[Path], None]] = {
    "toml": toml, "showers": showers, "onnx": onnx, "checkpoints": checkpoints, "runs": runs,
}  # fmt: skip


def main() -> None:
    work = KINDS[sys.argv[1]]
    for line in sys.stdin:
        try:
            work(Path(line.rstrip("\n")))
            outcome = "read"
        except InputError as error:
            outcome = f"refused: {' '.join(str(error).split())[-200:]}"
        except RunError:
            outcome = "failed"
        except BaseException as error:
            outcome = f"broke: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        sys.stdout.write(outcome + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
