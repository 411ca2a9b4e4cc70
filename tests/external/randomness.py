"""pgflow's random numbers in NumPy, as docs/methods.md (Randomness) defines them: ChaCha8 streams, integers, normal numbers.

`python randomness.py` holds them against the golden numbers of src/random.rs.
"""

from math import exp, log, sqrt

import numpy as np

CONSTANTS = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
R, V = 3.654152885361008796, 0.00492867323399  # the ziggurat of 256 layers under exp(-x^2/2): its tail begins at R, each layer has area V


def blocks(seed, tag, indices, count):
    """The first `count` blocks of the streams `indices` of one purpose, as 64-bit words: shape (streams, 8 count)."""
    key = np.frombuffer(int(seed).to_bytes(8, "little") + tag.ljust(8).encode() + bytes(16), dtype="<u4")
    indices = np.asarray(indices, dtype=np.uint64)[:, None]
    counters = np.arange(count, dtype=np.uint64)[None, :]
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    words = [*CONSTANTS, *key, counters & low, counters >> high, indices & low, indices >> high]
    start = [np.broadcast_to(np.asarray(w, dtype=np.uint32), (indices.size, count)) for w in words]
    x = [w.copy() for w in start]

    def quarter(a, b, c, d):
        for target, source, mixed, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[target] = x[target] + x[source]
            y = x[mixed] ^ x[target]
            x[mixed] = (y << np.uint32(turn)) | (y >> np.uint32(32 - turn))

    for _ in range(4):
        for k in range(4):
            quarter(k, 4 + k, 8 + k, 12 + k)
        for k in range(4):
            quarter(k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4)
    out = np.stack([a + b for a, b in zip(x, start)], axis=2).astype(np.uint64)
    return (out[:, :, 0::2] | out[:, :, 1::2] << high).reshape(indices.size, 8 * count)


def words(seed, tag, index):
    """The words of one stream, one after the other."""
    count = 16
    taken = 0
    while True:
        for word in blocks(seed, tag, [index], count)[0][taken:]:
            taken += 1
            yield int(word)
        count *= 4


def below(source, n):
    """An integer below n: the high word of the product of a word and n; words that would make it uneven are drawn again."""
    threshold = (2**64 - n) % n
    while True:
        product = next(source) * n
        if product % 2**64 >= threshold:
            return product >> 64


def tables():
    x = [V / exp(-R * R / 2), R]
    for _ in range(254):
        x.append(sqrt(-2 * log(V / x[-1] + exp(-x[-1] ** 2 / 2))))
    x.append(0.0)
    return x, [exp(-v * v / 2) for v in x]


X, F = tables()


def normal(source):
    """A standard normal number from a stream's words (ziggurat, as in the Rust crate rand_distr)."""
    while True:
        word = next(source)
        layer = word & 255
        u = (word >> 12) * 2.0**-51 - 1.0
        x = u * X[layer]
        if abs(x) < X[layer + 1]:
            return x
        if layer == 0:
            open_unit = lambda: (next(source) >> 12) * 2.0**-52 + 2.0**-53
            a, b = 1.0, 0.0
            while -2 * b < a * a:
                a, b = log(open_unit()) / R, log(open_unit())
            return a - R if u < 0 else R - a
        if F[layer + 1] + (F[layer] - F[layer + 1]) * ((next(source) >> 11) * 2.0**-53) < exp(-x * x / 2):
            return x


def normals(seed, tag, indices, count):
    """`count` normal numbers of each of the streams: shape (streams, count)."""
    ready = blocks(seed, tag, indices, (count + count // 16) // 8 + 6).tolist()
    result = np.empty((len(ready), count))
    for i, row in enumerate(ready):
        source = iter(row)
        result[i] = [normal(source) for _ in range(count)]
    return result


def golden():
    names = ("target", "sensing", "noise", "init", "perturb")
    expected = (0x38D151357B9DEA87, 0xAAAE84AA878C7768, 0x34349C9AF2AA2AE5, 0x1D069D2134CE795C, 0x706305E038BDC058)
    bits = (0xBFEA7B5764C6EB98, 0x3FE22B001F04B899, 0xBFDD3E5AEE42D584, 0xBFF62A6FFCF72B4F, 0xBFCC74638F5B982D)
    for name, word, bit in zip(names, expected, bits):
        assert next(words(7, name, 3)) == word, name
        number = np.array([bit], dtype=np.uint64).view(np.float64)[0]
        assert abs(normal(words(7, name, 3)) / number - 1) < 1e-14, name


if __name__ == "__main__":
    golden()
    print("the golden numbers are met")
