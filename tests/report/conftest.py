"""The samples of tests/validation serve here, too."""

from tests.validation.conftest import gflash, samples, small_recipe, with_energies

__all__ = ["gflash", "samples", "small_recipe", "with_energies"]
