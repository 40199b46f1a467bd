"""What a spec's class offers, which its generated module has to fit."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from kinfolk.declare import Factory, Singleton, offer_of
from kinfolk.errors import SpecMismatch
from kinfolk.wire.table import ManagerType

__all__ = ["entries_of"]


def entries_of(offer: ManagerType) -> Mapping[str, Singleton | Factory]:
    """Return what `@manager` says of the class of a spec; nothing where there is no spec.

    Raises:
        SpecMismatch: The generated module says something else.
    """
    if not offer.spec:
        return {}
    spec = import_module(offer.spec)
    found = offer_of(getattr(spec, offer.name, None))
    known = {*offer.singletons, *offer.root.names}
    if found is None or set(found.entries) != known:
        raise SpecMismatch(
            f"the generated module no longer fits {offer.spec}: run `kinfolk generate {offer.spec}`"
        )
    return found.entries
