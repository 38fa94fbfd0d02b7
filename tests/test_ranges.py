"""What a Range header asks for. Source: RFC 9110 §14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.ranges import MOST_BYTES, Span, Unsatisfiable, span_of

MIB = 1024 * 1024
LONG = 10 * MIB


@pytest.mark.parametrize(
    ("header", "length", "expected"),
    [
        ("bytes=0-0", 100, (0, 1)),
        ("bytes=0-1", 100, (0, 2)),
        ("bytes=10-19", 100, (10, 20)),
        ("bytes=10-", 100, (10, 100)),
        ("bytes=99-", 100, (99, 100)),
        ("bytes=90-1000", 100, (90, 100)),
        ("bytes=-1", 100, (99, 100)),
        ("bytes=-100", 100, (0, 100)),
        ("bytes=-1000", 100, (0, 100)),
        ("  bytes=1-2 ", 100, (1, 3)),
        ("Bytes=1-2", 100, (1, 3)),
        ("bytes=0-", LONG, (0, MOST_BYTES)),
        ("bytes=5-", LONG, (5, 5 + MOST_BYTES)),
        ("bytes=0-9999999999", LONG, (0, MOST_BYTES)),
        (f"bytes=-{5 * MIB}", LONG, (5 * MIB, 7 * MIB)),
        (f"bytes={LONG - 1}-", LONG, (LONG - 1, LONG)),
    ],
)
def test_one_range_is_answered_with_at_most_two_mib(header, length, expected) -> None:
    assert span_of(header, length) == Span(*expected, is_partial=True)


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_a_range_behind_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        span_of(header, 100)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,5-6", "bytes=0-1, 5-6",
        "items=0-1", "bytes=0--1", "bytes=+1-2", "bytes=0x1-2", "bytes= 1-2", "bytes=1-2;x", "bytes=\u0661-\u0662",
        f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_ignored(header) -> None:
    assert span_of(header, 100) == Span(0, 100, is_partial=False)


@given(
    st.text(alphabet="bytes=0123456789-, ", max_size=30) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}"),
    st.integers(0, 2**40),
)
def test_whatever_is_asked_the_answer_lies_within_the_file(header: str, length: int) -> None:
    try:
        span = span_of(header, length)
    except Unsatisfiable:
        return
    assert 0 <= span.start <= span.stop <= length
    assert not span.is_partial or 0 < span.stop - span.start <= MOST_BYTES
