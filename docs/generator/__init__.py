"""Writes the reference, `docs/reference/`, from the code that it speaks of: `make reference`."""
