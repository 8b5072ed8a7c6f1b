"""fashion-pipeline counts DB --by hour: how many people came, and how much is not known."""

import argparse
import csv
import dataclasses
import json
import sys

from fashion_pipeline.questions import add_question, question_of
from framegraph.errors import GraphError
from framegraph.support.commands import Command

BY = ("hour", "day", "camera", "garment", "color")


class Counts(Command):
    line = "how many people came, by hour, day, camera, garment or color"
    description = (
        "Count people by first sight in a database that a store_sink has written, with the share of the time "
        "that was analysed beside each number: what was not analysed is not known, and never 0."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_question(parser)
        parser.add_argument("--by", choices=BY, default="hour", help="default: hour")
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="print a JSON list")
        shape.add_argument("--csv", action="store_true", help="print comma-separated values")

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.store.counting import count
        from fashion_pipeline.store.opening import reading
        from fashion_pipeline.store.streams import extent

        question = question_of(options)
        with reading(options.database) as connection:
            clock, begin_ns, end_ns = extent(connection, question.clock)
            question = dataclasses.replace(
                question,
                clock=clock,
                from_ns=begin_ns if question.from_ns is None else question.from_ns,
                to_ns=end_ns if question.to_ns is None else question.to_ns,
            )
            if question.from_ns >= question.to_ns:  # type: ignore[operator]
                raise GraphError("--from is not before --to; nothing lies between them")
            found = count(connection, question, options.by)
        rows = [(each.name, each.people, round(each.analysed, 4)) for each in found]
        if options.json:
            keys = (options.by, "people", "analysed")
            print(
                json.dumps([dict(zip(keys, row, strict=True)) for row in rows], ensure_ascii=False, indent=1)
            )
        elif options.csv:
            writer = csv.writer(sys.stdout)
            writer.writerow((options.by, "people", "analysed"))
            writer.writerows((name, "" if people is None else people, share) for name, people, share in rows)
        else:
            width = max((len(name) for name, *_ in rows), default=0)
            for name, people, share in rows:
                shown = "?" if people is None else str(people)
                print(f"{name:<{width}}  {shown:>6}" + ("" if share > 0.995 else f"   {share:.0%} analysed"))
        return 0
