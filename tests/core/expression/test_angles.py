"""Angles, bits and timestamps.

Cases are those of the server's tests (jstests/aggregation/expressions/expression_trigonometric.js, bitwise.js,
binarySize.js); the digits are those of the mathematical constants.
"""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

import pytest
from bson import Decimal128, Int64, Timestamp

from core.expression.evaluating import INF, NAN, code_of, evaluate, typed

DINF = Decimal("Infinity")
DNAN = Decimal("NaN")
BOUNDED = ("$acos", "$asin", "$atanh", "$cos", "$sin", "$tan")
ZERO_AT_ZERO = ("$asin", "$asinh", "$atan", "$atanh", "$sin", "$sinh", "$tan", "$tanh", "$degreesToRadians")
ALL = (*ZERO_AT_ZERO, "$radiansToDegrees", "$acos", "$acosh", "$cos", "$cosh")

VALUES = [
    *[({name: zero}, 0.0) for name in ZERO_AT_ZERO for zero in (0, Int64(0), 0.0)],
    *[({name: one}, 0.0) for name in ("$acos", "$acosh") for one in (1, Int64(1), 1.0)],
    *[({name: zero}, 1.0) for name in ("$cos", "$cosh") for zero in (0, Int64(0), 0.0)],
    *[({name: None}, None) for name in ALL],
    *[({name: "$missing"}, None) for name in ALL],
    *[({name: NAN}, NAN) for name in ALL],
    *[({name: DNAN}, DNAN) for name in ALL],
    *[({name: each}, each) for name in ("$asinh", "$sinh", "$degreesToRadians") for each in (INF, -INF, DINF, -DINF)],
    *[({"$cosh": each}, abs(each)) for each in (INF, -INF, DINF, -DINF)],
    *[({"$tanh": each}, math.copysign(1.0, each)) for each in (INF, -INF)],
    ({"$tanh": DINF}, Decimal(1)),
    ({"$tanh": -DINF}, Decimal(-1)),
    ({"$acosh": DINF}, DINF),
    ({"$acosh": INF}, INF),
    ({"$atanh": 1}, INF),
    ({"$atanh": -1.0}, -INF),
    ({"$atanh": Decimal(1)}, DINF),
    ({"$atanh": Decimal(-1)}, -DINF),
    ({"$sinh": -1000}, -INF),
    ({"$cosh": -1000}, INF),
    ({"$sinh": Decimal(-20_000)}, -DINF),
    ({"$atan2": [0, 0]}, 0.0),
    ({"$atan2": [0, -1]}, math.pi),
    ({"$atan2": [3, 2]}, math.atan2(3, 2)),
    ({"$atan2": [None, "a"]}, None),
    ({"$atan2": [1, "$missing"]}, None),
    ({"$atan2": [DNAN, Decimal(0)]}, DNAN),
    ({"$atan2": [0, DNAN]}, DNAN),
    ({"$atan2": [DINF, 0]}, Decimal("1.570796326794896619231321691639751")),
    ({"$atan2": [-DINF, DINF]}, Decimal("-0.7853981633974483096156608458198757")),
    ({"$atan2": [-DINF, -DINF]}, Decimal("-2.356194490192344928846982537459627")),
    ({"$atan2": [Decimal(0), -DINF]}, Decimal("3.141592653589793238462643383279503")),
    ({"$atan2": [Decimal(0), DINF]}, Decimal(0)),
    ({"$atan2": [Decimal(-1), -1]}, Decimal("-2.356194490192344928846982537459627")),
    ({"$atan": -DINF}, Decimal("-1.570796326794896619231321691639751")),
    ({"$sin": Decimal(1)}, Decimal("0.8414709848078965066525023216302990")),
    ({"$sin": Decimal128("1")}, Decimal128("0.8414709848078965066525023216302990")),
    ({"$sin": Decimal("1E+22")}, Decimal("-0.8522008497671888017727058937530294")),
    ({"$cos": Decimal(1)}, Decimal("0.5403023058681397174009366074429766")),
    ({"$cos": Decimal("1.570796326794896619231321691639751")}, Decimal("4.420985846996875529104874722961539E-34")),
    ({"$tan": Decimal(1)}, Decimal("1.557407724654902230506974807458360")),
    ({"$asin": Decimal(-1)}, Decimal("-1.570796326794896619231321691639751")),
    ({"$acos": Decimal(-1)}, Decimal("3.141592653589793238462643383279503")),
    ({"$acos": Decimal(0)}, Decimal("1.570796326794896619231321691639751")),
    ({"$atan": Decimal(1)}, Decimal("0.7853981633974483096156608458198757")),
    ({"$sinh": Decimal(1)}, Decimal("1.175201193643801456882381850595601")),
    ({"$sinh": Decimal("1E-6000")}, Decimal("1E-6000")),
    ({"$cosh": Decimal(1)}, Decimal("1.543080634815243778477905620757062")),
    ({"$tanh": Decimal(1)}, Decimal("0.7615941559557648881194582826047936")),
    ({"$tanh": Decimal(1000)}, Decimal(1)),
    ({"$asinh": Decimal(1)}, Decimal("0.8813735870195430252326093249797923")),
    ({"$acosh": Decimal(2)}, Decimal("1.316957896924816708625046347307968")),
    ({"$acosh": Decimal("1.000000000000000000000000000000001")}, Decimal("4.472135954999579392818347337462552E-17")),
    ({"$atanh": Decimal("0.5")}, Decimal("0.5493061443340548456976226184612629")),
    ({"$degreesToRadians": Decimal(180)}, Decimal("3.141592653589793238462643383279503")),
    ({"$degreesToRadians": 180}, math.pi),
    ({"$radiansToDegrees": 1}, 180 / math.pi),
    ({"$sigmoid": 0}, 0.5),
    ({"$sigmoid": -1000}, 0.0),
    ({"$sigmoid": Decimal(0)}, Decimal("0.5")),
    ({"$sigmoid": None}, None),
    ({"$bitAnd": [6, 3]}, 2),
    ({"$bitOr": [6, 3]}, 7),
    ({"$bitXor": [6, 3, 8]}, 13),
    ({"$bitXor": [-1, 2**62]}, -1 - 2**62),
    ({"$bitAnd": []}, -1),
    ({"$bitOr": []}, 0),
    ({"$bitXor": []}, 0),
    ({"$bitOr": [1, Int64(2)]}, Int64(3)),
    ({"$bitAnd": [Int64(3), 2, 2]}, Int64(2)),
    ({"$bitAnd": [1, None]}, None),
    ({"$bitOr": ["$missing", 1]}, None),
    ({"$bitNot": 0}, -1),
    ({"$bitNot": Int64(5)}, Int64(-6)),
    ({"$bitNot": None}, None),
    ({"$tsSecond": "$ts"}, 5),
    ({"$tsIncrement": "$ts"}, 7),
    ({"$tsSecond": None}, None),
    ({"$tsIncrement": "$missing"}, None),
    ({"$binarySize": ""}, 0),
    ({"$binarySize": "ab\0c"}, 4),
    ({"$binarySize": "é"}, 2),
    ({"$binarySize": b"abc"}, 3),
    ({"$binarySize": None}, None),
    ({"$binarySize": "$missing"}, None),
]

