"""Convert showers to arrays of other libraries: awkward for hits, pandas for incidents."""

from typing import TYPE_CHECKING, Any

import numpy as np

from caloforge.extras import check_installed

if TYPE_CHECKING:
    from caloforge.showers.container import Showers


def to_awkward(showers: "Showers") -> Any:
    """Hits and incidents of showers as one awkward array of N records.

    Args:
        showers: N showers.

    Returns:
        Fields `cell`, `layer` (whole numbers) and `energy` [MeV] hold one list per shower, of its cells with energy.
        `incident_*`, `shower_id` and, if there is one, `fast_energy` hold one number per shower.

    Raises:
        InputError: awkward is not installed.

    Example::

        energies = showers.to_awkward().energy  # one list of hits [MeV] per shower
    """
    check_installed("awkward")
    import awkward

    row, cell = np.nonzero(showers.energies)
    counts = np.bincount(row, minlength=len(showers))
    hits = {"cell": cell, "layer": showers.detector.cell_layer[cell], "energy": showers.energies[row, cell]}
    fields = {name: awkward.unflatten(values, counts) for name, values in hits.items()}
    return awkward.zip(fields | incident_columns(showers), depth_limit=1)


def to_pandas(showers: "Showers") -> Any:
    """Incidents of showers as a pandas data frame, with the visible energy and the number of hits.

    Args:
        showers: N showers.

    Returns:
        N rows; index `shower_id`; columns `particle`, `incident_pdg`, `incident_energy` [MeV], `incident_theta`,
        `incident_phi` [rad], `incident_x`, `_y`, `_z` [mm], `visible` [MeV], `hits` above the threshold and, if
        there is one, `fast_energy` [MeV].

    Raises:
        InputError: pandas is not installed.
    """
    check_installed("pandas")
    import pandas as pd

    from caloforge.particles import particle_name

    columns: dict[str, Any] = incident_columns(showers)
    index = pd.Index(columns.pop("shower_id"), name="shower_id")
    names = [particle_name(int(code)) for code in columns["incident_pdg"]]
    visible = showers.energies.sum(1, dtype=np.float64)
    hits = np.count_nonzero(showers.thresholded(), axis=1)
    return pd.DataFrame({"particle": names} | columns | {"visible": visible, "hits": hits}, index=index)


def incident_columns(showers: "Showers") -> dict[str, Any]:
    """Incidents, one array (N,) per quantity."""
    incidents = showers.incidents
    x, y, z = incidents.position.T
    found = {
        "incident_pdg": incidents.pdg, "incident_energy": incidents.energy, "incident_theta": incidents.theta,
        "incident_phi": incidents.phi, "incident_x": x, "incident_y": y, "incident_z": z,
        "shower_id": incidents.shower_id,
    }  # fmt: skip
    return found if showers.fast_energy is None else found | {"fast_energy": showers.fast_energy}
