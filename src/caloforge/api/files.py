"""Detectors, showers and their files, by name, path or object."""

from pathlib import Path

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.showers import Showers
from caloforge.showers import write as write_showers
from caloforge.showers.foreign import read as read_showers

OTHER_SUFFIXES = (".root", ".csv", ".txt", ".npy", ".npz", ".png", ".toml", ".json", ".onnx")  # not of HDF5 files

AnyPath = str | Path
AnyDetector = Detector | str | Path
Sample = Showers | str | Path


def detector(name: AnyDetector) -> Detector:
    """Detector of a preset's name or of a TOML file; a detector is returned unchanged.

    Raises:
        InputError: no such preset or file, or an invalid file.

    Examples:
        >>> detector("calogan-ecal").n_cells
        504
    """
    return name if isinstance(name, Detector) else Detector.load(name)


def read(path: Sample, detector: AnyDetector | None = None) -> Showers:
    """Showers of a file in any layout; `detector` is needed if the file does not name its own.

    Raises:
        InputError: a missing, truncated or foreign file, or one of another detector.

    Examples:
        >>> import caloforge as cf
        >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=3, seed=1)
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = cf.write(Path(folder) / "three.h5", showers)
        ...     read(path) == showers
        True
    """
    if isinstance(path, Showers):
        return path
    if not isinstance(path, str | Path):
        said = f"showers or the path of a file are needed, not {type(path).__name__}"
        raise InputError(f"{said}; Showers(detector, incidents, array) makes showers of an array")
    return read_showers(path, None if detector is None else _detector(detector))


def write(path: AnyPath, showers: Showers) -> Path:
    """Write showers as one HDF5 file, completely or not at all, and replace an existing file.

    The verb `convert` writes other layouts.

    Args:
        path: the file, whose name ends in .h5.
        showers: the showers.

    Raises:
        InputError: not a path and showers, a name of another kind of file, or a folder that cannot be written.

    Examples:
        >>> import caloforge as cf
        >>> showers = cf.produce("gflash", "calogan-ecal", "e+", "10 GeV", n=3, seed=1)
        >>> write("/no/such/folder/three.h5", showers)
        Traceback (most recent call last):
        caloforge.errors.InputError: folder /no/such/folder does not exist
    """
    if not isinstance(path, str | Path) or not isinstance(showers, Showers):
        raise InputError(f"write takes a path and showers, not {type(path).__name__} and {type(showers).__name__}")
    if (suffix := Path(path).suffix.lower()) in OTHER_SUFFIXES:
        said = f"write {Path(path).stem}.h5, which `caloforge convert` reads"
        raise InputError(f"{path}: write makes HDF5 files, not {suffix}; {said}")
    write_showers(Path(path), showers)
    return Path(path)


_detector = detector  # the arguments `detector` hide the function
