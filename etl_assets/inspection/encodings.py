"""Which encoding the bytes of a text speak for."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SINGLE_BYTE = ("cp1252", "iso8859-15", "cp850", "mac-roman", "cp1250", "cp1251", "cp1253", "cp1254")
"""Encodings of one byte a character that are tried, the commonest first."""

_CONTEXT_BYTES = 65_536
"""Bytes around those beyond ASCII that the single-byte encodings are weighed on."""

_MULTI_BYTE_EVIDENCE = 40
"""Fewer bytes beyond ASCII can be read as Chinese by chance."""

_TWICE = re.compile("[ÃÂâ][\u0080-\u00bf\u0152-\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]")
"""Two of the characters that one becomes whose UTF-8 is read as cp1252."""


_COMMON = frozenset("äöüßéèêëàâáçñóòôíìîïúùûãõåøæœÄÖÜÉÈÀÇÑÅØÆÁÓÚÍ")

_SIGNS = frozenset("\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u2026\xa0«»°²³§®™½¼¾µ·¡¿")


@dataclass(frozen=True)
class TextEncoding:
    """How bytes become text, and what spoke for it."""

    name: str
    proposal: Proposal
    problems: tuple[str, ...] = ()

    def decode(self, piece: bytes) -> str:
        """Return the text of a piece; what can't be decoded becomes U+FFFD."""
        text = piece.decode(self.name, "replace")
        return text.removeprefix("\ufeff")


def find_encoding(sample: Sample) -> TextEncoding:
    """Return the encoding of a sample, with evidence."""
    for mark, name in _BOMS:
        if sample.head.startswith(mark):
            return _found(
                name, Certainty.SURE, f"it begins with the byte order mark of {name}: {mark.hex(' ')}"
            )
    if wide := _utf_16_without_mark(sample.head):
        return _found(wide, Certainty.LIKELY, "every other byte is NUL, as in UTF-16 of Latin letters")
    valid, invalid = _utf_8_sequences(sample.pieces)
    part = "" if sample.complete else " of the sample"
    if not invalid and not valid:
        certainty = Certainty.SURE if sample.complete else Certainty.LIKELY
        return _found("utf-8", certainty, f"each byte{part} is ASCII: most encodings read it the same way")
    if not invalid:
        plenty = valid >= 3 or sample.complete
        evidence = f"{valid:,} characters{part} beyond ASCII, each of them valid UTF-8"
        found = _found("utf-8", Certainty.SURE if plenty else Certainty.LIKELY, evidence)
        return _with_double(found, sample)
    if valid > 20 * invalid:
        evidence = (
            f"{valid:,} characters beyond ASCII are valid UTF-8, {invalid:,} bytes are not: damaged, or "
            "put together from files of two encodings"
        )
        found = _found("utf-8", Certainty.UNSURE, evidence, ("cp1252",))
        return TextEncoding(found.name, found.proposal, (f"{invalid:,} bytes are not valid UTF-8",))
    return _legacy(sample)


def _found(name: str, certainty: Certainty, evidence: str, others: Sequence[str] = ()) -> TextEncoding:
    return TextEncoding(name, Proposal("encoding", name, certainty, evidence, tuple(others)))


def _with_double(found: TextEncoding, sample: Sample) -> TextEncoding:
    text = found.decode(sample.head[:1_000_000])
    beyond = sum(not char.isascii() for char in text)
    twice = sum(map(len, _TWICE.findall(text)))
    if lost := sum(piece.count(b"\xef\xbf\xbd") for piece in sample.pieces):
        problem = (
            f"{lost:,} letters are lost: U+FFFD stands in their place; whoever wrote it could not read them"
        )
        return TextEncoding(found.name, found.proposal, (problem,))
    if twice * 2 > beyond:
        problem = (
            f"The text looks encoded twice ({twice:,} of {beyond:,} characters beyond ASCII are such "
            "as 'Ã¼' for 'ü'): somebody read UTF-8 as cp1252 and wrote it again; ask for a better export"
        )
        return TextEncoding(found.name, found.proposal, (problem,))
    return found


