#!/usr/bin/python3
"""Writes test/fixtures/states/*.npz: files of arrays as NumPy writes them, for the test that reads them.

Needs NumPy (Debian: python3-numpy); the tests themselves do not.
"""
import os

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "fixtures", "states")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    arrays = {
        "fc1.weight": np.arange(6, dtype="<f8").reshape(2, 3) / 4,
        "fc1.bias": np.array([0.5, -0.0, np.inf], dtype="<f4"),
        "steps": np.array(7, dtype="<i4"),
        "long": np.array([-(2**31), 2**31 - 1], dtype="<i8"),
        "short": np.array([-5, 300], dtype="<i2"),
        "bytes": np.array([0, 255], dtype="|u1"),
        "flags": np.array([True, False]),
        "half": np.array([1.5, -2.0**-24, 65504, np.nan], dtype="<f2"),
        "fortran": np.asfortranarray(np.arange(6, dtype="<f8").reshape(2, 3)),
        "big": np.array([1.25, -3.0], dtype=">f8"),
        "empty": np.zeros((0, 3), dtype="<f8"),
    }
    np.savez(os.path.join(FOLDER, "plain.npz"), **arrays)
    np.savez_compressed(os.path.join(FOLDER, "compressed.npz"), **arrays)
    np.savez(os.path.join(FOLDER, "too-long.npz"), id=np.array([2**31], dtype="<i8"))
    np.savez(os.path.join(FOLDER, "complex.npz"), z=np.array([1j]))


main()
