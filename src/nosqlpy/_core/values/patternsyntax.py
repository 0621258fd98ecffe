r"""The syntax of patterns: from PCRE2's, which a server reads, to that of Python's `re`.

Where both mean the same a pattern stays as it is. What only PCRE2 writes is put in
other words (``[[:alpha:]]``, ``\p{L}``, ``\h``, ``\Q…\E``, ``(?<name>…)``, ``a(?i)b``), and so is what
Python takes for something else (``\Z``, ``\v``, ``a{,3}``, ``^`` with the option ``m``). What
cannot be said in Python is refused by name: recursion, subroutines, ``\K``, ``\G``, ``\X``, verbs.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

import msgspec

from nosqlpy._core.values import patternsets
from nosqlpy._core.values.patternsets import (
    HORIZONTAL,
    VERTICAL,
    Ranges,
    complement,
    invalid,
    posix_set,
    property_set,
)
from nosqlpy.errors import NotSupportedError

_SHORTHANDS: Final = {"w": patternsets.WORD, "d": patternsets.DIGIT, "s": patternsets.SPACE}
_SETS: Final = {"h": HORIZONTAL, "v": VERTICAL, "N": complement(((10, 10),))}
_OPENINGS: Final = ("(?<=", "(?<!", "(?:", "(?=", "(?!", "(?>")
_OTHERS: Final = {
    "A": r"\A",
    "R": r"(?>\r\n|[\n\x0b\f\r\x85\u2028\u2029])",
    "Z": r"(?=\n?\Z)",
    "z": r"\Z",
}
_CONTROLS: Final = {"a": 7, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9}
_QUANTIFIER: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_FLAGS: Final = re.compile(r"\(\?(\^?)([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_GROUP: Final = re.compile(r"\(\?(?:<(?![=!])(\w+)>|'(\w+)'|P<(\w+)>)")
_CONDITION: Final = re.compile(r"\(\?\((?:<(\w+)>|'(\w+)'|(\d+)|(?!R\b|R\d|R&|DEFINE\b)(\w+))\)")
_REFERENCE: Final = re.compile(r"\\(?:k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|g(?:\{(-?\w+)\}|(-?\d+)))")
_NAMED_BACK: Final = re.compile(r"\(\?P=(\w+)\)")
_VERB: Final = re.compile(r"\(\*([A-Za-z_]*)[^)]*\)")
_POSIX: Final = re.compile(r"\[([:.=])(\^?)(\w*)\1\]")
_PROPERTY: Final = re.compile(r"\\([pP])(?:\{(\^?)\s*([^}]*?)\s*\}|(.))")
_HEX: Final = re.compile(r"\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2}))")
_OCTAL: Final = re.compile(r"\\(?:o\{([0-7]+)\}|(0[0-7]{0,2}))")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_ .*+?|$^@:/-]*")
_SAME: Final = re.compile(r"[^\\\[\](){}|^#\s]+")
_BOUND_MAX: Final = 65535
_CLASS_SPECIAL: Final = frozenset("\\]^-[&~|")


class _Frame(msgspec.Struct):
    """A group that is open: the options in it, and those that were set since, which end with it."""

    options: frozenset[str]
    set_inside: list[str]


class _Member(msgspec.Struct, frozen=True):
    """What stands in a class: as the content of one, and `fixed`, an expression for it that no case changes."""

    content: str
    fixed: str = ""


def python_source(pattern: str, options: str, *, unicode: bool) -> tuple[str, bool]:
    """Return a pattern in Python's syntax, and whether it is for the flag ``re.ASCII``; `unicode` after ``(*UCP)``.

    Of the options ``x`` is applied here, the others by the flags of the same name.

    Raises:
        QueryError: The pattern means nothing (51091).
        NotSupportedError: It has something that Python cannot say.
    """
    if not unicode and options in ("", "s") and _PLAIN.fullmatch(pattern):
        return pattern, True
    caseless = "i" in options or any("i" in found[2] for found in _FLAGS.finditer(pattern))
    translation = _Translation(pattern, frozenset(options), unicode=unicode, explicit=caseless and not unicode)
    return translation.run(), not caseless and not unicode


class _Translation:
    r"""One pattern on its way; `explicit` if Unicode decides on case and ASCII on ``\w`` and its kin."""

    def __init__(self, pattern: str, options: frozenset[str], *, unicode: bool, explicit: bool) -> None:
        self._pattern = pattern
        self._unicode = unicode
        self._explicit = explicit
        self._place = 0
        self._made: list[str] = []
        self._frames: list[_Frame] = [_Frame(options, [])]
        self._groups = 0

    def run(self) -> str:
        """Return the pattern in Python's syntax."""
        pattern, made = self._pattern, self._made
        while self._place < len(pattern):
            same = _SAME.match(pattern, self._place)
            if same is not None:
                made.append(same[0])
                self._place = same.end()
                continue
            self._one(pattern[self._place])
        made.append(")" * len(self._frames[-1].set_inside))
        return "".join(made)

    def _one(self, letter: str) -> None:
        if letter == "\\":
            self._escape()
        elif letter == "[":
            self._class()
        elif letter == "(":
            self._open()
        elif letter in ")|":
            self._close(letter)
        elif letter == "{":
            self._bounds()
        elif letter == "^" and "m" in self._options:  # not after the last newline
            self._put(r"(?:\A|(?<=\n)(?!\Z))", 1)
        elif "x" in self._options and (letter.isspace() or letter == "#"):
            end = self._pattern.find("\n", self._place) if letter == "#" else self._place
            self._place = len(self._pattern) if end < 0 else end + 1
        else:
            self._put(letter, 1)

    @property
    def _options(self) -> frozenset[str]:
        return self._frames[-1].options

    def _put(self, text: str, size: int) -> None:
        self._made.append(text)
        self._place += size

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        """Return what matches here, and go past it."""
        found = expression.match(self._pattern, self._place)
        if found is not None:
            self._place = found.end()
        return found

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupportedError(f"{what} of a pattern is not supported")

    # ── groups ───────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        rest = self._pattern[self._place : self._place + 4]
        if rest.startswith("(*"):
            self._verb()
        elif rest.startswith("(?#"):
            end = self._pattern.find(")", self._place)
            if end < 0:
                raise invalid("missing ) after (?# comment")
            self._place = end + 1
        elif rest.startswith("(?"):
            self._special(rest)
        else:
            self._groups += 1
            self._enter("(", 1)

    def _enter(self, text: str, size: int, options: frozenset[str] | None = None) -> None:
        self._put(text, size)
        self._frames.append(_Frame(self._options if options is None else options, []))

    def _special(self, rest: str) -> None:
        plain = next((opening for opening in _OPENINGS if rest.startswith(opening)), None)
        if plain is not None:
            self._enter(plain, len(plain))
        elif (found := self._take(_GROUP)) is not None:
            self._groups += 1
            self._enter(f"(?P<{_first(found)}>", 0)
        elif (found := self._take(_NAMED_BACK)) is not None:
            self._put(found[0], 0)
        elif (found := self._take(_CONDITION)) is not None:
            self._enter(f"(?({_first(found)})", 0)
        elif (found := self._take(_FLAGS)) is not None:
            self._set(found)
        elif rest in ("(?", "(?P") or rest.startswith(("(?<", "(?'", "(?P<", "(?P=")):
            raise invalid("syntax error in subpattern name")
        else:
            self._refuse(f"{rest.rstrip(')')!r}")

    def _set(self, found: re.Match[str]) -> None:
        """Set and unset options, for a group or for what is left of the one that is open."""
        reset, on, off, end = found[1], set(found[2]), set(found[3] or ""), found[4]
        strange = (on | off) - set("imsx")
        if strange:
            self._refuse(f"the option {min(strange)!r} in (?…)")
        options = ((frozenset() if reset else self._options) | on) - off
        letters = "".join(sorted(options & set("ims")))
        others = "".join(sorted(set("ims") - options))
        opening = f"(?{letters}{'-' + others if others else ''}:"
        if end == ":":
            self._enter(opening, 0, options)
        else:
            self._frames[-1].options = options
            self._frames[-1].set_inside.append(opening)
            self._put(opening, 0)

    def _close(self, letter: str) -> None:
        frame = self._frames[-1]
        self._made.append(")" * len(frame.set_inside))
        self._put(letter, 1)
        if letter == "|":  # an option holds for the alternatives that follow as well
            self._made.extend(frame.set_inside)
        elif len(self._frames) == 1:
            raise invalid("unmatched closing parenthesis")
        else:
            self._frames.pop()

    def _verb(self) -> None:
        found = self._take(_VERB)
        if found is None:
            raise invalid("quantifier does not follow a repeatable item")
        if found[1] not in ("FAIL", "F"):
            self._refuse(f"the verb {found[0]!r}")
        self._put("(?!)", 0)

    def _bounds(self) -> None:
        found = self._take(_QUANTIFIER)
        if found is None:
            return self._put(r"\{", 1)
        if max(int(found[1]), int(found[2] or 0)) > _BOUND_MAX:
            raise invalid("number too big in {} quantifier")
        return self._put(found[0], 0)

    # ── what follows a backslash ─────────────────────────────────────────────────

    def _escape(self) -> None:
        letter = self._pattern[self._place + 1 : self._place + 2]
        if not letter:
            raise invalid("\\ at end of pattern")
        if letter == "Q":
            return self._put(re.escape(self._quoted()), 0)
        if letter == "E":
            return self._put("", 2)
        if letter in "bB":
            return self._put(f"(?a:\\{letter})" if self._explicit else f"\\{letter}", 2)
        if letter in _OTHERS:
            return self._put(_OTHERS[letter], 2)
        if letter in "GKXC":
            self._refuse(f"'\\{letter}'")
        if letter in "kg123456789":
            return self._back_reference(letter)
        member = self._member()
        if isinstance(member, str):
            return self._put(re.escape(member), 0)
        return self._put(member.fixed or f"[{member.content}]", 0)

    def _back_reference(self, letter: str) -> None:
        if letter.isdigit():
            digits = re.compile(r"\\(\d+)").match(self._pattern, self._place)
            assert digits is not None, "a digit follows"
            if int(digits[1]) > max(9, self._groups):
                octal = re.compile(r"\\([0-7]{1,3})").match(self._pattern, self._place)
                if octal is None:
                    raise invalid("reference to non-existent subpattern")
                return self._put(re.escape(chr(int(octal[1], 8))), len(octal[0]))
            return self._put(f"(?:\\{digits[1]})", len(digits[0]))
        found = self._take(_REFERENCE)
        if found is None:
            self._refuse(f"'\\{letter}'")
        name = _first(found)
        if name.startswith("-"):
            name = str(self._groups + 1 + int(name))
        return self._put(f"(?:\\{name})" if name.isdigit() else f"(?P={name})", 0)

    def _quoted(self) -> str:
        r"""Return what stands between ``\Q`` and ``\E``, and go past it."""
        start = self._place + 2
        end = self._pattern.find(r"\E", start)
        self._place = len(self._pattern) if end < 0 else end + 2
        return self._pattern[start:] if end < 0 else self._pattern[start:end]

    def _member(self) -> _Member | str:
        """Return the set or the character that a backslash stands for, in a class or out of it, and go past it."""
        letter = self._pattern[self._place + 1 : self._place + 2]
        if letter.lower() in _SHORTHANDS:
            self._place += 2
            if not self._explicit:
                return _Member(f"\\{letter}", f"\\{letter}")
            ranges = _SHORTHANDS[letter.lower()]
            return _Member(_content(ranges if letter.islower() else complement(ranges)), f"(?a:\\{letter})")
        if letter == "N" and self._pattern.startswith("{U+", self._place + 2):
            return self._named_code()
        if letter in ("h", "H", "v", "V", "N"):
            self._place += 2
            return _fixed(_SETS[letter] if letter in _SETS else complement(_SETS[letter.lower()]))
        if letter in ("p", "P"):
            return self._property()
        return self._character(letter)

    def _named_code(self) -> str:
        end = self._pattern.find("}", self._place)
        code = self._pattern[self._place + 5 : end]
        self._place = end + 1
        return _char(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]+", code) else _char(-1)

    def _property(self) -> _Member:
        found = self._take(_PROPERTY)
        if found is None:
            raise invalid("malformed \\P or \\p sequence")
        ranges = property_set(found[3] if found[4] is None else found[4])
        return _fixed(complement(ranges) if (found[1] == "P") != bool(found[2]) else ranges)

    def _character(self, letter: str) -> str:
        if (found := self._take(_HEX)) is not None:
            return _char(int(found[1] or found[2] or "0", 16))
        if (found := self._take(_OCTAL)) is not None:
            return _char(int(found[1] or found[2], 8))
        if letter in ("u", "U"):  # Python's own, which programs in it write
            size = 4 if letter == "u" else 8
            digits = self._pattern[self._place + 2 : self._place + 2 + size]
            if not re.fullmatch(rf"[0-9A-Fa-f]{{{size}}}", digits):
                raise invalid(f"\\{letter} is not supported")
            self._place += 2 + size
            return _char(int(digits, 16))
        self._place += 2
        if letter == "c":
            control = self._pattern[self._place : self._place + 1]
            if not " " <= control <= "~":
                raise invalid("\\c must be followed by a printable ASCII character")
            self._place += 1
            return chr(ord(control.upper()) ^ 0x40)
        if letter in _CONTROLS:
            return chr(_CONTROLS[letter])
        if letter.isascii() and letter.isalnum():
            raise invalid(f"bad escape \\{letter}")
        return letter

    # ── classes ──────────────────────────────────────────────────────────────────

    def _class(self) -> None:
        pattern = self._pattern
        self._place += 1
        negated = pattern.startswith("^", self._place)
        self._place += negated
        items: list[_Member | str] = []
        first = self._place
        while True:
            if self._place >= len(pattern):
                raise invalid("missing terminating ] for character class")
            if pattern[self._place] == "]" and self._place > first:
                break
            items += self._items(items)
        self._put(self._class_of(items, negated=negated), 1)

    def _items(self, before: list[_Member | str]) -> list[_Member | str]:
        """Return the next member of a class; a range takes the character before it back."""
        pattern = self._pattern
        if pattern.startswith(r"\Q", self._place):
            return list(self._quoted())
        if pattern.startswith(r"\E", self._place):
            self._place += 2
            return []
        follows = pattern[self._place + 1 : self._place + 2]
        if pattern[self._place] == "-" and before and follows not in ("]", ""):
            low = before[-1]
            if isinstance(low, str):
                self._place += 1
                return [_range(before.pop(), self._item())]
            if low.fixed:
                raise invalid("invalid range in character class")
        return [self._item()]

    def _item(self) -> _Member | str:
        pattern = self._pattern
        letter = pattern[self._place]
        if letter == "\\":
            following = pattern[self._place + 1 : self._place + 2]
            if not following:
                raise invalid("\\ at end of pattern")
            if following == "b":
                self._place += 2
                return "\b"
            if following in "BRXN":
                raise invalid(f"escape sequence \\{following} is invalid in character class")
            if following in "123456789":
                return self._octal()
            return self._member()
        found = self._take(_POSIX) if letter == "[" else None
        if found is None:
            self._place += 1
            return letter
        if found[1] != ":":
            raise invalid("POSIX collating elements are not supported")
        ranges = posix_set(found[3], caseless="i" in self._options, unicode=self._unicode)
        return _fixed(complement(ranges) if found[2] else ranges)

    def _octal(self) -> str:
        found = re.compile(r"\\([0-7]{1,3})").match(self._pattern, self._place)
        if found is None:  # \8 and \9 are these digits
            self._place += 2
            return self._pattern[self._place - 1]
        self._place = found.end()
        return _char(int(found[1], 8))

    def _class_of(self, items: list[_Member | str], *, negated: bool) -> str:
        """Return a class; where case is not minded, what no case changes stands beside it."""
        apart = [item.fixed for item in items if isinstance(item, _Member) and item.fixed and "i" in self._options]
        content = "".join(
            _in_class(item) if isinstance(item, str) else item.content
            for item in items
            if isinstance(item, str) or not (item.fixed and "i" in self._options)
        )
        if not apart:
            return f"[{'^' if negated else ''}{content}]"
        alternatives = "|".join([*apart, *([f"[{content}]"] if content else [])])
        return f"(?:(?!{alternatives})[\\s\\S])" if negated else f"(?:{alternatives})"


def _range(low: _Member | str, high: _Member | str) -> _Member:
    if not isinstance(low, str) or not isinstance(high, str):
        raise invalid("invalid range in character class")
    if ord(low) > ord(high):
        raise invalid("range out of order in character class")
    return _Member(f"{_in_class(low)}-{_in_class(high)}")


def _first(found: re.Match[str]) -> str:
    """Return the group that took part in a match of alternatives."""
    return next(group for group in found.groups() if group is not None)


def _char(code: int) -> str:
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise invalid("character code point value in \\x{} or \\o{} is too large")
    return chr(code)


def _in_class(letter: str) -> str:
    return f"\\{letter}" if letter in _CLASS_SPECIAL else letter


def _content(ranges: Ranges) -> str:
    """Return the content of a class of these characters."""
    return "".join(
        _in_class(chr(low)) if low == high else f"{_in_class(chr(low))}-{_in_class(chr(high))}" for low, high in ranges
    )


def _fixed(ranges: Ranges) -> _Member:
    content = _content(ranges)
    return _Member(content, f"(?-i:[{content}])" if content else "(?!)")
