"""`make gpu`: check a GPU against the CPU and measure it, in under ten minutes on one GPU.

Four parts: do detect and classify say the same as on the CPU; milliseconds a picture by batch and precision;
frames a second of the whole graph by replicas of each; ten steps of training. What was measured goes to
out/gpu.json and, as tables, to the terminal; the status is 1 where the device says something else.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.gpu import agreement, pictures, replicas, speed, training_steps
from benchmarks.settings import machine
from fashion_pipeline.fashion.engine_choice import EngineError
from fashion_pipeline.training.devices import GroupError

RESULTS = Path("out") / "gpu.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda:0", help="cuda:N, openvino:GPU, …; cpu: just to try it")
    parser.add_argument("--quick", action="store_true", help="just enough to see that it works")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    device, is_quick = options.device, options.quick
    started_s = time.monotonic()
    result: dict[str, object] = {"device": device, "machine": machine()}
    try:
        frames_bgr = pictures.frames(4 if is_quick else 40)
        crops, boxes_xyxy = pictures.people(frames_bgr)
        agreed = agreement.measure(device, frames_bgr, crops, boxes_xyxy)
        print(agreement.describe(agreed), flush=True)
        speeds = speed.measure(device, frames_bgr, crops, boxes_xyxy, is_quick=is_quick)
        print(speed.describe(speeds), flush=True)
        scaled = replicas.measure(device, is_quick=is_quick)
        print(replicas.describe(scaled), flush=True)
        trained = training_steps.measure(device, is_quick=is_quick)
        print(training_steps.describe(trained), flush=True)
    except (EngineError, GroupError) as error:
        print(f"gpu: {error}", file=sys.stderr)
        return 2
    result |= {"agreement": agreed, "speed": speeds, "replicas": scaled, "training": trained}
    result["seconds"] = round(time.monotonic() - started_s)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {options.output} after {result['seconds']} s")
    return 0 if agreement.is_good(agreed) and training_steps.is_good(trained) else 1


if __name__ == "__main__":
    sys.exit(main())
