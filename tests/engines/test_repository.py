"""What is found out of a program's repository, against git itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines import provenance
from heliograph.engines.provenance import installed, packages_hash
from heliograph.engines.repository import Repository
from tests.conditions import until


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | names, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    (made / "deeper").mkdir(parents=True)
    (made / "job.py").write_text("print(1)\n")
    git(made, "init", "-q", "-b", "main")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "one")
    return made


def looked(folder: Path) -> dict[str, bool]:
    repository = Repository(folder)
    repository.look_for_changes()
    found: dict[str, bool] = json.loads(until(lambda: repository.facts))
    assert found.pop("git_commit") == repository.commit
    return found


@pytest.mark.parametrize("form", ["branch", "packed", "detached", "worktree"])
def test_the_commit(folder: Path, form: str) -> None:
    match form:
        case "packed":
            git(folder, "pack-refs", "--all")
        case "detached":
            git(folder, "checkout", "-q", "--detach")
        case "worktree":
            git(folder, "worktree", "add", "-q", "-b", "other", "../other")
            folder = folder.parent / "other"
            (folder / "deeper").mkdir()
    assert Repository(folder / "deeper").commit == git(folder, "rev-parse", "HEAD")


def test_changes(folder: Path) -> None:
    assert looked(folder) == {"git_dirty": False}
    (folder / "new.txt").write_text("not git's concern\n")
    assert looked(folder) == {"git_dirty": False}
    (folder / "job.py").write_text("print(2)\n")
    assert looked(folder) == {"git_dirty": True}
    git(folder, "add", "job.py")
    assert looked(folder) == {"git_dirty": True}


@pytest.mark.parametrize("facts", [None, "", '{"git_dirty": true}'])
def test_what_another_process_will_have_is_told_all_that_is_known(
    monkeypatch: pytest.MonkeyPatch, facts: str | None
) -> None:
    """A worker's repository may be another one, and a coordinator of Ray's looks at none."""
    monkeypatch.setattr(provenance, "late_facts", lambda: facts)
    told = json.loads(provenance.known_provenance().code_json)
    assert told == json.loads(provenance.provenance().code_json) | json.loads(facts or "{}")


def test_a_run_that_is_handed_in_is_of_the_repository_of_who_hands_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "late_facts", lambda: '{"git_dirty": true}')
    workflow.init(storage=tmp_path / "storage", workers="threads")
    try:
        workflow.run_async(workflow.sleep(0), workflow_id="mine", detach=True)
        (run,) = workflow.get_history("mine")
    finally:
        workflow.shutdown()
    assert run["code"]["git_dirty"] is True


def test_where_there_is_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / ".git").mkdir(parents=True)
    for place in (empty, tmp_path / "nowhere"):
        repository = Repository(place)
        repository.look_for_changes()
        assert repository.facts == "", "nothing will become known, and nobody need ask again"
    assert Repository(empty).commit is None


def test_packages(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "a-1.0.dist-info").mkdir(parents=True)
    (two / "b-2.0.dist-info").mkdir(parents=True)
    both = packages_hash(installed([str(one), str(two), str(tmp_path / "none")]))
    assert both == packages_hash(installed([str(two), str(one)]))
    assert both != packages_hash(installed([str(one)]))
    (one / "a-1.0.dist-info").rename(one / "a-1.1.dist-info")
    assert both != packages_hash(installed([str(one), str(two)]))
    assert installed([str(tmp_path / "none")]) == []
