"""Text and regular expressions.

Cases are those of the manual's pages (reference/operator/aggregation/concat, split,
substrCP, trim, indexOfCP, replaceOne, regexFind …) and of the server's tests
(concat.js, split.js, substrCP.js, substring_bytes.js, strLenCP.js, trim.js,
indexof_codepoints.js, indexof_bytes.js, replace.js, regex_find.js, regex_find_all.js).
"""

from __future__ import annotations

import re

import pytest
from bson import Regex
from hypothesis import given
from hypothesis import strategies as st

from core.expression.evaluating import code_of, date, evaluate, typed

DAY = date("2014-03-01T08:00:00.123Z")
DOCUMENT = {"item": "ABC1", "description": "product 1", "n": None, "price": 1.5, "r": re.compile("b+")}

CASES = [
    ({"$concat": ["$item", " - ", "$description"]}, "ABC1 - product 1"),
    ({"$concat": ["$item", " - ", "$missing"]}, None),
    ({"$concat": ["$item", None, 5]}, None),
    ({"$concat": []}, ""),
    ({"$concat": "$item"}, "ABC1"),
    ({"$split": ["June-15-2013", "-"]}, ["June", "15", "2013"]),
    ({"$split": ["banana split", "a"]}, ["b", "n", "n", " split"]),
    ({"$split": ["Hello World", " "]}, ["Hello", "World"]),
    ({"$split": ["astronomical", "astro"]}, ["", "nomical"]),
    ({"$split": ["pea green boat", "owl"]}, ["pea green boat"]),
    ({"$split": ["aaa", "aa"]}, ["", "a"]),
    ({"$split": ["", "a"]}, [""]),
    ({"$split": ["$n", "a"]}, None),
    ({"$split": ["a", "$missing"]}, None),
    ({"$toLower": "ABC ÄÖ1"}, "abc ÄÖ1"),
    ({"$toLower": "$n"}, ""),
    ({"$toLower": "$missing"}, ""),
    ({"$toLower": 15}, "15"),
    ({"$toLower": "$price"}, "1.5"),
    ({"$toLower": DAY}, "2014-03-01t08:00:00.123z"),
    ({"$toUpper": "abc äö1"}, "ABC äö1"),
    ({"$toUpper": [None]}, ""),
    ({"$strcasecmp": ["13Q4", "13q4"]}, 0),
    ({"$strcasecmp": ["13Q1", "13q4"]}, -1),
    ({"$strcasecmp": ["b", "A"]}, 1),
    ({"$strcasecmp": [None, ""]}, 0),
    ({"$strcasecmp": ["$missing", "a"]}, -1),
    ({"$strLenCP": "abcde"}, 5),
    ({"$strLenCP": "Hello World!"}, 12),
    ({"$strLenCP": "cafeteria"}, 9),
    ({"$strLenCP": "cafétéria"}, 9),
    ({"$strLenCP": ""}, 0),
    ({"$strLenCP": {"$literal": "$€λG"}}, 4),
    ({"$strLenCP": "寿司"}, 2),
    ({"$strLenBytes": "abcde"}, 5),
    ({"$strLenBytes": "cafétéria"}, 11),
    ({"$strLenBytes": {"$literal": "$€λG"}}, 7),
    ({"$strLenBytes": "寿司"}, 6),
    ({"$substrCP": ["abcde", 1, 2]}, "bc"),
    ({"$substrCP": ["Hello World!", 6, 5]}, "World"),
    ({"$substrCP": ["cafétéria", 0, 5]}, "cafét"),
    ({"$substrCP": ["cafétéria", 5, 4]}, "éria"),
    ({"$substrCP": ["cafétéria", 7, 3]}, "ia"),
    ({"$substrCP": ["abc", 9, 1]}, ""),
    ({"$substrCP": ["$n", 0, 1]}, ""),
    ({"$substrCP": [1234, 1, 2]}, "23"),
    ({"$substrCP": ["abc", 1.0, 1]}, "b"),
    ({"$substrBytes": ["abcde", 1, 2]}, "bc"),
    ({"$substrBytes": ["Hello World!", 6, 5]}, "World"),
    ({"$substrBytes": ["cafétéria", 0, 5]}, "café"),
    ({"$substrBytes": ["寿司sushi", 0, 3]}, "寿"),
    ({"$substrBytes": ["abc", 1, -1]}, "bc"),
    ({"$substrBytes": ["abc", 9, 2]}, ""),
    ({"$substr": ["13Q1", 0, 2]}, "13"),
    ({"$substr": ["13Q1", 2, -1]}, "Q1"),
    ({"$indexOfCP": ["cafeteria", "e"]}, 3),
    ({"$indexOfCP": ["cafétéria", "é"]}, 3),
    ({"$indexOfCP": ["cafétéria", "e"]}, -1),
    ({"$indexOfCP": ["cafétéria", "t"]}, 4),
    ({"$indexOfCP": ["foo.bar.fi", ".", 5]}, 7),
    ({"$indexOfCP": ["vanilla", "ll", 0, 2]}, -1),
    ({"$indexOfCP": ["vanilla", "ll", -0]}, 4),
    ({"$indexOfCP": ["vanilla", "ll", 12]}, -1),
    ({"$indexOfCP": ["vanilla", "ll", 5, 2]}, -1),
    ({"$indexOfCP": ["vanilla", "nilla", 3]}, -1),
    ({"$indexOfCP": ["vanilla", "ll", 0, 5]}, 4),
    ({"$indexOfCP": [None, "foo"]}, None),
    ({"$indexOfCP": ["$missing", 5]}, None),
    ({"$indexOfCP": ["", ""]}, 0),
    ({"$indexOfCP": ["abc", ""]}, 0),
    ({"$indexOfCP": ["abc", "", 3]}, -1),
    ({"$indexOfCP": ["abc", "", 1]}, 1),
    ({"$indexOfBytes": ["cafeteria", "e"]}, 3),
    ({"$indexOfBytes": ["cafétéria", "é"]}, 3),
    ({"$indexOfBytes": ["cafétéria", "t"]}, 5),
    ({"$indexOfBytes": ["foo.bar.fi", ".", 5]}, 7),
    ({"$indexOfBytes": ["vanilla", "ll", 0, 2]}, -1),
    ({"$indexOfBytes": ["vanilla", "ll", 0, 5]}, -1),
    ({"$indexOfBytes": ["vanilla", "ll", 12]}, -1),
    ({"$indexOfBytes": ["vanilla", "ll", 5, 2]}, -1),
    ({"$indexOfBytes": ["abc", "", 3]}, 3),
    ({"$indexOfBytes": [None, "foo"]}, None),
    ({"$trim": {"input": " \n good  bye \t  "}}, "good  bye"),
    ({"$trim": {"input": " ggggoodbyeeeee", "chars": "ge"}}, " ggggoodby"),
    ({"$trim": {"input": " ggggoodbyeeeee", "chars": " ge"}}, "oodby"),
    ({"$trim": {"input": "    ggggoodbyeeeee", "chars": " "}}, "ggggoodbyeeeee"),
    ({"$trim": {"input": "\0\u00a0\u1680\u2000x\u200a"}}, "x"),
    ({"$trim": {"input": "\u200bx"}}, "\u200bx"),
    ({"$trim": {"input": " x ", "chars": ""}}, " x "),
    ({"$trim": {"input": None}}, None),
    ({"$trim": {"input": "x", "chars": None}}, None),
    ({"$trim": {"input": "$missing", "chars": "x"}}, None),
    ({"$ltrim": {"input": " \n good  bye \t  "}}, "good  bye \t  "),
    ({"$ltrim": {"input": "ggggoodbyeeeee", "chars": "ge"}}, "oodbyeeeee"),
    ({"$rtrim": {"input": " \n good  bye \t  "}}, " \n good  bye"),
    ({"$rtrim": {"input": "ggggoodbyeeeee", "chars": "ge"}}, "ggggoodby"),
    ({"$replaceOne": {"input": "$item", "find": "B", "replacement": "x"}}, "AxC1"),
    ({"$replaceOne": {"input": "blue paint, blue", "find": "blue", "replacement": "red"}}, "red paint, blue"),
    ({"$replaceOne": {"input": "abc", "find": "", "replacement": "X"}}, "Xabc"),
    ({"$replaceOne": {"input": "abc", "find": "z", "replacement": "X"}}, "abc"),
    ({"$replaceOne": {"input": "abc", "find": "b", "replacement": ""}}, "ac"),
    ({"$replaceOne": {"input": "abc", "find": "b", "replacement": None}}, None),
    ({"$replaceOne": {"input": "$missing", "find": "b", "replacement": "x"}}, None),
    ({"$replaceAll": {"input": "blue paint, blue", "find": "blue", "replacement": "red"}}, "red paint, red"),
    ({"$replaceAll": {"input": "aaa", "find": "aa", "replacement": "b"}}, "ba"),
    ({"$replaceAll": {"input": "abc", "find": "", "replacement": "-"}}, "-a-b-c-"),
    ({"$replaceAll": {"input": "abc", "find": None, "replacement": "-"}}, None),
    # regular expressions
    ({"$regexMatch": {"input": "line one", "regex": "LINE", "options": "i"}}, True),
    ({"$regexMatch": {"input": "line one", "regex": "LINE"}}, False),
    ({"$regexMatch": {"input": "line one", "regex": re.compile("line")}}, True),
    ({"$regexMatch": {"input": "LINE", "regex": Regex("line", "i")}}, True),
    ({"$regexMatch": {"input": "line", "regex": {"$literal": Regex("LINE")}, "options": "i"}}, True),
    ({"$regexMatch": {"input": "abbc", "regex": "$r"}}, True),
    ({"$regexMatch": {"input": "$missing", "regex": "a"}}, False),
    ({"$regexMatch": {"input": "a", "regex": None}}, False),
    ({"$regexMatch": {"input": "a\nb", "regex": "^b", "options": "m"}}, True),
    ({"$regexMatch": {"input": "a\nb", "regex": "a.b", "options": "s"}}, True),
    ({"$regexMatch": {"input": "ab", "regex": "a b", "options": "x"}}, True),
    (
        {"$regexFind": {"input": "Single LINE description.", "regex": "line", "options": "i"}},
        {"match": "LINE", "idx": 7, "captures": []},
    ),
    (
        {"$regexFind": {"input": "First lines\nsecond line", "regex": "line"}},
        {"match": "line", "idx": 6, "captures": []},
    ),
    ({"$regexFind": {"input": "Many spaces", "regex": "line"}}, None),
    ({"$regexFind": {"input": None, "regex": "line"}}, None),
    ({"$regexFind": {"input": "x", "regex": "$missing"}}, None),
    (
        {"$regexFind": {"input": "Carol <carol@example.com>", "regex": "([a-z]+)@([a-z]+)[.]com"}},
        {"match": "carol@example.com", "idx": 7, "captures": ["carol", "example"]},
    ),
    ({"$regexFind": {"input": "aBc", "regex": "(x)|(B)"}}, {"match": "B", "idx": 1, "captures": [None, "B"]}),
    ({"$regexFind": {"input": "cafétéria", "regex": "t"}}, {"match": "t", "idx": 4, "captures": []}),
    ({"$regexFind": {"input": "", "regex": ""}}, {"match": "", "idx": 0, "captures": []}),
    (
        {"$regexFindAll": {"input": "First lines\nsecond line", "regex": "line"}},
        [{"match": "line", "idx": 6, "captures": []}, {"match": "line", "idx": 19, "captures": []}],
    ),
    ({"$regexFindAll": {"input": "Many spaces", "regex": "line"}}, []),
    ({"$regexFindAll": {"input": None, "regex": "line"}}, []),
    ({"$regexFindAll": {"input": "aaa", "regex": "aa"}}, [{"match": "aa", "idx": 0, "captures": []}]),
    (
        {"$regexFindAll": {"input": "ba", "regex": "a*"}},
        [{"match": "", "idx": 0, "captures": []}, {"match": "a", "idx": 1, "captures": []}],
    ),
    ({"$regexFindAll": {"input": "", "regex": ""}}, [{"match": "", "idx": 0, "captures": []}]),
    (
        {"$regexFindAll": {"input": "ab", "regex": ""}},
        [{"match": "", "idx": 0, "captures": []}, {"match": "", "idx": 1, "captures": []}],
    ),
    (
        {"$regexFindAll": {"input": "1a2b", "regex": "(\\d)([a-z])"}},
        [{"match": "1a", "idx": 0, "captures": ["1", "a"]}, {"match": "2b", "idx": 2, "captures": ["2", "b"]}],
    ),
]
CASES_IDS = [str(expression) for expression, _ in CASES]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=CASES_IDS)
def test_text_is_computed_as_the_server_does(expression, expected):
    assert typed(evaluate(expression, DOCUMENT)) == typed(expected)


