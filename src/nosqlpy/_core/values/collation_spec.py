"""Collation documents: from what a user writes to a collation, and back.

Manual: reference/collation, reference/collation-locales-defaults. The codes are
those of the server's collator_factory_icu.cpp and of its IDL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.values.collation import Collation, collation_of
from nosqlpy._core.values.collation_keys import CollationOptions
from nosqlpy._core.values.numbers import NUMERIC, truncate
from nosqlpy._core.values.types import BOOL, OBJECT, STRING, TYPES, as_mapping, type_name
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

LOCALES: Final = frozenset(
    ("ca", "de", "de_AT", "en", "en_US", "fr", "fr_CA", "ga", "id", "it", "lb", "ms", "nl", "pt", "sw", "wae", "zu")
)
"""The locales whose order is that of the root of CLDR; fr_CA differs by ``backwards`` alone."""

# the others that MongoDB knows
_TAILORED: Final = frozenset(
    (
        *("af", "am", "ar", "as", "az", "be", "bg", "bn", "bo", "bs", "bs_Cyrl", "chr", "cs", "cy", "da", "dsb", "dz"),
        *("ee", "el", "en_US_POSIX", "eo", "es", "et", "fa", "fa_AF", "fi", "fil", "fo", "gl", "gu", "ha", "haw", "he"),
        *("hi", "hr", "hsb", "hu", "hy", "ig", "is", "ja", "ka", "kk", "kl", "km", "kn", "ko", "kok", "ky", "lkt"),
        *("ln", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "mt", "my", "nb", "ne", "nn", "om", "or", "pa", "pl", "ps"),
        *("ro", "ru", "se", "si", "sk", "sl", "smn", "sq", "sr", "sr_Latn", "sv", "ta", "te", "th", "to", "tr", "ug"),
        *("uk", "ur", "vi", "yi", "yo", "zh", "zh_Hant"),
    )
)
_CHOICES: Final = {
    "caseFirst": ("upper", "lower", "off"),
    "alternate": ("non-ignorable", "shifted"),
    "maxVariable": ("punct", "space"),
}
_FLAGS: Final = frozenset(("caseLevel", "numericOrdering", "normalization", "backwards"))


def _in_mongodb(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


_ATTRIBUTES: Final = {_in_mongodb(name): name for name in CollationOptions.__struct_fields__}
"""The fields of a collation document, and what they are called here."""

_NULLABLE: Final = _ATTRIBUTES.keys() - {"backwards"}
"""The fields that are as good as left out where they are null; a server takes the type of the other one as it is."""


def compile_collation(specification: Any) -> Collation | None:
    """Return the collation of a document, or of a ``pymongo.collation.Collation``; None for binary comparison.

    Raises:
        QueryError: It is malformed, or no locale is called so.
        NotSupportedError: The order of its locale is not known here.
    """
    if specification is None:
        return None
    given = _checked(getattr(specification, "document", specification))
    locale = given["locale"]
    if locale == "simple":
        if len(given) > 1:
            message = "a collation with the locale 'simple' has no other fields"
            raise QueryError(message, code=9, code_name="FailedToParse")
        return None
    _check_locale(locale)
    given.setdefault("backwards", locale == "fr_CA")
    options = CollationOptions(**{_ATTRIBUTES[name]: value for name, value in given.items()})
    _check_together(options)
    return collation_of(options)


def collation_document(collation: Collation) -> dict[str, Any]:
    """Return the collation as MongoDB shows it: every field with its value."""
    return {name: getattr(collation.options, attribute) for name, attribute in _ATTRIBUTES.items()}


def _checked(document: Any) -> dict[str, Any]:
    """Return the fields of a collation document; each is of its type and one of its values."""
    if not isinstance(document, Mapping) or TYPES[type(document)] != OBJECT:
        message = f"a collation is a document such as {{'locale': 'en', 'strength': 2}}, not {type(document).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    fields = as_mapping(document).items()
    given = {name: _value(name, value) for name, value in fields if value is not None or name not in _NULLABLE}
    if "locale" not in given:
        raise QueryError("a collation needs a 'locale'", code=40414, code_name="Location40414")
    return given


def _value(name: Any, value: Any) -> Any:
    if name == "version":
        message = "a collation of another version of ICU is not available; leave out 'version'"
        raise QueryError(message, code=161, code_name="IncompatibleCollationVersion")
    if name not in _ATTRIBUTES:
        hint = nearest(str(name), _ATTRIBUTES)
        raise QueryError(f"unknown field {name!r} of a collation{hint}", code=40415, code_name="Location40415")
    if name == "strength":
        return _strength(value)
    wanted, what = (BOOL, "true or false") if name in _FLAGS else (STRING, "a string")
    if TYPES[type(value)] != wanted:
        _refuse_type(name, what, value)
    if name in _CHOICES and value not in _CHOICES[name]:
        raise QueryError(f"{name!r} of a collation is one of {', '.join(map(repr, _CHOICES[name]))}")
    return value


def _strength(value: Any) -> int:
    if TYPES[type(value)] not in NUMERIC:
        _refuse_type("strength", "a number", value)
    strength = truncate(value)
    if strength is None or not 0 <= strength <= 5:
        message = "'strength' of a collation is 1, 2, 3, 4 or 5"
        raise QueryError(message, code=51024, code_name="Location51024")
    if strength == 0:
        raise QueryError("'strength' of a collation is 1, 2, 3, 4 or 5, not 0")
    return strength


def _refuse_type(name: str, what: str, value: Any) -> None:
    message = f"{name!r} of a collation is {what}, not {type_name(value)}"
    raise QueryError(message, code=14, code_name="TypeMismatch")


def _check_locale(locale: str) -> None:
    if locale in LOCALES:
        return
    base, _, variant = locale.partition("@")
    if locale in _TAILORED or (variant and base in LOCALES | _TAILORED):
        known = ", ".join(sorted(LOCALES))
        raise NotSupportedError(f"the order of the locale {locale!r} is not supported; those that are: {known}, simple")
    if not locale:
        raise QueryError("'locale' of a collation is empty; for English write 'en'")
    language = locale.replace("-", "_").partition("_")[0]
    hint = f"; did you mean {language!r}?" if language in LOCALES | _TAILORED else nearest(locale, LOCALES)
    raise QueryError(f"no locale of a collation is called {locale!r}{hint}")


def _check_together(options: CollationOptions) -> None:
    if options.backwards and options.strength == 1:
        raise QueryError("a collation that is 'backwards' compares accents, hence its 'strength' is not 1")
    if options.case_first != "off" and options.strength < 3 and not options.case_level:
        raise QueryError("a collation with 'caseFirst' compares case: give it 'caseLevel', or a 'strength' above 2")
