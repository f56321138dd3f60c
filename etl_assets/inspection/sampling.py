"""The bytes of a file that are looked at: all of a small one, pieces of a large one, never more."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from etl_assets.errors import StagingError
from etl_assets.staging.formats.options import Compression

SAMPLE_BYTES = 8_000_000
"""A larger file is looked at in pieces: half of this from its start, a quarter from its middle and end."""

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

_STEP = 1 << 16
_MIDDLE_PIECES = 4


@dataclass(frozen=True)
class Sample:
    """Bytes of a file, after unpacking.

    Attributes:
        pieces: The start first; all of the file when `complete`. A piece other than the first begins
            anywhere, also within a character.
        size: Bytes of the file as it lies there.
        complete: False when there is more than this.
        at_end: True when the last piece ends where the file does.
        packed: How the file is packed.
        damage: Why it could not be unpacked to the end, empty if it could.
    """

    pieces: tuple[bytes, ...]
    size: int
    complete: bool
    at_end: bool
    packed: Compression = Compression.NONE
    damage: str = ""

    @property
    def head(self) -> bytes:
        """The start of the file."""
        return self.pieces[0]

    @property
    def bytes_read(self) -> int:
        """How many bytes are looked at, after unpacking."""
        return sum(map(len, self.pieces))


def take_sample(path: Path, sample_bytes: int = SAMPLE_BYTES) -> Sample:
    """Return what is to be looked at of a file.

    Raises:
        StagingError: It is not there, no file, or can't be read.
    """
    try:
        if not path.is_file():
            what = "It is a folder, not a file" if path.is_dir() else "There is no such file"
            raise StagingError(what, where={"file": path}, hint="Name files, such as sales/*.csv")
        size = path.stat().st_size
        with path.open("rb") as stream:
            magic = stream.read(4)
            stream.seek(0)
            if magic.startswith(GZIP) or magic == ZSTD:
                packed = Compression.GZIP if magic.startswith(GZIP) else Compression.ZSTD
                return _unpacked(stream, size, packed, sample_bytes)
            if size <= sample_bytes:
                return Sample((stream.read(sample_bytes),), size, complete=True, at_end=True)
            pieces = [stream.read(sample_bytes // 2)]
            # Several places of the middle: what changes on the way is seen sooner.
            length = sample_bytes // 4 // _MIDDLE_PIECES
            for n in range(1, _MIDDLE_PIECES + 1):
                # On even places, for encodings of two bytes.
                stream.seek(max(size * n // (_MIDDLE_PIECES + 1), sample_bytes // 2) // 4 * 4)
                pieces.append(stream.read(length))
            stream.seek((size - sample_bytes // 4) // 4 * 4)
            pieces.append(stream.read(sample_bytes // 4 + 4))
            return Sample(tuple(pieces), size, complete=False, at_end=True)
    except OSError as error:
        raise StagingError(
            f"The file can't be read: {error.strerror}",
            where={"file": path},
            hint="Check the file's permissions",
        ) from error


def _unpacked(stream: BinaryIO, size: int, packed: Compression, limit: int) -> Sample:
    """Unpack the start only: the rest of a packed file can't be reached without unpacking all of it."""
    out, total, damage = [], 0, ""
    try:
        for chunk in _gunzipped(stream) if packed is Compression.GZIP else _unzstd(stream):
            out.append(chunk)
            total += len(chunk)
            if total > limit:
                break
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        damage = f"its {packed} compression is damaged or cut off: {error}"
    data = b"".join(out)
    complete = total <= limit and not damage
    return Sample((data[:limit],), size, complete, at_end=complete, packed=packed, damage=damage)


def _gunzipped(stream: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=stream) as unpacked:
        # What there is before the end of a file that was cut off; read() would give nothing of it.
        while chunk := unpacked.read1(_STEP):
            yield chunk


def _unzstd(stream: BinaryIO) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with decompressor.stream_reader(stream, read_across_frames=True) as unpacked:
        while chunk := unpacked.read(_STEP):
            yield chunk
