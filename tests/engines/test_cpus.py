"""How many workers there are if nobody says: as many as suits the CPUs that may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliograph.engines.embedded.processes import ProcessExecutor
from heliograph.engines.embedded.threads import ThreadExecutor
from heliograph.engines.loop.takeover import default_own
from heliograph.host import cpus
from tests.engines.harness import Inbox


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a file system without any files, on a machine of 64 CPUs."""
    monkeypatch.setattr(cpus, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


SECOND = "sys/fs/cgroup/"
FIRST = "sys/fs/cgroup/cpu/"
BOTH = "4:memory:/pod\n3:cpu,cpuacct:/pod\n2:cpuset:/pod\n1:name=systemd:/pod\n0::/pod\n"


@pytest.mark.parametrize(
    ("groups", "files", "usable"),
    [
        pytest.param("0::/\n", {SECOND + "cpu.max": "200000 100000\n"}, 2, id="a container"),
        pytest.param("0::/\n", {SECOND + "cpu.max": "250000 100000\n"}, 3, id="rounded up"),
        pytest.param("0::/\n", {SECOND + "cpu.max": "1000 100000\n"}, 1, id="at least 1"),
        pytest.param("0::/\n", {SECOND + "cpu.max": "12800000 100000\n"}, 64, id="no more than there are"),
        pytest.param("0::/\n", {SECOND + "cpu.max": "max 100000\n"}, 64, id="no limit"),
        pytest.param("0::/\n", {SECOND + "cpu.max": "\n"}, 64, id="nothing that can be read"),
        pytest.param("0::/a/b\n", {SECOND + "cpu.max": "300000 100000\n"}, 3, id="mounted without its name"),
        pytest.param(
            "0::/a/b: c\n",
            {SECOND + "a/cpu.max": "400000 100000\n", SECOND + "a/b: c/cpu.max": "max 100000\n"},
            4,
            id="of the group around it",
        ),
        pytest.param("0::/\n", {}, 64, id="the outermost group"),
        pytest.param(
            "0::/a\x0cb\rc\n", {SECOND + "a\x0cb\rc/cpu.max": "200000 100000\n"}, 2, id="an odd name"
        ),
        pytest.param("0::/\n", {SECOND + "cpu.max": "200000 0\n"}, 64, id="in no time"),
        pytest.param("", {}, 64, id="no group"),
        pytest.param(
            BOTH, {FIRST + "cpu.cfs_quota_us": "150000\n", FIRST + "cpu.cfs_period_us": "50000\n"}, 3, id="v1"
        ),
        pytest.param(
            BOTH,
            {FIRST + "pod/cpu.cfs_quota_us": "150000\n", FIRST + "pod/cpu.cfs_period_us": "50000\n"},
            3,
            id="v1, by its name",
        ),
        pytest.param(
            BOTH,
            {FIRST + "cpu.cfs_quota_us": "-1\n", FIRST + "cpu.cfs_period_us": "100000\n"},
            64,
            id="v1, no limit",
        ),
        pytest.param(BOTH, {}, 64, id="v1, the outermost group"),
    ],
)
def test_what_a_control_group_is_given_counts(
    root: Path, groups: str, files: dict[str, str], usable: int
) -> None:
    write(root, {"proc/self/cgroup": groups, **files})
    assert cpus.usable_cpus() == usable


def test_a_system_without_control_groups(root: Path) -> None:
    assert not list(root.iterdir())
    assert cpus.usable_cpus() == 64


def test_all_defaults_go_by_it(root: Path, inbox: Inbox) -> None:
    write(root, {"proc/self/cgroup": "0::/\n", SECOND + "cpu.max": "500000 100000\n"})
    processes, threads = ProcessExecutor(inbox), ThreadExecutor(inbox)
    assert (processes._count, threads._count) == (5, 9)
    assert default_own(None) == 20


def test_two_processes_at_least(root: Path, inbox: Inbox) -> None:
    write(root, {"proc/self/cgroup": "0::/\n", SECOND + "cpu.max": "50000 100000\n"})
    assert ProcessExecutor(inbox)._count == 2
