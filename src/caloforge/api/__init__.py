"""The verbs for Python, which take names, paths or objects; `import caloforge` gives them lazily."""

from caloforge.api.chain import list_detectors, list_models, run
from caloforge.api.files import detector, read, write
from caloforge.api.judging import time, validate
from caloforge.api.learning import to_onnx, train
from caloforge.api.making import produce, simulator

__all__ = [
    "detector",
    "list_detectors",
    "list_models",
    "produce",
    "read",
    "run",
    "simulator",
    "time",
    "to_onnx",
    "train",
    "validate",
    "write",
]
