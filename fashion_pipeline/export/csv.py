"""CSV: the table that csv_sink writes, made from records."""

from collections.abc import Iterable
from pathlib import Path

from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.records import Line
from fashion_pipeline.stages.records.table import csv_bytes, frame_rows, head_bytes, range_row
from framegraph.support.whole_files import whole_file


class Csv(Format):
    line = "one row per person, and one for each frame without; the columns of csv_sink"
    suffix = ".csv"

    def write(self, lines: Iterable[Line], out: Path) -> None:
        with whole_file(out) as file:
            file.write(head_bytes())
            for line in lines:
                if line.frame is None:
                    row = range_row(
                        source=line.source, from_seq=line.first_seq, to_seq=line.last_seq, status=line.status
                    )
                    file.write(csv_bytes([row]))
                    continue
                rows = frame_rows(
                    source=line.source,
                    seq=line.first_seq,
                    pts_ns=line.frame["pts_ns"],
                    status=line.status,
                    people=line.people,
                )
                file.write(csv_bytes(rows))
