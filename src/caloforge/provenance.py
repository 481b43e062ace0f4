"""Provenance of a result: versions, machine, command."""

import hashlib
import platform
import shlex
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import caloforge

PACKAGES = ("numpy", "h5py", "onnxruntime", "torch", "geant4_pybind", "xraydb", "scikit-learn")
SOURCES = ("seeds.py", "units.py", "detector/**/*.py", "showers/**/*.py", "simulators/**/*.py", "production/*.py")


def versions() -> dict[str, str]:
    """Versions of caloforge, Python and the installed packages that results depend on."""
    found = {"caloforge": caloforge.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def code() -> str:
    """Version of caloforge with a digest of the sources that showers depend on, which changes between releases."""
    package, digest = Path(caloforge.__file__).parent, hashlib.sha256()
    for path in sorted(path for name in SOURCES for path in package.glob(name)):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return f"{caloforge.__version__} (sources {digest.hexdigest()[:12]})"


def command() -> dict[str, Any]:
    """Command line and its time (UTC)."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]  # without the folder, which differs by machine
    return {"command": shlex.join(words), "time": datetime.now(UTC).isoformat(timespec="seconds")}


def cpu() -> str:
    """Name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
