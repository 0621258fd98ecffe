"""The languages of text search, by name and by code.

Manual: reference/text-search-languages.
"""

from __future__ import annotations

from typing import Any, Final

NONE: Final = "none"
"""No language: neither stop words nor stems."""
ENGLISH: Final = "english"

_CODES: Final = {
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "hungarian": "hu",
    "italian": "it",
    "norwegian": "nb",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
}
_NAMES: Final = {NONE: NONE, **{name: name for name in _CODES}, **{code: name for name, code in _CODES.items()}}
LANGUAGES: Final = (NONE, *_CODES)
"""The names of all languages."""


def language_of(name: Any) -> str | None:
    """Return the language that a name or a two-letter code means, in any case; None for none that is known."""
    return _NAMES.get(name.lower()) if isinstance(name, str) else None
