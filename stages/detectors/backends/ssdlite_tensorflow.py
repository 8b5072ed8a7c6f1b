"""SSDLite in TensorFlow, on its original graph: `model: ssdlite`, `engine: tensorflow`."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.engine_choice import choose_device, choose_engine
from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.weights import COMMAND, find_weights
from fashion_pipeline.stages.detectors.backends.ssdlite import INPUT_WH, network_input
from fashion_pipeline.stages.detectors.boxes import choose_people
from fashion_pipeline.stages.detectors.detector import (
    CONFIDENCE,
    Backend,
    BoxesXyxy,
    DetectorSettings,
    OneByOne,
    Scores,
)

BACKEND = Backend(models={"ssdlite": CONFIDENCE}, engines=("tensorflow",), is_default=False)
WEIGHTS_NAME = "ssdlite-tensorflow"
OUTPUTS = ("detection_boxes:0", "detection_scores:0")


class SsdLiteTensorFlow(OneByOne):
    """The loaded detector. The graph has its own non-maximum suppression, at 0.6."""

    def __init__(self, session: Any, digest: str, settings: DetectorSettings) -> None:
        self.digest = digest
        self._session = session
        self.settings = settings
        self.precision = "float32"

    def detect(self, image_bgr: npt.NDArray[np.uint8]) -> tuple[BoxesXyxy, Scores]:
        height, width = image_bgr.shape[:2]
        # The graph would resize by itself, with a rounding different from the default engine's.
        images_rgb = network_input(image_bgr)
        boxes_yxyx, scores = self._session.run(list(OUTPUTS), {"image_tensor:0": images_rgb})
        boxes_xyxy = boxes_yxyx[0][:, [1, 0, 3, 2]] * np.array([width, height, width, height])
        return choose_people(boxes_xyxy, scores[0], (width, height), self.settings)


def check(settings: DetectorSettings) -> Path:
    """Return the graph's file. Raises ValueError, in one sentence, if it or TensorFlow is missing."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError("engine 'tensorflow' is not installed; install the extra 'tensorflow'")
    return find_weights(WEIGHTS_NAME, settings.weights)


def open_detector(settings: DetectorSettings) -> SsdLiteTensorFlow:
    """Load the graph and run it once. Raises ValueError if the file is not that graph."""
    path = check(settings)
    # It prints lines about the machine at each start, and only this suppresses them.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    engines = BACKEND.engines
    name, device = choose_device(choose_engine("tensorflow", engines), "tensorflow", settings.device, engines)
    assert name == "tensorflow"
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
        for tensor in ("image_tensor:0", *OUTPUTS):
            graph.get_tensor_by_name(tensor)
    except Exception as error:
        raise ValueError(
            f"{path}: not the graph of detector 'ssdlite' ({type(error).__name__}); "
            f"`{COMMAND} {WEIGHTS_NAME}` gets it"
        ) from error
    gpu = device.partition(":")[2]
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=settings.threads,
        inter_op_parallelism_threads=1,
        device_count={} if gpu else {"GPU": 0},
        gpu_options=tf.compat.v1.GPUOptions(visible_device_list=gpu, allow_growth=True),
    )
    session = tf.compat.v1.Session(graph=graph, config=config)
    detector = SsdLiteTensorFlow(session, file_digest(path), settings)
    detector.detect(np.zeros((*INPUT_WH, 3), np.uint8))
    return detector
