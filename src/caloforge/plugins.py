"""Plugins: models, simulators, detectors and metrics that other packages name by entry points."""

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from caloforge.errors import InputError

GROUPS = ("models", "simulators", "detectors", "metrics")


@dataclass(frozen=True)
class Plugin:
    """One entry point of a package.

    Attributes:
        name: name for users.
        origin: package and version.
        entry: the entry point.
    """

    name: str
    origin: str
    entry: EntryPoint

    def load(self) -> Any:
        """Load the object.

        Raises:
            InputError: its package fails to load.
        """
        try:
            return self.entry.load()
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"plugin '{self.name}' of {self.origin} is broken: {type(error).__name__}: {reason}"
            ) from None


def plugins(group: str) -> dict[str, Plugin]:
    """Plugins of a group by name; of two with one name, the first that Python finds."""
    return dict(_found(group, tuple(sys.path)))


@lru_cache(maxsize=16)
def _found(group: str, _path: tuple[str, ...]) -> tuple[tuple[str, Plugin], ...]:
    found: dict[str, Plugin] = {}
    for entry in sorted(entry_points(group=f"caloforge.{group}"), key=lambda entry: entry.name):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"
        found.setdefault(entry.name, Plugin(entry.name, origin, entry))
    return tuple(found.items())


def working(group: str) -> Iterator[tuple[Plugin, Any]]:
    """Plugins of a group that can be loaded, with their objects."""
    for plugin in plugins(group).values():
        try:
            yield plugin, plugin.load()
        except InputError:
            continue


def broken(group: str) -> list[str]:
    """One line on each plugin of a group that cannot be loaded."""
    said = []
    for plugin in plugins(group).values():
        try:
            plugin.load()
        except InputError as error:
            said.append(str(error))
    return said


def blame(error: BaseException) -> str | None:
    """One line on an error that passed through the code of a plugin, with its innermost line there; else None."""
    homes = {home: plugin for group in GROUPS for plugin in plugins(group).values() if (home := _home(plugin))}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        plugin = next((plugin for home, plugin in homes.items() if Path(frame.filename).is_relative_to(home)), None)
        if plugin:
            reason = " ".join(str(error).split())[:200]
            return f"{plugin.origin}: {type(error).__name__}: {reason} ({frame.filename}, line {frame.lineno})"
    return None


def _home(plugin: Plugin) -> Path | None:
    """Folder of a plugin's package, or its file if it is a single module; None unless it has been imported."""
    module = sys.modules.get(plugin.entry.module.partition(".")[0])
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    return Path(file).parent if Path(file).name == "__init__.py" else Path(file)
