"""fashion-pipeline ask DB: visits that fit, the likeliest first."""

import argparse
import dataclasses
import json
import shlex

from fashion_pipeline.questions import add_question, question_of, time_text
from framegraph.launch.arguments import number
from framegraph.support.commands import Command


class Ask(Command):
    line = "who was seen when, wearing what: visits in a database, the likeliest first"
    description = (
        "Find visits in a database that a store_sink has written. Visitors who surely wear the garment come "
        "first, then those who may."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_question(parser)
        parser.add_argument("--limit", type=number(int, 1), default=20, help="most visits shown (default 20)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def run(self, options: argparse.Namespace) -> int:
        from fashion_pipeline.store.analysed import read_analysed
        from fashion_pipeline.store.asking import ask, word_id
        from fashion_pipeline.store.opening import reading
        from fashion_pipeline.store.schema import cameras

        question = question_of(options)
        with reading(options.database) as connection:
            answers = ask(connection, question, int(options.limit))
            analysed = None
            if question.from_ns is not None and question.to_ns is not None:
                camera = word_id(connection, cameras, "camera", question.camera) if question.camera else None
                known = read_analysed(connection, question.clock, question.from_ns, question.to_ns, camera)
                analysed = known.share(question.from_ns, question.to_ns)
        if options.json:
            visits = [dataclasses.asdict(answer) for answer in answers]
            print(json.dumps({"visits": visits, "analysed": analysed}, ensure_ascii=False, indent=1))
            return 0
        for answer in answers:
            worn = ""
            if answer.label:
                told = "" if answer.is_told else ", unsure"
                color = f"{answer.color} " if answer.color else ""
                worn = f"  {color}{answer.label} {answer.probability:.0%}{told}"
            seconds = (answer.end_ns - answer.begin_ns) / 1e9
            print(
                f"{time_text(answer.begin_ns, answer.clock)}  {answer.camera} #{answer.track}  "
                f"{seconds:.1f} s{worn}"
            )
            if "://" not in answer.uri:
                print(f"    ffplay -ss {answer.offset_s:.1f} {shlex.quote(answer.uri)}")
        print(f"{len(answers)} visits" + (" (the first; --limit)" if len(answers) == options.limit else ""))
        if analysed is not None:
            print(f"{analysed:.0%} of the time asked for was analysed")
        return 0
