"""Statements are read back from a module on disk: values, comments and headings."""

from symdiff.review.lines import is_heading, lines_of


def test_lines_are_read_back():
    text = '''\
def backward(params):
    """Doc."""
    # z = x * y     [spec.py:3]
    d_z = 2 * d_y  # [N, 10]   x * y: product

    # [3]   sum
    d_z += (
        1
    )
    return d_z
'''
    first, second, last = lines_of(text, lambda function: True)
    assert (first.target, first.value, first.place) == ("d_z", "2 * d_y", "spec.py:3")
    assert (first.shape, first.rule) == ("[N, 10]", "x * y: product")
    assert (second.target, second.value) == ("d_z", "+= 1")
    assert (second.shape, second.rule) == ("[3]", "sum")
    assert last.target == "return"
    assert is_heading("    # z = x * y     [spec.py:3]")
    assert not is_heading("    # [3]   sum")
