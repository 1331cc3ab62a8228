"""Profiles kept in the catalogue, beside those that ship."""

from __future__ import annotations

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.query.grammar import as_filter
from tv5core.recommend.profiles import (
    SECTION,
    SECTION_VERSION,
    Profile,
    check_profile,
    decode_profiles,
    encode_profiles,
    shipped_profiles,
)
from tv5core.store import Store
from tv5core.store.meta import Meta
from tv5core.store.sections import put_section, section
from tv5core.store.transaction import Txn

__all__ = ["StoredProfiles"]

_MOST = 10_000


class StoredProfiles:
    """Profiles by name; a stored one comes before one that ships.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, Profile]:
        """Return all profiles by name."""
        with self._store.read() as txn:
            return dict(sorted({**shipped_profiles(), **stored_profiles(txn)}.items()))

    def get(self, name: str) -> Profile:
        """Return a profile; raises InvalidInputError where there is none of the name."""
        known = self.all()
        if name not in known:
            raise InvalidInputError(
                f"expected a profile ({', '.join(known)[:400]}), got {shown(name)}"
            )
        return known[name]

    def put(self, name: object, profile: object) -> None:
        """Store a profile in place of the one of that name."""
        name, profile = check_profile(name, profile)
        as_filter(profile.where or None, self._store.meta.extra_fields)

        def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
            known = stored_profiles(txn)
            if name not in known and len(known) >= _MOST:
                raise InvalidInputError(f"expected up to {_MOST:,} stored profiles, got one more")
            known[name] = profile
            put_section(txn, SECTION, SECTION_VERSION, encode_profiles(known))
            return meta, None

        self._store.write(work)

    def delete(self, name: str) -> bool:
        """Remove a stored profile; return whether there was one."""

        def work(txn: Txn, meta: Meta) -> tuple[Meta, bool]:
            known = stored_profiles(txn)
            found = known.pop(name, None) is not None
            if found:
                put_section(txn, SECTION, SECTION_VERSION, encode_profiles(known))
            return meta, found

        return self._store.write(work)


def stored_profiles(txn: Txn) -> dict[str, Profile]:
    """Return the profiles that are stored."""
    found = section(txn, SECTION, SECTION_VERSION)
    return {} if found is None else decode_profiles(found[1])
