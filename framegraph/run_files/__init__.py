"""What a run has on disk beside its outputs: folders, locks, ledgers."""
