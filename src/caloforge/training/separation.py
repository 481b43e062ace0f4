"""Training, selection and test showers must never overlap."""

import hashlib

import numpy as np

from caloforge.errors import InputError
from caloforge.showers import Showers


def check_separate(training: Showers, selection: Showers) -> None:
    """Refuse samples that share a shower, told by the bytes of its cells and incident energy.

    Raises:
        InputError: they share showers.
    """
    common = _digests(training) & _digests(selection)
    if common:
        raise InputError(f"{len(common)} showers are in both the training and the selection sample; keep them apart")


def _digests(showers: Showers) -> set[bytes]:
    cells = np.ascontiguousarray(showers.energies)
    return {
        hashlib.blake2b(row.tobytes() + energy.tobytes(), digest_size=16).digest()
        for row, energy in zip(cells, showers.incidents.energy, strict=True)
    }


def fingerprint(*samples: Showers) -> str:
    """Hash of the cells and incident energies of samples, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for showers in samples:
        digest.update(np.ascontiguousarray(showers.energies).data)
        digest.update(np.ascontiguousarray(showers.incidents.energy).data)
    return digest.hexdigest()
