"""Arithmetic, powers and rounding.

Cases are those of the manual's pages (reference/operator/aggregation/add, subtract,
multiply, divide, mod, abs, pow, sqrt, exp, ln, log, log10, round, trunc, ceil,
floor) and of the server's tests (jstests/aggregation/expressions: add.js,
arith_overflow.js, expression_mod.js, round_trunc.js, floor_ceil.js, log_pow_exp.js).
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from core.expression.evaluating import INF, NAN, code_of, date, evaluate, typed

LONG_MAX, LONG_MIN = 2**63 - 1, -(2**63)
DAY = date("2014-03-01T08:00:00Z")

CASES = [
    # $add
    ({"$add": []}, 0),
    ({"$add": [3]}, 3),
    ({"$add": 3}, 3),
    ({"$add": [10, 2]}, 12),
    ({"$add": ["$price", "$fee"]}, 12),
    ({"$add": [1.5, 2]}, 3.5),
    ({"$add": [1, 2, 3.0]}, 6.0),
    ({"$add": [1, None]}, None),
    ({"$add": [None, "text"]}, None),
    ({"$add": ["$missing", 1]}, None),
    ({"$add": [2**31 - 1, 1]}, 2**31),
    ({"$add": [LONG_MAX, 1]}, 9.223372036854775807e18),
    ({"$add": [LONG_MAX, 1, -1]}, 9.223372036854775807e18),
    ({"$add": [LONG_MIN, -1]}, -9.223372036854775808e18),
    ({"$add": [Int64(1), 2]}, Int64(3)),
    ({"$add": [Decimal("1.10"), 1]}, Decimal("2.10")),
    ({"$add": [Decimal128("1.5"), 1]}, Decimal128("2.5")),
    ({"$add": [0.1, Decimal(1)]}, Decimal("1.100000000000000")),
    ({"$add": [NAN, 1]}, NAN),
    ({"$add": [INF, 1]}, INF),
    ({"$add": [DAY, 3 * 24 * 60 * 60000]}, date("2014-03-04T08:00:00Z")),
    ({"$add": [1000, DAY, 1000]}, date("2014-03-01T08:00:02Z")),
    ({"$add": [DAY, 0.5]}, date("2014-03-01T08:00:00.001Z")),
    ({"$add": [DAY, -0.5]}, date("2014-03-01T07:59:59.999Z")),
    ({"$add": [DAY, 0.4]}, DAY),
    ({"$add": [DAY, Decimal("1.5")]}, date("2014-03-01T08:00:00.002Z")),
    ({"$add": [DAY, None]}, None),
    # $subtract
    ({"$subtract": [5, 3]}, 2),
    ({"$subtract": [{"$add": ["$price", "$fee"]}, "$discount"]}, 7),
    ({"$subtract": [5, 3.5]}, 1.5),
    ({"$subtract": [LONG_MIN, 1]}, -9.223372036854775808e18),
    ({"$subtract": [Int64(5), 3]}, Int64(2)),
    ({"$subtract": [5, Decimal("1.5")]}, Decimal("3.5")),
    ({"$subtract": [None, 1]}, None),
    ({"$subtract": [1, "$missing"]}, None),
    ({"$subtract": [None, "text"]}, None),
    ({"$subtract": [date("2014-03-01T08:00:01.500Z"), DAY]}, 1500),
    ({"$subtract": [DAY, date("2014-03-01T08:00:01.500Z")]}, -1500),
    ({"$subtract": [DAY, 5 * 60 * 1000]}, date("2014-03-01T07:55:00Z")),
    ({"$subtract": [DAY, None]}, None),
    # $multiply
    ({"$multiply": []}, 1),
    ({"$multiply": ["$price", "$fee"]}, 20),
    ({"$multiply": [2, 1.5]}, 3.0),
    ({"$multiply": [2, 3, 4]}, 24),
    ({"$multiply": [2, None]}, None),
    ({"$multiply": [2**62, 2]}, float(2**63)),
    ({"$multiply": [2**62, 4, 0]}, 0.0),
    ({"$multiply": [LONG_MAX, 1]}, LONG_MAX),
    ({"$multiply": [Int64(2), 3]}, Int64(6)),
    ({"$multiply": [Decimal("1.5"), 2]}, Decimal("3.0")),
    ({"$multiply": [0.5, Decimal(2)]}, Decimal("1.000000000000000")),
    ({"$multiply": [INF, 0]}, NAN),
    # $divide
    ({"$divide": [80, 8]}, 10.0),
    ({"$divide": [7, 2]}, 3.5),
    ({"$divide": [1, Decimal(4)]}, Decimal("0.25")),
    ({"$divide": [None, 1]}, None),
    ({"$divide": [None, "text"]}, None),
    ({"$divide": [1, "$missing"]}, None),
    ({"$divide": [1, INF]}, 0.0),
    # $mod
    ({"$mod": [80, 7]}, 3),
    ({"$mod": [40, 4]}, 0),
    ({"$mod": [-7, 3]}, -1),
    ({"$toString": {"$mod": [-(2**63), Decimal128("-1")]}}, "-0"),
    ({"$mod": [7, -3]}, 1),
    ({"$mod": [138.5, 3.0]}, 0.5),
    ({"$mod": [138.5, 3]}, 0.5),
    ({"$mod": [8, 3.25]}, 1.5),
    ({"$mod": [8, 3.0]}, 2.0),
    ({"$mod": [Int64(8), 3]}, Int64(2)),
    ({"$mod": [8, Int64(3)]}, Int64(2)),
    ({"$mod": [800000000000, 300000000000]}, 200000000000),
    ({"$mod": [10, NAN]}, NAN),
    ({"$mod": [10, INF]}, 10.0),
    ({"$mod": [10, -INF]}, 10.0),
    ({"$mod": [NAN, 10]}, NAN),
    ({"$mod": [INF, 10]}, NAN),
    ({"$mod": [Decimal("7.5"), 2]}, Decimal("1.5")),
    ({"$mod": [Decimal("1E+40"), 7]}, Decimal(4)),
    ({"$mod": [None, 2]}, None),
    # $abs
    ({"$abs": -1}, 1),
    ({"$abs": 1}, 1),
    ({"$abs": -1.5}, 1.5),
    ({"$abs": None}, None),
    ({"$abs": "$missing"}, None),
    ({"$abs": Int64(-5)}, Int64(5)),
    ({"$abs": Decimal("-1.5")}, Decimal("1.5")),
    ({"$abs": {"$subtract": [3, 10]}}, 7),
    # $pow
    ({"$pow": [5, 0]}, 1),
    ({"$pow": [5, 2]}, 25),
    ({"$pow": [5, -2]}, 0.04),
    ({"$pow": [-5, 0.5]}, NAN),
    ({"$pow": [2, 0.5]}, 2**0.5),
    ({"$pow": [2.0, 3]}, 8.0),
    ({"$pow": [2, 62]}, 2**62),
    ({"$pow": [2, 63]}, float(2**63)),
    ({"$pow": [-2, 63]}, LONG_MIN),
    ({"$pow": [3037000499, 2]}, 3037000499**2),
    ({"$pow": [3037000500, 2]}, 9.22337203700025e18),
    ({"$pow": [0, 0]}, 1),
    ({"$pow": [0, 10]}, 0),
    ({"$pow": [1, 10**10]}, 1),
    ({"$pow": [-1, 10**10 + 1]}, -1),
    ({"$pow": [-1, -3]}, -1),
    ({"$pow": [10, 1000]}, INF),
    ({"$pow": [-10, 1001]}, -INF),
    ({"$pow": [Int64(2), 3]}, Int64(8)),
    ({"$pow": [Decimal(2), 3]}, Decimal(8)),
    ({"$pow": [None, 2]}, None),
    ({"$pow": [2, "$missing"]}, None),
    # $sqrt, $exp, logarithms
    ({"$sqrt": 25}, 5.0),
    ({"$sqrt": 30}, 5.477225575051661),
    ({"$sqrt": None}, None),
    ({"$sqrt": NAN}, NAN),
    ({"$sqrt": Decimal(25)}, Decimal(5)),
    ({"$exp": 0}, 1.0),
    ({"$exp": 2}, math.exp(2)),
    ({"$exp": -2}, math.exp(-2)),
    ({"$exp": 1000}, INF),
    ({"$exp": None}, None),
    ({"$exp": Decimal(0)}, Decimal(1)),
    ({"$ln": 1}, 0.0),
    ({"$ln": math.e}, 1.0),
    ({"$ln": 10}, 2.302585092994046),
    ({"$ln": NAN}, NAN),
    ({"$ln": None}, None),
    ({"$log10": 1}, 0.0),
    ({"$log10": 1000}, 3.0),
    ({"$log10": Decimal(100)}, Decimal(2)),
    ({"$log": [100, 10]}, 2.0),
    ({"$log": [100, math.e]}, 4.605170185988092),
    ({"$log": [Decimal(100), 10]}, Decimal(2)),
    ({"$log": [None, 10]}, None),
    ({"$log": [NAN, 10]}, NAN),
    # $round and $trunc
    ({"$round": [19.25, 1]}, 19.2),
    ({"$round": [28.73, 1]}, 28.7),
    ({"$round": [34.32, 1]}, 34.3),
    ({"$round": [-45.39, 1]}, -45.4),
    ({"$round": [1234.25, -2]}, 1200.0),
    ({"$round": [10.5, 0]}, 10.0),
    ({"$round": [11.5, 0]}, 12.0),
    ({"$round": [12.5, 0]}, 12.0),
    ({"$round": [13.5, 0]}, 14.0),
    ({"$round": 2.5}, 2.0),
    ({"$round": [2.675, 2]}, 2.67),
    ({"$round": 4}, 4),
    ({"$round": Int64(4)}, Int64(4)),
    ({"$round": [15, -1]}, 20),
    ({"$round": [25, -1]}, 20),
    ({"$round": [2147483647, -1]}, 2147483650),
    ({"$round": NAN}, NAN),
    ({"$round": [INF, 2]}, INF),
    ({"$round": -INF}, -INF),
    ({"$round": None}, None),
    ({"$round": [1.5, None]}, None),
    ({"$round": -1.2}, -1.0),
    ({"$round": Decimal("-1.6")}, Decimal(-2)),
    ({"$round": [1.298, 1]}, 1.3),
    ({"$round": [1.298, 100]}, 1.298),
    ({"$round": [Decimal("23.298"), -1]}, Decimal("2E+1")),
    ({"$round": [Decimal("1.298912343250054252245154325"), 20]}, Decimal("1.29891234325005425225")),
    ({"$round": [Decimal("1.298"), Decimal(100)]}, Decimal("1.298000000000000000000000000000000")),
    ({"$round": [Decimal("Infinity"), 0]}, Decimal("Infinity")),
    ({"$round": [0.0, 50]}, 0.0),
    ({"$trunc": [19.25, 1]}, 19.2),
    ({"$trunc": [-45.39, 1]}, -45.3),
    ({"$trunc": [1234.56, -2]}, 1200.0),
    ({"$trunc": 0.9}, 0.0),
    ({"$trunc": -1.2}, -1.0),
    ({"$trunc": -2.0}, -2.0),
    ({"$trunc": [23.298, -1]}, 20.0),
    ({"$trunc": [1.298, 100]}, 1.298),
    ({"$trunc": Decimal("-1.6")}, Decimal(-1)),
    ({"$trunc": [Decimal("1.298"), 1]}, Decimal("1.2")),
    ({"$trunc": [Decimal("1.298912343250054252245154325"), Int64(20)]}, Decimal("1.29891234325005425224")),
    ({"$trunc": [29, -1]}, 20),
    # $ceil and $floor
    ({"$ceil": 1}, 1),
    ({"$ceil": 7.80}, 8.0),
    ({"$ceil": -2.8}, -2.0),
    ({"$ceil": NAN}, NAN),
    ({"$ceil": INF}, INF),
    ({"$ceil": None}, None),
    ({"$ceil": Decimal("1.1")}, Decimal(2)),
    ({"$floor": 1}, 1),
    ({"$floor": 7.80}, 7.0),
    ({"$floor": -2.3}, -3.0),
    ({"$floor": "$missing"}, None),
    ({"$floor": Decimal("-1.1")}, Decimal(-2)),
    ({"$floor": Int64(3)}, Int64(3)),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=str)
def test_numbers_are_computed_as_the_server_does(expression, expected):
    assert typed(evaluate(expression, {"price": 10, "fee": 2, "discount": 5})) == typed(expected)


ERRORS = [
    ({"$add": [1, "text"]}, 14),
    ({"$add": [1, True]}, 14),
    ({"$add": [1, [2]]}, 14),
    ({"$add": [DAY, DAY]}, 16612),
    ({"$add": [DAY, NAN]}, 15),
    ({"$add": [DAY, 1e300]}, 15),
    ({"$add": [DAY, 2**62]}, 15),
    ({"$subtract": [1, "text"]}, 14),
    ({"$subtract": ["text", 1]}, 14),
    ({"$subtract": [DAY, "text"]}, 14),
    ({"$subtract": [1, DAY]}, 14),
    ({"$subtract": [1]}, 16020),
    ({"$subtract": [1, 2, 3]}, 16020),
    ({"$multiply": [1, "text"]}, 14),
    ({"$multiply": [1, DAY]}, 14),
    ({"$divide": [1, 0]}, 2),
    ({"$divide": [1, 0.0]}, 2),
    ({"$divide": [1, Decimal(0)]}, 2),
    ({"$divide": ["1", 2]}, 14),
    ({"$divide": [1]}, 16020),
    ({"$mod": [10, 0]}, 16610),
    ({"$mod": [10, 0.0]}, 16610),
    ({"$mod": [Decimal(10), 0]}, 5733415),
    ({"$mod": ["10", 2]}, 16611),
    ({"$abs": "text"}, 28765),
    ({"$abs": LONG_MIN}, 28680),
    ({"$abs": [1, 2]}, 16020),
    ({"$pow": ["2", 2]}, 28762),
    ({"$pow": [2, "2"]}, 28763),
    ({"$pow": [0, -1]}, 28764),
    ({"$pow": [0.0, -1]}, 28764),
    ({"$pow": [Decimal(0), -1]}, 28764),
    ({"$sqrt": -1}, 28714),
    ({"$sqrt": Decimal(-1)}, 28714),
    ({"$sqrt": "text"}, 28765),
    ({"$exp": "text"}, 28765),
    ({"$ln": 0}, 28766),
    ({"$ln": -1}, 28766),
    ({"$log10": 0}, 28761),
    ({"$log": [0, 10]}, 28758),
    ({"$log": [10, 1]}, 28759),
    ({"$log": [10, -1]}, 28759),
    ({"$log": ["10", 10]}, 28756),
    ({"$log": [10, "10"]}, 28757),
    ({"$round": "text"}, 51081),
    ({"$round": [1, 2, 3]}, 28667),
    ({"$round": []}, 28667),
    ({"$round": [1, 101]}, 51083),
    ({"$round": [1, -21]}, 51083),
    ({"$round": [1, Decimal("1.4")]}, 51082),
    ({"$round": [1, "1"]}, 16004),
    ({"$round": [1, True]}, 16004),
    ({"$round": [1, NAN]}, 31109),
    ({"$trunc": [1, 2**31]}, 51082),
    ({"$trunc": [1, 2**31 - 1]}, 51083),
    ({"$round": [9223372036854775806, -1]}, 51080),
    ({"$trunc": "text"}, 51081),
    ({"$trunc": [1, 10.5]}, 51082),
    ({"$ceil": "text"}, 28765),
    ({"$floor": DAY}, 28765),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_what_cannot_be_computed_fails_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


numbers = st.integers(LONG_MIN, LONG_MAX) | st.floats(allow_nan=False, allow_infinity=False)


@given(numbers, numbers)
def test_addition_commutes(left, right):
    assert typed(evaluate({"$add": [left, right]})) == typed(evaluate({"$add": [right, left]}))


@given(st.integers(LONG_MIN, LONG_MAX), st.integers(LONG_MIN, LONG_MAX).filter(bool))
def test_the_remainder_of_whole_numbers_is_exact(left, right):
    remainder = evaluate({"$mod": [left, right]})

    assert (left - remainder) % right == 0
    assert abs(remainder) < abs(right)
    assert remainder * left >= 0


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_rounding_is_between_floor_and_ceiling(value):
    assert evaluate({"$floor": value}) <= evaluate({"$round": value}) <= evaluate({"$ceil": value})


@pytest.mark.parametrize("expression", [{"$ceil": -0.5}, {"$ceil": -0.0}, {"$floor": -0.0}, {"$trunc": -0.5}], ids=str)
def test_a_rounding_of_a_negative_number_to_zero_keeps_the_sign(expression):
    assert math.copysign(1, evaluate(expression)) == -1


def test_a_rounding_of_a_positive_number_to_zero_is_positive():
    assert math.copysign(1, evaluate({"$floor": 0.5})) == 1
