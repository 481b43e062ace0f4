"""What simulators are called in tables."""

import pytest

from caloforge.errors import InputError
from caloforge.simulators import labelled


def test_simulators_are_called_by_their_file_or_kind():
    names = ["gflash", "models/flow.onnx", "frozen=runs/train.h5", "replay=other/test.h5", "more/showers.h5"]
    assert list(labelled(names).items()) == list(
        zip(["gflash", "flow", "frozen", "test", "showers"], names, strict=True)
    )


def test_two_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"a/flow.onnx and b/flow.onnx would both be called 'flow'; rename a file"):
        labelled(["a/flow.onnx", "b/flow.onnx"])
