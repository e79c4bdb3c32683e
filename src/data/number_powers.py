#!/usr/bin/env python3
"""Prints number_powers.inc: the first 128 bits of 10^k, truncated, top bit set, for k = -342 .. 324."""
print("/* Made by number_powers.py: the first 128 bits of 10^k, truncated, top bit set; k = -342 .. 324. */")
for k in range(-342, 325):
    if k >= 0:
        n, shift = 10 ** k, (10 ** k).bit_length() - 128
        g = n >> shift if shift >= 0 else n << -shift
    else:
        d = 10 ** -k
        g = (1 << (d.bit_length() + 127)) // d
        if g.bit_length() > 128:
            g >>= 1
    assert g.bit_length() == 128
    print("{ 0x%016x, 0x%016x }," % (g >> 64, g & (2 ** 64 - 1)))
