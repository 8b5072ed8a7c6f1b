"""What the launcher does: run folder, starting, supervision, bus, table, summary, ledger."""
