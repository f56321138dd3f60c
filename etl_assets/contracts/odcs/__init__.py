"""Open Data Contract Standard 3.1 <-> contracts: in, out, and what has no counterpart.

A document becomes Pandera models made of the same pieces that one writes in Python, and compiled by the
same compiler; a dataset's contracts become a document that other tools read. Whatever one side says and
the other can't is a `Finding`; nothing is dropped in silence.
"""

from etl_assets.contracts.odcs.documents import (
    check_document,
    parse_document,
    read_document,
    write_document,
)
from etl_assets.contracts.odcs.findings import Finding, Loss
from etl_assets.contracts.odcs.placing import compile_table
from etl_assets.contracts.odcs.reading import ReadContracts, ReadTable, read_contracts
from etl_assets.contracts.odcs.writing import WrittenContracts, write_contracts

__all__ = [
    "Finding",
    "Loss",
    "ReadContracts",
    "ReadTable",
    "WrittenContracts",
    "check_document",
    "compile_table",
    "parse_document",
    "read_contracts",
    "read_document",
    "write_contracts",
    "write_document",
]
