"""Which customers a saved filter means."""
