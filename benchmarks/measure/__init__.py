"""What is measured of a peer, a module a question."""
