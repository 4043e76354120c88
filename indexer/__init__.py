"""Turn the dumps of the registries into an index."""
