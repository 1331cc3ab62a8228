"""Embedded search engine for film and TV titles."""

from __future__ import annotations
