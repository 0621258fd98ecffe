"""The keys and options of a text index: what users write, and what a server makes of it (FTSSpec::fixSpec).

Manual: core/indexes/index-types/index-text. The fields with the direction ``"text"`` become one pair of keys,
``_fts`` and ``_ftsx``, and `weights` says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.index.catalogue import IndexDefinition, Keys
from nosqlpy._core.text.languages import ENGLISH, LANGUAGES, language_of
from nosqlpy._core.text.spec import ALL_FIELDS, TextSpec
from nosqlpy._core.values.numbers import NUMERIC, truncate
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest
from nosqlpy.results import TEXT

TEXT_OPTIONS: Final = ("weights", "default_language", "language_override", "textIndexVersion")
TEXT_KEYS: Final[Keys] = (("_fts", TEXT), ("_ftsx", 1))
VERSION: Final = 3
WEIGHT_MAX: Final = 100_000
_RESERVED: Final = ("_fts", "_ftsx")


def text_definition(definition: IndexDefinition) -> IndexDefinition:
    """Return a text index as the catalogue holds it, given what a user wrote.

    Raises:
        QueryError: Its keys do not go together, or an option cannot have its value.
        NotSupportedError: It is of a version that only MongoDB has.
    """
    before, texts, after = _parted(definition.keys)
    language: Any = ENGLISH if definition.default_language is None else definition.default_language
    if language_of(language) is None:
        hint = nearest(str(language), LANGUAGES)
        raise _cannot(f"the 'default_language' of a text index is no language of text search{hint}")
    override: Any = "language" if definition.language_override is None else definition.language_override
    if not isinstance(override, str) or not override or override.startswith("$") or "." in override:
        raise _cannot(
            "the 'language_override' of a text index is the name of a field, without '.' and no '$' before it"
        )
    _check_version(definition.text_version)
    return msgspec.structs.replace(
        definition,
        keys=(*before, *TEXT_KEYS, *after),
        weights=_weights(texts, definition.weights),
        default_language=language,
        language_override=override,
        text_version=VERSION,
    )


def refuse_text_options(definition: IndexDefinition) -> None:
    """Refuse the options of a text index for one that is none.

    Raises:
        QueryError: It has one of them.
    """
    for option in TEXT_OPTIONS:
        if option in definition.options:
            raise _cannot(f"only a text index takes the option {option!r}")


def spec_of(definition: IndexDefinition) -> TextSpec:
    """Return what finds the texts that an index has of a document."""
    language = language_of(definition.default_language)
    assert definition.weights is not None, "the definition of a text index has them"
    assert language is not None, "likewise"
    return TextSpec(definition.weights, language, definition.language_override or "")


def before_of(definition: IndexDefinition) -> tuple[str, ...]:
    """Return the fields before the texts: a search says what each of them equals."""
    return tuple(path for path, _ in definition.keys[: definition.keys.index(TEXT_KEYS[0])])


def after_of(definition: IndexDefinition) -> tuple[str, ...]:
    """Return the fields behind the texts."""
    return tuple(path for path, _ in definition.keys[definition.keys.index(TEXT_KEYS[0]) + 2 :])


def _parted(keys: Keys) -> tuple[Keys, list[str], Keys]:
    """Return the keys before the texts, the fields of the texts, and the keys behind them."""
    if TEXT_KEYS[0] in keys and keys[keys.index(TEXT_KEYS[0]) + 1 :][:1] == TEXT_KEYS[1:]:  # as `list_indexes` shows it
        place = keys.index(TEXT_KEYS[0])
        before, texts, after = keys[:place], [], keys[place + 2 :]
    else:
        places = [place for place, (_, way) in enumerate(keys) if way == TEXT]
        before, after = keys[: places[0]], keys[places[-1] + 1 :]
        texts = [path for path, _ in keys[places[0] : places[-1] + 1]]
        if len(texts) != len(places):
            raise _cannot("the fields of a text index that are 'text' stand together")
    if any(path in _RESERVED for path in (*texts, *(path for path, _ in (*before, *after)))):
        raise _cannot("the names '_fts' and '_ftsx' are reserved in a text index")
    return before, texts, after


def _weights(texts: Sequence[str], given: Any) -> dict[str, int]:
    weights = dict.fromkeys(texts, 1)
    if given == ALL_FIELDS:
        weights[ALL_FIELDS] = 1
    elif given is not None:
        if TYPES[type(given)] != OBJECT:
            raise _cannot("the 'weights' of a text index are a document of fields and numbers")
        weights |= {path: _weight(path, weight) for path, weight in as_mapping(given).items()}
    if not weights:
        raise _cannot("a text index needs a field, or '$**' for all of them")
    return {path: weights[path] for path in sorted(weights)}


def _weight(path: str, weight: Any) -> int:
    whole = truncate(weight) if TYPES[type(weight)] in NUMERIC else None
    if whole is None or not 0 < whole < WEIGHT_MAX:
        raise _cannot(f"the weight of {path!r} is a number above 0 and below {WEIGHT_MAX}")
    if path != ALL_FIELDS and any(not part or part.startswith("$") for part in path.split(".")):
        raise _cannot(f"the weight of {path!r} is of no field: a part of the path is empty, or begins with '$'")
    return whole


def _check_version(version: Any) -> None:
    if version is None:
        return
    number = truncate(version) if TYPES[type(version)] in NUMERIC else None
    if number in (1, 2):
        raise NotSupportedError(f"text indexes of version {number} are not supported; leave out 'textIndexVersion'")
    if number != VERSION:
        raise _cannot(f"the 'textIndexVersion' of a text index is {VERSION}")


def _cannot(message: str) -> QueryError:
    return QueryError(message, code=67, code_name="CannotCreateIndex")
