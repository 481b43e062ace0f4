"""Showers of which Geant4 gives some up, run as a script: `abort_scene.py DETECTOR.toml ABORTS [HOOKED] > ROWS.npy`.

Of four electrons the second's event is given up where its own track ends, ABORTS times; rows are (4, n_cells) [MeV].
They have 100 MeV, or 2 GeV where a simulator HOOKED takes them at the face.
"""

import io
import os
import sys
from multiprocessing import Pipe
from pathlib import Path

import numpy as np

from caloforge.detector import Detector
from caloforge.showers import Incidents
from caloforge.simulators.geant4.datasets import environment
from caloforge.simulators.geant4.process import wire

os.environ.update(environment())
import geant4_pybind as g4

from caloforge.simulators.geant4.process import hooked_worker, kernel, worker

toml, left, fast = Path(sys.argv[1]).read_text(), int(sys.argv[2]), sys.argv[3:]
base = hooked_worker.Application if fast else worker.Application
output = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
kernel.silence()


class Abort(g4.G4UserSteppingAction):
    """Gives up what Geant4 calls event 1 of the first run, and the only event of those that repeat it."""

    def __init__(self):
        super().__init__()
        self.left, self.first = left, True

    def UserSteppingAction(self, step):  # noqa: N802
        manager, track = g4.G4RunManager.GetRunManager(), step.GetTrack()
        ended = track.GetTrackID() == 1 and track.GetTrackStatus() == g4.fStopAndKill
        if ended and self.left and manager.GetCurrentEvent().GetEventID() == self.first:
            self.left, self.first = self.left - 1, False
            manager.AbortEvent()


class Application(base):
    """One that gives up."""

    def _build(self, actions):
        super()._build(actions)
        self.abort = Abort()
        actions.SetUserAction(self.abort)


ours, theirs = Pipe()
setup = {"detector": toml, "cells": True, "physics": {"list": "em"}, "msc": ()}
if fast:
    setup |= {"simulator": fast[0], "particles": ["e-"], "threshold": 1e3, "batch_events": 4, "inside": False}
scene = Application(theirs, setup)
incidents = Incidents.make("e-", np.full(4, 2e3 if fast else 100.0), shower_id=range(4))
try:
    scene.run({"seed": 1}, wire.pack(incidents, 1))
except RuntimeError as error:
    os.write(output, str(error).encode())
    kernel.leave(3)
header, data = wire.receive(ours)
file = io.BytesIO()
shape = header["rows"], Detector.from_toml(toml).n_cells
np.save(file, np.frombuffer(data, np.float32, shape[0] * shape[1]).reshape(shape))
os.write(output, file.getvalue())
kernel.leave()
