"""What the crawlers share: the cookies of those who logged in, and the lock to log in under."""

import attrs

from kinfolk import manager, shared, singleton
from kinfolk.types import RLock


@shared
@attrs.define
class DictItem:
    """Cookies by site."""

    items: dict[str, str] = attrs.field(factory=dict[str, str])

    def get(self, key: str) -> str | None:
        """Return the cookie of a site, or None if nobody has logged in there."""
        return self.items.get(key)

    def set(self, key: str, value: str) -> None:
        """Keep the cookie of a site for everybody."""
        self.items[key] = value

    def __setitem__(self, key: str, value: str) -> None:
        self.set(key, value)


@manager
class Login:
    """A login shared by crawlers that were started one by one."""

    dict = singleton(DictItem)
    open_qq_login_lock = singleton(RLock)
