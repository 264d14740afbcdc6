"""The hash tree against its definition (RFC 9162, section 2.1.1), which is written out here."""

import hashlib

from placet.lib.merkle import Tree


def root(leaves: list[bytes]) -> bytes:
    """MTH(D[n])."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def test_the_root_of_every_size() -> None:
    tree, leaves = Tree(), list[bytes]()
    for number in range(200):
        assert tree.root() == root(leaves)
        assert (tree.size, len(tree.peaks)) == (number, number.bit_count())
        leaves.append(str(number).encode())
        tree.add(leaves[-1])


def test_it_goes_on_from_its_peaks() -> None:
    whole, first = Tree(), Tree()
    for number in range(37):
        whole.add(bytes([number]))
        if number < 21:
            first.add(bytes([number]))
    rest = Tree(first.size, list(first.peaks))
    for number in range(21, 37):
        rest.add(bytes([number]))
    assert rest == whole and rest.root() == whole.root()


def test_the_test_vector_of_certificate_transparency() -> None:
    """Eight leaves of the reference implementation (google/certificate-transparency, merkletree tests)."""
    leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    tree = Tree()
    for leaf in leaves:
        tree.add(bytes.fromhex(leaf))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
