"""Geant4's physics behind showers, from the provenance of a file, a model or a library."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from caloforge.errors import InputError

# compared keys of a physics entry, and their names in messages
COMPARED = {
    "list": "list",
    "cut_mm": "cut [mm]",
    "material_cuts_mm": "cuts of materials [mm]",
    "layer_cuts_mm": "cuts of layers [mm]",
    "multiple_scattering": "multiple scattering",
    "tables": "tables",
}


KEY = "physics"
"""Entry of a provenance: a list with one entry per physics list that Geant4 tracked with."""


def own(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries of the physics lists that showers themselves were tracked with; empty for other simulators."""
    entries = provenance.get(KEY)
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def settings(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Version, settings and tables of Geant4 by name; empty for other simulators."""
    entries = own(provenance)
    if not entries:
        return {}
    found = {"geant4_pybind": provenance.get("geant4_pybind")}
    for one in entries:
        chosen = {name: value for name, value in one.items() if name not in ("tables", "approximate")}
        found |= {f"{name} of {one['list']}": value for name, value in (one["tables"] | chosen).items()}
    return found


def joined(entries: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of two parts of a sample, one per physics list, by name."""
    by_name = {one["list"]: one for one in (*others, *entries)}
    return [by_name[name] for name in sorted(by_name)]


def tracked_with(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries of physics lists: those of the showers themselves, else those that a model or library learned from."""
    if isinstance(provenance.get(KEY), list):
        return own(provenance)
    return list(learned_from(provenance))


def learned_from(provenance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All entries of lists named "physics" below the first level of a provenance."""
    for inner in provenance.values():
        if isinstance(inner, dict):
            yield from tracked_with(inner)


def describe(provenance: Mapping[str, Any]) -> str:
    """Physics lists and cuts in a few words; empty if unknown."""
    found = {f"{one.get('list')} (cut {one.get('cut_mm'):g} mm)" for one in tracked_with(provenance) if _has_cut(one)}
    return ", ".join(sorted(found))


def _has_cut(one: Mapping[str, Any]) -> bool:
    return isinstance(one.get("cut_mm"), int | float)


def check_like(reference: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to compare showers whose provenances tell different physics; unknown physics passes.

    Raises:
        InputError: lists, cuts, multiple scattering or tables differ; the message names the first difference.
    """
    known = tracked_with(reference)
    for name, provenance in others.items():
        theirs = tracked_with(provenance)
        if known and theirs and (said := _difference(known, theirs)):
            raise InputError(f"{name} is of other physics than the reference: {said}; --other-physics compares them "
                             "all the same")  # fmt: skip


def _difference(known: list[dict[str, Any]], own: list[dict[str, Any]]) -> str:
    for key, word in COMPARED.items():
        a, b = (sorted({json.dumps(one.get(key), sort_keys=True) for one in side}) for side in (known, own))
        if a != b:
            return f"{word} {_plain(b)}, not {_plain(a)}"
    return ""


def _plain(values: list[str]) -> str:
    return " and ".join(value.replace('"', "") for value in values)
