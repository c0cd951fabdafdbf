"""The language of searches: what it says, and where it goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import SearchError
from heliograph.search.builder import field
from heliograph.search.comparing import check
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    FromNow,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
    quoted,
)
from heliograph.search.language import DEPTH_LIMIT, is_from_now, read, read_from_now

keys = st.text(min_size=1, max_size=8)
values: st.SearchStrategy[Value] = st.one_of(
    st.text(max_size=8),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.builds(FromNow, st.integers(-(10**9), 10**9)),
)
names = st.lists(keys, max_size=3).map(lambda parts: Name(("user_metadata", *parts)))


def simple() -> st.SearchStrategy[Condition]:
    compared = st.builds(Comparison, names, st.sampled_from(Operator), values)
    several = st.builds(OneOf, names, st.lists(values, min_size=1, max_size=3).map(tuple))
    return st.one_of(compared, several, st.builds(Exists, names))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, parts), st.builds(Or, parts), st.builds(Not, inner))


conditions = st.recursive(simple(), joined, max_leaves=6)


def written(condition: Condition) -> str:
    """A condition in the language, with parentheses wherever there may be some."""
    match condition:
        case And(parts):
            return " and ".join(f"({written(part)})" for part in parts)
        case Or(parts):
            return " or ".join(f"({written(part)})" for part in parts)
        case Not(part):
            return f"not ({written(part)})"
        case Exists(name):
            return f"{name} exists"
        case OneOf(name, several):
            return f"{name} in ({', '.join(map(shown, several))})"
        case Comparison(name, operator, value):
            return f"{name} {operator} {shown(value)}"
    raise AssertionError(condition)


def shown(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    return (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or isinstance(value, bool)
        else repr(value)
    )


@given(conditions)
def test_what_is_written_is_read(condition: Condition) -> None:
    assert read(written(condition)) == condition


def read_or_refused(text: str) -> None:
    try:
        read(text)
    except SearchError as error:
        place = error.at
    else:
        return
    assert place is not None
    assert 0 <= place <= len(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


@given(
    st.lists(
        st.sampled_from(["a", "=", "'x'", "(", ")", "and", "or", "not", "in", ",", "3", "exists", ".", '"']),
        max_size=12,
    ).map(" ".join)
)
def test_any_words_are_read_or_refused(text: str) -> None:
    read_or_refused(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("status = FAILED", field("status") == "FAILED"),
        ("status == 'FAILED'", field("status") == "FAILED"),
        ("runs >= 2 AND runs<9", (field("runs") >= 2) & (field("runs") < 9)),
        ("stats.peak_rss > 2GB", field("stats.peak_rss") > 2_000_000_000),
        ("stats.peak_rss > 1.5 KiB", field("stats.peak_rss") > 1536),
        ("stats.duration <= 1.5min", field("stats.duration") <= 90),
        (
            "user_metadata.a exists or not name prefix x",
            field("user_metadata.a").exists() | ~field("name").startswith("x"),
        ),
        ("name not in (a, 'b')", ~field("name").is_in(["a", "b"])),
        ('user_metadata."a.b".c contains null', field("user_metadata")["a.b"]["c"].contains(None)),
        ("user_metadata.x != true", field("user_metadata.x") != True),  # noqa: E712
        ("created_time > 2026-11-24T08:30", field("created_time") > "2026-11-24T08:30"),
        (
            "created_time > 2026-11-24 08:30 and runs = 1",
            (field("created_time") > "2026-11-24 08:30") & (field("runs") == 1),
        ),
        ("stats.duration > 90m", field("stats.duration") > 5400),
        (
            "output.size > 1.5e30 and runs < -1e300",
            (field("output.size") > 1.5e30) & (field("runs") < -1e300),
        ),
        ("runs = 9007199254740993 and runs < -07", (field("runs") == 2**53 + 1) & (field("runs") < -7)),
        (
            "name = now-ish and user_metadata.now-2 = a.now-2",
            (field("name") == "now-ish") & (field("user_metadata.now-2") == "a.now-2"),
        ),
        ("a = 1 or b = 2 and c = 3", (field("a") == 1) | ((field("b") == 2) & (field("c") == 3))),
    ],
)
def test_the_same_in_both_ways(text: str, same: Condition) -> None:
    assert read(text) == same


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[(f"now{sign}24h", -86400) for sign in (" - ", "-", " -", "- ", "\n-\t")],
        *[(f"now{sign}5min", 300) for sign in (" + ", "+", " +", "+ ")],
        ("NOW - 1.5 d", -129600),
        ("now-90m", -5400),
        ("now - 0.1us", -1e-7),
        ("now + 1e16h", 3.6e19),
    ],
)
def test_times_from_now(text: str, seconds: float) -> None:
    compared = Comparison(Name(("created_time",)), Operator.GREATER, FromNow(seconds))
    assert read(f"created_time > {text}") == compared
    assert read(repr(compared)) == compared
    one_of = OneOf(Name(("created_time",)), (3, FromNow(seconds)))
    assert read(f"created_time in (3, {text})") == one_of
    assert read_from_now(f" {text} ") == FromNow(seconds)


def test_now_by_itself_is_a_word() -> None:
    assert read("name = now") == (field("name") == "now")
    assert read_from_now("now") == read_from_now(" NOW ") == FromNow(0)


@pytest.mark.parametrize(
    "text", ["nowhere", "now or never", "now - 24h - 3h", "now - 5", "now - 5MB", "now -", "now ~"]
)
def test_text_that_is_no_time_from_now(text: str) -> None:
    assert is_from_now(text)
    with pytest.raises(SearchError):
        read_from_now(text)


@pytest.mark.parametrize("number", ["1.5e30", "-1.5e30", "1e300", "9e18", "12TB"])
def test_large_numbers_may_have_a_point(number: str) -> None:
    check(read(f"runs > {number.removesuffix('TB')}"), False)
    check(read(f"stats.peak_rss in ({number}, 1)"), False)


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("", 0, "here the name of a field is expected"),
        ("status", 6, "here an operator is expected"),
        ("status =", 8, "here a value is expected"),
        ("status ~ 3", 7, "nothing begins with '~'; conditions are joined by and, or, not"),
        ("runs = 1 && runs = 2", 9, "nothing begins with '&'; conditions are joined by and, or, not"),
        ("name = /tmp", 7, "nothing begins with '/'; text that has it goes in quotes"),
        ("status = FAILED)", 15, "here 'and', 'or' or the end is expected\n"),
        ("name = my task", 10, "the end is expected; text of several words goes in quotes"),
        ("status = FAILED runs = 3", 16, "here 'and', 'or' or the end is expected"),
        ("(status = FAILED", 16, "here ')' is expected"),
        ("status in FAILED", 10, "here '(' is expected: values of which it is one are written (a, b)"),
        ("name = 'abc", 7, "this text has no end: another ' ends it"),
        ("runs > 3parsecs", 8, "there is no unit 'parsecs'"),
        ("runs > 1e999", 7, "this number is too large"),
        ("statu = FAILED", 0, "there is no field 'statu' of workflows; did you mean status?"),
        ("runs = 1 and team = 'blue'", 13, "did you mean user_metadata.team?"),
        ("task_id = x", 0, "it is one of tasks: search with tasks=True, with --tasks"),
        ("user_metadata = 3", 0, "a key belongs behind it"),
        ("status = FAILD", 9, "there is no status 'FAILD'"),
        ("status < FAILED", 9, "a status is equal or it is not"),
        ("runs = many", 7, "runs is a number, and 'many' is not"),
        ("name = 3", 7, 'name is text, and 3 is not: write "3"'),
        ("name in (a, 3MB)", 12, 'name is text, and 3MB is not: write "3MB"'),
        ("name = true", 7, 'name is text, and true is not: write "true"'),
        ("stats.duration > 5MB", 17, "is a number of seconds, and 5MB is not: write 90s, 5min or 2h"),
        ("stats.duration > '5s'", 17, "is a number of seconds, and '5s' is not: write 90s"),
        ("stats.peak_rss > 5 s", 17, "is a number of bytes, and 5 s is not: write 500MB or 2GiB"),
        ("runs > 3MB", 7, "runs is a number, and 3MB is not: write one such as 3, without quotes or a unit"),
        ("runs in (1, 2, 3s)", 15, "runs is a number, and 3s is not"),
        ("stats.duration < now - 24h", 17, "is a number of seconds, and now - 24h is not"),
        ("created_time > 24h", 15, "created_time is a time, and 24h is none: write now - 24h"),
        ("created_time > -1.5 d", 15, "created_time is a time, and -1.5 d is none: write now - 1.5 d"),
        ("created_time in (3, 24h)", 20, "created_time is a time, and 24h is none: write now - 24h"),
        ("created_time > 20261129", 15, "20261129 is a second of the year 1970: write 2026-11-29"),
        ("created_time in (3, 20261129)", 20, "created_time is a time, and 20261129 is a second of"),
        ("created_time > 5MB", 15, "and 5MB is none: write 2026-11-24, 2026-11-24T08:30 or now - 24h"),
        ("created_time > true", 15, "compares text or numbers, not true"),
        ("created_time prefix 2026-11-24", 20, "prefix is for text, and created_time is a time"),
        ("created_time contains now - 1h", 22, "contains is for text, and created_time is a time"),
        ("created_time > now - 24", 23, "here a unit is expected, one of us, ms, s, m, min, h, d"),
        ("created_time > now - 24 and runs = 1", 24, "here a unit is expected"),
        ("created_time > now - 5MB", 22, "there is no unit of time 'MB'; there are us, ms, s"),
        ("created_time > now - ", 21, "here a span is expected, as in now - 24h"),
        ("created_time > now - 2026-11-24", 21, "here a span is expected"),
        ("created_time > now - 1h - 1h", 24, "nothing begins with '-'"),
        ("name = now - 24h", 7, "name is text, and now - 24h is not"),
        ("status = now - 24h", 9, "there is no status now - 24h"),
        (
            "user_metadata.due < now + 1h",
            20,
            "user_metadata.due is metadata, and no time to be compared with now",
        ),
        ("user_metadata.due < now", 20, "is metadata, and no time to be compared with now"),
        ("runs contains 3", 14, "contains is for text"),
        ("name prefix 3", 12, "prefix takes text"),
        ("user_metadata.a > true", 18, "> compares text or numbers"),
        ("runs > 99999999999999999999", 7, "at most 64 bits"),
        ("metadata.team = blue", 0, "did you mean user_metadata.team?"),
        ("user_metdata.team = blue", 0, "did you mean user_metadata.team?"),
        (
            "parent = null",
            9,
            "parent is never null; ask whether it exists: parent exists, or not parent exists",
        ),
        ("not " * (DEPTH_LIMIT + 1) + "runs = 1", 4 * DEPTH_LIMIT, "may be nested 100 deep"),
    ],
)
def test_an_error_points_at_the_character(text: str, at: int, what: str) -> None:
    with pytest.raises(SearchError) as raised:
        check(read(text), False, text)
    assert raised.value.at == at
    assert what in str(raised.value).replace("A key", "a key")
    *_, line, mark = str(raised.value).splitlines()
    assert mark.index("^") - 2 == at - text.index(line.strip()) if line.strip() else True


def test_an_error_in_many_lines_shows_its_own() -> None:
    text = "runs = 1\nand statu = 2"
    with pytest.raises(SearchError) as raised:
        check(read(text), False, text)
    assert str(raised.value).splitlines()[1:] == ["  and statu = 2", "      ^"]


def test_conditions_are_not_true_or_false() -> None:
    with pytest.raises(TypeError, match=r"join conditions by & \| ~"):
        bool(field("runs") == 1)
    with pytest.raises(TypeError, match="put comparisons in parentheses"):
        (field("runs") == 1) & 1  # type: ignore[operator]


@pytest.mark.parametrize("value", [{}, [1], object(), b"x"])
def test_values_that_can_not_be(value: object) -> None:
    with pytest.raises(TypeError, match="a field is compared with"):
        field("runs") == value  # type: ignore[operator]  # noqa: B015


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_can_not_be(value: float) -> None:
    with pytest.raises(SearchError):
        field("runs") == value  # noqa: B015


def test_a_number_that_reads_as_a_date_is_no_time() -> None:
    for asked in (field("created_time") > 20261129, field("stats.end_time").is_in([3, 19700101])):
        with pytest.raises(SearchError, match=r"is a second of the year 1970: write (2026-11-29|1970-01-01)"):
            check(asked, False)
    for number in (1795910400, 20261129.5, 20261329, 21010101, 2026113):
        check(field("created_time") > number, False)
    check((field("runs") > 20261129) & (field("user_metadata.day") > 20261129), False)
