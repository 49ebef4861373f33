"""The user's code, rewritten so that its loads, calls, operators and stores are seen."""
