"""Which attempts travel together: those so short that the journey is most of what they cost."""

from __future__ import annotations

from typing import Final

from heliograph.engines.attempts.executor import Receipt, Work

SHORT_SECONDS: Final = 0.005
"""An attempt that takes at most so long is short."""
BATCH_SECONDS: Final = 0.02
"""The attempts of one batch take about so long together, at most."""
MOST: Final = 64
"""Attempts in a batch, at most."""
_TRIALS: Final = 3
_LEAST_SECONDS: Final = 0.0002  # what an attempt costs its worker besides its own code
_WEIGHT: Final = 0.2
_REMEMBERED: Final = 4096


class Durations:
    """How long the attempts of each function take, as far as is known."""

    def __init__(self) -> None:
        self._of: dict[bytes, tuple[int, float]] = {}

    def learn(self, work: Work, receipt: Receipt) -> None:
        """An attempt is over."""
        began, ended = receipt.phases.started, receipt.phases.serialised or receipt.phases.finished
        if began is None or ended is None:
            return
        seconds = max(ended - began, 0.0) + _LEAST_SECONDS
        if receipt.output is not None and receipt.output.location is not None:
            seconds = max(seconds, 2 * SHORT_SECONDS)  # large outputs are passed on by single attempts only
        known = self._of.get(work.function.data)
        if known is None:
            if len(self._of) >= _REMEMBERED:
                self._of.clear()
            self._of[work.function.data] = (1, seconds)
        else:
            count, mean = known
            self._of[work.function.data] = (count + 1, mean + _WEIGHT * (seconds - mean))

    def of(self, work: Work) -> float | None:
        """Seconds that the attempt may be expected to take; None: it has not proven short.

        An attempt that may not be tried again, or whose inputs do not travel with the order, goes alone.
        """
        if work.options.max_retries == 0 or work.handles:
            return None
        return self._short(work)

    def is_short(self, work: Work) -> bool:
        """Whether the attempt has proven short, be it one that goes alone."""
        return self._short(work) is not None

    def _short(self, work: Work) -> float | None:
        count, mean = self._of.get(work.function.data, (0, 0.0))
        return mean if count >= _TRIALS and mean <= SHORT_SECONDS else None
