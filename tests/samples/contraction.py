"""Samples of symdiff/ops/linalg/contraction.py, subscripts.py and products.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import Sample, raw, sd


def einsum(subscripts: str, *shapes: Any, **more: Any) -> Sample:
    """A sample of ``einsum(subscripts, ...)``."""
    return Sample(
        lambda *xs: sd.einsum(subscripts, *xs),
        shapes,
        reference=lambda *xs: np.einsum(subscripts, *xs),
        label=f"einsum[{subscripts}]",
        **more,
    )


SAMPLES = [
    einsum("ij->ji", (3, 4)),
    einsum("ij->j", (3, 4)),
    einsum("ij->", (3, 4)),
    einsum("ba", (3, 4)),
    einsum("ii->i", (3, 3)),
    einsum("ii", (3, 3)),
    einsum("iij->ji", (3, 3, 2)),
    einsum("ijij->j", (3, 2, 3, 2)),
    einsum("...ij->...ji", (3, 2, 4)),
    einsum("i,i", (4,), (4,)),
    einsum("i,j", (3,), (4,)),
    einsum("i,j->ji", (3,), (4,)),
    einsum("ij,jk", (3, 4), (4, 2)),
    einsum("ij,jk->ki", (3, 4), (4, 2)),
    einsum("ji,kj->ik", (3, 4), (2, 3)),
    einsum("ij,j", (3, 4), (4,)),
    einsum("j,ij->i", (4,), (3, 4)),
    einsum("ij,ij->", (3, 4), (3, 4)),
    einsum("ij,ij->i", (3, 4), (3, 4)),
    einsum("ij,ij->ij", (3, 4), (3, 4)),
    einsum("ij,i->j", (3, 4), (3,)),
    einsum("i,ij->ij", (3,), (3, 4)),
    einsum("ij,kl->ik", (3, 4), (5, 2)),
    einsum("ij,->ij", (3, 4), ()),
    einsum("bi,bij->bj", (3, 2), (3, 2, 4)),
    einsum("bij,bjk->bik", (3, 2, 4), (3, 4, 5)),
    einsum("bqhd,bkhd->bhqk", (3, 4, 2, 5), (3, 6, 2, 5)),
    einsum("bijc,bckl->bijkl", (3, 2, 4, 2), (3, 2, 2, 5)),
    einsum("bijc,bcd->jbdi", (3, 2, 4, 5), (3, 5, 6)),
    einsum("btc,cd->btd", (3, 2, 4), (4, 5)),
    einsum("dc,btc->btd", (5, 4), (3, 2, 4)),
    einsum("ijkl,kljm->im", (3, 2, 4, 5), (4, 5, 2, 6)),
    einsum("nchwij,ocij->nohw", (3, 2, 4, 5, 2, 2), (6, 2, 2, 2)),
    einsum("ii,ij->j", (3, 3), (3, 4)),
    einsum("...i,...i->...", (3, 4), (3, 4)),
    einsum("...ij,...jk->...ik", (3, 2, 4), (4, 5)),
    einsum("...ij,...jk->...ik", (6, 1, 2, 4), (3, 4, 5)),
    einsum("ij...,jk...->ik...", (3, 4, 2), (4, 5, 2)),
    einsum("...,...", (3, 4), (4,)),
    einsum("ij,jk->ik", (3, 1), (4, 5)),
    einsum("ij,jk,kl->il", (3, 4), (4, 2), (2, 5)),
    einsum("ij,jk,kl", (5, 4), (4, 6), (6, 2)),
    einsum("i,j,k->kji", (3,), (4,), (2,)),
    einsum("i,ij,j", (3,), (3, 4), (4,)),
    einsum("ia,ja,ka->ijk", (3, 2), (4, 2), (5, 2)),
    einsum("ijk,ia,jb,kc->abc", (3, 4, 2), (3, 5), (4, 2), (2, 6)),
    einsum("a,b,c,d,e,f->", (2,), (3,), (2,), (2,), (2,), (2,)),
    einsum("ab,bc,cd,de,ef,fg->ag", *[(2, 2)] * 6, symbolic=False),
    Sample(
        lambda x, y: sd.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        [(3, 4), (4, 2)],
        reference=lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        label="einsum[interleaved]",
    ),
    Sample(
        lambda x, y: sd.einsum(x, [..., 1], y, [1, 2]),
        [(3, 4), (4, 2)],
        reference=lambda x, y: np.einsum(x, [..., 1], y, [1, 2]),
        label="einsum[interleaved,implicit]",
    ),
    Sample(
        lambda x, y, z: sd.einsum("ij,jk,kl->il", x, y, z, optimize=False),
        [(3, 4), (4, 2), (2, 5)],
        reference=lambda x, y, z: x @ y @ z,
        label="einsum[optimize=False]",
    ),
    Sample("tensordot", [(3, 4, 5), (4, 5, 2)]),
    Sample("tensordot", [(3, 4), (4, 2)], {"axes": 1}),
    # Equal shapes: a swap of operands fits, and is wrong.
    Sample("tensordot", [(3, 3, 3), (3, 3, 3)], {"axes": ((0, 1), (1, 0))}),
    einsum("ij,ji->i", (3, 3), (3, 3)),
    Sample("tensordot", [(3,), (4, 2)], {"axes": 0}),
    Sample("tensordot", [(3, 4, 5), (5, 2, 4)], {"axes": ([1, 2], [2, 0])}),
    Sample("tensordot", [(3, 4, 5), (2, 3)], {"axes": (0, 1)}),
    Sample("tensordot", [(3, 4, 2), (3, 5, 4)], {"axes": ((0, 1), (0, 2))}),
    Sample("tensordot", [(3, 4), (3, 4)], {"axes": ((0, 1), (0, 1))}),
    Sample(
        raw("place_diagonal"),
        [(3, 2)],
        {"shape": (3, 2, 3), "subscripts": "iji->ij"},
        lambda x, **_: np.einsum("ij,ik->ijk", x, np.eye(3)),
        symbolic=False,
        label="place_diagonal",
    ),
]
