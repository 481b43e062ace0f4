"""Warnings on the console: one line, once."""

import subprocess
import sys


def test_gflash_at_low_energies_warns_once_in_one_line(tmp_path, small):
    (tmp_path / "small.toml").write_text(small.toml)
    words = ["produce", "--detector", "small.toml", "--particle", "e-", "--energy", "500 MeV", "-n", "50",
             "--seed", "1", "--simulator", "gflash", "-o", "out.h5"]  # fmt: skip
    code = "from caloforge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "warning" in line]
    assert said == ["warning: gflash is meant for 1 GeV and more; below, its showers are too wide"]
