"""Brings a ledger of any age to the schema of this code."""
