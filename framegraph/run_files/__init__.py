"""A run's files besides its outputs: folders, locks, ledgers."""
