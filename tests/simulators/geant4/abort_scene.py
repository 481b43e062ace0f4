"""Showers of which Geant4 gives some up, run as a script: `abort_scene.py DETECTOR.toml ABORTS > ROWS.npy`.

Of four electrons of 100 MeV the second is given up at its first step, ABORTS times; rows are (4, n_cells) [MeV].
"""

import io
import os
import sys
from multiprocessing import Pipe
from pathlib import Path

import numpy as np

from caloforge.showers import Incidents
from caloforge.simulators.geant4 import wire
from caloforge.simulators.geant4.datasets import environment

os.environ.update(environment())
import geant4_pybind as g4

from caloforge.simulators.geant4 import kernel, worker

toml, left = Path(sys.argv[1]).read_text(), int(sys.argv[2])
output = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
kernel.silence()


class Abort(g4.G4UserSteppingAction):
    """Gives up what Geant4 calls event 1 of the first run, and the only event of those that repeat it."""

    def __init__(self):
        super().__init__()
        self.left, self.first = left, True

    def UserSteppingAction(self, step):  # noqa: N802, ARG002
        manager = g4.G4RunManager.GetRunManager()
        if self.left and manager.GetCurrentEvent().GetEventID() == self.first:
            self.left, self.first = self.left - 1, False
            manager.AbortEvent()


class Application(worker.Application):
    """One that gives up."""

    def _build(self, actions):
        super()._build(actions)
        self.abort = Abort()
        actions.SetUserAction(self.abort)


ours, theirs = Pipe()
setup = {"detector": toml, "cells": True, "physics": "em", "msc": ()}
application = Application(theirs, setup)
incidents = Incidents.make("e-", np.full(4, 100.0), shower_id=range(4))
try:
    application.run({}, wire.pack(incidents, 1))
except RuntimeError as error:
    os.write(output, str(error).encode())
    kernel.leave(3)
header, data = wire.receive(ours)
file = io.BytesIO()
np.save(file, np.frombuffer(data, np.float32).reshape(header["rows"], -1))
os.write(output, file.getvalue())
kernel.leave()
