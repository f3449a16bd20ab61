"""What an account may do that no second person stands for: nothing that takes two, and not look after staff."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.orders import giving_back
from topup.people.confirming import UNCONFIRMED_MAY, gains, is_waiting, may
from topup.people.permissions import STAFF_ROLES, Permission, Role, allowed
from topup.reconciliation import writing_off

roles, permissions = st.sampled_from(sorted(STAFF_ROLES)), st.sampled_from(Permission)


@given(roles, permissions)
def test_it_may_less_than_its_role_and_nothing_else(role, permission):
    assert may(role, permission, confirmed=True) == allowed(role, permission)
    assert may(role, permission, confirmed=False) <= allowed(role, permission)
    assert is_waiting(role, permission, confirmed=False) == (
        allowed(role, permission) and not may(role, permission, confirmed=False)
    )
    assert not is_waiting(role, permission, confirmed=True)


def test_nothing_of_what_takes_two_people_is_left_to_one():
    asked = {permission for permission in Permission if permission.value.endswith((".request", ".approve", ".manage"))}
    kinds = [giving_back.kind(), *writing_off.kinds()]
    asked |= {Permission(name) for kind in kinds for name in (kind.request, kind.approve)}
    asked |= {Permission.RESOLVE_PAYMENT, Permission.ADJUST_CREDIT}
    asked |= {Permission.REPLACE_CARDS, Permission.EXPORT_PEOPLE}
    assert not asked & UNCONFIRMED_MAY


@given(roles, roles)
def test_a_role_gains_exactly_where_somebody_unconfirmed_would_wait_for_what_they_did_not_have(before, after):
    new = [one for one in Permission if is_waiting(after, one, confirmed=False) and not allowed(before, one)]
    assert gains(before, after) == bool(new)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (Role.CLERK, Role.SUPPORT, True),
        (Role.SUPPORT, Role.FINANCE, True),
        (Role.FINANCE, Role.OPERATOR, True),
        (Role.OPERATOR, Role.FINANCE, False),
        (Role.SUPERVISOR, Role.CLERK, False),
        (Role.SUPPORT, Role.AUDITOR, False),
    ],
)
def test_the_way_up_is_a_gain_and_the_way_down_is_none(before, after, more):
    assert gains(before, after) is more
