"""Who may see and do what: the centre has the whole municipality in sight, a department has its own cases."""

from chassis.auth import Principal
from chassis.errors import NotAllowed
from municipality import Municipality

from casework.domain import Case


def may_list(principal: Principal, owner: str, municipality: Municipality) -> None:
    """Whether an owner's list is any of theirs.

    Raises:
        NotAllowed: it is another department's.
    """
    if not _in_sight(principal, owner, municipality):
        raise NotAllowed(f"{owner} is not in your department")


def may_read(principal: Principal, case: Case, municipality: Municipality) -> None:
    """Whether a case is any of theirs.

    Raises:
        NotAllowed: it is another department's.
    """
    may_list(principal, _owner(case), municipality)


def may_act(principal: Principal, case: Case, municipality: Municipality) -> None:
    """Guides act on the answer groups' cases, a department's people on its own, a head of the centre on all.

    Raises:
        NotAllowed: the case is somebody else's now.
    """
    owner = _owner(case)
    if principal.department is None:
        allowed = principal.role == "head" or (principal.role == "guide" and owner.startswith("group."))
    else:
        allowed = _of_department(principal, owner, municipality)
    if not allowed:
        raise NotAllowed(f"the case is owned by {owner}; only they act on it")


def _in_sight(principal: Principal, owner: str, municipality: Municipality) -> bool:
    if principal.department is not None:
        return _of_department(principal, owner, municipality)
    return principal.role in ("guide", "head", "auditor")


def _of_department(principal: Principal, owner: str, municipality: Municipality) -> bool:
    return municipality.department_of(owner) == f"department.{principal.department}"


def _owner(case: Case) -> str:
    assert case.route is not None  # noqa: S101 - only known cases are asked about
    return case.route.owner
