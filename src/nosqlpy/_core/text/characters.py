"""Characters in text search: where words end, and which characters count as the same.

Manual: core/indexes/index-types/index-text (version 3). A text index of version 3 goes by properties of
Unicode 8: words are delimited by White_Space, Dash, Hyphen, Quotation_Mark, Terminal_Punctuation,
Pattern_Syntax and STerm; case is folded one character for one; a mark with the property Diacritic is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final
from unicodedata import normalize

_DELIMITERS: Final = (
    "9-D 20-2F 3A-40 5B-5E 60 7B-7E 85 A0-A7 A9 AB-AE B0-B1 B6 BB BF D7 F7 37E 387 589-58A 5BE 5C3 60C 61B 61E-61F "
    "6D4 700-70A 70C 7F8-7F9 830-83E 85E 964-965 E5A-E5B F08 F0D-F12 104A-104B 1361-1368 1400 166E 1680 16EB-16ED "
    "1735-1736 17D4-17D6 17DA 1802-1806 1808-1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5D-1B5F 1C3B-1C3F 1C7E-1C7F "
    "2000-200A 2010-2029 202F-203E 2041-2053 2055-205F 207B 208B 2190-245F 2500-2775 2794-2BFF 2E00-2E7F 3000-3003 "
    "3008-3020 3030 30A0 30FB A4FE-A4FF A60D-A60F A6F3-A6F7 A876-A877 A8CE-A8CF A92F A9C7-A9C9 AA5D-AA5F AADF "
    "AAF0-AAF1 ABEB FD3E-FD3F FE31-FE32 FE41-FE46 FE50-FE52 FE54-FE58 FE63 FF01-FF02 FF07 FF0C-FF0E FF1A-FF1B FF1F "
    "FF61-FF65 1039F 103D0 10857 1091F 10A56-10A57 10AF0-10AF5 10B3A-10B3F 10B99-10B9C 11047-1104D 110BE-110C1 "
    "11141-11143 111C5-111C6 111CD 111DE-111DF 11238-1123C 112A9 115C2-115C5 115C9-115D7 11641-11642 1173C-1173E "
    "12470-12474 16A6E-16A6F 16AF5 16B37-16B39 16B44 1BC9F 1DA87-1DA8A"
)
_DIACRITICS: Final = (
    "5E 60 A8 AF B4 B7-B8 2B0-34E 350-357 35D-362 374-375 37A 384-385 483-487 559 591-5A1 5A3-5BD 5BF 5C1-5C2 5C4 "
    "64B-652 657-658 6DF-6E0 6E5-6E6 6EA-6EC 730-74A 7A6-7B0 7EB-7F5 818-819 8E3-8FE 93C 94D 951-954 971 9BC 9CD A3C "
    "A4D ABC ACD B3C B4D BCD C4D CBC CCD D4D DCA E47-E4C E4E EC8-ECC F18-F19 F35 F37 F39 F3E-F3F F82-F84 F86-F87 FC6 "
    "1037 1039-103A 1063-1064 1069-106D 1087-108D 108F 109A-109B 135D-135F 1714 17C9-17D3 17DD 1939-193B 1A75-1A7C "
    "1A7F 1AB0-1ABE 1B34 1B44 1B6B-1B73 1BAA-1BAB 1C36-1C37 1C78-1C7D 1CD0-1CE8 1CED 1CF4 1CF8-1CF9 1D2C-1D6A "
    "1DC4-1DCF 1DF5 1DFC-1DFF 1FBD 1FBF-1FC1 1FCD-1FCF 1FDD-1FDF 1FED-1FEF 1FFD-1FFE 2CEF-2CF1 2E2F 302A-302F "
    "3099-309C 30FC A66F A67C-A67D A67F A69C-A69D A6F0-A6F1 A700-A721 A788-A78A A7F8-A7F9 A8C4 A8E0-A8F1 A92B-A92E "
    "A953 A9B3 A9C0 A9E5 AA7B-AA7D AABF-AAC2 AAF6 AB5B-AB5F ABEC-ABED FB1E FE20-FE2F FF3E FF40 FF70 FF9E-FF9F FFE3 "
    "102E0 10AE5-10AE6 11046 110B9-110BA 11133-11134 11173 111C0 111CA-111CC 11235-11236 112E9-112EA 1133C 1134D "
    "11366-1136C 11370-11374 114C2-114C3 115BF-115C0 1163F 116B6-116B7 1172B 16AF0-16AF4 16B30-16B36 16F8F-16F9F "
    "1D167-1D169 1D16D-1D172 1D17B-1D182 1D185-1D18B 1D1AA-1D1AD 1E8D0-1E8D6"
)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for entry in text.split():
        first, _, last = entry.partition("-")
        yield int(first, 16), int(last or first, 16)


def _words_pattern(*, apostrophes: bool) -> re.Pattern[str]:
    """Return what finds words; in those with `apostrophes` these delimit none."""
    codes = [code for first, last in _ranges(_DELIMITERS) for code in range(first, last + 1)]
    kept = "".join(re.escape(chr(code)) for code in codes if not (apostrophes and code == ord("'")))
    return re.compile(f"[^{kept}]+")


def words_finder(*, apostrophes: bool) -> Callable[[str], list[str]]:
    """Return what finds the words of a text, empty ones among them; with `apostrophes` these delimit none."""
    find = _words_pattern(apostrophes=apostrophes).findall
    table = {code: " " for first, last in _ranges(_DELIMITERS) for code in range(first, last + 1) if code < 128}
    if apostrophes:
        del table[ord("'")]

    def words(text: str) -> list[str]:
        return text.translate(table).split(" ") if text.isascii() else find(text)  # which takes ten times as long

    return words


class _Folds(dict[int, str]):
    """The folded form of characters, one for one, each found when it is first asked for."""

    __slots__ = ()

    def __missing__(self, code: int) -> str:
        character = chr(code)
        forms = (character.casefold(), character.lower(), character)
        self[code] = folded = next(form for form in forms if len(form) == 1)
        return folded


class _Bases(dict[int, "str | None"]):
    """Characters without their diacritics, None for those that are diacritics, likewise."""

    __slots__ = ()

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        base = normalize("NFC", "".join(part for part in normalize("NFD", character) if ord(part) not in _MARKS))
        self[code] = found = None if code in _MARKS else base if len(base) == 1 else character
        return found


_MARKS: Final = frozenset(code for first, last in _ranges(_DIACRITICS) for code in range(first, last + 1))
_FOLDS: Final = _Folds()
_BASES: Final = _Bases()
_TURKISH: Final = {ord("I"): "\u0131", 0x130: "i"}
"""In Turkish, the small letters of I and of I with a dot."""


def fold(text: str, *, turkish: bool = False) -> str:
    """Return `text` without the distinction of case, one character for each; in Turkish I has no dot."""
    if turkish:
        text = text.translate(_TURKISH)
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    return folded if len(folded) == len(text) else text.translate(_FOLDS)


def without_diacritics(text: str) -> str:
    """Return `text` without its diacritics."""
    if text.isascii() and "^" not in text and "`" not in text:
        return text
    return text.translate(_BASES)
