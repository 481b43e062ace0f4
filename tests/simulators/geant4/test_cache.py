"""Where the computed tables are kept, and that they are read whole or not at all."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from caloforge.errors import InputError
from caloforge.simulators.geant4.tables import cache, formats

pytestmark = pytest.mark.skipif(not find_spec("xraydb"), reason="needs the extra geant4")
ENSURE = "from caloforge.simulators.geant4.tables import cache; cache.ensure()"
NOBODY = 12345  # a user without an entry in the list of users


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CALOFORGE_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_whole", set())
    return tmp_path / f"geant4-tables-{cache.version()}"


@pytest.fixture
def few(monkeypatch):
    """Tables that are few and made at once."""
    made = []

    def write(folder):
        made.append(folder)
        (folder / "electromagnetic" / "brem_SB").mkdir(parents=True)
        for z in range(3):
            (folder / "electromagnetic" / "brem_SB" / f"br{z}").write_text(f"table of {z}\n")

    monkeypatch.setattr(formats, "write", write)
    return made


def test_two_processes_fill_one_cache(folder):
    workers = [subprocess.Popen([sys.executable, "-c", ENSURE]) for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert list(folder.parent.iterdir()) == [folder]
    lead = (cache.ensure()["G4LEDATA"] / "brem_SB" / "br82").read_text().split()
    assert len(lead) == 3 + int(lead[1]) + int(lead[2]) + int(lead[1]) * int(lead[2])


@pytest.mark.usefixtures("folder")
def test_whole_tables_are_used_as_they_are(few, monkeypatch):
    cache.ensure()
    monkeypatch.setattr(cache, "_whole", set())
    cache.ensure()
    assert len(few) == 1


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("damage", ["cut", "changed", "removed", "digests cut", "digests removed", "all removed"])
def test_damaged_tables_are_made_again(folder, monkeypatch, capfd, damage):
    cache.ensure()
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    table, digests = folder / "electromagnetic" / "brem_SB" / "br1", folder / "digests.json"
    if damage == "cut":
        table.write_bytes(table.read_bytes()[:4])
    elif damage == "changed":
        table.write_bytes(table.read_bytes().replace(b"1", b"2"))
    elif damage == "digests cut":
        digests.write_bytes(digests.read_bytes()[:20])
    else:
        for path in whole if damage == "all removed" else [digests if "digests" in damage else table]:
            path.unlink()
    monkeypatch.setattr(cache, "_whole", set())
    cache.ensure()
    assert "are damaged (" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole
    assert list(folder.parent.iterdir()) == [folder]
    assert json.loads(digests.read_text()).keys() == {str(path.relative_to(folder)) for path in whole} - {digests.name}


def test_unwritable_cache_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CALOFORGE_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match=r"cannot use Geant4's tables .* name another cache folder in CALOFORGE_CACHE"):
        cache.ensure()


def as_nobody(code, **environment):
    """Run code as a user without home and name."""
    become = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    given = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "CALOFORGE_CACHE")
    }
    imports = "from caloforge.simulators.geant4.tables import cache, formats\nfrom caloforge.errors import InputError\n"
    words = [sys.executable, "-c", imports + become + code]
    return subprocess.run(words, capture_output=True, text=True, env=given | environment)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
def test_users_without_a_home_keep_the_cache_among_temporary_files(tmp_path):
    tmp_path.chmod(0o777)
    for parent in list(tmp_path.parents)[:-2]:  # all below /tmp
        parent.chmod(parent.stat().st_mode | 0o055)
    result = as_nobody("print(cache.cache_folder())", TMPDIR=str(tmp_path))
    assert result.stdout == f"{tmp_path}/caloforge-{NOBODY}\n", result.stderr
    assert "there is no home folder; Geant4's tables are kept in" in result.stderr
    (tmp_path / f"caloforge-{NOBODY}").rmdir()
    (tmp_path / f"caloforge-{NOBODY}").mkdir()  # another user's
    result = as_nobody("try: cache.cache_folder()\nexcept InputError as error: print(error)", TMPDIR=str(tmp_path))
    assert "does not belong to this user alone; name another cache folder in CALOFORGE_CACHE" in result.stdout


@as_root
def test_a_cache_that_cannot_be_searched_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    result = as_nobody("try: cache.ensure()\nexcept InputError as error: print(error)", CALOFORGE_CACHE=str(tmp_path))
    assert "cannot use Geant4's tables" in result.stdout, result.stderr
    assert "Permission denied; name another" in result.stdout
