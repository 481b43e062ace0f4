"""The longitudinal profile of a sample."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Profile(NamedTuple):
    """Mean energy of the showers in each readout layer.

    Attributes:
        depth: of the middles of the layers (n_layers,) [mm].
        energy: mean over the showers (n_layers,) [MeV].
        error: of the mean (n_layers,) [MeV].
    """

    depth: NDArray[np.float64]
    energy: NDArray[np.float64]
    error: NDArray[np.float64]
