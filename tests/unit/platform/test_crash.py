"""Crash points do nothing outside development mode, and nothing for other labels."""

import os

import pytest

from topup.platform import crash


@pytest.fixture
def kills(monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    yield sent
    monkeypatch.delenv("TOPUP_CRASH_AT", raising=False)
    crash.arm(development=False)


def test_only_the_armed_label_kills_and_only_at_its_passing(monkeypatch, kills):
    monkeypatch.setenv("TOPUP_CRASH_AT", "a.b:3")
    crash.arm(development=True)
    for label in ("a.b", "other", "a.b"):
        crash.crash_point(label)
    assert kills == []
    crash.crash_point("a.b")
    assert kills == [(os.getpid(), 9)]


def test_production_ignores_the_variable(monkeypatch, kills):
    monkeypatch.setenv("TOPUP_CRASH_AT", "a.b")
    crash.arm(development=False)
    crash.crash_point("a.b")
    assert kills == []


def test_declared_labels_are_known():
    assert crash.crash_label("test.declared") in crash.LABELS
    crash.LABELS.discard("test.declared")
