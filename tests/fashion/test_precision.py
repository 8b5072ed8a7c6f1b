"""What a network is computed in, by what its file says and the CPU has."""

from pathlib import Path

import pytest

from fashion_pipeline.fashion.precision import AUTO, choose_precision, read_table

NEAR = b'\x08x quality_by_precision\x12\x2c{"float32": 0.9, "bfloat16": 0.895}'
FAR = b'quality_by_precision {"float32": 0.9, "bfloat16": 0.88}'
ALL = b'quality_by_precision {"float32": 0.9, "bfloat16": 0.9, "int8": 0.906}'
IN_XML = b'<quality_by_precision value="{&quot;float32&quot;: 0.9, &quot;bfloat16&quot;: 0.9}"/>'


@pytest.mark.parametrize(
    ("content", "wanted", "able", "expected"),
    [
        (NEAR, AUTO, ["bfloat16", "float32"], "bfloat16"),
        (NEAR, AUTO, ["float32"], "float32"),
        (NEAR, "float32", ["bfloat16", "float32"], "float32"),
        (NEAR, "bfloat16", ["bfloat16", "float32"], "bfloat16"),
        (NEAR, AUTO, ["int8", "bfloat16", "float32"], "bfloat16"),  # int8 was not measured
        (ALL, AUTO, ["int8", "bfloat16", "float32"], "int8"),
        (ALL, AUTO, ["float32"], "float32"),
        (NEAR, AUTO, ["tfloat32", "float32"], "tfloat32"),
        (FAR, AUTO, ["tfloat32", "float32"], "float32"),
        (FAR, AUTO, ["bfloat16", "float32"], "float32"),
        (FAR, "bfloat16", ["bfloat16", "float32"], "bfloat16"),
        (b"no table", AUTO, ["bfloat16", "float32"], "float32"),
        (b'quality_by_precision {"float32": 0.9}', AUTO, ["bfloat16", "float32"], "float32"),
        (IN_XML, AUTO, ["bfloat16", "float32"], "bfloat16"),
    ],
)
def test_a_quicker_precision_is_taken_where_the_file_says_that_it_finds_as_many(
    tmp_path: Path, content: bytes, wanted: str, able: list[str], expected: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before " + content + b" after")
    assert choose_precision(wanted, read_table(path), able) == expected


def test_a_table_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(NEAR)
    assert read_table(path) == {"float32": 0.9, "bfloat16": 0.895}
