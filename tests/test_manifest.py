"""What a run has made in its folder, and what it shares with other runs."""

from caloforge.runs.manifest import Manifest


def test_shared_files_are_nobodys_results(tmp_path):
    """A run with showers in a shared folder is taken up again: it asks for all its results, the shared ones too."""
    manifest, own, shared = Manifest(tmp_path / "run"), tmp_path / "run" / "a.h5", tmp_path / "showers" / "a.h5"
    for file in (own, shared):
        file.parent.mkdir()
        file.touch()
    manifest.begin([own, shared])
    manifest.record([own])
    assert manifest.has([own])
    assert not manifest.has([own, shared])
    assert manifest.damaged([own, shared]) == []
    assert manifest.foreign() == []
