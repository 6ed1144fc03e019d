"""Tests of the detection package."""
