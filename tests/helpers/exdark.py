"""A small ExDark."""

from __future__ import annotations

# What is wrong, and the corners, counted from 0, of boxes in 60x40 pixels.
FAULTY = dict(
    good=('Dog', 1, 2, 11, 22),
    outside=('Dog', 50, 30, 70, 40),
    far=('Dog', 70, 50, 80, 60),
    zero=('Dog', 5, 5, 5, 9),
    inverted=('Dog', 9, 5, 5, 9),
    unknown=('Yeti', 1, 1, 9, 9),
)
