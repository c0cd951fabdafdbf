"""The git repository that a program belongs to: its commit, read from files; whether it was changed since.

The commit takes a few reads. Whether files were changed takes git itself, which may take long: it is asked in
the background, and what it says is stored when it is there.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Final

_HASH: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_GIT_SECONDS: Final = 60


class Repository:
    """The repository around a folder.

    Args:
        folder: a folder, perhaps within a repository.

    Attributes:
        commit: the id of the commit that is checked out; None: there is none, or no repository.
        facts: what has become known in the background, as JSON; empty: nothing will; None: nothing yet.
    """

    def __init__(self, folder: Path) -> None:
        self._root: Path | None = None
        self.commit: str | None = None
        self.facts: str | None = None
        with contextlib.suppress(OSError, ValueError):  # not to be read is as good as not there
            self._root = _root(folder)
            self.commit = None if self._root is None else _commit(self._root)
        if self.commit is None:
            self.facts = ""

    def look_for_changes(self) -> None:
        """Ask git, in the background, whether files that it knows are changed."""
        if self.commit is not None:
            threading.Thread(target=self._ask, name="heliograph-git", daemon=True).start()

    def _ask(self) -> None:
        asked = ["git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"]
        try:
            done = subprocess.run(
                asked, cwd=self._root, capture_output=True, timeout=_GIT_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):  # there is no git here, or it will not say
            self.facts = ""
            return
        # With the commit: of a run that was handed in elsewhere they say nothing, unless that is the same.
        self.facts = json.dumps({"git_commit": self.commit, "git_dirty": bool(done.stdout.strip())})


def _root(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def _commit(root: Path) -> str | None:
    own = root / ".git"
    if own.is_file():  # of a worktree or a submodule
        own = root / _text(own).removeprefix("gitdir:").strip()
    head = _text(own / "HEAD")
    if not head.startswith("ref:"):
        return head if _HASH.fullmatch(head) else None
    name = head.removeprefix("ref:").strip()
    common = own / _text(own / "commondir") if (own / "commondir").exists() else own
    for folder in (own, common):
        if (folder / name).is_file():
            return _text(folder / name)
    packed = common / "packed-refs"
    for line in _text(packed).splitlines() if packed.is_file() else ():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return None


def _text(path: Path) -> str:
    return path.read_text("utf-8", "surrogateescape").strip()  # names of files and branches are bytes
