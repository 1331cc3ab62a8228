"""lmdb_env."""
