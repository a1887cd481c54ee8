"""The people that tests of access speak as: owner, colleague with less role, stranger, nobody, and staff by role."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from accounts.models import Membership


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def customer(name: str, account: str, role: str) -> Client:
    user = User.objects.create_user(name)
    Membership.objects.create(user=user, account=account, role=role, since=timezone.now())
    return client_of(user)


def staff(*roles: str) -> Client:
    user = User.objects.create_user(f"staff-{'-'.join(roles)}", is_staff=True)
    user.groups.add(*Group.objects.filter(name__in=roles))
    return client_of(user)
