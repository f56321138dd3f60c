"""Arrow IPC: streams batch by batch, as Polars reads one only as a whole; and whether a file is all there."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl

_FILE_MAGIC = b"ARROW1"
_FIRST_MESSAGE = 8
_BLOCK = struct.Struct("<qi4xq")
_MAX_GAP = 72
"""Messages are aligned to 64 bytes at most, and behind the last stands the mark of the end."""
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
            if kind == _SCHEMA and not schema:
                schema = begun = message
            elif kind == _SCHEMA:
                raise StreamError("another stream follows its end")
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
            if file.read(1):
                raise StreamError("something follows its end")
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
        kind_at, body_at = _place(head, 1), _place(head, 3)
        kind = head[kind_at] if kind_at else 0
        (body,) = struct.unpack_from("<q", head, body_at) if body_at else (0,)
    except (struct.error, IndexError):
        raise StreamError("a message can't be read") from None
    return kind, int(body)


def _place(table: bytes, field: int) -> int:
    """Return where a field of a Flatbuffers table stands, 0 if it is left out."""
    (root,) = struct.unpack_from("<I", table, 0)
    (back,) = struct.unpack_from("<i", table, root)
    vtable, at = root - back, 4 + 2 * field
    (size,) = struct.unpack_from("<H", table, vtable)
    offset = struct.unpack_from("<H", table, vtable + at)[0] if at < size else 0
    return int(root + offset) if offset else 0


# -- files ------------------------------------------------------------------------------------


def check_file(path: Path) -> None:
    """See that the batches of an Arrow file lie one behind the other, up to the footer that lists them.

    The footer alone says where a reader finds the rows; what else lies in the file, it never sees.

    Raises:
        StreamError: It is cut off, or holds more than its footer knows of, such as a second file.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        tail = 4 + len(_FILE_MAGIC)
        file.seek(max(size - tail, 0))
        end = file.read(tail)
        if size < _FIRST_MESSAGE + tail or not end.endswith(_FILE_MAGIC):
            raise StreamError("it does not end as such a file does: it may be cut off")
        footer_at = size - tail - struct.unpack_from("<i", end)[0]
        if not _FIRST_MESSAGE <= footer_at <= size - tail:
            raise StreamError("its footer claims an impossible size")
        file.seek(footer_at)
        blocks = _blocks(file.read(size - tail - footer_at))
        file.seek(0)
        if not blocks and 2 * _FILE_MAGIC in file.read(min(footer_at, MAX_MESSAGE_BYTES)):
            raise StreamError("another file follows its end")
    # Before the first batch stands the schema; its length is not told everywhere.
    at = blocks[0][0] if blocks else footer_at
    for begin, end_of_block in [*blocks, (footer_at, footer_at)]:
        if not begin - _MAX_GAP <= at <= begin <= end_of_block <= footer_at:
            raise StreamError("its footer does not list what lies before it: it may be two files")
        at = end_of_block


def _blocks(footer: bytes) -> list[tuple[int, int]]:
    """Return where each message lies that a Footer table lists: version, schema, dictionaries, batches."""
    found: list[tuple[int, int]] = []
    try:
        for field in (2, 3):
            if at := _place(footer, field):
                at += struct.unpack_from("<I", footer, at)[0]
                (count,) = struct.unpack_from("<I", footer, at)
                blocks = footer[at + 4 : at + 4 + count * _BLOCK.size]
                found += [(begin, begin + head + body) for begin, head, body in _BLOCK.iter_unpack(blocks)]
                if len(blocks) < count * _BLOCK.size:
                    raise StreamError("its footer is cut off")
    except struct.error:
        raise StreamError("its footer can't be read") from None
    return sorted(found)
