"""Comparison of an application's electromagnetic settings with those of a fast simulation's training showers."""

import contextlib
import io
import re
from typing import Any

import geant4_pybind as g4

from caloforge.showers.physics import tracked_with

STEP_LIMIT = "/process/msc/StepLimit"
RANGE_FACTOR = "/process/msc/RangeFactor"
APPLY_CUTS = "/process/em/applyCuts"
CUTTING = "G4EmStandardPhysics_option1"  # it applies cuts to all electromagnetic processes; option0 does not
STEP_LIMITS = ("Minimal", "UseSafety", "UseSafetyPlus", "UseDistanceToBoundary")  # G4MscStepLimitType


def learned_commands(provenance: dict[str, Any]) -> list[str]:
    """Commands for multiple scattering and cuts of the full simulation behind a model, from its provenance."""
    entries = list(tracked_with(provenance))
    found = [physics.get("multiple_scattering") for physics in entries]
    cuts = [f"{APPLY_CUTS} true"] if any(physics.get("electromagnetic") == CUTTING for physics in entries) else []
    return [str(command) for commands in found if isinstance(commands, list) for command in commands] + cuts


def difference(commands: list[str]) -> str:
    """A sentence on how the application's settings differ from the learned ones; empty if they agree or are unknown.

    The visible energy of a sampling calorimeter depends on multiple scattering: option1's step limit loses 15 % of it.
    It also depends on whether photons make electrons below the production cut, which then reach thin active plates.
    """
    learned = dict(command.split(maxsplit=1) for command in commands if len(command.split()) == 2)
    own = application_settings()
    missing = [f"{name} {value}" for name, value in learned.items() if name in own and not _same(own[name], value)]
    if not missing:
        return ""
    return (
        "this application has other electromagnetic settings than the training showers of the fast simulation; "
        f"their responses differ. Before Initialize, apply: {'; '.join(missing)}"
    )


def application_settings() -> dict[str, str]:
    """Step limit, range factor and application of cuts in the running application, by Geant4 command."""
    parameters, said = g4.G4EmParameters.Instance(), io.StringIO()
    with contextlib.redirect_stdout(said):
        parameters.Dump()  # geant4_pybind cannot convert the result of MscStepLimitType()
    found = re.search(r"step limit algorithm for e\+-\s+(\d)", said.getvalue())
    limit = {STEP_LIMIT: STEP_LIMITS[int(found.group(1))]} if found else {}
    cuts = "true" if parameters.ApplyCuts() else "false"
    return limit | {RANGE_FACTOR: f"{parameters.MscRangeFactor():g}", APPLY_CUTS: cuts}


def _same(a: str, b: str) -> bool:
    try:
        return abs(float(a) - float(b)) < 1e-9
    except ValueError:
        return a == b
