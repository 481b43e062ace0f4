"""The short form of the search for leaks; `make attack` runs the long one, of 20 000 calls and 2000 events."""

from importlib.util import find_spec

import pytest
from tests.attack import growth


def test_calls_hold_no_memory():
    assert growth.calls(1000) < 4


@pytest.mark.skipif(not find_spec("geant4_pybind"), reason="needs the extra geant4")
def test_events_hold_no_memory():
    assert growth.events(200) < 8
