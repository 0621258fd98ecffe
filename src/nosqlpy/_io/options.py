"""What a client is told: the database's place, and how to use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from nosqlpy._core.log.packing import code_of
from nosqlpy._core.query.limits import Limits
from nosqlpy._io.ids import new_id
from nosqlpy._io.storage.system import SYSTEM
from nosqlpy.aliases import Durability
from nosqlpy.errors import ConfigurationError, InvalidURL
from nosqlpy.naming import nearest

MEMORY = ":memory:"
Recovery: TypeAlias = Literal["default", "strict"]
RECOVERIES = ("default", "strict")
Compaction: TypeAlias = Literal["auto", "off"]
COMPACTIONS = ("auto", "off")
Compression: TypeAlias = Literal["zlib", "zstd"]
COMPRESSIONS = ("zlib", "zstd")
DURABILITIES = ("fast", "safe", "durable")


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of a client."""

    durability: Durability
    read_only: bool
    create: bool
    recovery: Recovery
    compaction: Compaction
    compression: Compression | None
    lock_timeout: float | None
    id_factory: Callable[[], Any]
    max_document_size: int
    segment_size: int
    memory_budget: int
    sort_memory: int
    sync_interval: float
    slow_ms: float | None
    limits: Limits
    exclusive: bool


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a client, checked. Times are in seconds, sizes in bytes.

    `path` is as it was given, `directory` absolute, as it was when the client was made;
    both are None for a database in memory.
    """

    path: Path | None
    directory: Path | None = None
    durability: Durability = "safe"
    read_only: bool = False
    create: bool = True
    recovery: Recovery = "default"
    compaction: Compaction = "auto"
    compression: Compression | None = None
    lock_timeout: float | None = 5.0
    id_factory: Callable[[], Any] = new_id
    max_document_size: int = 16 << 20
    segment_size: int = 64 << 20
    memory_budget: int = 256 << 20
    sort_memory: int = 100 << 20
    sync_interval: float = 1.0
    slow_ms: float | None = 100.0
    limits: Limits = Limits()
    exclusive: bool = False

    @property
    def url(self) -> str:
        """The path as it was given, or ``":memory:"``."""
        return MEMORY if self.path is None else str(self.path)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return MEMORY if self.path is None else self.path.resolve().name


_FLAGS = ("read_only", "create", "exclusive")
_KEYWORDS = tuple(ClientOptions.__annotations__)


def parse_options(url: str | os.PathLike[str], keywords: Mapping[str, Any]) -> Options:
    """Return the options that a path or URL and keywords mean; a keyword wins over the URL.

    A URL is ``file:///absolute/dir?durability=durable&lock_timeout=2``.

    Raises:
        InvalidURL: The URL names no directory.
        ConfigurationError: An option is unknown, or cannot have this value.
        NotSupportedError: An option needs a package that is not installed.
    """
    path, given = _place(url)
    for name in keywords:
        _check_name(name)
    options = Options(path=path, directory=path and path.absolute(), **{**given, **keywords})
    _check_values(options)
    return options if SYSTEM.shares else msgspec.structs.replace(options, exclusive=True)


def _place(url: str | os.PathLike[str]) -> tuple[Path | None, dict[str, Any]]:
    try:
        text: object = os.fspath(url)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidURL("a database is named by a directory's path, a file: URL or ':memory:'")
    if text == MEMORY:
        return None, {}
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(text), {}
    if scheme != "file":
        raise InvalidURL(f"no database can be opened by {scheme!r} URLs{nearest(scheme, ['file'])}; use file:///dir")
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise InvalidURL("a file: URL has three slashes and an absolute path: file:///var/lib/app/data")
    if parts.fragment:
        raise InvalidURL("a file: URL has no fragment; write a '#' in a name as %23")
    return Path(unquote(parts.path)), _from_query(parts.query)


def _from_query(query: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in given:
            raise InvalidURL(f"option {name!r} stands twice in the URL")
        given[name] = _from_text(name, value)
    return given


def _check_name(name: str) -> None:
    if name not in _KEYWORDS:
        raise ConfigurationError(f"there is no option {name!r}{nearest(name, _KEYWORDS)}")


def _from_text(name: str, value: str) -> Any:
    """Return the value of an option in a URL."""
    _check_name(name)
    if name in ("durability", "recovery", "compaction", "compression"):
        return value
    if name in _FLAGS:
        if value not in ("true", "false"):
            raise ConfigurationError(f"option {name!r} is true or false")
        return value == "true"
    if name in ("id_factory", "limits"):
        raise ConfigurationError(f"option {name!r} cannot stand in a URL; pass it by keyword")
    try:
        return float(value) if name in ("lock_timeout", "sync_interval", "slow_ms") else int(value)
    except ValueError:
        raise ConfigurationError(f"option {name!r} is a number") from None


def _check_values(options: Options) -> None:
    check_durability(options.durability)
    _check_choice("recovery", options.recovery, RECOVERIES)
    _check_choice("compaction", options.compaction, COMPACTIONS)
    if options.compression is not None:
        _check_choice("compression", options.compression, COMPRESSIONS)
        code_of(options.compression)
    for name in _FLAGS:
        if type(getattr(options, name)) is not bool:
            raise ConfigurationError(f"option {name!r} is True or False")
    _check_number("max_document_size", options.max_document_size, 1, 16 << 20, whole=True)
    _check_number("segment_size", options.segment_size, 400, 1 << 30, whole=True)
    _check_number("memory_budget", options.memory_budget, 0, 1 << 60, whole=True)
    _check_number("sort_memory", options.sort_memory, 1 << 20, 1 << 60, whole=True)
    _check_number("sync_interval", options.sync_interval, 0.001, 3600)
    if options.slow_ms is not None:
        _check_number("slow_ms", options.slow_ms, 0, 86_400_000)
    if options.lock_timeout is not None:
        _check_number("lock_timeout", options.lock_timeout, 0, 86400)
    if not callable(options.id_factory):
        raise ConfigurationError("option 'id_factory' is a function without parameters")
    if type(options.limits) is not Limits:
        raise ConfigurationError("option 'limits' is an object of Limits, such as Limits(nodes=100)")


def check_durability(durability: Any) -> None:
    """Refuse a durability that is none of ``fast``, ``safe``, ``durable``.

    Raises:
        ConfigurationError: It is none of them.
    """
    _check_choice("durability", durability, DURABILITIES)


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        hint = nearest(value, choices)
        raise ConfigurationError(f"{name} is one of {', '.join(choices)}{hint}")


def _check_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high:
        raise ConfigurationError(f"option {name!r} is {'an int' if whole else 'a number'} from {low} to {high}")


def url_from_environment(variable: str) -> str:
    """Return the database that an environment variable names.

    Raises:
        ConfigurationError: The variable is not set.
    """
    url = os.environ.get(variable)
    if not url:
        raise ConfigurationError(f"the environment variable {variable!r} is not set; let it name a database")
    return url
