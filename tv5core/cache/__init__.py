"""The cache between a service and everything slow: memory, disk, Redis, then a loader."""
