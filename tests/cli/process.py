"""Running the command as a user does: in a process of its own, in a pipe or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import nosqlpy

SOURCE = str(Path(nosqlpy.__file__).parents[1])
ENVIRONMENT = {**os.environ, "PYTHONPATH": SOURCE, "TERM": "xterm", "COLUMNS": "100"}
COMMAND = [sys.executable, "-P", "-m", "nosqlpy"]
TIMEOUT_S = 300


class Finished:
    """What a command answered."""

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr.decode()

    @property
    def documents(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [msgspec.json.decode(line) for line in self.stdout.splitlines()]


def run(*arguments: object, stdin: bytes = b"") -> Finished:
    """Run the command with pipes around it."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=ENVIRONMENT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command."""
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=ENVIRONMENT, **options)


def run_on_terminal(*arguments: object, environment: dict[str, str] | None = None) -> Finished:
    """Run the command on a pseudo-terminal; both outputs are one there."""
    terminal, other = pty.openpty()
    with start_on(other, arguments, environment) as process:
        os.close(other)
        output = read_all(terminal)
        process.wait(TIMEOUT_S)
    os.close(terminal)
    return Finished(process.returncode, output.replace(b"\r\n", b"\n"), b"")


def start_on(
    terminal: int, arguments: tuple[object, ...], environment: dict[str, str] | None, *, controlling: bool = False
) -> subprocess.Popen[bytes]:
    """Start the command on a terminal; `controlling`: Ctrl-C there is for the command."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**ENVIRONMENT, **(environment or {})},
        start_new_session=controlling,
        preexec_fn=partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0) if controlling else None,  # noqa: PLW1509
    )


def read_all(terminal: int) -> bytes:
    """Return what is written to a terminal until nobody has it open."""
    output = b""
    while chunk := _read(terminal):
        output += chunk
    return output


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO where others say end of file
        return b""
