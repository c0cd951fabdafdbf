"""How much sooner a run would have ended, had one of its tasks been faster."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.insight.causes import Causes


def ways_around(causes: Causes, path: Sequence[int], latest: Sequence[float]) -> list[float]:
    """For each attempt on the critical path, the length of the longest way that doesn't lead through it.

    A way leads around an attempt exactly if one of its steps begins before the attempt and ends after it, in
    an order in which causes come first. So each step offers its longest way to all attempts of the path that
    it passes over; the longest offers are handed out first, each attempt takes the first it gets.

    Args:
        causes: the graph.
        path: its critical path.
        latest: how late each attempt could have ended; see `latest_ends`.

    Returns:
        Seconds, by place in `path`; where there is no way around, 0.
    """
    if causes.last is None:
        return []
    steps = _steps_past(causes, path, latest)
    offers = sorted(((length, *span) for span, length in steps.items()), reverse=True)
    around = [0.0] * len(path)
    following = list(range(len(path) + 1))  # the first from there on that has no offer yet

    def open_from(place: int) -> int:
        root = place
        while following[root] != root:
            root = following[root]
        while following[place] != root:
            following[place], place = root, following[place]
        return root

    for length, since, until in offers:
        place = open_from(since)
        while place < until:
            around[place] = length
            following[place] = place + 1
            place = open_from(place)
    return around


def _steps_past(causes: Causes, path: Sequence[int], latest: Sequence[float]) -> dict[tuple[int, int], float]:
    """Spans of the path that steps pass over, each with the longest way through such a step."""
    assert causes.last is not None
    passed, count, on_path = [0] * len(causes.order), 0, set(path)
    for at in causes.order:
        passed[at] = count
        count += at in on_path
    final, begin = causes.ended[causes.last], causes.begin
    longest: dict[tuple[int, int], float] = {}
    leading = bytearray(len(causes.order))  # to the run's end
    leading[causes.last] = True
    for at in reversed(causes.order):
        if not leading[at]:
            continue
        until = passed[at]
        rest = final - latest[at] + causes.ended[at] - causes.released[at]
        if not causes.causes[at] and until and rest > longest.get((0, until), 0.0):
            longest[0, until] = rest
        for cause in causes.causes[at]:
            leading[cause] = True
            since = passed[cause] + (cause in on_path)
            if since < until:
                length = causes.ended[cause] - begin + rest
                if length > longest.get((since, until), 0.0):
                    longest[since, until] = length
    return longest
