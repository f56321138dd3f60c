"""The kind of an error, whoever raised it: this is the one place that says so.

Errors of libraries are told by the names of their classes: looking at one imports no library.
"""

from __future__ import annotations

import errno
import re
import ssl
import traceback
from collections.abc import Iterator
from types import FrameType

from etl_assets.connections import DatabaseError, DatabaseFault
from etl_assets.connections import fault_of as database_fault_of
from etl_assets.errors import Circuit, ErrorKind, EtlError, LibraryPanicError
from etl_assets.object_storage import Fault, fault_of

TRANSIENT, RESOURCE, CONFIGURATION, DATA, BUG = ErrorKind

_BY_ERRNO = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
        RESOURCE,
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP), CONFIGURATION
    ),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EILSEQ), DATA),
}
"""What the operating system says; anything else, a lost connection above all, may pass."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Nothing can be written any more, whatever it is."""

_BY_FAULT = {
    Fault.NO_BUCKET: CONFIGURATION,
    Fault.CREDENTIALS: CONFIGURATION,
    Fault.PERMISSION: CONFIGURATION,
    Fault.CLOCK: CONFIGURATION,
    Fault.REGION: CONFIGURATION,
    Fault.TLS: CONFIGURATION,
    Fault.NO_OBJECT: TRANSIENT,
    Fault.CHANGED: TRANSIENT,
    Fault.TRANSIENT: TRANSIENT,
}

_BY_DATABASE_FAULT = {
    DatabaseFault.DATA: DATA,
    DatabaseFault.TRANSIENT: TRANSIENT,
}
"""The others are for a person: a password, a name, a permission, a query."""

_BY_SQLITE_CODE = {
    **dict.fromkeys((7, 13), RESOURCE),  # no memory, disk full
    **dict.fromkeys((3, 8, 11, 14, 23, 26), CONFIGURATION),  # permissions, read-only, damaged, no database
}

_POLARS_SCHEMA = {
    "ColumnNotFoundError",
    "SchemaFieldNotFoundError",
    "StructFieldNotFoundError",
    "SchemaError",
    "DuplicateError",
}
"""What Polars says of a plan: it speaks of names, not of cells."""

_CODE = (TypeError, NameError, AttributeError, ImportError, NotImplementedError)


def kind_of(error: BaseException) -> ErrorKind:
    """Say of which kind an error is; what nobody knows is a bug, unless it was met on rows."""
    if isinstance(error, DatabaseError):
        return _BY_DATABASE_FAULT.get(error.fault, CONFIGURATION)
    if isinstance(error, EtlError):
        return error.kind
    if isinstance(error, MemoryError):
        return RESOURCE
    if isinstance(error, LibraryPanicError):
        return DATA
    if (number := _os_error(error)) is not None and number in _BY_ERRNO:
        return _BY_ERRNO[number]
    library = type(error).__module__.partition(".")[0]
    if library in _BY_LIBRARY:
        return _BY_LIBRARY[library](error)
    if isinstance(error, ssl.SSLError):
        return CONFIGURATION
    if isinstance(error, OSError):
        return TRANSIENT
    return DATA if met_rows(error) else BUG


def kind_of_fault(fault: Fault) -> ErrorKind:
    """Say of which kind a fault of the object storage is."""
    return _BY_FAULT[fault]


def circuit_of(error: BaseException) -> Circuit | None:
    """Say what is sick as a whole, where an error is that; None for one delivery's or partition's."""
    if isinstance(error, EtlError):
        return error.circuit
    # Below a hop everything that is written is the lake, or scratch beside it.
    return Circuit.LAKE if _os_error(error) in _NO_ROOM else None


def is_code_fault(error: BaseException) -> bool:
    """Whether an error is the same for every partition: the code or the schema is wrong, not a value."""
    return (isinstance(error, _CODE) or is_about_schema(error)) and not met_rows(error)


def is_about_schema(error: BaseException) -> bool:
    """Whether Polars speaks of a plan's names and dtypes."""
    kind = type(error)
    return kind.__module__.startswith("polars") and kind.__name__ in _POLARS_SCHEMA


def met_rows(error: BaseException) -> bool:
    """Whether it was raised in a function that Polars called, which is given rows."""
    below_polars = False
    for frame, _ in frames(error):
        is_polars = module_of(frame).partition(".")[0] == "polars"
        if below_polars and not is_polars:
            return True
        below_polars = below_polars or is_polars
    return False


def frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The frames that an error came through, the outermost first."""
    return traceback.walk_tb(error.__traceback__)


def module_of(frame: FrameType) -> str:
    """The module of a frame's code."""
    return str(frame.f_globals.get("__name__", ""))


def _os_error(error: BaseException) -> int | None:
    """The operating system's number; libraries written in Rust have it in their words."""
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    said = re.search(r"\(os error (\d+)\)", str(error))
    return int(said[1]) if said else None


# -- libraries --------------------------------------------------------------------------------


def _of_polars(error: BaseException) -> ErrorKind:
    if "object-store error" in str(error):
        return _BY_FAULT[fault_of(error)]
    return BUG if is_about_schema(error) and not met_rows(error) else DATA


def _of_storage(error: BaseException) -> ErrorKind:
    return _BY_FAULT[fault_of(error)]


def _of_delta(error: BaseException) -> ErrorKind:
    # A damaged log, or another program's table: a person restores it.
    return TRANSIENT if type(error).__name__ == "CommitFailedError" else CONFIGURATION


def _of_botocore(error: BaseException) -> ErrorKind:
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    if code:
        return _BY_FAULT[fault_of(Exception(f"<Code>{code}</Code>"))]
    may_pass = ("EndpointConnectionError", "ConnectionClosedError", "HTTPClientError", "ConnectionError")
    names = {one.__name__ for one in type(error).__mro__}
    return TRANSIENT if names.intersection(may_pass) and "SSLError" not in names else CONFIGURATION


def _of_postgres(error: BaseException) -> ErrorKind:
    state = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or ""
    if state.startswith("53"):
        return RESOURCE  # its disk or its memory is full, or it has too many connections
    return _BY_DATABASE_FAULT.get(database_fault_of(error), CONFIGURATION)


def _of_sqlite(error: BaseException) -> ErrorKind:
    code = getattr(error, "sqlite_errorcode", None)
    return _BY_SQLITE_CODE.get(code & 0xFF, TRANSIENT) if code is not None else TRANSIENT


def _of_sqlalchemy(error: BaseException) -> ErrorKind:
    original = getattr(error, "orig", None)
    if isinstance(original, BaseException):
        return kind_of(original)
    return TRANSIENT if type(error).__name__ in ("TimeoutError", "DisconnectionError") else BUG


_BY_LIBRARY = {
    "polars": _of_polars,
    "obstore": _of_storage,
    "deltalake": _of_delta,
    "_internal": _of_delta,
    "botocore": _of_botocore,
    "psycopg": _of_postgres,
    "psycopg2": _of_postgres,
    "sqlite3": _of_sqlite,
    "sqlalchemy": _of_sqlalchemy,
}