def _utf_16_without_mark(head: bytes) -> str | None:
    start = head[:20_000]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if start and 5 * (even + odd) > len(start) and max(even, odd) > 8 * min(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _utf_8_sequences(pieces: Sequence[bytes]) -> tuple[int, int]:
    """Count characters beyond ASCII that are valid UTF-8, and bytes that are not."""
    valid = invalid = 0
    for number, piece in enumerate(pieces):
        if piece.isascii():
            continue
        text = piece.decode("utf-8", "surrogateescape")
        wrong = len(re.findall("[\udc80-\udcff]", text))
        beyond = len(re.findall("[^\x00-\x7f]", text)) - wrong
        # A piece may begin and end within a character.
        cut = 3 * (number > 0) + 3 * (len(pieces) > 1 and number + 1 < len(pieces))
        valid, invalid = valid + beyond, invalid + max(wrong - cut, 0)
    return valid, invalid


# -- without UTF ----------------------------------------------------------------------------------


def _legacy(sample: Sample) -> TextEncoding:
    context = _around_high_bytes(sample.pieces)
    high = len(re.findall(rb"[\x80-\xff]", context))
    library, multi_byte = _library_says(context)
    if library and multi_byte and high >= _MULTI_BYTE_EVIDENCE:
        evidence = f"not valid UTF-8; charset-normalizer reads it without an error as {library}"
        if _plausibility(context, "cp1252") < 0.5:
            return _found(library, Certainty.LIKELY, evidence, ("cp1252",))
    if multi_byte:
        library = None
    names = [*_SINGLE_BYTE, *([library] if library and library not in _SINGLE_BYTE else [])]
    weighed = {name: _plausibility(context, name) for name in names}
    top = max(weighed.values())
    # A narrow lead of a rare encoding is chance; ties go to the commonest.
    best = next(name for name in names if weighed[name] >= top - 0.02)
    text = context.decode(best, "replace")
    # Those that read each of these bytes alike are no alternative: nothing hangs on the choice.
    alike = [name for name in names if name != best and context.decode(name, "replace") == text]
    rivals = sorted((name for name in names if name not in (best, *alike)), key=lambda name: -weighed[name])
    lead = min((_lead(context, best, rival) for rival in rivals if weighed[rival]), default=1.0)
    evidence = f"not valid UTF-8; {weighed[best]:.0%} of {high:,} bytes beyond ASCII make sense as {best}"
    if rivals:
        evidence += f", {weighed[rivals[0]]:.0%} as {rivals[0]}"
    if best == "cp1252" and not re.search(rb"[\x80-\x9f]", context):
        evidence += "; latin-1 reads each of them the same way"
    elif best == "cp1252":
        evidence += "; it has signs such as € or „, which latin-1 does not have"
    # What is rare needs more to speak for it.
    enough = 3 if best == "cp1252" else 1_000
    likely = weighed[best] >= 0.85 and lead > 0.15 and high >= enough
    others = tuple(name for name in rivals if weighed[name] > weighed[best] - 0.25)[:3]
    return _found(best, Certainty.LIKELY if likely else Certainty.UNSURE, evidence, others)


def _around_high_bytes(pieces: Sequence[bytes]) -> bytes:
    """Words with bytes beyond ASCII: few where all is ASCII for megabytes."""
    out, size = [], 0
    for piece in pieces:
        for word in re.finditer(rb"[^\r\n\t;,|]{0,40}[\x80-\xff][^\r\n\t;,|]{0,40}", piece):
            out.append(word[0])
            size += len(word[0]) + 1
            if size > _CONTEXT_BYTES:
                return b"\n".join(out)
    return b"\n".join(out)


def _library_says(context: bytes) -> tuple[str | None, bool]:
    """What charset-normalizer takes it for, and whether that has several bytes a character."""
    from charset_normalizer import from_bytes

    best = from_bytes(context).best()
    if best is None:
        return None, False
    name = codecs.lookup(best.encoding).name
    if name.startswith(("utf-16", "utf-32")):
        return None, False  # nearly any bytes can be read as these
    try:
        text = context.decode(name)
    except UnicodeDecodeError:
        return None, False
    return name, len(text) < len(context)


def _plausibility(context: bytes, name: str) -> float:
    """The share of bytes beyond ASCII that make sense where they stand, 0 if some mean nothing."""
    try:
        text = context.decode(name)
    except UnicodeDecodeError:
        return 0.0
    scores = list(_scores(text))
    return sum(scores) / len(scores) if scores else 0.0


def _lead(context: bytes, best: str, rival: str) -> float:
    """By how much one encoding makes more sense than another, where they differ."""
    ours, theirs = context.decode(best, "replace"), context.decode(rival, "replace")
    if len(ours) != len(theirs):
        return _plausibility(context, best) - _plausibility(context, rival)
    places = [n for n, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    if not places:
        return 1.0
    return sum(_sense_at(ours, n) - _sense_at(theirs, n) for n in places) / len(places)


def _sense_at(text: str, at: int) -> float:
    return _sense(text[at - 1 : at], text[at], text[at + 1 : at + 2])


def _scores(text: str) -> Iterator[float]:
    for match in re.finditer(r"[^\x00-\x7f]", text):
        yield _sense_at(text, match.start())


def _sense(before: str, char: str, after: str) -> float:
    if char.isalpha():
        lower_before_upper = before.islower() and char.isupper()
        upper_before_lower_run = char.isupper() and before.isupper() and after.islower()
        if lower_before_upper or upper_before_lower_run:
            return 0.0
        latin = "LATIN" in unicodedata.name(char, "")
        neighbours = [one for one in (before, after) if one.isalpha()]
        if not latin:
            # Cyrillic and Greek come in words of their own.
            return 0.9 if neighbours and not any(one.isascii() for one in neighbours) else 0.1
        if sum(not one.isascii() for one in neighbours) == 2:
            return 0.3
        return 1.0 if char in _COMMON else 0.85 if char.islower() or neighbours else 0.6
    if char == "€":
        return 1.0 if before.isdigit() or after.isdigit() or before.isspace() or after.isspace() else 0.3
    if char in "£¥":
        return 0.9 if after.isdigit() or before.isdigit() or after.isspace() else 0.1
    if char in _SIGNS:
        within = before.isalpha() and after.isalpha() and char not in "\u2018\u2019\u2013"
        return 0.1 if within else 0.95
    return 0.0
