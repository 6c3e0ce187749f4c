"""Episodes on disk, the label ledger, and what may be trained on."""
