"""What errors advise, said in terms of the command line: nobody who types a command has a keyword to pass."""

from __future__ import annotations

_WORDS = (
    ("; open it with create=True to make a database", "; insert, upsert and import make one"),
    ("; open it with create=True, and not read-only, to make one", "; insert, upsert and import make one"),
    ("wait longer with lock_timeout=", "wait longer with --lock-timeout"),
    ("; open the database with read_only=True, or make it writable", "; make it writable"),
    ("with mode='upsert'", "with --mode upsert"),
    ("with mode='insert'", "with --mode insert"),
    ("say format='json'", "say --format json"),
    ("say format='bson.gz'", "say --format bson.gz"),
    ("or say format='jsonl' if it is that", "or say --format jsonl if it is that"),
)


def in_words(message: str) -> str:
    """Return the message of an error with its advice in terms of the command line."""
    for python, words in _WORDS:
        message = message.replace(python, words)
    return message
