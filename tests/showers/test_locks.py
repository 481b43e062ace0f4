"""File systems without locks: flock fails for this process and for the HDF5 library, as on NFS or Lustre."""

import os
import shutil
import subprocess
import sys

import h5py
import pytest

from caloforge.errors import InputError
from caloforge.showers import read, write

SOURCE = """
#include <errno.h>
#include <stdlib.h>
int flock(int descriptor, int operation) {
    (void)descriptor; (void)operation;
    errno = atoi(getenv("FLOCK_FAILS_WITH"));
    return -1;
}
"""
WORK = """
import sys
from caloforge.detector import Detector
from caloforge.production import Order, Source, SourceConfig, produce
from caloforge.showers import read
from caloforge.simulators import create
from functools import partial
from pathlib import Path
import errno, fcntl, os
detector = Detector.load(sys.argv[1])
source = Source.from_config(SourceConfig(particle="e-", energy="1 GeV"), detector)
for name in ("ENOLCK", "EAGAIN", "EOPNOTSUPP"):
    os.environ["FLOCK_FAILS_WITH"] = str(getattr(errno, name))
    try:
        fcntl.flock(0, fcntl.LOCK_SH)
        sys.exit("flock works")
    except OSError as error:
        assert error.errno == getattr(errno, name)
    output = Path(sys.argv[2]) / f"{name}.h5"
    order = Order(detector, "gflash", partial(create, "gflash", detector), source, 45, 1)
    produce(order, output, workers=2, quiet=True)
    assert not produce(order, output, workers=2, resume=True, quiet=True)
    print(name, len(read(output)))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A library whose flock always fails."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: flock cannot be made to fail for libraries")
    folder = tmp_path_factory.mktemp("preload")
    (folder / "flock.c").write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c"], check=True)
    return folder / "flock.so"


def test_production_and_reading_need_no_locks(library, small, tmp_path):
    (tmp_path / "small.toml").write_text(small.toml)
    environment = os.environ | {"LD_PRELOAD": str(library), "FLOCK_FAILS_WITH": "37"}
    out = subprocess.run([sys.executable, "-c", WORK, str(tmp_path / "small.toml"), str(tmp_path)],
                         env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert (out.returncode, out.stdout) == (0, "ENOLCK 45\nEAGAIN 45\nEOPNOTSUPP 45\n"), out.stderr[-2000:]


def test_a_file_open_elsewhere_for_writing_is_said_to_be(tmp_path, small, toy):
    write(tmp_path / "a.h5", toy(small, 5, seed=1))
    with h5py.File(tmp_path / "a.h5", "r+", locking=True) as file:
        file["showers"][0, 0] = 1.0
        file.flush()
        with pytest.raises(InputError, match="another program has it open for writing"):
            read(tmp_path / "a.h5")
    assert len(read(tmp_path / "a.h5")) == 5
