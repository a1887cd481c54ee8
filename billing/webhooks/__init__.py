"""Telling others what happened: endpoints with the events that they chose, signed messages, a log, and a guard against inner addresses."""