ERRORS = [
    ({"$concat": ["a", 5]}, 16702),
    ({"$concat": [DAY]}, 16702),
    ({"$split": [5, "a"]}, 40085),
    ({"$split": ["a", 5]}, 40086),
    ({"$split": ["a", ""]}, 40087),
    ({"$split": ["a"]}, 16020),
    ({"$toLower": [True]}, 16007),
    ({"$toUpper": [[1]]}, 16007),
    ({"$toUpper": {"a": 1}}, 16007),
    ({"$strcasecmp": ["a"]}, 16020),
    ({"$strLenCP": 5}, 34471),
    ({"$strLenCP": None}, 34471),
    ({"$strLenCP": "$missing"}, 34471),
    ({"$strLenBytes": 5}, 34473),
    ({"$substrCP": ["a", "x", 1]}, 34450),
    ({"$substrCP": ["a", 1.5, 1]}, 34451),
    ({"$substrCP": ["a", 1, "x"]}, 34452),
    ({"$substrCP": ["a", 1, 1.5]}, 34453),
    ({"$substrCP": ["a", 1, -1]}, 34454),
    ({"$substrCP": ["a", -1, 1]}, 34455),
    ({"$substrCP": ["a", 1]}, 16020),
    ({"$substrBytes": ["a", "x", 1]}, 16034),
    ({"$substrBytes": ["a", 1, "x"]}, 16035),
    ({"$substrBytes": ["a", -1, 1]}, 50752),
    ({"$substrBytes": ["寿司", 1, 1]}, 28656),
    ({"$substrBytes": ["寿司", 0, 1]}, 28657),
    ({"$indexOfCP": [3, "s"]}, 40093),
    ({"$indexOfCP": ["string", 3]}, 40094),
    ({"$indexOfCP": ["string", None]}, 40094),
    ({"$indexOfCP": ["F", "F", "not an index"]}, 40096),
    ({"$indexOfCP": ["F", "F", 0, "not an index"]}, 40096),
    ({"$indexOfCP": ["F", "F", 0, None]}, 40096),
    ({"$indexOfCP": ["F", "F", -1]}, 40097),
    ({"$indexOfCP": ["a"]}, 28667),
    ({"$indexOfBytes": [3, "s"]}, 40091),
    ({"$indexOfBytes": ["string", 3]}, 40092),
    ({"$indexOfBytes": ["F", "F", 1.5]}, 40096),
    ({"$indexOfBytes": ["F", "F", 0, -1]}, 40097),
    ({"$trim": " x "}, 50696),
    ({"$trim": {"input": "x", "charz": "x"}}, 50694),
    ({"$trim": {"chars": "x"}}, 50695),
    ({"$trim": {"input": 5}}, 50699),
    ({"$trim": {"input": "x", "chars": 5}}, 50700),
    ({"$ltrim": {"input": DAY}}, 50699),
    ({"$replaceOne": "x"}, 51751),
    ({"$replaceOne": {"input": "x", "find": "x", "replacement": "y", "z": 1}}, 51750),
    ({"$replaceOne": {"find": "x", "replacement": "y"}}, 51749),
    ({"$replaceOne": {"input": "x", "replacement": "y"}}, 51748),
    ({"$replaceOne": {"input": "x", "find": "x"}}, 51747),
    ({"$replaceOne": {"input": 1, "find": "x", "replacement": "y"}}, 51746),
    ({"$replaceAll": {"input": "x", "find": 1, "replacement": "y"}}, 51745),
    ({"$replaceAll": {"input": "x", "find": "x", "replacement": 1}}, 51744),
    ({"$regexFind": "x"}, 51103),
    ({"$regexFind": {"input": "x", "regex": "x", "zoot": 1}}, 31024),
    ({"$regexFind": {"regex": "x"}}, 31022),
    ({"$regexFind": {"input": "x"}}, 31023),
    ({"$regexFind": {"input": 5, "regex": "x"}}, 51104),
    ({"$regexFindAll": {"input": "x", "regex": 5}}, 51105),
    ({"$regexFindAll": {"input": "x", "regex": "x", "options": 5}}, 51106),
    ({"$regexMatch": {"input": "x", "regex": Regex("x", "i"), "options": "i"}}, 51107),
    ({"$regexMatch": {"input": "x", "regex": "x", "options": "g"}}, 51108),
    ({"$regexMatch": {"input": "x", "regex": "x\0"}}, 51109),
    ({"$regexMatch": {"input": "x", "regex": "x", "options": "i\0"}}, 51110),
    ({"$regexMatch": {"input": "x", "regex": "("}}, 51111),
]


@pytest.mark.parametrize(("expression", "code"), ERRORS, ids=str)
def test_text_that_cannot_be_computed_fails_with_mongodbs_code(expression, code):
    assert code_of(expression) == code


@given(st.text(), st.text(min_size=1))
def test_splitting_and_joining_again_gives_the_text(text, separator):
    parts = evaluate({"$split": ["$text", "$separator"]}, {"text": text, "separator": separator})

    assert separator.join(parts) == text


@given(st.text(), st.text())
def test_the_position_found_is_where_the_token_is(text, token):
    position = evaluate({"$indexOfCP": ["$text", "$token"]}, {"text": text, "token": token})
    found = evaluate({"$substrCP": ["$text", max(position, 0), len(token)]}, {"text": text})

    assert found == token if position >= 0 else token not in text


@given(st.text())
def test_trimming_twice_is_trimming_once(text):
    once = {"$trim": {"input": "$text"}}

    assert evaluate({"$trim": {"input": once}}, {"text": text}) == evaluate(once, {"text": text})
