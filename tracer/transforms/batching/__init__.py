"""Batch rules, one file per kind of op; `tracer.transforms.batch` runs them."""
