"""Profiles from their TOML files; one laid over another, every key and type checked."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from pathlib import Path
from typing import Any

from pcapdiag.errors import PcapdiagError
from pcapdiag.profiles.profile import Profile
from pcapdiag.profiles.shipped import TABLES

NAMES = ("aws", "alibaba", "nginx", "haproxy", "generic")
NO_LIMIT = "none"  # TOML has no null
FIELDS_TOLD = "all fields are in docs/usage.md, 'A profile of your own'"

_FIELDS = {f.name: str(f.type) for f in dataclasses.fields(Profile) if f.name != "name"}


def load_profile(name: str, file: str | Path | None = None) -> Profile:
    """The shipped profile ``name``, with the values of ``file`` laid over it."""
    if name not in NAMES:
        raise PcapdiagError(f"no profile named {name!r}: choose one of {', '.join(NAMES)}")
    if file is None:
        return _shipped_profile(name)
    return dataclasses.replace(_shipped_profile(name), **_checked(_read(Path(file)), str(file)))


@functools.cache
def _shipped_profile(name: str) -> Profile:
    values: dict[str, Any] = {"name": name}
    for shipped in dict.fromkeys(("generic", name)):
        values |= _checked(TABLES[shipped], f"{shipped}.toml")
    return Profile(**values)


@functools.cache
def keep_alive_defaults() -> dict[str, float]:
    """Web servers and how long they keep an idle connection by default, in seconds."""
    return {software: float(seconds) for software, seconds in TABLES["keep_alive"].items()}


def software_with_idle_timeout(idle_s: float) -> tuple[str, ...]:
    """Whose default an idle timeout measured on the wire is: 5.003 -> Node.js before v26, Apache httpd...

    Servers close late, never early: by their timer's step, and by the time the FIN needs to get here.
    """
    late_s = max(0.5, 0.02 * idle_s)
    return tuple(s for s, default_s in keep_alive_defaults().items() if -0.05 <= idle_s - default_s <= late_s)


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PcapdiagError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PcapdiagError(f"{path}: not a TOML file: {error}") from error


def _checked(table: dict[str, Any], where: str) -> dict[str, Any]:
    return {key: _value(key, value, where) for key, value in table.items()}


def _value(key: str, value: object, where: str) -> object:
    """``value`` as the profile's field ``key`` has it."""
    if key not in _FIELDS:
        import difflib

        near = difflib.get_close_matches(key, _FIELDS, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise PcapdiagError(f"{where}: unknown key {key!r}: {meant}{FIELDS_TOLD}")
    wanted = _FIELDS[key]
    if value == NO_LIMIT and wanted.endswith("| None"):
        return None
    match wanted.removesuffix(" | None"):
        case "float" if _is_number(value):
            return float(value)  # type: ignore[arg-type]
        case "int" if _is_number(value) and isinstance(value, int):
            return value
        case "str" if isinstance(value, str):
            return value
        case "tuple[str, ...]" if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        case "tuple[int, ...]" if isinstance(value, list) and all(type(v) is int for v in value):
            return tuple(value)
    kind = {"float": "a number of 0 or more", "int": "a whole number of 0 or more", "str": "a text"}
    text = kind.get(wanted.removesuffix(" | None"), "a list")
    raise PcapdiagError(f"{where}: {key} must be {text}, not {value!r}; {FIELDS_TOLD}")


def _is_number(value: object) -> bool:
    """A number that can be a limit: not a truth value, not negative, neither infinite nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
