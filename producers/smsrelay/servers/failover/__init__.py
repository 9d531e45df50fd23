"""Who the primary is, and how it is found again: asked of sentinels or of a cluster, one server at a time."""
