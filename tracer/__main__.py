"""``python -m tracer`` is the ``tracer`` command."""

from tracer.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
