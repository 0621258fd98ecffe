"""What errors advise, said in terms of the command line: nobody who types a command has a keyword to pass."""

from __future__ import annotations

_WORDS = (
    ("; open it with create=True to make a database", "; insert, upsert and import make one"),
    ("; open it with create=True, and not read-only, to make one", "; insert, upsert and import make one"),
    ("wait longer with lock_timeout=", "wait longer with --lock-timeout"),
    ("pass drop_target=True to replace it", "--drop-target replaces it"),
    ("to replace whole documents use replace_one", "upsert replaces whole documents"),
    ('default_language="none" does without', "--default-language none does without"),
    (
        "or open it with exclusive=True, by one process at a time",
        "or a URL with ?exclusive=true, one process at a time",
    ),
    ("; open the database with read_only=True, or make it writable", "; make it writable"),
    ("with mode='upsert'", "with --mode upsert"),
    ("with mode='insert'", "with --mode insert"),
    ("say format='jsonl'", "say --format jsonl"),
    ("or format='json' for", "or --format json for"),
    ("say format='json'", "say --format json"),
    ("say format='bson.gz'", "say --format bson.gz"),
)


_SAYS_WHERE = ("the directory must be new or empty", "the directory holds")


def located(message: str, place: str | None) -> str:
    """Return what is wrong with a database, with the place of that before it where the message does not say it."""
    if place is None or place in message:
        return message
    for words in _SAYS_WHERE:
        if message.startswith(words):
            return message.replace("the directory", repr(place), 1)
    return f"{place!r}: {message}"


def in_words(message: str) -> str:
    """Return the message of an error with its advice in terms of the command line."""
    for python, words in _WORDS:
        message = message.replace(python, words)
    return message
