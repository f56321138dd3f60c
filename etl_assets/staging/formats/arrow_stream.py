"""Arrow IPC streams, batch by batch: Polars reads a stream only as a whole."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl

_FILE_MAGIC = b"ARROW1"
_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_END = struct.pack("<Ii", _CONTINUATION, 0)

MAX_MESSAGE_BYTES = 2_000_000_000
"""A batch that claims to be larger is taken for damage."""


class StreamError(Exception):
    """The stream is damaged; the message says how."""


def is_stream(path: Path) -> bool:
    """True unless the file is marked as an Arrow file."""
    with path.open("rb") as file:
        return file.read(len(_FILE_MAGIC)) != _FILE_MAGIC


def stream_batches(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the batches of a stream, at least one, which may be without rows.

    Raises:
        StreamError: It is no stream, or ends within a message.
        PolarsError: A batch can't be read.
    """
    with path.open("rb") as file:
        schema, begun, any_batch = b"", b"", False
        for kind, message in _messages(file):
            if kind == _SCHEMA:
                schema = begun = message
            elif not schema:
                raise StreamError("it does not begin with a schema")
            elif kind == _DICTIONARY:
                # A later dictionary replaces or extends an earlier one, in the order of the stream.
                begun += message
            elif kind == _RECORDS:
                any_batch = True
                yield pl.read_ipc_stream(io.BytesIO(begun + message + _END))
        if not schema:
            raise StreamError("it does not begin with a schema")
        if not any_batch:
            yield pl.read_ipc_stream(io.BytesIO(schema + _END))


def _messages(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the bytes of each message; the format is that of Arrow's columnar specification."""
    while prefix := file.read(8):
        if len(prefix) < 8:
            raise StreamError("it is cut off")
        mark, size = struct.unpack("<Ii", prefix)
        if mark != _CONTINUATION:
            raise StreamError("it is neither an Arrow file nor a stream")
        if size == 0:
            return
        head = _exactly(file, size)
        kind, body_size = _read_head(head)
        yield kind, prefix + head + _exactly(file, body_size)
    # Some writers leave out the end mark; then nothing tells a stream from one that was cut between batches.


def _exactly(file: BinaryIO, size: int) -> bytes:
    if not 0 <= size <= MAX_MESSAGE_BYTES:
        raise StreamError("a message claims an impossible size")
    data = file.read(size)
    if len(data) < size:
        raise StreamError("it is cut off")
    return data


def _read_head(head: bytes) -> tuple[int, int]:
    """Return kind and body size from a Message table: fields version, header type, header, bodyLength."""
    try:
        (table,) = struct.unpack_from("<I", head, 0)
        (back,) = struct.unpack_from("<i", head, table)
        vtable = table - back
        (vtable_size,) = struct.unpack_from("<H", head, vtable)

        def place(field: int) -> int:
            at = 4 + 2 * field
            return struct.unpack_from("<H", head, vtable + at)[0] if at < vtable_size else 0

        kind = head[table + place(1)] if place(1) else 0
        (body,) = struct.unpack_from("<q", head, table + place(3)) if place(3) else (0,)
    except (struct.error, IndexError):
        raise StreamError("a message can't be read") from None
    return kind, int(body)
