"""Checks that training, validation and test samples do not overlap."""

import hashlib

import numpy as np

from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.showers.digests import common
from caloforge.showers.stored import AnyShowers, chunks
from caloforge.units import counted


def check_separate(training: AnyShowers, selection: Showers) -> None:
    """Reject samples that share a shower, which is recognised by the bytes of its cells and incident energy.

    Raises:
        InputError: the samples share showers.
    """
    if shared := common(training, selection):
        raise InputError(f"the training and the selection sample share {counted(shared, 'shower')}; keep them apart")


def fingerprint(*samples: AnyShowers) -> str:
    """Hash of the cells and incident energies of samples, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for showers in samples:
        for part in chunks(showers):
            digest.update(np.ascontiguousarray(part.energies).data)
        digest.update(np.ascontiguousarray(showers.incidents.energy).data)
    return digest.hexdigest()
