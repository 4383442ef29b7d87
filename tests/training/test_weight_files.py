"""Files of weights: formats are held to as specified, no changed byte goes unseen."""

import io
import json
import zipfile

import numpy as np
import pytest
from training_runs import put, weights

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

KINDS = ["npz", "safetensors"]
HEADER = {
    "W": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]},
    "b": {"dtype": "F32", "shape": [3], "data_offsets": [48, 60]},
}
BODY = np.arange(15, dtype="<f4").tobytes()


def safetensors(header, body=BODY):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def altered(name="W", **changes):
    return safetensors({**HEADER, name: {**HEADER[name], **changes}})


def test_the_file_that_the_others_are_made_of_is_loaded(module):
    """Also where tensors are listed in another order than they lie in."""
    put("w.safetensors", safetensors(dict(reversed(HEADER.items()))))
    found = module.load("w.safetensors")
    assert found["W"].tolist() == np.arange(12.0).reshape(4, 3).tolist()
    assert found["b"].tolist() == [12.0, 13.0, 14.0]


def again(text):
    return safetensors(text.encode())


ONE = json.dumps(HEADER)[1:-1]
WRONG = {
    "shifted": altered(data_offsets=[4, 52]),
    "hole": safetensors(
        {**HEADER, "b": {**HEADER["b"], "data_offsets": [52, 64]}}, BODY + b"1234"
    ),
    "overlap": altered("b", data_offsets=[44, 56]),
    "same bytes": altered("b", data_offsets=[0, 12]),
    "beyond the end": safetensors(HEADER, BODY[:-1]),
    "more bytes": safetensors(HEADER, BODY + b"\0"),
    "too short for its shape": altered(data_offsets=[0, 44]),
    "backwards": altered(data_offsets=[48, 0]),
    "negative": altered(data_offsets=[-4, 44]),
    "fractions": altered(data_offsets=[0.0, 48.0]),
    "booleans": altered("b", data_offsets=[True, 60]),
    "words": altered(data_offsets=["0", "48"]),
    "one offset": altered(data_offsets=[0]),
    "another shape": altered(shape=[3, 4]),
    "a negative shape": altered(shape=[-4, -3]),
    "a huge shape": altered(shape=[2**40, 2**40]),
    "no lengths": altered(shape="43"),
    "another dtype": altered(dtype="I32"),
    "no such dtype": altered(dtype="F33"),
    "a name twice": again("{" + ONE + ", " + ONE + "}"),
    "a key twice": again("{" + ONE.replace('"shape"', '"shape": [9], "shape"') + "}"),
    "no entry": safetensors({**HEADER, "W": None}),
    "an empty entry": safetensors({**HEADER, "W": {}}),
    "a list": again("[1]"),
    "a space first": again(" {" + ONE + "}"),
    "another encoding": safetensors(json.dumps(HEADER).encode("utf-16")),
    "deep": again('{"a": ' + "[" * 100_000),
    "a huge header": (2**63).to_bytes(8, "little") + b"{" + BODY,
    "a header beyond the end": (200).to_bytes(8, "little") + b"{}" + BODY,
    "no metadata": safetensors({**HEADER, "__metadata__": [1]}),
    "a checksum": safetensors(
        {"__metadata__": {"symdiff_checksum": "0" * 8}, **HEADER}
    ),
    "missing": safetensors({"W": HEADER["W"]}, BODY[:48]),
    "unexpected": safetensors({**HEADER, "c": {**HEADER["b"], "shape": [0],
                                               "data_offsets": [60, 60]}}),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_safetensors_file_that_is_not_as_specified_is_refused(module, content):
    put("w.safetensors", content)
    with pytest.raises(ValueError, match=r"^w\.safetensors"):
        module.load("w.safetensors")


@pytest.mark.oracle
@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_the_official_library_is_no_stricter(module, content):
    """What it refuses is refused here; here shapes and names are known as well."""
    library = pytest.importorskip("safetensors.numpy", reason="extra [oracles]")
    put("w.safetensors", content)
    own = {"another shape", "missing", "unexpected", "a checksum", "another dtype"}
    tolerant = own | {"a name twice", "a space first"}  # more than is specified
    if any(content == WRONG[name] for name in tolerant):
        library.load_file("w.safetensors")
        return
    with pytest.raises(Exception):  # noqa: B017 - its own kinds
        library.load_file("w.safetensors")


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_go_to_and_from_the_official_library(module, dtype):
    library = pytest.importorskip("safetensors.numpy", reason="extra [oracles]")
    params = module.init_params(3, np.dtype(dtype))
    module.save("ours.safetensors", params)
    library.save_file(params, "theirs.safetensors", metadata={"format": "np"})
    for found in (library.load_file("ours.safetensors"),
                  module.load("theirs.safetensors")):  # fmt: skip
        assert {k: (v.dtype, v.tobytes()) for k, v in found.items()} == {
            k: (v.dtype, v.tobytes()) for k, v in params.items()
        }


def corruptions(good, rng, count):
    """Bytes changed, left out or put in, and cuts: first in the head, then anywhere."""
    places = {*range(min(150, len(good))), *rng.integers(0, len(good), count)}
    for i in sorted(int(p) for p in places):
        for byte in {good[i] ^ (1 << int(rng.integers(8))), int(rng.integers(256)), 32}:
            yield good[:i] + bytes([byte]) + good[i + 1 :]
        yield good[:i] + good[i + 1 :]
        yield good[:i] + b"\0" + good[i:]
        yield good[:i]


@pytest.mark.parametrize("kind", KINDS)
def test_any_changed_byte_is_refused_or_changes_nothing(module, kind):
    """The class: a file of weights that was damaged after it was written."""
    saved = module.init_params(1)
    module.save(f"w.{kind}", saved)
    good = weights(f"w.{kind}")
    refused = 0
    for content in corruptions(good, np.random.default_rng(0), 150):
        put(f"bad.{kind}", content)
        try:
            found = module.load(f"bad.{kind}")
        except ValueError as error:
            assert f"bad.{kind}" in str(error)  # noqa: PT017 - counted below
            refused += 1
            continue
        assert {k: (v.dtype, v.shape, v.tobytes()) for k, v in found.items()} == {
            k: (v.dtype, v.shape, v.tobytes()) for k, v in saved.items()
        }
    assert refused > 400


def archive(entries, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as made:
        for name, content in entries:
            made.writestr(name, content)
    return buffer.getvalue()


def npy(array, head=bytes, pickled=False):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=pickled)
    return head(buffer.getvalue())


W, B = np.ones((4, 3), np.float32), np.ones(3, np.float32)
BOMB = npy(W, lambda data: data + bytes(30_000_000))
HUGE = npy(
    W, lambda data: data.replace(b"3), }" + b" " * 12, b"3" + b"0" * 12 + b"), }")
)
ARCHIVES = {
    "pickles": ([("W.npy", npy([None] * 3, pickled=True)), ("b.npy", npy(B))], "W: "),
    "cut array": ([("W.npy", npy(W)[:-4]), ("b.npy", npy(B))], "W: "),
    "longer array": ([("W.npy", npy(W) + b"\0"), ("b.npy", npy(B))], "W: there are"),
    "half the bytes": (
        [("W.npy", npy(W, lambda d: d.replace(b"<f4", b"<f2"))), ("b.npy", npy(B))],
        "W: there are more bytes",
    ),
    "shape": ([("W.npy", npy(W.T)), ("b.npy", npy(B))], r"W has shape \(3, 4\)"),
    "integers": ([("W.npy", npy(W.astype(int))), ("b.npy", npy(B))], "W is int64.*ast"),
    "complex": ([("W.npy", npy(W + 0j)), ("b.npy", npy(B))], "W is complex.*astype"),
    "huge shape": ([("W.npy", HUGE), ("b.npy", npy(B))], "W: "),
    "bomb": ([("W.npy", BOMB), ("b.npy", npy(B))], "W: .* are the most"),
    "no such name": ([("W.npy", npy(W)), ("c.npy", npy(B))], r"\['b'\].*\['c'\]"),
    "no array": ([("W.npy", npy(W)), ("b.npy", npy(B)), ("b", b"")], "no array"),
    "twice": ([("W.npy", npy(W)), ("b.npy", npy(B)), ("b.npy", npy(B + 1))], "b is th"),
    "text": ([("W.npy", b"text"), ("b.npy", npy(B))], "W: "),
    "empty": ([], r"missing \['W', 'b'\]"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("entries", "message"), ARCHIVES.values(), ids=ARCHIVES)
def test_archives_that_hold_no_weights(module, entries, message):
    put("w.npz", archive(entries, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match=rf"^w\.npz.*{message}"):
        module.load("w.npz")


def test_what_numpy_has_saved_is_loaded(module):
    params = module.init_params(3)
    for save in (np.savez, np.savez_compressed):
        save("w.npz", **params)
        found = module.load("w.npz")
        assert all(np.array_equal(found[k], params[k]) for k in params)


@pytest.mark.parametrize("kind", KINDS)
def test_float16_becomes_float32(module, kind):
    params = {k: a.astype(np.float16) for k, a in module.init_params(3).items()}
    if kind == "npz":
        np.savez("w.npz", **params)
    else:
        entries = {
            "W": {"dtype": "F16", "shape": [4, 3], "data_offsets": [0, 24]},
            "b": {"dtype": "F16", "shape": [3], "data_offsets": [24, 30]},
        }
        body = params["W"].astype("<f2").tobytes() + params["b"].astype("<f2").tobytes()
        put("w.safetensors", safetensors(entries, body))
    found = module.load(f"w.{kind}")
    assert {a.dtype.name for a in found.values()} == {"float32"}
    assert all(np.array_equal(found[k], params[k]) for k in params)


def test_other_dtypes_say_what_to_do(module):
    put("w.safetensors", altered(dtype="BF16", data_offsets=[0, 24]))
    with pytest.raises(ValueError, match=r"W is BF16.*\.astype\(np\.float32\)"):
        module.load("w.safetensors")
    params = module.init_params(0)
    for kind in KINDS:
        with pytest.raises(TypeError, match=r"W is float16.*\.astype\(np\.float32\)"):
            module.save(f"w.{kind}", {**params, "W": params["W"].astype("float16")})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "<f8"])
def test_either_order_of_bytes_is_saved(module, dtype, kind):
    saved = {n: a.astype(dtype) for n, a in module.init_params(0).items()}
    module.save(f"w.{kind}", saved)
    found = module.load(f"w.{kind}")
    for name, array in saved.items():
        assert found[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        assert found[name].tolist() == array.tolist()


@pytest.mark.parametrize(
    "own", [{"checksum": "abc"}, {"checksum": "0" * 8}, {"format": "np", "KINDS": "F"}]
)
def test_what_others_write_into_the_metadata_is_theirs(module, own):
    put("w.safetensors", safetensors({"__metadata__": own, **HEADER}))
    assert module.load("w.safetensors")["b"].tolist() == [12.0, 13.0, 14.0]