REFUSALS = [
    *[({name: each}, 50989) for name in BOUNDED for each in (INF, -INF, DINF, -DINF)],
    *[({name: each}, 50989) for name in ("$acos", "$asin") for each in (-2, 2, Int64(2), 1.1, Decimal("-1.1"))],
    *[({"$atanh": each}, 50989) for each in (2, -2, 1.00001, Decimal("1.000001"))],
    *[({"$acosh": each}, 50989) for each in (0, 0.9, Decimal("0.9"), -INF, -DINF)],
    *[({name: "string"}, 28765) for name in ALL],
    *[({name: [1, 2]}, 16020) for name in ALL],
    ({"$atan2": ["string", "string"]}, 51044),
    ({"$atan2": ["string", 0.0]}, 51044),
    ({"$atan2": [0.0, "string"]}, 51045),
    ({"$sigmoid": "string"}, 14),
    *[
        ({name: [1, each]}, 14)
        for name in ("$bitAnd", "$bitOr", "$bitXor")
        for each in (12.0, Decimal(12), True, "a", [1, 2])
    ],
    ({"$bitAnd": "$list"}, 14),
    ({"$bitNot": 12.5}, 14),
    ({"$bitNot": "abc"}, 28765),
    ({"$bitNot": [1, 2]}, 16020),
    ({"$tsSecond": 1}, 5687301),
    ({"$tsIncrement": 1}, 5687302),
    ({"$binarySize": 42}, 51276),
]
DOCUMENT = {"ts": Timestamp(5, 7), "list": [1, 2]}


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=str)
def test_an_expression_has_the_value_that_a_server_gives(expression, expected):
    assert typed(evaluate(expression, DOCUMENT)) == typed(expected)


@pytest.mark.parametrize(("expression", "code"), REFUSALS, ids=str)
def test_what_has_no_answer_is_refused_with_the_server_s_code(expression, code):
    assert code_of(expression, DOCUMENT) == code


RANGES = {
    **dict.fromkeys(("sin", "cos", "atan", "asinh"), (-50, 50)),
    **dict.fromkeys(("asin", "acos", "atanh"), (-0.999, 0.999)),
    "tan": (-1.5, 1.5),
    "sinh": (-20, 20),
    "cosh": (-20, 20),
    "tanh": (-5, 5),
    "acosh": (1, 50),
}


@pytest.mark.parametrize("name", RANGES)
def test_decimals_and_floats_have_the_same_angles(name):
    random = Random(name)
    for _ in range(30):
        number = random.uniform(*RANGES[name]) * (1 if name == "acosh" else random.choice((1, 1e-8, 1e-15)))
        found = evaluate({f"${name}": Decimal(number)})

        assert math.isclose(float(found), getattr(math, name)(number), rel_tol=1e-13, abs_tol=1e-13)


def test_the_sine_of_the_largest_decimal_is_a_sine():
    sine, cosine = (evaluate({name: Decimal("9.99E+6144")}) for name in ("$sin", "$cos"))

    assert abs(sine * sine + cosine * cosine - 1) < Decimal("1e-25")
