"""Trial of an ONNX file in the child process of `caloforge.trial`, where the file is opened and called once."""

from pathlib import Path

import onnxruntime  # noqa: F401  before the limits are set, since the memory of its libraries is not the file's

from caloforge.errors import InputError
from caloforge.seeds import normal_noise
from caloforge.showers import Incidents
from caloforge.showers.domain import network_inputs
from caloforge.simulators.onnx_file import OnnxFile, Session

MEMORY_WORDS = ("alloc", "memory")


def run(path: Path) -> None:
    """Open a model and simulate both ends of its energy range; other failures of the call are ignored here.

    Raises:
        InputError: the model does not open.
        MemoryError: the call needs more memory than it may take.
    """
    file = OnnxFile.read(path)
    try:
        session = Session(file.content, 1, trial=True)
    except Exception as error:
        raise InputError(f"{path} is not a readable ONNX model: {str(error).splitlines()[0][:200]}") from None
    ranges = file.card.ranges
    centre = [sum(side) / 2 for side in ranges.position]
    ends = Incidents.make(
        file.card.pdgs[0], list(ranges.energy), theta=ranges.theta[0], phi=ranges.phi[0], position=centre
    )
    feeds = network_inputs(ends) | {"noise": normal_noise(0, ends.shower_id, file.card.noise, "noise")}
    try:
        session.run("showers", {name: value for name, value in feeds.items() if name in session.inputs})
    except Exception as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(word in said for word in MEMORY_WORDS):
            raise MemoryError from None
