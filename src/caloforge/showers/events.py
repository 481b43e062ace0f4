"""Events of several particles: particle k of an event is shower event * 2**20 + k, as inside Geant4."""

import numpy as np
from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.showers.container import Showers

STRIDE = 2**20  # most showers of an event
MOST_EVENTS = 2**23  # so that showers have ids below 2**43


def ids_of(event: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shower ids (N,) of particles that belong to events (N,), counted within each event in their order.

    Raises:
        InputError: event numbers below 0, of 2**23 or more, or over 2**20 particles in one.
    """
    if len(event) and not 0 <= event.min() <= event.max() < MOST_EVENTS:
        raise InputError(f"event numbers must lie between 0 and {MOST_EVENTS - 1}")
    order = np.argsort(event, kind="stable")
    ordered = event[order]
    place = np.arange(len(event)) - np.searchsorted(ordered, ordered)
    if len(event) and place.max() >= STRIDE:
        raise InputError(f"an event has over {STRIDE} particles")
    ids = np.empty(len(event), np.int64)
    ids[order] = ordered * STRIDE + place
    return ids


def sum_events(showers: Showers) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Add the cell energies of the particles of each event.

    Args:
        showers: one row per particle; row k of an event has the shower id event * 2**20 + k.

    Returns:
        Event numbers (M,), strictly increasing, and energies (M, n_cells) [MeV].

    Raises:
        InputError: cells follow the particle, so that cells of two particles are different places.
    """
    if showers.detector.readout.frame != "detector":
        raise InputError(f"cells of {showers.detector.name} follow the particle; those of several cannot be added")
    events, row = np.unique(showers.incidents.shower_id // STRIDE, return_inverse=True)
    energies = np.zeros((len(events), showers.detector.n_cells), np.float32)
    np.add.at(energies, row, showers.energies)
    return events, energies
