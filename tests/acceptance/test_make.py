"""`make` and its environment: which Python it has, and of which checkout it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.scripts import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One whose environment is ready, though there are no packages in it."""
    folder = tmp_path / "a checkout"
    for name in ("locks", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    venv.create(folder / ".venv", symlinks=True)
    for stamp in (".uv", ".ready"):
        (folder / ".venv" / stamp).touch()
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = ("MAKEFLAGS", "MAKELEVEL", "PYTHON")  # of the make that runs the tests
    clean = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_environment_is_made_anew_with_the_python_that_is_named(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho another Python\n")
    other.chmod(0o755)
    for known in ([], [f"PYTHON={sys.executable}"]):
        assert "bootstrap" not in make(checkout, "--dry-run", "venv", *known).stdout
    steps = make(checkout, "--dry-run", "venv", f"PYTHON={other}").stdout
    assert steps.splitlines() == ["scripts/bootstrap uv another", "scripts/bootstrap packages"]
    assert "bootstrap" not in make(checkout, "--dry-run", "test-newest", f"PYTHON={other}").stdout


def test_a_demo_needs_few_packages_and_leaves_an_environment_that_has_all_as_it_is(checkout: Path) -> None:
    assert "bootstrap" not in make(checkout, "--dry-run", "demo").stdout
    (checkout / ".venv" / ".ready").unlink()
    steps = make(checkout, "--dry-run", "demo").stdout.splitlines()
    assert steps[0] == "scripts/bootstrap packages lean"
    (checkout / ".venv" / ".lean").touch()
    assert "bootstrap" not in make(checkout, "--dry-run", "demo").stdout
    assert make(checkout, "--dry-run", "test").stdout.splitlines()[0] == "scripts/bootstrap packages"


def test_the_environment_of_a_checkout_that_was_moved_is_made_anew(checkout: Path, tmp_path: Path) -> None:
    """It would import heliograph from where that was; from the other one, if it was copied."""
    (checkout / ".venv" / ".uv").write_text(f"{checkout}\n")
    (checkout / ".venv" / ".ready").touch()
    assert "bootstrap" not in make(checkout, "--dry-run", "venv").stdout
    moved = checkout.rename(tmp_path / "elsewhere")
    for target in ("venv", "test-newest"):
        steps = make(moved, "--dry-run", target).stdout.splitlines()
        assert steps[0] == "scripts/bootstrap uv another"


def test_a_python_that_is_named_and_does_not_run_is_an_error(checkout: Path) -> None:
    done = make(checkout, "venv", "PYTHON=/no/such/python")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PYTHON=/no/such/python does not run" in done.stderr
    assert (checkout / ".venv" / ".ready").exists()
