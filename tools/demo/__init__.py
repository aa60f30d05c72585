"""A whole installation on one machine, step by step: what `make demo` runs."""
