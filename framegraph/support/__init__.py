"""What every room may use: texts, secrets, files, histograms."""
