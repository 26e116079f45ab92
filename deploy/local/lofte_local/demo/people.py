"""Who acts in the play, and who contacts us. Numbers and names are from what is set aside for fiction."""

from random import Random
from typing import Any

from municipality import Municipality

from lofte_local.demo.day import Actor

__all__ = ["MAILBOX", "ROBOT", "SERVICE", "citizen", "guide", "words_about", "worker"]

SERVICE = Actor("system", "e-service")
MAILBOX = Actor("system", "mailbox")
ROBOT = Actor("robot", "application-robot", "social")

_GUIDES = 14
_HANDLERS = 4
_FIRST = (
    "Astrid",
    "Nils",
    "Fatima",
    "Karin",
    "Ali",
    "Birgitta",
    "Erik",
    "Leyla",
    "Oskar",
    "Siv",
    "Tomas",
    "Yusuf",
)
_LAST = ("Ek", "Lind", "Haddad", "Berg", "Nyman", "Sandin", "Wik", "Roos", "Hedman", "Omar", "Falk", "Strand")
_FIRMS = ("Bageri", "Rör", "Bygg", "Frisör", "Café", "Måleri", "Cykel", "Plåt")
_ASKED = ("Question about", "How does it stand with", "Help with", "What applies to")


def guide(number: int) -> Actor:
    return Actor("guide", f"guide-{number % _GUIDES + 1}")


def worker(owner: str, number: int, municipality: Municipality) -> Actor:
    """Somebody who may act on an owner's cases."""
    department = municipality.department_of(owner)
    if department is None:
        return guide(number)
    slug = department.partition(".")[2]
    return Actor("handler", f"{slug}-{number % _HANDLERS + 1}", slug)


def citizen(random: Random, kind: str, channel: str) -> dict[str, Any]:
    """A person or a business that does not exist, reachable where it wrote or called from."""
    if kind == "anonymous":
        return {"kind": kind}
    first, last = random.choice(_FIRST), random.choice(_LAST)
    name = f"{first} {last}" if kind == "person" else f"{last}s {random.choice(_FIRMS)} AB"
    told: dict[str, Any] = {"kind": kind, "name": name}
    if channel in ("phone", "visit", "letter"):
        # The regulator keeps 070-174 06 05 to 070-174 06 99 free for books and films.
        told["phone"] = f"070-174 06 {random.randint(5, 99):02}"
    else:
        told["email"] = f"{first.lower()}.{last.lower()}{random.randint(1, 99)}@example.org"
    return told


def words_about(random: Random, topic_name: str) -> str:
    return f"{random.choice(_ASKED)}: {topic_name}"
