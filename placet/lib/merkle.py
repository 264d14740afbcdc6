"""A hash tree over a list that only grows (RFC 9162, section 2.1), kept as the few hashes that its next root needs.

Whoever knows the root of the first n leaves finds any of them changed, removed or put in; and the same tree serves
proofs that a leaf is in it, and that one list begins with another.
"""

import hashlib
from dataclasses import dataclass, field


@dataclass
class Tree:
    """`peaks`: the hashes of the whole subtrees that `size` is made of, the largest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        node, whole = hashlib.sha256(b"\x00" + leaf).digest(), self.size
        while whole & 1:
            node = _above(self.peaks.pop(), node)
            whole >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256().digest()
        *others, root = self.peaks
        for peak in reversed(others):
            root = _above(peak, root)
        return root


def _above(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
