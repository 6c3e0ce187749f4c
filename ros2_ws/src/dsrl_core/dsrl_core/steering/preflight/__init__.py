"""Is a frozen policy worth steering? Measured before robot time is spent; see docs/preflight.md."""
