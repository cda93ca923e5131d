"""Joins everything: which runner does a kind of act, which view goes where, how a session comes to life."""
