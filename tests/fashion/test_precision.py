"""What a network is computed in, by what its file says and the CPU has."""

from pathlib import Path

import pytest

from fashion.precision import AUTO, choose_precision, read_table

NEAR = b'\x08x ap50_by_precision\x12\x2c{"float32": 0.9, "bfloat16": 0.895}'
FAR = b'ap50_by_precision {"float32": 0.9, "bfloat16": 0.88}'


@pytest.mark.parametrize(
    ("content", "wanted", "has_bfloat16", "expected"),
    [
        (NEAR, AUTO, True, "bfloat16"),
        (NEAR, AUTO, False, "float32"),
        (NEAR, "float32", True, "float32"),
        (NEAR, "bfloat16", True, "bfloat16"),
        (FAR, AUTO, True, "float32"),
        (FAR, "bfloat16", True, "bfloat16"),
        (b"no table", AUTO, True, "float32"),
        (b'ap50_by_precision {"float32": 0.9}', AUTO, True, "float32"),
    ],
)
def test_bfloat16_is_taken_where_the_file_says_that_it_finds_as_many(
    tmp_path: Path, content: bytes, wanted: str, has_bfloat16: bool, expected: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before " + content + b" after")
    assert choose_precision(wanted, read_table(path), has_bfloat16=has_bfloat16) == expected


def test_a_table_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(NEAR)
    assert read_table(path) == {"float32": 0.9, "bfloat16": 0.895}
