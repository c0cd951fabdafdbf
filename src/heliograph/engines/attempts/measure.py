"""What an attempt used, measured around it in the worker that runs it: a few system calls, no more."""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import Final, Literal

from heliograph.records.attempt import Resources

# On Linux a block counted by getrusage is 512 bytes, the same account that /proc/self/io shows; elsewhere it
# is an operation of any size.
_BLOCK: Final = 512 if sys.platform == "linux" else None


class Meter:
    """Measures one attempt: made when it starts, read when it ends.

    Args:
        measured: ``exclusive`` if nothing else runs in this process, ``shared`` if other attempts do.
    """

    __slots__ = ("_children", "_cpu", "_is_exclusive", "_memory", "_usage")

    def __init__(self, measured: Literal["exclusive", "shared"]) -> None:
        self._is_exclusive = measured == "exclusive"
        if self._is_exclusive:
            self._memory = _memory.reset()
            self._children = resource.getrusage(resource.RUSAGE_CHILDREN)
            self._usage = resource.getrusage(resource.RUSAGE_SELF)
            self._cpu = time.process_time()
        else:
            self._usage = resource.getrusage(_THREAD)
            self._cpu = time.thread_time()

    def read(self) -> Resources:
        """What was used since the start; subprocesses that ended meanwhile are counted in where possible."""
        if not self._is_exclusive:
            cpu = time.thread_time() - self._cpu
            before, after = self._usage, resource.getrusage(_THREAD)
            if _THREAD == resource.RUSAGE_SELF:  # this system can't tell threads apart
                return Resources(measured="shared", cpu_time=cpu)
            return Resources(
                "shared",
                cpu,
                None,
                None,
                (after.ru_inblock - before.ru_inblock) * _BLOCK if _BLOCK else None,
                (after.ru_oublock - before.ru_oublock) * _BLOCK if _BLOCK else None,
                after.ru_nvcsw - before.ru_nvcsw,
                after.ru_nivcsw - before.ru_nivcsw,
            )
        cpu = time.process_time() - self._cpu
        before, after = self._usage, resource.getrusage(resource.RUSAGE_SELF)
        old, new = self._children, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu += new.ru_utime - old.ru_utime + new.ru_stime - old.ru_stime
        read = after.ru_inblock - before.ru_inblock + new.ru_inblock - old.ru_inblock
        written = after.ru_oublock - before.ru_oublock + new.ru_oublock - old.ru_oublock
        peak, begin = _memory.peak(after.ru_maxrss), self._memory
        return Resources(
            "exclusive",
            cpu,
            peak,
            # Linux adds pages up now and then only, and what it counts as resident may be a little too much.
            begin if peak is None or begin is None else min(begin, peak),
            read * _BLOCK if _BLOCK else None,
            written * _BLOCK if _BLOCK else None,
            after.ru_nvcsw - before.ru_nvcsw,
            after.ru_nivcsw - before.ru_nivcsw,
        )


_PAGE: Final = resource.getpagesize()
_INHERITED: Final = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_THREAD: Final = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class _PeakMemory:
    """This process's resident memory, and its peak since `reset`: Linux forgets the old peak when told to.

    The files stay open, since opening them costs more than using them; a fork opens its own.
    """

    def __init__(self) -> None:
        self._pid = -1
        self._clear = -1
        self._status = -1
        self._pages = -1

    def reset(self) -> int | None:
        """Forget the peak; what is resident now, in bytes."""
        if self._pid != os.getpid():
            self._open()
        if self._clear >= 0:
            try:
                os.write(self._clear, b"5")
                return int(os.pread(self._pages, 64, 0).split(b" ", 2)[1]) * _PAGE
            except OSError:  # the kernel won't, or a task closed a file
                self._clear = -1
        return None

    def peak(self, counted: int) -> int | None:
        """The peak, in bytes.

        Args:
            counted: what `getrusage` says, in KiB: the peak too, but no less than that of the process that
                started this one. It has been read already, and takes a tenth of the time.
        """
        if self._clear < 0:
            return None
        if counted > _INHERITED:
            return counted * 1024
        try:
            text = os.pread(self._status, 4096, 0)
        except OSError:  # a task closed the file
            self._clear = -1
            return None
        at = text.find(b"VmHWM:")
        return int(text[at + 6 : text.index(b"kB", at)]) * 1024 if at >= 0 else None

    def _open(self) -> None:
        self._pid = os.getpid()
        try:
            self._status = os.open("/proc/self/status", os.O_RDONLY)
            self._pages = os.open("/proc/self/statm", os.O_RDONLY)
            self._clear = os.open("/proc/self/clear_refs", os.O_WRONLY)
        except OSError:
            self._clear = -1


_memory: Final = _PeakMemory()
